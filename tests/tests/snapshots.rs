//! A snapshot saves a start the whole history, and what is wrong in one is found beside the work: the truth is restored,
//! and a halt that was missed is decided once.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use actors::{Decider, Fold, PerformanceAnalyst, Scheduler, StrategyGuard};
use events::{
    DecidedBy, Event, NewEvent, Recorded, StrategyDisableRequested, StrategyEnableRequested, Uuid, id,
};
use runtime::{
    simulate::{self, Cycle},
    system::{System, SystemConfig},
};
use serde_json::{Value, json};
use store::{AppendError, Appended, EventLog, Interposer, Request, Snapshots};
use tempfile::TempDir;
use tests::{all, append, at, config, fact, memory_log, trade, verify_with};

const PATIENCE: Duration = Duration::from_secs(20);
const GUARD: &str = "strategy_guard";

fn losses(strategy: &str, from: usize, to: usize) -> Vec<NewEvent> {
    let start = at("2025-03-03T00:00:00Z");
    let lost = |n: usize| trade(strategy, &n.to_string(), "-0.5", start.plus_seconds(60 * n as i64));
    (from..to).map(|n| fact(lost(n))).collect()
}

fn request(event: Event) -> NewEvent {
    let id = id::derive(&[b"asked", &event.to_json().unwrap()]);
    NewEvent::root(id, at("2025-03-04T00:00:00Z"), &Arc::from("operator:ann"), Uuid::nil(), event)
}

fn of_type(log: &dyn EventLog, event_type: &str) -> Vec<Arc<Recorded>> {
    all(log).into_iter().filter(|event| event.event.event_type() == event_type).collect()
}

fn halts(log: &dyn EventLog, strategy: &str) -> Vec<Arc<Recorded>> {
    let of = |event: &Arc<Recorded>| event.event.strategy() == Some(strategy);
    of_type(log, "StrategyDisabled").into_iter().filter(of).collect()
}

/// A log with a folder for snapshots.
struct Place {
    log: Arc<dyn EventLog>,
    folder: TempDir,
    config: SystemConfig,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = SystemConfig { snapshots: Some(folder.path().to_owned()), ..config() };
        Self { log: memory_log(), folder, config }
    }

    fn snapshots(&self) -> Snapshots {
        Snapshots::open(self.folder.path(), self.log.log_id()).unwrap()
    }

    fn has(&self, name: &str) -> bool {
        self.folder.path().join(name).exists()
    }

    /// A run that takes facts in and is stopped once every actor has read all and nothing is left to be compared.
    fn run(&self, facts: Vec<NewEvent>) {
        self.run_on(&self.log, facts, &|| false);
    }

    fn run_on(&self, log: &Arc<dyn EventLog>, facts: Vec<NewEvent>, is_over: &dyn Fn() -> bool) {
        let system = System::start(log, &self.config).unwrap();
        if !facts.is_empty() {
            append(&*self.log, "ingest", facts);
        }
        let until = Instant::now() + PATIENCE;
        let at_rest = || {
            let head = log.head();
            system.status().iter().all(|actor| actor.compared && actor.position >= head) && log.head() == head
        };
        while !at_rest() && !is_over() {
            assert!(Instant::now() < until, "{:?}", system.status());
            std::thread::sleep(Duration::from_millis(5));
        }
        system.stop();
    }

    /// Changes the guard's saved state; the checksum is right, as it has no key.
    fn forge(&self, change: &dyn Fn(&mut Value)) {
        let (snapshots, version) = (self.snapshots(), <StrategyGuard as Decider>::STATE_VERSION);
        let mut saved = snapshots.load(GUARD, version).unwrap().unwrap();
        let fold: Fold<StrategyGuard> = postcard::from_bytes(&saved.state).unwrap();
        let mut json = serde_json::to_value(fold).unwrap();
        change(&mut json["state"]["strategies"]);
        let forged: Fold<StrategyGuard> = serde_json::from_value(json).unwrap();
        saved.state = postcard::to_allocvec(&forged).unwrap();
        snapshots.save(GUARD, version, &saved).unwrap();
    }

    /// A run of a tradewarden that compares nothing.
    fn run_blind(&self, facts: Vec<NewEvent>) {
        let run_id = id::derive(&[b"blind", &self.log.head().to_le_bytes()]);
        simulate::record_start(&self.log, run_id, &self.config, at("2025-03-05T00:00:00Z")).unwrap();
        append(&*self.log, "ingest", facts);
        let mut guard = Cycle::<StrategyGuard>::resume(&self.log, Some(self.snapshots()), run_id).unwrap();
        while guard.position() < self.log.head() {
            guard.turn(Duration::ZERO, &mut |_| {}).unwrap();
        }
    }

    /// Nine lost trades, a forged snapshot, and a run in which the halts of two strategies should be decided: that of the
    /// first is missed, and the other one shows that the guard has decided since.
    fn with_a_missed_halt(forgery: &Forgery) -> Self {
        let place = Self::new();
        place.run(losses("bad", 0, 9));
        place.forge(forgery);
        place.run_blind([losses("bad", 9, 13), losses("other", 0, 11)].concat());
        assert_eq!((halts(&*place.log, "bad").len(), halts(&*place.log, "other").len()), (0, 1));
        place
    }

    fn verified(&self) {
        let findings = verify_with(&self.log, Some(&self.snapshots()));
        assert_eq!((findings.differences, findings.pending), (vec![], 0));
    }
}

type Forgery = dyn Fn(&mut Value);

fn nothing_lost(strategies: &mut Value) {
    strategies["bad"]["consecutive_losses"] = 0.into();
    (strategies["bad"]["outcomes"], strategies["bad"]["days"]) = (json!([]), json!({}));
}

fn unknown(strategies: &mut Value) {
    strategies.as_object_mut().unwrap().remove("bad").unwrap();
}

fn halted_and_told(strategies: &mut Value) {
    strategies["bad"]["state"] = "HALTED".into();
    strategies["bad"]["disabled_by"] = Uuid::from_u128(7).to_string().into();
    strategies["bad"]["disabled_at"] = "2025-03-02T00:00:00Z".into();
    (strategies["bad"]["told_after_halt"], strategies["bad"]["contradicted"]) = (true.into(), true.into());
}

#[test]
fn a_start_goes_on_from_a_snapshot_and_does_not_read_what_is_before_it() {
    fn resumed<D: Decider>(place: &Place) -> Cycle<D> {
        Cycle::resume(&place.log, Some(place.snapshots()), Uuid::nil()).unwrap()
    }
    let place = Place::new();
    place.run(losses("bad", 0, 12));
    // Not one event is read yet.
    let guard = resumed::<StrategyGuard>(&place);
    assert_eq!(guard.position(), guard.fold().position());
    assert!(guard.position() >= halts(&*place.log, "bad")[0].basis_position.unwrap());
    assert!(guard.fold().state().strategies["bad"].disabled_by.is_some());
    assert!(resumed::<PerformanceAnalyst>(&place).position() >= 12);
    assert!(resumed::<Scheduler>(&place).position() > 0);
}

#[test]
fn a_right_snapshot_is_not_told_and_the_next_one_is_saved() {
    let place = Place::new();
    place.run(losses("bad", 0, 9));
    let first = fs::read(place.folder.path().join("strategy_guard.snapshot")).unwrap();
    place.run(losses("bad", 9, 12));
    let next = fs::read(place.folder.path().join("strategy_guard.snapshot")).unwrap();
    assert_ne!(first, next);
    assert_eq!((halts(&*place.log, "bad").len(), place.log.revision("supervisor").unwrap()), (1, 0));
    assert!(!place.has("strategy_guard.differs"));
    place.verified();
}

#[test]
fn a_wrong_snapshot_is_put_aside_within_the_run_and_the_missed_halt_decided_once() {
    for (n, forgery) in [&nothing_lost as &Forgery, &unknown, &halted_and_told].into_iter().enumerate() {
        let place = Place::with_a_missed_halt(forgery);
        for _ in 0..3 {
            place.run(Vec::new());
        }
        let told = of_type(&*place.log, "SnapshotDiffered");
        assert!(
            matches!(&told[..], [told] if matches!(&told.event, Event::SnapshotDiffered(e)
                if e.actor == GUARD && e.kept_as == "strategy_guard.differs" && e.snapshot_digest != e.log_digest)),
            "{n}: {told:?}"
        );
        assert!(place.has("strategy_guard.differs") && place.has("strategy_guard.snapshot"), "{n}");
        let (missed, halts) = (of_type(&*place.log, "HaltMissed"), halts(&*place.log, "bad"));
        assert_eq!((missed.len(), halts.len()), (1, 1), "{n}");
        let (Event::HaltMissed(miss), Event::StrategyDisabled(halt)) = (&missed[0].event, &halts[0].event)
        else {
            panic!("{n}: {missed:?} {halts:?}")
        };
        // The eleventh loss asked for it; from the decision the causes lead there.
        let eleventh = place.log.position_of(id::closed_trade("bad", "10")).unwrap();
        assert_eq!((Some(miss.at_position), &miss.rules), (eleventh, &halt.rules), "{n}");
        assert_eq!(halt.rules[0].trades, 11, "{n}");
        assert_eq!(missed[0].causation_id, Some(id::closed_trade("bad", "10")), "{n}");
        assert_eq!(halts[0].causation_id, Some(missed[0].event_id), "{n}");
        assert_eq!(halts[0].basis_position, Some(missed[0].position), "{n}");
        place.verified();
    }
}

#[test]
fn a_halt_that_an_operator_asked_for_is_made_up_for_too() {
    let place = Place::new();
    place.run(losses("bad", 0, 3));
    place.forge(&halted_and_told);
    let asked = StrategyDisableRequested { strategy: "bad".into(), reason: "maintenance".into() };
    place.run_blind([vec![request(Event::StrategyDisableRequested(asked))], losses("other", 0, 11)].concat());
    assert_eq!(of_type(&*place.log, "StrategyKeptHalted").len(), 1);
    place.run(Vec::new());
    let halts = halts(&*place.log, "bad");
    assert!(
        matches!(&halts[..], [halt] if matches!(&halt.event, Event::StrategyDisabled(e)
            if e.by == DecidedBy::Operator && e.reason.as_deref() == Some("maintenance"))),
        "{halts:?}"
    );
    place.verified();
}

#[test]
fn who_was_enabled_by_an_operator_since_gets_nothing() {
    let place = Place::with_a_missed_halt(&nothing_lost);
    let reset_counters = true;
    let asked = StrategyEnableRequested { strategy: "bad".into(), reason: "seen".into(), reset_counters };
    place.run_blind(vec![request(Event::StrategyEnableRequested(asked))]);
    place.run(Vec::new());
    assert_eq!(of_type(&*place.log, "SnapshotDiffered").len(), 1);
    assert_eq!((of_type(&*place.log, "HaltMissed").len(), halts(&*place.log, "bad").len()), (0, 0));
    place.verified();
}

#[test]
fn a_halt_that_was_missed_is_found_also_when_the_wrong_snapshot_was_deleted() {
    let place = Place::with_a_missed_halt(&nothing_lost);
    fs::remove_file(place.folder.path().join("strategy_guard.snapshot")).unwrap();
    place.run(Vec::new());
    place.run(Vec::new());
    assert_eq!((of_type(&*place.log, "HaltMissed").len(), halts(&*place.log, "bad").len()), (1, 1));
    place.verified();
}

#[test]
fn inputs_under_other_rules_are_not_judged_by_those_of_today() {
    let place = Place::new();
    place.run(losses("other", 0, 1));
    let other_rules = |event: &mut Event| {
        let Event::RunStarted(run) = event else { panic!("{event:?}") };
        run.rules_versions.insert(GUARD.into(), 1);
    };
    let mut run = of_type(&*place.log, "RunStarted")[0].event.clone();
    other_rules(&mut run);
    let run = NewEvent { event_id: Uuid::from_u128(5), ..request(run) };
    append(&*place.log, "runs", [run]);
    append(&*place.log, "ingest", losses("bad", 0, 13));
    // The process of those rules decided nothing on them, and on something later.
    place.forge(&|strategies| {
        let other = strategies["other"].clone();
        strategies["bad"] = other;
        halted_and_told(strategies);
    });
    let mut guard = Cycle::<StrategyGuard>::resume(&place.log, Some(place.snapshots()), Uuid::nil()).unwrap();
    append(&*place.log, "ingest", losses("other", 1, 12));
    while guard.position() < place.log.head() {
        guard.turn(Duration::ZERO, &mut |_| {}).unwrap();
    }
    assert_eq!((halts(&*place.log, "bad").len(), halts(&*place.log, "other").len()), (0, 1));
    place.run(Vec::new());
    assert_eq!(of_type(&*place.log, "SnapshotDiffered").len(), 1);
    assert_eq!((of_type(&*place.log, "HaltMissed").len(), halts(&*place.log, "bad").len()), (0, 0));
}

/// A process that dies before, or right after, the n-th append of the guard or of its supervisor.
struct Dying {
    inner: Arc<dyn EventLog>,
    left: AtomicU32,
    after: bool,
}

impl Dying {
    fn is_dead(&self) -> bool {
        self.left.load(SeqCst) == 0
    }
}

impl Interposer for Dying {
    fn behind(&self) -> &dyn EventLog {
        &*self.inner
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        let dead = || AppendError::Stopped(Arc::from("killed"));
        if self.is_dead() {
            return Err(dead());
        }
        let counts = matches!(&*request.stream, "supervisor" | "actor-strategy_guard");
        if !counts || self.left.fetch_sub(1, SeqCst) > 1 {
            return self.inner.append(request);
        }
        if self.after {
            self.inner.append(request)?;
        }
        Err(dead())
    }
}

/// Kills a run at each of the appends that follow on a wrong snapshot; where `back` the kill comes before the snapshot was
/// put aside.
fn killed_at(nth: u32, after: bool, back: bool) -> bool {
    let place = Place::with_a_missed_halt(&nothing_lost);
    let forged = place.folder.path().join("strategy_guard.snapshot");
    let bytes = fs::read(&forged).unwrap();
    let dying = Arc::new(Dying { inner: Arc::clone(&place.log), left: AtomicU32::new(nth), after });
    let log: Arc<dyn EventLog> = Arc::clone(&dying) as Arc<dyn EventLog>;
    place.run_on(&log, Vec::new(), &|| dying.is_dead());
    if back {
        fs::write(&forged, bytes).unwrap();
    }
    let died = dying.is_dead();
    drop((log, dying));
    place.run(losses("third", 0, 1));
    place.run(Vec::new());
    let (missed, halts) = (of_type(&*place.log, "HaltMissed"), halts(&*place.log, "bad"));
    assert_eq!((missed.len(), halts.len()), (1, 1), "{nth} {after} {back}");
    place.verified();
    died
}

#[test]
fn a_kill_between_any_two_of_these_events_changes_nothing() {
    for (after, back) in [(false, false), (true, false), (true, true)] {
        let died = (1..=8).take_while(|nth| killed_at(*nth, after, back)).count();
        // That the snapshot differed, that a halt was missed, and the halt.
        assert_eq!(died, 3, "{after} {back}");
    }
}

#[test]
fn a_second_wrong_snapshot_leaves_the_first_one_to_be_looked_at() {
    let place = Place::with_a_missed_halt(&nothing_lost);
    place.run(Vec::new());
    place.forge(&|strategies: &mut Value| strategies["other"]["told_after_halt"] = true.into());
    place.run(Vec::new());
    let names = ["strategy_guard.differs", "strategy_guard.differs.2", "strategy_guard.snapshot"];
    assert_eq!(names.map(|name| place.has(name)), [true; 3]);
    let kept: Vec<_> = of_type(&*place.log, "SnapshotDiffered")
        .iter()
        .map(|told| serde_json::to_value(&told.event).unwrap()["kept_as"].clone())
        .collect();
    assert_eq!(kept, names[..2]);
    assert!(Path::new(place.folder.path()).join(names[0]).is_file());
    place.verified();
}
