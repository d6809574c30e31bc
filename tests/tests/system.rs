//! The actors of a process on a log: they decide, survive a restart and reproduce.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Event, Family, NewEvent, Schedule, StrategyGuardConfigured, Uuid};
use runtime::system::{System, SystemConfig};
use store::{EmbeddedLog, EventLog, Options, Snapshots};
use tests::{
    all, append, at, config, configured, decisions, fact, memory_log, scheduled, schemas, trade, verify,
    verify_with,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn start(log: &Arc<dyn EventLog>, config: &SystemConfig) -> System {
    System::start(log, config).unwrap()
}

fn losses(from: usize, to: usize) -> impl Iterator<Item = events::NewEvent> {
    let start = at("2025-03-03T00:00:00Z");
    (from..to).map(move |n| fact(trade("bad", &n.to_string(), "-0.5", start.plus_seconds(60 * n as i64))))
}

fn halts(log: &dyn EventLog) -> Vec<u64> {
    let halts = decisions(log).into_iter().filter(|e| matches!(e.event, Event::StrategyDisabled(_)));
    halts.map(|e| e.basis_position.unwrap()).collect()
}

#[test]
fn a_strategy_is_halted_once_however_often_the_process_starts() {
    let folder = tempfile::tempdir().unwrap();
    let log = memory_log();
    let config = SystemConfig { snapshots: Some(folder.path().to_owned()), ..config() };
    let mut head = 0;
    for n in 0..20 {
        let system = start(&log, &config);
        head = append(&*log, "ingest", losses(n, n + 1));
        assert!(system.wait_for(head, PATIENCE), "{:?}", system.status());
        system.stop();
    }
    assert_eq!(halts(&*log).len(), 1);
    let findings = verify(&log);
    assert_eq!((findings.differences, findings.reproduced), (vec![], findings.decisions));
    assert!(head > 20);
}

/// What is done to a folder of snapshots.
type Spoil = fn(&Path);

#[test]
fn a_snapshot_that_is_damaged_or_of_another_actor_is_told_and_not_used() {
    let flip: Spoil = |folder| {
        let path = folder.join("strategy_guard.snapshot");
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let cut: Spoil = |folder| fs::write(folder.join("strategy_guard.snapshot"), b"twsnap01").unwrap();
    let swap: Spoil = |folder| {
        let [one, other, between] =
            ["strategy_guard.snapshot", "scheduler.snapshot", "x"].map(|name| folder.join(name));
        fs::rename(&one, &between).and_then(|()| fs::rename(&other, &one)).unwrap();
        fs::rename(&between, &other).unwrap();
    };
    let zeros: Spoil = |folder| {
        let path = folder.join("strategy_guard.snapshot");
        let length = fs::metadata(&path).unwrap().len() as usize;
        fs::write(path, vec![0; length]).unwrap();
    };
    let double: Spoil = |folder| {
        fs::copy(folder.join("scheduler.snapshot"), folder.join("strategy_guard.snapshot"))
            .map(drop)
            .unwrap();
    };
    for spoil in [flip, cut, swap, zeros, double] {
        let (folder, log) = (tempfile::tempdir().unwrap(), memory_log());
        let config = SystemConfig { snapshots: Some(folder.path().to_owned()), ..config() };
        let mut head = 0;
        for (from, to) in [(0, 6), (6, 12)] {
            let system = start(&log, &config);
            head = append(&*log, "ingest", losses(from, to));
            assert!(system.wait_for(head, PATIENCE), "{:?}", system.status());
            system.stop();
            spoil(folder.path());
            let snapshots = Snapshots::read_only(folder.path(), log.log_id());
            let told = verify_with(&log, Some(&snapshots));
            let damaged = |told: &String| told.contains("strategy_guard.snapshot is damaged");
            assert!(told.notes.iter().any(damaged), "{told:?}");
            assert_eq!(told.differences, [], "a cache that is not used changes no decision");
        }
        assert_eq!(halts(&*log).len(), 1, "of {head} events");
    }
}

#[test]
fn a_snapshot_of_another_history_of_the_same_log_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other, snapshots] = ["one", "other", "snapshots"].map(|name| folder.path().join(name));
    let open =
        |path: &Path| -> Arc<dyn EventLog> { Arc::new(EmbeddedLog::open(path, Options::default()).unwrap()) };
    let config = SystemConfig { snapshots: Some(snapshots.clone()), ..config() };
    let run = |path: &Path, config: &SystemConfig, facts: Vec<NewEvent>| {
        let log = open(path);
        let system = start(&log, config);
        let head = append(&*log, "ingest", facts);
        assert!(system.wait_for(head, PATIENCE), "{:?}", system.status());
        // Only a state that was compared with the log is saved.
        let until = Instant::now() + PATIENCE;
        while !system.status().iter().all(|actor| actor.compared) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
        }
        system.stop();
    };
    run(&one, &config, losses(0, 3).collect());
    fs::create_dir(&other).unwrap();
    for file in fs::read_dir(&one).unwrap().map(Result::unwrap) {
        fs::copy(file.path(), other.join(file.file_name())).unwrap();
    }
    // Halted here, with a snapshot that says so; restored from the copy, other trades came.
    run(&one, &config, losses(3, 12).collect());
    let wins = |from: usize, to: usize| {
        let trades = (from..to).map(|n| trade("bad", &n.to_string(), "0.5", at("2025-03-03T02:00:00Z")));
        trades.map(fact).collect::<Vec<_>>()
    };
    run(&other, &SystemConfig { snapshots: None, ..config.clone() }, wins(3, 40));
    let log = open(&other);
    let told = verify_with(&log, Some(&Snapshots::read_only(&snapshots, log.log_id()))).notes;
    assert!(told.iter().any(|told| told.contains("is of another history of this log")), "{told:?}");
    drop(log);
    run(&other, &config, losses(40, 49).collect());
    let log = open(&other);
    assert_eq!((halts(&*log), verify(&log).differences), (vec![], vec![]), "nine lost in a row, not ten");
}

#[test]
fn facts_that_came_while_it_was_down_are_decided_at_the_start() {
    let log = memory_log();
    let head = append(&*log, "ingest", losses(0, 11));
    let system = start(&log, &config());
    assert!(system.wait_for(head, PATIENCE));
    system.stop();
    assert_eq!(halts(&*log), [11]);
}

#[test]
fn an_unchanged_configuration_is_recorded_once_and_a_changed_one_again() {
    let log = memory_log();
    start(&log, &config()).stop();
    start(&log, &config()).stop();
    assert_eq!(log.revision("config-strategy_guard").unwrap(), 1);
    assert_eq!(log.revision("config-scheduler").unwrap(), 1);
    let mut thresholds = StrategyGuardConfigured::default();
    thresholds.default.max_consecutive_losses = 3;
    let changed = configured(config(), Event::StrategyGuardConfigured(thresholds));
    start(&log, &changed).stop();
    assert_eq!(log.revision("config-strategy_guard").unwrap(), 2);
    assert_eq!(log.revision("runs").unwrap(), 3);
}

#[test]
fn every_type_of_configuration_finds_its_actor_at_the_start() {
    let log = memory_log();
    start(&log, &config()).stop();
    let types = |events: &mut dyn Iterator<Item = &Event>| -> BTreeSet<&'static str> {
        events.filter(|event| event.family() == Family::Configuration).map(Event::event_type).collect()
    };
    let (recorded, known) = (all(&*log), schemas::samples());
    assert_eq!(types(&mut recorded.iter().map(|one| &one.event)), types(&mut known.iter()));
}

#[test]
fn a_moment_that_passed_while_it_was_down_waits_for_the_facts_and_is_made_up_for() {
    let log = memory_log();
    let (config, planned_since) = (config(), at("2025-03-01T00:00:00Z"));
    let daily = Schedule::cron("0 1 * * *");
    let earlier = scheduled([(actors::performance_analyst::SCHEDULE, daily)]);
    let earlier = NewEvent::root(Uuid::from_u128(1), planned_since, &Arc::from("host"), Uuid::nil(), earlier);
    append(&*log, "config-scheduler", [earlier]);
    let system = start(&log, &config);
    // The clock stands still until the sources have caught up.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(log.revision("actor-scheduler").unwrap(), 0);
    system.release_clock();
    let until = Instant::now() + PATIENCE;
    while log.revision("actor-performance_analyst").unwrap() == 0 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    system.stop();
    let fired = log.read_stream("actor-scheduler", 0, 10).unwrap();
    assert!(matches!(&fired[0].event, Event::ScheduleMissed(e) if e.count > 300), "{fired:?}");
    assert!(matches!(&fired[1].event, Event::ScheduleFired(e) if e.missed > 300), "{fired:?}");
    assert!(matches!(&decisions(&*log)[0].event, Event::PerformanceAnalysisSkipped(_)));
    assert_eq!(verify(&log).differences, []);
}
