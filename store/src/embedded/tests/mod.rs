//! The embedded log as a whole, on real files.

mod damage;
mod faults;
mod held;
mod kill;
mod names;
mod seals;
mod sidecars;
mod torn;
mod upkeep;

use std::{fs, path::Path, sync::Arc};

use super::{
    testing::{disk, tamper},
    *,
};
use crate::{
    Expected,
    contract::{self, id_of, recovered, request, tick},
};

/// Small enough that a few hundred events make several segments.
pub(super) const SMALL: Options =
    Options { segment_bytes: 64 << 10, lock_wait: Duration::ZERO, uncompressed: usize::MAX, archive: None };

pub(super) fn open(dir: &Path) -> EmbeddedLog {
    EmbeddedLog::open(dir, SMALL).unwrap()
}

/// Appends samples, ten a request.
pub(super) fn append(log: &EmbeddedLog, stream: &str, numbers: std::ops::Range<u64>) {
    let numbers: Vec<u64> = numbers.collect();
    for ten in numbers.chunks(10) {
        log.append(request(stream, Expected::Any, ten.iter().map(|n| tick(*n)))).unwrap();
    }
}

/// Every event, by reading on in pages.
pub(super) fn all(log: &EmbeddedLog) -> Vec<Arc<Recorded>> {
    let mut subscription = log.subscribe(0, FamilySet::ALL);
    contract::follow(&mut *subscription, log.head(), 1000)
}

pub(super) fn files(dir: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

#[test]
fn keeps_the_contract() {
    let folders = std::cell::RefCell::new(Vec::new());
    contract::check_all(&|| {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(&folder.path().join("log"), Options::default()).unwrap();
        folders.borrow_mut().push(folder);
        Arc::new(log)
    });
}

#[test]
fn keeps_the_contract_over_many_segments() {
    let folders = std::cell::RefCell::new(Vec::new());
    contract::check_all(&|| {
        let folder = tempfile::tempdir().unwrap();
        let log = open(folder.path());
        folders.borrow_mut().push(folder);
        Arc::new(log)
    });
}

#[test]
fn everything_is_there_again_after_closing() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, "a", 0..1500);
    append(&log, "b", 1500..3000);
    let (id, before) = (log.log_id(), all(&log));
    drop(log);
    let log = open(dir.path());
    assert_eq!((log.log_id(), log.head(), log.notices()), (id, 3000, &[][..]));
    assert!(log.stats().segments > 5, "{:?}", log.stats());
    assert_eq!(all(&log), before);
    assert_eq!(
        (log.revision("a").unwrap(), log.revision("b").unwrap(), log.revision("c").unwrap()),
        (1500, 1500, 0)
    );
    for n in (0..3000).step_by(7) {
        assert_eq!(log.position_of(id_of(n)).unwrap(), Some(n + 1));
    }
    assert_eq!(log.position_of(id_of(3000)).unwrap(), None);
    let back = log.read_stream_back("a", 1000, 900).unwrap();
    assert!(back.iter().map(|event| event.stream_revision).eq((100..1000).rev()));
    let forwards = log.read_stream("b", 100, 1300).unwrap();
    assert!(forwards.iter().map(|event| event.stream_revision).eq(101..=1400));
    let verified = log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(verified.events, 3000);
}

#[test]
fn sealed_segments_keep_no_index_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, "a", 0..3000);
    drop(log);
    let log = open(dir.path());
    let segments = log.shared.segments();
    let (last, sealed) = segments.split_last().unwrap();
    assert!(sealed.len() > 2 && sealed.iter().all(|segment| segment.sidecar().is_some()));
    assert!(last.sidecar().is_none());
}

#[test]
fn a_folder_in_use_is_refused_with_the_process_id() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let refused = EmbeddedLog::open(dir.path(), SMALL).err().unwrap();
    assert!(
        matches!(refused, OpenError::InUse { pid: Some(pid), .. } if pid == std::process::id()),
        "{refused}"
    );
    assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
    let refused = EmbeddedLog::open_read_only(dir.path()).err().unwrap();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    drop(log);
    let reader = EmbeddedLog::open_read_only(dir.path()).unwrap();
    let refused = EmbeddedLog::open(dir.path(), SMALL).err().unwrap();
    assert!(matches!(refused, OpenError::BeingRead { .. }), "{refused}");
    drop(reader);
    open(dir.path());
}

#[test]
fn an_opener_waits_for_the_lock_as_long_as_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let path = dir.path().to_owned();
    let options = Options { lock_wait: Duration::from_secs(30), ..SMALL };
    let second = thread::spawn(move || EmbeddedLog::open(&path, options).map(|log| log.head()));
    append(&log, "a", 0..10);
    drop(log);
    assert_eq!(second.join().unwrap().unwrap(), 10);
}

#[test]
fn reading_only_changes_no_byte_and_takes_no_append() {
    let dir = tempfile::tempdir().unwrap();
    append(&open(dir.path()), "a", 0..2000);
    // A torn end and a missing sidecar are what an opening for writing would change.
    let last = files(dir.path(), ".log").pop().unwrap();
    fs::write(&last, [fs::read(&last).unwrap(), vec![1, 2, 3]].concat()).unwrap();
    fs::remove_file(&files(dir.path(), ".idx")[1]).unwrap();
    let contents = || -> Vec<_> {
        files(dir.path(), "").into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect()
    };
    let before = contents();
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert_eq!((log.head(), all(&log).len()), (2000, 2000));
    assert_eq!(log.position_of(id_of(777)).unwrap(), Some(778));
    log.verify_chain(&mut |_| ControlFlow::Continue(())).unwrap();
    let refused = log.append(request("a", Expected::Any, [tick(9999)])).unwrap_err();
    assert!(refused.to_string().contains("reading only"), "{refused}");
    drop(log);
    assert!(before == contents(), "no byte changed");
}

#[test]
fn nothing_to_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("none")] {
        let refused = EmbeddedLog::open_read_only(&path).err().unwrap();
        assert!(matches!(refused, OpenError::Missing { .. }), "{refused}");
    }
}

#[test]
fn verify_hands_out_every_event_and_ends_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, "a", 0..1000);
    log.append(request("b", Expected::Any, [recovered(5000)])).unwrap();
    let mut seen = Vec::new();
    let verified = log.verify_chain(&mut |event| {
        seen.push(event);
        ControlFlow::Continue(())
    });
    assert_eq!(verified.unwrap().events, 1001);
    assert_eq!(seen, all(&log));
    let mut count = 0;
    log.verify_chain(&mut |_| {
        count += 1;
        if count == 10 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .unwrap();
    assert_eq!(count, 10);
}

#[test]
fn figures_follow_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    append(&log, "a", 0..2000);
    let during = log.stats();
    assert!(during.batches > 0 && during.sync_time > Duration::ZERO, "{during:?}");
    assert!(during.syncs_within.is_sorted() && during.syncs_within[10] <= during.batches, "{during:?}");
    drop(log);
    let on_disk: u64 =
        [".log", ".idx"].iter().flat_map(|e| files(dir.path(), e)).map(|f| f.metadata().unwrap().len()).sum();
    let log = open(dir.path());
    assert_eq!(log.stats().bytes, on_disk);
    assert_eq!(log.stats().segments as usize, files(dir.path(), ".log").len());
}
