//! A guard that fails must fail closed: it is recorded, folded anew, and stood in for when it cannot get past.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use actors::Decider;
use events::{DecidedBy, Event, Fact, ReduceCauseKind, StrategyState};
use runtime::{
    status::ActorState,
    system::{Roster, System, SystemConfig},
};
use store::EventLog;
use tests::{
    all, append, at, config, decisions, fact,
    faulty::{Fault, Faulty, is_poison, losses, until},
    memory_log, trade, verify,
};

/// Takes one of what is left.
fn one_of(left: &AtomicU32) -> bool {
    left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// Panics at the poison, as often as is left.
fn injected(fact: &Fact<'_>, panics_left: &AtomicU32) {
    if is_poison(fact) && one_of(panics_left) {
        panic!("injected");
    }
}

static DECIDE_PANICS: AtomicU32 = AtomicU32::new(0);
static EVOLVE_PANICS: AtomicU32 = AtomicU32::new(0);
static ALWAYS: AtomicU32 = AtomicU32::new(0);
static SLEEPS: AtomicU32 = AtomicU32::new(0);

#[derive(Clone, Debug, PartialEq)]
struct Deciding;

impl Fault for Deciding {
    fn deciding(fact: &Fact<'_>) -> Option<Vec<Event>> {
        injected(fact, &DECIDE_PANICS);
        None
    }
}

#[derive(Clone, Debug, PartialEq)]
struct Folding;

impl Fault for Folding {
    fn folding(fact: &Fact<'_>) {
        injected(fact, &EVOLVE_PANICS);
    }
}

#[derive(Clone, Debug, PartialEq)]
struct NotPast;

impl Fault for NotPast {
    fn deciding(fact: &Fact<'_>) -> Option<Vec<Event>> {
        injected(fact, &ALWAYS);
        None
    }
}

#[derive(Clone, Debug, PartialEq)]
struct StandsStill;

impl Fault for StandsStill {
    fn deciding(_: &Fact<'_>) -> Option<Vec<Event>> {
        if one_of(&SLEEPS) {
            std::thread::sleep(Duration::from_secs(5));
        }
        None
    }
}

fn types(log: &dyn EventLog) -> Vec<&'static str> {
    all(log).iter().map(|event| event.event.event_type()).collect()
}

fn recovers<D: Decider>() {
    let log = memory_log();
    let system = System::start_roster(&log, &config(), Roster::empty().with::<D>()).unwrap();
    let head = append(&*log, "ingest", losses(&["1", "poison", "3"]));
    assert!(system.wait_for(head, Duration::from_secs(30)), "{:?}", system.status());
    let status = system.status().remove(0);
    assert_eq!((status.failures, status.message.as_deref()), (1, Some("injected")));
    system.stop();
    // Told, and decided as if nothing had been.
    assert!(types(&*log).contains(&"ActorFailed"));
    let halts: Vec<_> =
        decisions(&*log).iter().filter(|e| e.event.event_type() == "StrategyDisabled").cloned().collect();
    assert_eq!(halts.len(), 1);
    assert_eq!(verify(&log).differences, []);
}

#[test]
fn a_panic_while_deciding_is_told_and_folded_anew() {
    DECIDE_PANICS.store(1, SeqCst);
    recovers::<Faulty<Deciding>>();
}

#[test]
fn a_panic_while_folding_is_told_and_folded_anew() {
    EVOLVE_PANICS.store(1, SeqCst);
    recovers::<Faulty<Folding>>();
}

#[test]
fn a_guard_that_cannot_get_past_an_input_is_stood_in_for_until_it_can() {
    ALWAYS.store(u32::MAX, SeqCst);
    let log = memory_log();
    // What a quarantined actor holds must not become a snapshot: the next process would start past the input.
    let folder = tempfile::tempdir().unwrap();
    let config = SystemConfig { snapshots: Some(folder.path().to_owned()), ..config() };
    append(&*log, "ingest", losses(&["1", "poison"]));
    let roster = || Roster::empty().with::<Faulty<NotPast>>();
    let system = System::start_roster(&log, &config, roster()).unwrap();
    until("the quarantine", || types(&*log).contains(&"ActorQuarantined"));
    assert_eq!(system.status()[0].state, ActorState::Quarantined);
    let reduced = || {
        let of = |event: &Event| match event {
            Event::StrategyReduced(e) => Some((e.strategy.clone(), e.by, e.to, e.causes[0].kind)),
            _ => None,
        };
        all(&*log).iter().filter_map(|event| of(&event.event)).collect::<Vec<_>>()
    };
    // Known strategies are reduced after the quarantine, new ones as soon as they appear.
    until("the stand-in for what is known", || reduced().len() == 1);
    append(&*log, "ingest", [fact(trade("new", "1", "1", at("2025-03-03T01:00:00Z")))]);
    until("the stand-in for what is new", || reduced().len() == 2);
    let stood_in = |name: &str| {
        let (by, to) = (DecidedBy::Supervisor, StrategyState::Reducing);
        (name.to_owned(), by, to, ReduceCauseKind::GuardQuarantined)
    };
    assert_eq!(reduced(), [stood_in("rsi"), stood_in("new")]);
    system.stop();

    // A new process, with the fault mended: the guard decides, and the stand-in ends.
    ALWAYS.store(0, SeqCst);
    let system = System::start_roster(&log, &config, roster()).unwrap();
    until("the recovery", || types(&*log).contains(&"ActorRecovered"));
    system.stop();
    // What the guard itself halts is not told to be free.
    let enabled = all(&*log).into_iter().filter_map(|event| match &event.event {
        Event::StrategyEnabled(e) => Some((e.strategy.clone(), e.by)),
        _ => None,
    });
    assert_eq!(enabled.collect::<Vec<_>>(), [("new".to_owned(), DecidedBy::Supervisor)]);
    assert!(types(&*log).contains(&"StrategyDisabled"));
    let findings = verify(&log);
    assert_eq!((findings.differences, findings.reproduced), (vec![], findings.decisions));
}

#[test]
fn an_actor_that_stands_still_is_replaced_and_decides_once() {
    SLEEPS.store(1, SeqCst);
    let log = memory_log();
    let mut config = config();
    config.stall_after = Duration::from_millis(500);
    let system = System::start_roster(&log, &config, Roster::empty().with::<Faulty<StandsStill>>()).unwrap();
    let head = append(&*log, "ingest", losses(&["1", "2"]));
    assert!(system.wait_for(head, Duration::from_secs(30)));
    // The old instance wakes up after its successor has decided.
    std::thread::sleep(Duration::from_secs(6));
    system.stop();
    let halts = types(&*log).iter().filter(|name| **name == "StrategyDisabled").count();
    assert_eq!(halts, 1);
    assert!(types(&*log).contains(&"ActorFailed"));
    let _: Arc<dyn EventLog> = log;
}
