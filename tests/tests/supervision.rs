//! Who is watched, and how: a healthy actor is accused of nothing, a sick one is found, nobody waits for the disk.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use actors::{Decider, StrategyGuard};
use events::{Event, Fact, Timestamp, TradeAfterHalt, Uuid};
use runtime::{
    status::{ActorState, ActorStatus},
    system::{Roster, System, SystemConfig},
};
use store::EventLog;
use tests::{
    all, append,
    bad_disk::BadDisk,
    config,
    faulty::{Fault, Faulty, is_poison, losses, until},
    memory_log,
};

static TURN: AtomicU32 = AtomicU32::new(0);
const LONG: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, PartialEq)]
struct PanicsAndSleeps;

impl Fault for PanicsAndSleeps {
    fn deciding(fact: &Fact<'_>) -> Option<Vec<Event>> {
        if is_poison(fact) && TURN.fetch_add(1, SeqCst).is_multiple_of(2) {
            panic!("injected");
        }
        Sleeps::deciding(fact)
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Sleeps;

impl Fault for Sleeps {
    fn deciding(fact: &Fact<'_>) -> Option<Vec<Event>> {
        if is_poison(fact) {
            thread::sleep(LONG);
        }
        None
    }
}

#[derive(Clone, Debug, PartialEq)]
struct SaysWhatHasNoForm;

impl Fault for SaysWhatHasNoForm {
    fn deciding(fact: &Fact<'_>) -> Option<Vec<Event>> {
        is_poison(fact).then(|| vec![without_a_form()])
    }
}

/// A time that JSON has no text for.
fn without_a_form() -> Event {
    Event::TradeAfterHalt(TradeAfterHalt {
        strategy: "rsi".into(),
        trade_id: "poison".into(),
        opened_at: Timestamp::from_micros(i64::MAX),
        disabled_by: Uuid::nil(),
    })
}

fn start<D: Decider>(log: &Arc<dyn EventLog>, stall_after: Duration) -> System {
    let config = SystemConfig { stall_after, ..config() };
    System::start_roster(log, &config, Roster::empty().with::<D>()).unwrap()
}

fn failures(log: &dyn EventLog) -> Vec<(String, u32)> {
    let events = all(log).into_iter().filter_map(|event| match &event.event {
        Event::ActorFailed(e) => Some((e.message.clone(), e.attempt)),
        _ => None,
    });
    events.collect()
}

fn has(log: &dyn EventLog, name: &str) -> bool {
    all(log).iter().any(|event| event.event.event_type() == name)
}

fn status(system: &System) -> ActorStatus {
    system.status().remove(0)
}

fn bad_disk() -> (Arc<BadDisk>, Arc<dyn EventLog>) {
    let disk = Arc::new(BadDisk::default());
    (Arc::clone(&disk), disk)
}

const MOMENT: Duration = Duration::from_millis(50);

#[test]
fn an_idle_guard_whose_first_decision_waits_for_a_slow_disk_is_healthy() {
    let (disk, log) = bad_disk();
    let system = start::<StrategyGuard>(&log, MOMENT);
    assert!(system.wait_for(log.head(), LONG));
    thread::sleep(Duration::from_millis(500));
    disk.set_slow(Some("actor-strategy_guard"));
    let head = append(&*log, "ingest", losses(&["1", "2"]));
    // It is no fault of its own, but it is said.
    until("the waiting", || status(&system).state == ActorState::WaitingForLog);
    disk.set_slow(None);
    assert!(system.wait_for(head, LONG));
    until("the way back", || status(&system).state == ActorState::Running);
    system.stop();
    assert_eq!(failures(&*log), []);
    assert!(has(&*log, "StrategyDisabled"));
}

#[test]
fn panics_and_stalls_at_one_input_are_counted_together() {
    let log = memory_log();
    let system = start::<Faulty<PanicsAndSleeps>>(&log, MOMENT);
    append(&*log, "ingest", losses(&["1", "poison"]));
    until("the quarantine", || has(&*log, "ActorQuarantined"));
    let told = failures(&*log);
    let attempts: Vec<_> = told.iter().map(|(message, attempt)| (message == "injected", *attempt)).collect();
    assert_eq!(attempts, [(true, 1), (false, 2), (true, 3)], "{told:?}");
    assert_eq!(status(&system).state, ActorState::Quarantined);
    until("the stand-in", || has(&*log, "StrategyReduced"));
    system.stop();
}

#[test]
fn a_decision_that_cannot_be_encoded_is_a_failure_at_its_input_and_no_stopped_log() {
    let log = memory_log();
    append(&*log, "ingest", losses(&["1", "2", "poison", "3"]));
    let system = start::<Faulty<SaysWhatHasNoForm>>(&log, LONG);
    until("the quarantine", || has(&*log, "ActorQuarantined"));
    system.stop();
    let told = failures(&*log);
    assert_eq!(told.len(), 3);
    assert!(told[0].0.starts_with("TradeAfterHalt cannot be encoded: "), "{told:?}");
    let at = all(&*log).iter().find_map(|event| match &event.event {
        Event::ActorQuarantined(e) => Some(e.at_position),
        _ => None,
    });
    assert_eq!(at, Some(3), "the input that it was decided on, whatever came with it");
    assert!(has(&*log, "StrategyDisabled"), "what was decided on the inputs before it holds");
}

#[test]
fn an_actor_waits_for_the_end_beside_a_stopped_log_and_folds_nothing_anew() {
    let (disk, log) = bad_disk();
    let system = start::<StrategyGuard>(&log, LONG);
    assert!(system.wait_for(log.head(), LONG));
    append(&*log, "ingest", losses(&["1"]));
    let readers = disk.subscribed.load(SeqCst);
    disk.full.store(true, SeqCst);
    // What was taken in before the disk was full wants a decision.
    append(&disk.log, "ingest", losses(&["1", "2"]));
    until("the stop", || status(&system).state == ActorState::BackingOff);
    let message = status(&system).message;
    assert_eq!(message.as_deref(), Some("No space left on device"));
    thread::sleep(Duration::from_millis(2500));
    assert_eq!(disk.subscribed.load(SeqCst), readers, "history is not read again beside a full disk");
    let begun = Instant::now();
    system.stop();
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn nobody_who_asks_how_the_actors_are_waits_for_a_slow_disk() {
    let (disk, log) = bad_disk();
    let system = start::<Faulty<Sleeps>>(&log, MOMENT);
    assert!(system.wait_for(log.head(), LONG));
    disk.set_slow(Some("supervisor"));
    append(&*log, "ingest", losses(&["poison"]));
    // The supervisor stands in its append of the failure by now.
    thread::sleep(Duration::from_secs(1));
    let begun = Instant::now();
    for _ in 0..100 {
        status(&system);
        system.wait_for(u64::MAX, Duration::ZERO);
    }
    assert!(begun.elapsed() < Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(failures(&*log), []);
    disk.set_slow(None);
    until("the failure", || !failures(&*log).is_empty());
    system.stop();
}

#[test]
fn an_actor_that_hangs_does_not_keep_the_process_from_stopping() {
    let log = memory_log();
    let system = start::<Faulty<Sleeps>>(&log, LONG);
    append(&*log, "ingest", losses(&["poison"]));
    thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    system.stop();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}
