//! Power cuts, full disks and failing syncs at every operation: nothing acknowledged is lost, nothing is invented.

use super::{
    disk::{Disk, Random, Trouble},
    *,
};

fn open_on(disk: &Disk) -> Result<EmbeddedLog, OpenError> {
    EmbeddedLog::open_on(&disk.folder(), SMALL)
}

/// Appends `batches` requests of 10 larger events, as long as that goes; answers how many events were acknowledged.
fn write_on(log: &EmbeddedLog, batches: u64) -> u64 {
    for _ in 0..batches {
        let from = log.head();
        let events = (from..from + 10).map(large);
        if log.append(request("a", Expected::Revision(from), events)).is_err() {
            break;
        }
    }
    log.head()
}

/// About 3,500 bytes, so that few events fill sectors, pages and segments.
fn large(n: u64) -> events::NewEvent {
    let event = events::Event::ActorRecovered(events::ActorRecovered { actor: "x".repeat(3400) });
    events::NewEvent { event, ..tick(n) }
}

/// What has to hold of a log that `acknowledged` events were acknowledged of and `written` events given to.
fn holds(log: &EmbeddedLog, acknowledged: u64, written: u64) -> bool {
    let events = all(log);
    let right = events.iter().enumerate().all(|(n, event)| event.event_id == id_of(n as u64));
    let count = events.len() as u64;
    let whole = log.verify_chain(&mut |_| ControlFlow::Continue(())).is_ok_and(|found| found.events == count);
    right && whole && (acknowledged..=written).contains(&count)
}

/// How many operations the whole work takes on a disk without trouble.
fn operations_without_trouble() -> u64 {
    let disk = Disk::new();
    let log = open_on(&disk).unwrap();
    assert_eq!(write_on(&log, 8), 80);
    drop(log);
    disk.operations()
}

/// Cuts the power at an operation, and once more while the log is opened and written again.
fn survives_power_cut(disk: &Disk, at: u64, seed: u64) -> bool {
    let mut random = Random(seed);
    disk.trouble(at, Trouble::PowerCut);
    let acknowledged = open_on(disk).map_or(0, |log| write_on(&log, 8));
    let disk = disk.after_power_cut(&mut random);
    disk.trouble(1 + random.below(12), Trouble::PowerCut);
    let acknowledged = open_on(&disk).map_or(acknowledged, |log| write_on(&log, 2).max(acknowledged));
    let disk = disk.after_power_cut(&mut random);
    let Ok(log) = open_on(&disk) else { return false };
    holds(&log, acknowledged, acknowledged + 10) && write_on(&log, 1) >= acknowledged + 10
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_acknowledged() {
    for at in 1..=operations_without_trouble() {
        for seed in 0..2 {
            assert!(survives_power_cut(&Disk::new(), at, at * 1000 + seed), "operation {at}, seed {seed}");
        }
    }
}

#[test]
fn the_same_on_a_disk_that_only_pretends_to_sync_is_found_out() {
    let lost =
        (1..=operations_without_trouble()).filter(|at| !survives_power_cut(&Disk::lying(), *at, *at)).count();
    assert!(lost > 10, "the check sees only {lost} losses where everything is lost");
}

/// Runs into the trouble, then opens again as after a restart without a power cut, then cuts the power.
fn survives_trouble(at: u64, trouble: Trouble) {
    let what = format!("{trouble:?} at operation {at}");
    let disk = Disk::new();
    disk.trouble(at, trouble);
    let mut acknowledged = 0;
    if let Ok(log) = open_on(&disk) {
        acknowledged = write_on(&log, 8);
        if acknowledged < 80 {
            let reason = log.stopped().unwrap();
            assert!(reason.contains("Everything that was acknowledged is kept"), "{what}: {reason}");
            assert_eq!(reason.contains("the disk is full"), trouble == Trouble::Full, "{what}: {reason}");
        }
        assert!(holds(&log, acknowledged, acknowledged), "{what}: readers go on");
    }
    disk.no_trouble();
    let log = open_on(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(holds(&log, acknowledged, acknowledged + 10), "{what}: after the restart");
    let acknowledged = write_on(&log, 1);
    disk.trouble(0, Trouble::PowerCut);
    drop(log);
    let disk = disk.after_power_cut(&mut Random(at));
    let log = open_on(&disk).unwrap_or_else(|error| panic!("{what}, then a power cut: {error}"));
    assert!(holds(&log, acknowledged, acknowledged), "{what}: after a power cut");
}

#[test]
fn a_full_disk_stops_the_intake_and_loses_nothing() {
    (1..=operations_without_trouble()).for_each(|at| survives_trouble(at, Trouble::Full));
}

#[test]
fn a_failed_sync_stops_the_intake_and_is_never_trusted_later() {
    (1..=operations_without_trouble()).for_each(|at| survives_trouble(at, Trouble::FailedSync));
}

#[test]
fn a_folder_that_cannot_be_written_says_what_to_do() {
    let disk = Disk::new();
    disk.trouble(1, Trouble::Full);
    let error = open_on(&disk).err().unwrap();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    assert!(error.to_string().contains("the disk is full: free some space"), "{error}");
    let read_only = super::super::files::remedy(&std::io::ErrorKind::ReadOnlyFilesystem.into());
    assert!(read_only.contains("make it writable"));
}

#[test]
fn a_stopped_log_answers_everybody_who_waits() {
    let disk = Disk::new();
    let log = Arc::new(open_on(&disk).unwrap());
    write_on(&log, 1);
    disk.trouble(0, Trouble::FailedSync);
    let appenders: Vec<_> = (0..8)
        .map(|t| {
            let log = Arc::clone(&log);
            thread::spawn(move || log.append(request(&format!("s{t}"), Expected::Any, [tick(1000 + t)])))
        })
        .collect();
    let answers: Vec<_> = appenders.into_iter().map(|appender| appender.join().unwrap()).collect();
    assert!(answers.iter().any(|answer| matches!(answer, Err(AppendError::Stopped(_)))));
    assert!(log.append(request("later", Expected::Any, [tick(2000)])).is_err());
    let acknowledged = answers.iter().filter(|answer| answer.is_ok()).count() as u64;
    assert_eq!(log.head(), 10 + acknowledged);
}

#[test]
fn a_panic_while_writing_stops_the_intake_and_leaves_nobody_waiting() {
    let disk = Disk::new();
    let log = Arc::new(open_on(&disk).unwrap());
    let acknowledged = write_on(&log, 1);
    disk.trouble(0, Trouble::Panic);
    let appenders: Vec<_> = (0..4)
        .map(|t| {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                log.append(request(&format!("s{t}"), Expected::Any, [tick(1000 + t)])).is_ok()
            })
        })
        .collect();
    let ends: Vec<_> = appenders.into_iter().map(thread::JoinHandle::join).collect();
    assert!(ends.iter().all(|end| !matches!(end, Ok(true))), "{ends:?}");
    assert!(log.stopped().unwrap().contains("its writer has failed"));
    assert!(matches!(log.append(request("s", Expected::Any, [tick(2000)])), Err(AppendError::Stopped(_))));
    drop(log);
    assert!(holds(&open_on(&disk).unwrap(), acknowledged, acknowledged));
}
