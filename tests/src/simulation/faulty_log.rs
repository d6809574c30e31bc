//! A log whose appends fail when the simulation says so, and whose readers see little at a time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use events::{FamilySet, Timestamp};
use store::{
    AppendError, Appended, Batch, EventLog, Interposer, MemoryLog, ReadError, Request, Subscription,
};

/// How an append fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing is appended.
    Refused,
    /// It is appended, but its appender is told that it was not.
    AnswerLost,
    /// Only the first part is appended. No log may do that: for checking the checks.
    Torn,
}

/// A log in memory with faults.
pub(super) struct FaultyLog {
    inner: MemoryLog,
    armed: Mutex<Option<Fault>>,
    reach: Arc<AtomicUsize>,
}

impl FaultyLog {
    /// A log without a fault that stamps events with the given clock; its positions are so far apart.
    pub(super) fn new(clock: store::Clock, stride: u64) -> Self {
        let reach = Arc::new(AtomicUsize::new(usize::MAX));
        Self { inner: MemoryLog::with_gaps(clock, stride), armed: Mutex::new(None), reach }
    }

    /// Lets the next append fail, or no longer. Answers the fault that was still to come.
    pub(super) fn arm(&self, fault: Option<Fault>) -> Option<Fault> {
        std::mem::replace(&mut *self.armed.lock().unwrap_or_else(PoisonError::into_inner), fault)
    }

    /// How many events a subscriber looks at in one go, at most.
    pub(super) fn set_reach(&self, events: usize) {
        self.reach.store(events, Relaxed);
    }

    /// A request that the log refuses by itself leaves the fault for the one after it.
    fn lose_answer(&self, request: Request) -> Result<Appended, AppendError> {
        match self.inner.append(request) {
            Ok(_) => Err(AppendError::Stopped(Arc::from("simulated: the answer was lost"))),
            Err(error) => {
                self.arm(Some(Fault::AnswerLost));
                Err(error)
            }
        }
    }

    fn tear(&self, mut request: Request) -> Result<Appended, AppendError> {
        request.events.truncate(request.events.len() / 2);
        self.inner.append(request)?;
        Err(AppendError::Stopped(Arc::from("simulated: torn")))
    }
}

impl Interposer for FaultyLog {
    fn behind(&self) -> &dyn EventLog {
        &self.inner
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        match self.arm(None) {
            None => self.inner.append(request),
            Some(Fault::Refused) => Err(AppendError::Stopped(Arc::from("simulated: refused"))),
            Some(Fault::AnswerLost) => self.lose_answer(request),
            Some(Fault::Torn) => self.tear(request),
        }
    }

    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        let (inner, reach) = (self.inner.subscribe(after, families), Arc::clone(&self.reach));
        Box::new(ShortSighted { inner, reach })
    }
}

struct ShortSighted {
    inner: Box<dyn Subscription>,
    reach: Arc<AtomicUsize>,
}

impl Subscription for ShortSighted {
    fn next(&mut self, max: usize, wait: Duration) -> Result<Batch, ReadError> {
        self.inner.next(max.min(self.reach.load(Relaxed)), wait)
    }
}

/// A clock that stands where the simulation put it.
#[derive(Clone, Debug)]
pub struct VirtualClock(Arc<std::sync::atomic::AtomicI64>);

impl VirtualClock {
    /// A clock that stands at a moment.
    #[must_use]
    pub fn at(moment: Timestamp) -> Self {
        Self(Arc::new(moment.micros().into()))
    }

    /// The moment it stands at.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Relaxed))
    }

    /// Sets it, also back.
    pub fn set(&self, moment: Timestamp) {
        self.0.store(moment.micros(), Relaxed);
    }

    /// Lets time pass.
    pub fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds as i64 * 1_000_000, Relaxed);
    }
}
