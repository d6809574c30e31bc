//! A log in memory whose disk takes its time with some streams, or is full, as long as a test wants.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use events::FamilySet;
use store::{AppendError, Appended, EventLog, Interposer, MemoryLog, Request, Subscription};

/// See above.
#[derive(Default)]
pub struct BadDisk {
    /// What it holds.
    pub log: MemoryLog,
    /// The disk is full.
    pub full: AtomicBool,
    /// How often somebody began to read.
    pub subscribed: AtomicUsize,
    slow: Mutex<Option<&'static str>>,
}

impl BadDisk {
    /// Appends to one stream take until another or none is named.
    pub fn set_slow(&self, stream: Option<&'static str>) {
        *self.slow.lock().unwrap_or_else(PoisonError::into_inner) = stream;
    }

    fn is_slow(&self, stream: &str) -> bool {
        *self.slow.lock().unwrap_or_else(PoisonError::into_inner) == Some(stream)
    }
}

impl Interposer for BadDisk {
    fn behind(&self) -> &dyn EventLog {
        &self.log
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        while self.is_slow(&request.stream) {
            thread::sleep(Duration::from_millis(2));
        }
        match Interposer::stopped(self) {
            Some(why) => Err(AppendError::Stopped(why)),
            None => self.log.append(request),
        }
    }

    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        self.subscribed.fetch_add(1, SeqCst);
        self.log.subscribe(after, families)
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.full.load(SeqCst).then(|| Arc::from("No space left on device"))
    }
}
