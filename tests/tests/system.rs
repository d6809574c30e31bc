//! The actors of a process on a log: they decide, survive a restart and reproduce.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Event, NewEvent, SchedulerConfigured, Uuid};
use runtime::system::{System, SystemConfig};
use store::EventLog;
use tests::{append, at, config, decisions, fact, memory_log, trade, verify};

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
    let mut changed = config();
    changed.guard.default.max_consecutive_losses = 3;
    start(&log, &changed).stop();
    assert_eq!(log.revision("config-strategy_guard").unwrap(), 2);
    assert_eq!(log.revision("runs").unwrap(), 3);
}

#[test]
fn a_moment_that_passed_while_it_was_down_waits_for_the_facts_and_is_made_up_for() {
    let log = memory_log();
    let (config, planned_since) = (config(), at("2025-03-01T00:00:00Z"));
    let earlier = SchedulerConfigured { since: planned_since, schedules: config.schedules.clone() };
    let earlier = Event::SchedulerConfigured(earlier);
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
    assert!(matches!(&fired[0].event, Event::ScheduleFired(e) if e.missed > 300), "{fired:?}");
    assert!(matches!(&decisions(&*log)[0].event, Event::PerformanceAnalysisSkipped(_)));
    assert_eq!(verify(&log).differences, []);
}
