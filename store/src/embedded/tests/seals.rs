//! A value of the chain that was kept elsewhere finds what the chain alone cannot: a log that was written anew.

use super::{super::Seal, *};
use crate::Chained as _;

/// A log with batches of ten events.
fn filled(dir: &Path, batches: u64, first: u64) -> EmbeddedLog {
    let log = open(dir);
    for _ in 0..batches {
        let from = log.head();
        log.append(request("a", Expected::Revision(from), (from..from + 10).map(|n| tick(first + n))))
            .unwrap();
    }
    log
}

fn against(log: &EmbeddedLog, seal: Seal) -> Result<u64, String> {
    let verified = log.verify_against(&[seal], &mut |_| ControlFlow::Continue(()));
    verified.map(|verified| verified.events).map_err(|fault| fault.to_string())
}

#[test]
fn a_log_holds_to_every_seal_that_was_taken_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let empty = open(dir.path()).seal();
    let mut seals = vec![empty];
    for _ in 0..5 {
        seals.push(filled(dir.path(), 3, 0).seal());
    }
    let log = open(dir.path());
    assert_eq!(seals.iter().map(|seal| seal.position).collect::<Vec<_>>(), [0, 30, 60, 90, 120, 150]);
    assert_eq!(log.seal(), seals[5], "the same after opening again");
    let verified = log.verify_against(&seals, &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((verified.events, verified.chain), (150, seals[5].chain));
}

#[test]
fn a_log_that_was_written_anew_is_found_out() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(filled(dir.path(), 2, 0));
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), other.path().join(entry.file_name())).unwrap();
    }
    let seal = filled(dir.path(), 2, 0).seal();
    // The same log up to 20, then other events: its own chain holds.
    let forged = filled(other.path(), 3, 5000);
    assert!(forged.verify_chain(&mut |_| ControlFlow::Continue(())).is_ok());
    let why = against(&forged, seal).unwrap_err();
    assert!(why.contains("not the one that was sealed at position 40"), "{why}");
    // One that was cut short, and sealed places that never were.
    let why = against(&EmbeddedLog::open_read_only(dir.path()).unwrap(), Seal { position: 50, ..seal })
        .unwrap_err();
    assert!(why.contains("ends at position 40") && why.contains("events are missing"), "{why}");
    let log = EmbeddedLog::open_read_only(dir.path()).unwrap();
    assert!(against(&log, Seal { position: 35, ..seal }).is_err(), "no batch ends there");
    assert!(against(&log, Seal { position: 0, ..seal }).is_err());
    let strange = Seal { log_id: Uuid::nil(), ..seal };
    assert!(against(&log, strange).unwrap_err().contains("the seal is of log"));
    assert_eq!(against(&log, seal), Ok(40));
    // Of two that contradict each other one is wrong.
    let wrong = Seal { chain: [7; 32], ..seal };
    assert!(log.verify_against(&[seal, wrong], &mut |_| ControlFlow::Continue(())).is_err());
}
