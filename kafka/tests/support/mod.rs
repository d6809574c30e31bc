//! What the tests of source and publisher share; here how they begin, and a log in memory whose disk takes its time, or is
//! full, as long as a test wants.

#[allow(dead_code, reason = "each file of tests needs other parts of it")]
pub(crate) mod source;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kafka::{
    KafkaSettings,
    test_support::{Broker, need},
};
use store::{AppendError, Appended, EventLog, Interposer, MemoryLog, Request};

/// How long a test waits for what has to come.
#[allow(dead_code, reason = "each file of tests needs other parts of it")]
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A broker and an empty log; nothing where there is no broker.
#[allow(dead_code, reason = "each file of tests needs other parts of it")]
pub(crate) fn begin() -> Option<(Broker, KafkaSettings, Arc<MemoryLog>)> {
    let broker = need("kafka", Broker::start())?;
    let settings = broker.settings();
    Some((broker, settings, Arc::new(MemoryLog::new())))
}

/// Waits until something is so.
#[allow(dead_code, reason = "each file of tests needs other parts of it")]
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "waited {PATIENCE:?} in vain until {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

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
