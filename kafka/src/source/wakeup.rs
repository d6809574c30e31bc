//! What wakes a thread that waits: once, or for good.

use std::{
    num::NonZero,
    sync::{Arc, Condvar, Mutex, PoisonError},
    time::Duration,
};

/// Wakes one thread that waits, also when it is told before the thread sleeps: no wake-up is lost.
#[derive(Default)]
pub(super) struct Wakeup {
    asked: Mutex<bool>,
    told: Condvar,
}

impl Wakeup {
    pub(super) fn wake(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_one();
    }

    /// Waits until it is woken; answers whether it was.
    pub(super) fn wait(&self, at_most: Duration) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(asked, at_most, |asked| !*asked);
        let mut asked = waited.unwrap_or_else(PoisonError::into_inner).0;
        std::mem::take(&mut *asked)
    }
}

/// One for each reading thread.
pub(super) struct Wakeups(pub(super) Vec<Arc<Wakeup>>);

impl Wakeups {
    /// For so many threads.
    pub(super) fn new(threads: NonZero<usize>) -> Self {
        Self((0..threads.get()).map(|_| Arc::default()).collect())
    }

    /// The one that is woken when something was fetched.
    pub(super) fn first(&self) -> Arc<Wakeup> {
        self.0.first().cloned().unwrap_or_default()
    }

    pub(super) fn wake_all(&self) {
        self.0.iter().for_each(|wakeup| wakeup.wake());
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
