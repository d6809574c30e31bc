//! How a session ends, by request or by the first fault of one of its threads.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use super::{super::fault::KafkaFault, state::SourceContext, wakeup::Wakeups};

/// What the reading threads and the watching one share.
pub(super) struct Session<'o> {
    pub(super) source: &'o SourceContext,
    ending: AtomicBool,
    fault: Mutex<Option<KafkaFault>>,
    pub(super) wakeups: Wakeups,
}

impl<'o> Session<'o> {
    pub(super) fn new(source: &'o SourceContext, threads: NonZero<usize>) -> Self {
        let (ending, fault) = (AtomicBool::new(false), Mutex::new(None));
        Self { source, ending, fault, wakeups: Wakeups::new(threads) }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.source.stop.is_asked()
    }

    pub(super) fn end(&self, fault: Option<KafkaFault>) {
        if let Some(fault) = fault {
            self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        }
        self.ending.store(true, Ordering::Relaxed);
        self.wakeups.wake_all();
    }

    /// The first fault of a thread.
    pub(super) fn take_fault(&self) -> Option<KafkaFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends the session when its thread panics: records that nobody admits must not go unnoticed.
pub(super) struct Lifeline<'s>(pub(super) &'s Session<'s>);

impl Drop for Lifeline<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(None);
        }
    }
}
