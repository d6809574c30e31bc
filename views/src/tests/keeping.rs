//! Views follow the log, survive restarts, and are built again when they are of no use.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use events::{FamilySet, Recorded};
use projections::{Body, Change, Collection, Key, Keys, Projection, RestoreError, Saved, Strategies};

use super::super::{BuildError, RebuildError};
use super::*;
use crate::sqlite::{Identity, ViewBody, ViewFiles, ViewKey, ViewWriter, Write};

/// Counts the events that it is given, whoever saves it.
struct Counting(&'static AtomicU64);

impl Projection for Counting {
    fn interests(&self) -> FamilySet {
        FamilySet::ALL
    }
    fn apply(&mut self, _: &Recorded) {
        self.0.fetch_add(1, SeqCst);
    }
    fn has_changes(&self) -> bool {
        false
    }
    fn take_changes(&mut self) -> Vec<Change> {
        vec![Change::put("counts", Key::Number(0), None, Body::json(&1))]
    }
    fn restore(&mut self, _: &dyn Saved) -> Result<(), RestoreError> {
        Ok(())
    }
}

fn counting(new: fn() -> Box<dyn Projection>) -> Kind {
    const COUNTS: &[Collection] =
        &[Collection { name: "counts", keys: Keys::Numbers, by_time: false, indexes: &[], shown: true }];
    Kind { name: "counting", version: 1, collections: COUNTS, new }
}

#[test]
fn a_query_sees_everything_up_to_the_head() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let views = open(&log, folder.path());
    assert_eq!(counted(&views), 5);
    for n in 6..60 {
        append(&*log, [trade(n, "rsi")]);
        assert_eq!(counted(&views), n);
    }
}

#[test]
fn after_a_restart_only_new_events_are_folded() {
    let (log, folder) = (log_of((1..=50).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    static FOLDED: AtomicU64 = AtomicU64::new(0);
    let open = || {
        let kind = counting(|| Box::new(Counting(&FOLDED)));
        Views::open(Arc::clone(&log) as Arc<dyn EventLog>, folder.path(), with(kind)).unwrap()
    };
    open().catch_up_all(Duration::from_secs(20)).unwrap();
    append(&*log, [trade(51, "rsi")]);
    let views = open();
    views.catch_up_all(Duration::from_secs(20)).unwrap();
    assert_eq!((FOLDED.load(SeqCst), counted(&views)), (51, 51));
}

#[test]
fn a_view_of_another_log_is_built_again() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(counted(&open(&log_of((1..=5).map(|n| trade(n, "rsi"))), folder.path())), 5);
    assert_eq!(counted(&open(&log_of([trade(1, "macd")]), folder.path())), 1);
}

/// The file of the view of the strategies, built anew so often.
fn file_name(rebuilt: &str) -> String {
    format!("strategies-v{}{rebuilt}.sqlite", Strategies::KIND.version)
}

#[test]
fn a_damaged_view_is_built_again() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    assert_eq!(counted(&open(&log, folder.path())), 5);
    let file = folder.path().join(file_name(""));
    assert!(file.exists());
    std::fs::write(file, "no database, but quite some bytes").unwrap();
    assert_eq!(counted(&open(&log, folder.path())), 5);
}

#[test]
fn deleted_views_are_back() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let path = folder.path().join("views");
    assert_eq!(counted(&open(&log, &path)), 5);
    std::fs::remove_dir_all(&path).unwrap();
    assert_eq!(counted(&open(&log, &path)), 5);
}

#[test]
fn a_folder_that_cannot_be_written_is_left_alone_and_still_answers() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let views = open(&log, &file.join("views"));
    assert_eq!((counted(&views), views.is_scratch()), (5, true));
}

#[test]
fn a_rebuilt_view_that_cannot_be_taken_over_is_told_and_removed() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let views = open(&log, folder.path());
    assert_eq!(counted(&views), 5);
    // Where the new pointer to the live file is written.
    let blocked = folder.path().join("strategies.live.new");
    std::fs::create_dir(&blocked).unwrap();
    let refused = views.rebuild(&["strategies"], &mut |_| ()).unwrap_err();
    assert!(matches!(refused, RebuildError::Build(BuildError::NotTakenOver("strategies"))), "{refused}");
    assert!(!folder.path().join(file_name("-1")).exists());
    append(&*log, [trade(6, "rsi")]);
    assert_eq!(counted(&views), 6);
    std::fs::remove_dir(blocked).unwrap();
    views.rebuild(&["strategies"], &mut |_| ()).unwrap();
    assert!(folder.path().join(file_name("-1")).exists() && counted(&views) == 6);
}

#[test]
fn a_rebuild_serves_the_live_view_meanwhile_tells_its_progress_and_gives_the_same() {
    let (log, folder) = (log_of((1..=5000).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let views = open(&log, folder.path());
    assert_eq!(counted(&views), 5000);
    let (mut seen, mut shares) = (Vec::new(), Vec::new());
    views
        .rebuild(&["strategies"], &mut |progress| {
            seen.push((progress.position, counted(&views)));
            shares.extend(views.list()[0].rebuild_progress);
            if progress.position == 5000 {
                append(&*log, [trade(5001, "rsi")]);
            }
        })
        .unwrap();
    assert_eq!(seen.last(), Some(&(5000, 5000)));
    assert_eq!(shares.last(), Some(&1.0));
    assert_eq!((counted(&views), views.list()[0].rebuild_progress), (5001, None));
    assert!(!folder.path().join(file_name("")).exists());
    assert!(folder.path().join(file_name("-1")).exists());
    drop(views);
    assert_eq!(counted(&open(&log, folder.path())), 5001);
}

#[test]
fn all_are_rebuilt_at_once_and_an_unknown_one_is_refused() {
    let (log, folder) = (log_of((1..=50).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let views = open(&log, folder.path());
    views.rebuild(&[], &mut |_| ()).unwrap();
    assert_eq!(counted(&views), 50);
    let refused = views.rebuild(&["strategy"], &mut |_| ()).unwrap_err().to_string();
    assert!(refused.contains("strategies, performance"), "{refused}");
}

#[test]
fn a_verified_view_equals_its_copy_and_a_changed_one_is_told_apart() {
    let (log, folder) = (log_of((1..=600).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let views = open(&log, folder.path());
    for status in views.list() {
        assert_eq!(views.verify(status.name, &mut |_| ()).unwrap(), None, "{}", status.name);
    }
    drop(views);
    let path = ViewFiles::open(folder.path()).unwrap().live("decisions", 1).unwrap();
    let identity = Identity { name: "decisions", version: 1, log_id: log.log_id(), head: 600 };
    let forged = Some((None, ViewBody::Json("{}".into())));
    let forged = Write { collection: "decisions", key: ViewKey::Number(7), document: forged };
    ViewWriter::open(&path, &identity).unwrap().save([forged], 600).unwrap();
    let difference = open(&log, folder.path()).verify("decisions", &mut |_| ()).unwrap().unwrap();
    assert_eq!((difference.key.as_str(), difference.live.as_deref()), ("7", Some("{}")));
    assert_eq!((difference.collection.as_str(), difference.rebuilt), ("decisions", None));
}

#[test]
fn the_list_tells_position_lag_and_state() {
    let (log, folder) = (log_of((1..=5).map(|n| trade(n, "rsi"))), tempfile::tempdir().unwrap());
    let views = open(&log, folder.path());
    views.catch_up_all(Duration::from_secs(20)).unwrap();
    for status in views.list() {
        assert_eq!((status.position, status.head, status.lag_events), (5, 5, Some(0)), "{}", status.name);
        assert_eq!((status.lag_seconds, status.failures), (0.0, 0), "{}", status.name);
    }
}
