//! How a session ends, by request or by the first fault of one of its threads, and what wakes those threads.

use std::{
    num::NonZero,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{super::fault::KafkaFault, state::Outside};

/// Wakes one thread, also when it is rung before the thread sleeps.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    pub(super) fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_one();
    }

    /// Waits until it is rung; answers whether it was.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.heard.wait_timeout_while(rung, at_most, |rung| !*rung);
        let mut rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::take(&mut *rung)
    }
}

/// A bell for each reading thread.
pub(super) struct Bells(pub(super) Vec<Arc<Bell>>);

impl Bells {
    /// For so many threads.
    pub(super) fn new(threads: NonZero<usize>) -> Self {
        Self((0..threads.get()).map(|_| Arc::default()).collect())
    }

    /// The one that is rung when something was fetched.
    pub(super) fn first(&self) -> Arc<Bell> {
        self.0.first().cloned().unwrap_or_default()
    }

    pub(super) fn ring_all(&self) {
        self.0.iter().for_each(|bell| bell.ring());
    }
}

/// Set once and never taken back: everybody who waits on it wakes up.
#[derive(Default)]
pub(super) struct Stop {
    asked: Mutex<bool>,
    told: Condvar,
}

impl Stop {
    pub(super) fn ask(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    pub(super) fn is_asked(&self) -> bool {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it is asked; answers whether it is.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(asked, at_most, |asked| !*asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What the reading threads and the watching one share.
pub(super) struct Shared<'o> {
    pub(super) outside: &'o Outside,
    ending: AtomicBool,
    fault: Mutex<Option<KafkaFault>>,
    pub(super) bells: Bells,
}

impl<'o> Shared<'o> {
    pub(super) fn new(outside: &'o Outside, threads: NonZero<usize>) -> Self {
        let (ending, fault) = (AtomicBool::new(false), Mutex::new(None));
        Self { outside, ending, fault, bells: Bells::new(threads) }
    }

    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.outside.stop.is_asked()
    }

    pub(super) fn end(&self, fault: Option<KafkaFault>) {
        if let Some(fault) = fault {
            self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        }
        self.ending.store(true, Ordering::Relaxed);
        self.bells.ring_all();
    }

    /// The first fault of a thread.
    pub(super) fn take_fault(&self) -> Option<KafkaFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends the session when its thread panics: records that nobody admits must not go unnoticed.
pub(super) struct Lifeline<'s>(pub(super) &'s Shared<'s>);

impl Drop for Lifeline<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.end(None);
        }
    }
}
