//! What the tests of the source share; here a log in memory whose disk takes its time, or is full, as long as a test
//! wants.

#[allow(dead_code, reason = "each file of tests needs other parts of it")]
pub(crate) mod source;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use store::{AppendError, Appended, EventLog, Interposer, MemoryLog, Request};

/// See above.
#[allow(dead_code, reason = "each file of tests needs other parts of it")]
#[derive(Default)]
pub(crate) struct BadDisk {
    /// What it holds.
    pub log: MemoryLog,
    /// The disk is full.
    pub fails: AtomicBool,
    /// An append takes until it is let go on.
    pub waits: AtomicBool,
}

impl Interposer for BadDisk {
    fn behind(&self) -> &dyn EventLog {
        &self.log
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        while self.waits.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(2));
        }
        match Interposer::stopped(self) {
            Some(why) => Err(AppendError::Stopped(why)),
            None => self.log.append(request),
        }
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.fails.load(Ordering::Relaxed).then(|| Arc::from("No space left on device"))
    }
}
