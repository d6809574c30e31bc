//! Watches progress, not life: restarts an actor that stands still, and stands in for a guard that is quarantined.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use events::{
    ActorFailed, ActorQuarantined, ActorRecovered, AlertCleared, AlertKind, AlertRaised, DecidedBy, Event,
    Family, FamilySet, NewEvent, ReduceCause, ReduceCauseKind, Severity, StrategyEnabled, StrategyReduced,
    StrategyState, Uuid, id,
};
use store::{self, AppendError, EventLog, Expected, ReadError, Recorder, now};

use crate::status::{ActorState, Status};

/// The stream of failures, quarantines and what follows from them.
pub(crate) const STREAM: &str = "supervisor";

/// Failures at one input after which an actor is taken out of service, panics and standing still together.
pub(crate) const MAX_FAILURES: u32 = 3;

/// Events read at a time.
const PAGE: usize = 4096;

/// Records that an actor failed at an input. A log that takes nothing more is told elsewhere.
pub(crate) fn record_failure(
    recorder: &Recorder,
    actor: &str,
    at_position: u64,
    message: &str,
    attempt: u32,
) {
    let (actor, message) = (actor.to_owned(), message.to_owned());
    let moment = now();
    let id = id::derive(&[b"actor.failed", recorder.run_id.as_bytes(), &moment.micros().to_le_bytes()]);
    let event = Event::ActorFailed(ActorFailed { actor, at_position, message, attempt });
    tell(recorder.append(STREAM, recorder.root(id, moment, event)));
}

/// Takes an actor out of service. Strategies that stand without a guard are reduced by the stand-in.
pub(crate) fn record_quarantine(recorder: &Recorder, actor: &str, at_position: u64, message: &str) {
    let moment = now();
    let id = id::derive(&[b"actor.quarantined", recorder.run_id.as_bytes(), actor.as_bytes()]);
    let quarantined = ActorQuarantined { actor: actor.to_owned(), at_position, message: message.to_owned() };
    let root = recorder.root(id, moment, Event::ActorQuarantined(quarantined));
    let alert = Event::AlertRaised(AlertRaised {
        kind: AlertKind::ActorQuarantined,
        subject: actor.to_owned(),
        severity: Severity::Critical,
        message: format!("{actor} cannot get past position {at_position} and is out of service: {message}"),
    });
    let alert = caused(&root, b"alert", actor, alert);
    tell(store::append(&*recorder.log, STREAM, Expected::Any, vec![root, alert]));
}

fn reduced(quarantine: &NewEvent, actor: &str, strategy: &str, from: StrategyState) -> NewEvent {
    let kind = ReduceCauseKind::GuardQuarantined;
    let event = Event::StrategyReduced(StrategyReduced {
        strategy: strategy.to_owned(),
        by: DecidedBy::Supervisor,
        causes: vec![ReduceCause { kind, detail: format!("{actor} is out of service") }],
        from,
        to: StrategyState::Reducing,
    });
    caused(quarantine, b"reduced", strategy, event)
}

/// An event that follows from a quarantine; its id is derived, so that it is recorded once.
fn caused(cause: &NewEvent, kind: &[u8], subject: &str, event: Event) -> NewEvent {
    let id = id::derive(&[b"supervisor", kind, cause.event_id.as_bytes(), subject.as_bytes()]);
    let mut caused = cause.clone();
    caused.event_id = id;
    caused.causation_id = Some(cause.event_id);
    caused.event = event;
    caused
}

fn tell<T>(appended: Result<T, AppendError>) {
    if let Err(error) = appended {
        tracing::error!(%error, "the failure of an actor could not be recorded");
    }
}

/// A quarantine that is not lifted, from this run or an earlier one.
struct Open {
    cause: NewEvent,
    at_position: u64,
    reduced: BTreeSet<String>,
    followed_to: u64,
}

/// What a guard last said of each strategy, as far as its stream was read.
#[derive(Default)]
struct Guarded {
    read_to: u64,
    states: BTreeMap<String, StrategyState>,
}

impl Guarded {
    fn state(&self, strategy: &str) -> StrategyState {
        self.states.get(strategy).copied().unwrap_or_default()
    }

    fn note(&mut self, event: &Event) {
        let said = match event {
            Event::StrategyDisabled(e) => (&e.strategy, e.to),
            Event::StrategyReduced(e) => (&e.strategy, e.to),
            Event::StrategyEnabled(e) => (&e.strategy, e.to),
            _ => return,
        };
        self.states.insert(said.0.clone(), said.1);
    }
}

/// Stands in for quarantined actors.
pub(crate) struct StandIn {
    recorder: Recorder,
    guards: BTreeMap<&'static str, Guarded>,
    read_to: u64,
    open: BTreeMap<String, Open>,
}

impl StandIn {
    /// Reads from its stream what is still open.
    pub(crate) fn new(recorder: Recorder, guards: BTreeSet<&'static str>) -> Result<Self, ReadError> {
        let guards = guards.into_iter().map(|guard| (guard, Guarded::default())).collect();
        let mut stand_in = Self { recorder, guards, read_to: 0, open: BTreeMap::new() };
        stand_in.read_own()?;
        Ok(stand_in)
    }

    /// Follows the log: reduces every strategy whose guard is out of service, lifts what is over.
    pub(crate) fn turn(&mut self, statuses: &[Arc<Status>]) -> Result<(), StandInError> {
        self.read_own()?;
        if self.open.is_empty() {
            return Ok(());
        }
        self.read_guards()?;
        for status in statuses {
            let past = |open: &Open| status.position() >= open.at_position && status.is(ActorState::Running);
            if self.open.get(status.name).is_some_and(past) {
                self.lift(status.name)?;
            }
        }
        self.read_own()?;
        self.guards.iter().try_for_each(|(actor, guarded)| match self.open.get_mut(*actor) {
            Some(open) => reduce_unguarded(&self.recorder, actor, guarded, open),
            None => Ok(()),
        })
    }

    fn read_own(&mut self) -> Result<(), ReadError> {
        loop {
            let page = self.recorder.log.read_stream(STREAM, self.read_to, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.read_to = last.stream_revision;
            page.iter().for_each(|event| self.note(event));
        }
    }

    fn read_guards(&mut self) -> Result<(), ReadError> {
        for (actor, guarded) in &mut self.guards {
            loop {
                let page = self.recorder.log.read_stream(&format!("actor-{actor}"), guarded.read_to, PAGE)?;
                let Some(last) = page.last() else { break };
                guarded.read_to = last.stream_revision;
                page.iter().for_each(|event| guarded.note(&event.event));
            }
        }
        Ok(())
    }

    fn note(&mut self, recorded: &events::Recorded) {
        match &recorded.event {
            Event::ActorQuarantined(e) => {
                let cause =
                    self.recorder.root(recorded.event_id, recorded.occurred_at, recorded.event.clone());
                let (at_position, reduced) = (e.at_position, BTreeSet::new());
                self.open.insert(e.actor.clone(), Open { cause, at_position, reduced, followed_to: 0 });
            }
            Event::ActorRecovered(e) => {
                self.open.remove(&e.actor);
            }
            Event::StrategyReduced(e) => {
                let open =
                    self.open.values_mut().find(|open| Some(open.cause.event_id) == recorded.causation_id);
                if let Some(open) = open {
                    open.reduced.insert(e.strategy.clone());
                }
            }
            _ => {}
        }
    }

    /// The actor is past the input that had stopped it: its own decisions hold again. Whom it holds REDUCING or
    /// HALTED itself is not told to be free.
    fn lift(&self, actor: &str) -> Result<(), StandInError> {
        let Some(open) = self.open.get(actor) else { return Ok(()) };
        let recovered = Event::ActorRecovered(ActorRecovered { actor: actor.to_owned() });
        let mut root = caused(&open.cause, b"recovered", actor, recovered);
        root.occurred_at = now();
        let message = format!("{actor} is in service again");
        let (kind, subject) = (AlertKind::ActorQuarantined, actor.to_owned());
        let cleared = Event::AlertCleared(AlertCleared { kind, subject, message: message.clone() });
        let mut events = vec![caused(&root, b"cleared", actor, cleared)];
        let guarded = self.guards.get(actor);
        let free = open.reduced.iter().filter(|strategy| {
            guarded.is_none_or(|guarded| guarded.state(strategy) == StrategyState::Active)
        });
        events.extend(free.map(|strategy| enabled(&root, strategy, &message)));
        events.insert(0, root);
        store::append(&*self.recorder.log, STREAM, Expected::Any, events)?;
        Ok(())
    }
}

/// Reduces every strategy of the log, and every one that appears, while nobody guards it; halted ones are stricter.
fn reduce_unguarded(
    recorder: &Recorder,
    actor: &str,
    guarded: &Guarded,
    open: &mut Open,
) -> Result<(), StandInError> {
    let families = FamilySet::of(&[Family::Trade, Family::Ingest]);
    while open.followed_to < recorder.log.head() {
        let batch = recorder.log.read_all(open.followed_to, families, PAGE)?;
        let strategies = batch.events.iter().filter_map(|event| event.event.strategy());
        let unguarded =
            |name: &&str| !open.reduced.contains(*name) && guarded.state(name) != StrategyState::Halted;
        let new: BTreeSet<_> = strategies.filter(unguarded).map(str::to_owned).collect();
        let reduce = |name: &String| reduced(&open.cause, actor, name, guarded.state(name));
        let events: Vec<_> = new.iter().map(reduce).collect();
        if !events.is_empty() {
            store::append(&*recorder.log, STREAM, Expected::Any, events)?;
            open.reduced.extend(new);
        }
        open.followed_to = batch.read_to;
    }
    Ok(())
}

fn enabled(recovered: &NewEvent, strategy: &str, reason: &str) -> NewEvent {
    let event = Event::StrategyEnabled(StrategyEnabled {
        strategy: strategy.to_owned(),
        by: DecidedBy::Supervisor,
        from: StrategyState::Reducing,
        to: StrategyState::Active,
        reason: reason.to_owned(),
        forgets: None,
    });
    caused(recovered, b"enabled", strategy, event)
}

/// Why standing in failed; tried again at the next turn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandInError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Appending failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// The id of the run that a process starts.
pub(crate) fn fresh_run_id(log: &dyn EventLog) -> Uuid {
    let (moment, pid) = (now().micros(), std::process::id());
    id::derive(&[b"run", log.log_id().as_bytes(), &moment.to_le_bytes(), &pid.to_le_bytes()])
}
