//! A projection that fails is told and tried again; the others go on. So is a log that cannot be read.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
    time::Instant,
};

use events::{FamilySet, Recorded};
use projections::{Body, Change, Collection, Key, Keys, Projection, RestoreError, Saved};
use store::{Batch, Interposer, ReadError, Subscription};

use super::super::{NotCaughtUp, ProjectionState};
use super::*;

/// Adds up positions; panics at one of them, as often as is left.
struct Fragile {
    sum: u64,
    dirty: bool,
    panics_at: u64,
    left: &'static AtomicU32,
}

impl Projection for Fragile {
    fn interests(&self) -> FamilySet {
        FamilySet::ALL
    }
    fn apply(&mut self, event: &Recorded) {
        let spends = |left: u32| left.checked_sub(1);
        if event.position == self.panics_at && self.left.fetch_update(SeqCst, SeqCst, spends).is_ok() {
            panic!("as the test says");
        }
        (self.sum, self.dirty) = (self.sum + event.position, true);
    }
    fn has_changes(&self) -> bool {
        self.dirty
    }
    fn take_changes(&mut self) -> Vec<Change> {
        self.dirty = false;
        let body = Body::json(&serde_json::json!({ "sum": self.sum }));
        vec![Change::put("sums", Key::Number(0), None, body)]
    }
    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        if let Some(Body::Json(text)) = saved.get("sums", &Key::Number(0))? {
            self.sum = serde_json::from_str::<serde_json::Value>(&text).unwrap()["sum"].as_u64().unwrap();
        }
        Ok(())
    }
}

fn fragile(new: fn() -> Box<dyn Projection>) -> ViewsOptions {
    const SUMS: &[Collection] =
        &[Collection { name: "sums", keys: Keys::Numbers, by_time: false, indexes: &[], shown: true }];
    with(Kind { name: "fragile", version: 1, collections: SUMS, new })
}

impl Fragile {
    fn at(panics_at: u64, left: &'static AtomicU32) -> Box<dyn Projection> {
        Box::new(Self { sum: 0, dirty: false, panics_at, left })
    }
}

fn sum(views: &Views) -> String {
    let page = views.audit("sums", &super::super::AuditQuery::default()).unwrap();
    page.documents[0].to_string()
}

#[test]
fn a_projection_that_panics_is_restored_and_tried_again_until_it_gets_past() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    static LEFT: AtomicU32 = AtomicU32::new(3);
    let options = fragile(|| Fragile::at(8, &LEFT));
    let views = Views::open(Arc::clone(&log) as Arc<dyn EventLog>, folder.path(), options).unwrap();
    assert_eq!(sum(&views), r#"{"sum":15}"#);
    append(&*log, (6..=10).map(|n| trade(n, "rsi")));
    assert_eq!(sum(&views), r#"{"sum":55}"#);
    let status = views.list().pop().unwrap();
    assert_eq!((status.name, status.failures, status.state), ("fragile", 3, ProjectionState::Running));
    assert!(status.failure.is_none());
}

#[test]
fn a_projection_that_goes_on_panicking_is_told_and_holds_no_other_up() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    static LEFT: AtomicU32 = AtomicU32::new(u32::MAX);
    let mut options = fragile(|| Fragile::at(3, &LEFT));
    options.first_backoff = Duration::from_secs(60);
    let views = Views::open(Arc::clone(&log) as Arc<dyn EventLog>, folder.path(), options).unwrap();
    assert_eq!(counted(&views), 5);
    let begun = Instant::now();
    let refused = views.catch_up("fragile", 5, Duration::from_secs(20)).unwrap_err();
    assert!(matches!(&refused, NotCaughtUp::StandsStill { position: 0, wanted: 5, .. }), "{refused}");
    assert!(refused.to_string().contains("it panicked: as the test says"), "{refused}");
    assert!(begun.elapsed() < Duration::from_secs(20), "who waits is told at once");
    append(&*log, [trade(6, "rsi")]);
    assert_eq!(counted(&views), 6);
    let status = views.list().pop().unwrap();
    let failure = status.failure.unwrap();
    assert_eq!((status.state, failure.at_position, failure.attempts), (ProjectionState::BackingOff, 3, 1));
}

#[test]
fn a_rebuild_that_fails_leaves_the_live_view_alone() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    static LEFT: AtomicU32 = AtomicU32::new(0);
    let log: Arc<dyn EventLog> = log;
    let views = Views::open(log, folder.path(), fragile(|| Fragile::at(4, &LEFT))).unwrap();
    assert_eq!(sum(&views), r#"{"sum":15}"#);
    LEFT.store(1, SeqCst);
    let failed = views.rebuild(&["fragile"], &mut |_| ()).unwrap_err().to_string();
    assert!(failed.contains("fragile failed at position 4"), "{failed}");
    assert_eq!(sum(&views), r#"{"sum":15}"#);
    assert!(!folder.path().join("fragile-v1-1.sqlite").exists());
}

/// A log that cannot be read while it is broken.
struct Flaky {
    log: Arc<MemoryLog>,
    broken: AtomicBool,
}

impl Flaky {
    fn fault(&self) -> Result<(), ReadError> {
        let fault = ReadError::Io { file: "segment".into(), message: "as the test says".into() };
        if self.broken.load(SeqCst) { Err(fault) } else { Ok(()) }
    }
}

impl Interposer for Flaky {
    fn behind(&self) -> &dyn EventLog {
        &*self.log
    }

    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, ReadError> {
        self.fault()?;
        self.log.read_all(after, families, max)
    }

    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        let fault = self.fault().err();
        Box::new(FlakySubscription { inner: self.log.subscribe(after, families), fault })
    }
}

struct FlakySubscription {
    inner: Box<dyn Subscription>,
    fault: Option<ReadError>,
}

impl Subscription for FlakySubscription {
    fn next(&mut self, max: usize, wait: Duration) -> Result<Batch, ReadError> {
        self.fault.clone().map_or_else(|| self.inner.next(max, wait), Err)
    }
}

#[test]
fn a_log_that_cannot_be_read_is_told_and_read_again() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let flaky = Arc::new(Flaky { log, broken: AtomicBool::new(true) });
    let views = Views::open(Arc::clone(&flaky) as Arc<dyn EventLog>, folder.path(), options()).unwrap();
    let told =
        |views: &Views| views.list()[0].failure.as_ref().is_some_and(|f| f.message.contains("as the test"));
    let begun = Instant::now();
    while !told(&views) && begun.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(1));
    }
    assert!(told(&views));
    flaky.broken.store(false, SeqCst);
    assert_eq!(counted(&views), 5);
    assert!(views.list()[0].failure.is_none());
}
