//! Stands in for a guard that is out of service: every strategy is REDUCING until its guard is back.
//!
//! This is no actor. It ends with `ActorRecovered`, which only the supervisor can know, and what it takes and gives back
//! has to stand in the log in one order with that: an actor would read of the recovery later than others, and what it had
//! reduced just before would come after it and hold for ever. It also must not stand on what its guard has just failed
//! on. What follows from what was read is kept apart from reading and appending (`Ledger`).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use events::{
    ActorRecovered, AlertCleared, AlertKind, DecidedBy, Event, Family, FamilySet, NewEvent, Recorded,
    ReduceCause, ReduceCauseKind, StrategyEnabled, StrategyReduced, StrategyState, Timestamp, Uuid,
};
use store::{AppendError, Expected, ReadError, Recorder, now};

use crate::{
    status::{ActorState, Status},
    supervisor::{STREAM, caused},
};

/// Events read at a time.
const PAGE: usize = 4096;

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

/// A quarantine that is not lifted, from this run or an earlier one. The next run tries the actor again, and may have to
/// take it out of service again: what is reduced stays so.
struct Open {
    cause: NewEvent,
    /// The ids of the quarantine and of those before it.
    causes: BTreeSet<Uuid>,
    at_position: u64,
    reduced: BTreeSet<String>,
}

/// What follows from what was read: the quarantines that are open, and what guards last said of each strategy.
#[derive(Default)]
struct Ledger {
    open: BTreeMap<String, Open>,
    guards: BTreeMap<&'static str, BTreeMap<String, StrategyState>>,
}

impl Ledger {
    fn of(guards: impl IntoIterator<Item = &'static str>) -> Self {
        let guards = guards.into_iter().map(|guard| (guard, BTreeMap::new())).collect();
        Self { guards, ..Self::default() }
    }

    /// An event of the supervisor's stream, as a root that others can be caused by.
    fn note(&mut self, recorded: &Recorded, root: impl FnOnce(&Recorded) -> NewEvent) {
        match &recorded.event {
            Event::ActorQuarantined(e) => {
                let before = self.open.remove(&e.actor);
                let (mut causes, reduced) =
                    before.map(|open| (open.causes, open.reduced)).unwrap_or_default();
                causes.insert(recorded.event_id);
                let (cause, at_position) = (root(recorded), e.at_position);
                self.open.insert(e.actor.clone(), Open { cause, causes, at_position, reduced });
            }
            Event::ActorRecovered(e) => {
                self.open.remove(&e.actor);
            }
            Event::StrategyReduced(e) => {
                let caused =
                    |open: &&mut Open| recorded.causation_id.is_some_and(|id| open.causes.contains(&id));
                if let Some(open) = self.open.values_mut().find(caused) {
                    open.reduced.insert(e.strategy.clone());
                }
            }
            _ => {}
        }
    }

    /// A decision of a guard.
    fn note_guard(&mut self, guard: &str, event: &Event) {
        let said = match event {
            Event::StrategyDisabled(e) => (&e.strategy, e.to),
            Event::StrategyReduced(e) => (&e.strategy, e.to),
            Event::StrategyEnabled(e) => (&e.strategy, e.to),
            _ => return,
        };
        if let Some(states) = self.guards.get_mut(guard) {
            states.insert(said.0.clone(), said.1);
        }
    }

    fn state(&self, guard: &str, strategy: &str) -> StrategyState {
        self.guards.get(guard).and_then(|states| states.get(strategy)).copied().unwrap_or_default()
    }

    /// The reductions that facts up to a position ask for while a guard is out of service: of each strategy once; one
    /// that is HALTED is held more strictly already.
    fn reduce<'f>(
        &self,
        guard: &str,
        facts: impl IntoIterator<Item = &'f Event>,
        basis: u64,
    ) -> Vec<NewEvent> {
        let Some(open) = self.open.get(guard) else { return Vec::new() };
        let named: BTreeSet<&str> = facts.into_iter().filter_map(Event::strategy).collect();
        let unguarded = named
            .into_iter()
            .filter(|name| !open.reduced.contains(*name) && self.state(guard, name) != StrategyState::Halted);
        unguarded.map(|name| reduced(&open.cause, guard, name, self.state(guard, name), basis)).collect()
    }

    /// An actor is past the input that had stopped it, and its own decisions hold again. Whom it holds REDUCING or HALTED
    /// itself is not told to be free.
    fn recover(&self, actor: &str, basis: u64, moment: Timestamp) -> Vec<NewEvent> {
        let Some(open) = self.open.get(actor) else { return Vec::new() };
        let recovered = Event::ActorRecovered(ActorRecovered { actor: actor.to_owned() });
        let mut root = caused(&open.cause, b"recovered", actor, recovered);
        root.occurred_at = moment;
        let message = format!("{actor} is in service again");
        let (kind, subject) = (AlertKind::ActorQuarantined, actor.to_owned());
        let cleared = Event::AlertCleared(AlertCleared { kind, subject, message: message.clone() });
        let cleared = caused(&root, b"cleared", actor, cleared);
        let free = open.reduced.iter().filter(|name| self.state(actor, name) == StrategyState::Active);
        let enabled: Vec<_> = free.map(|name| enabled(&root, name, &message, basis)).collect();
        [root, cleared].into_iter().chain(enabled).collect()
    }
}

fn reduced(quarantine: &NewEvent, actor: &str, strategy: &str, from: StrategyState, basis: u64) -> NewEvent {
    let kind = ReduceCauseKind::GuardQuarantined;
    let event = Event::StrategyReduced(StrategyReduced {
        strategy: strategy.to_owned(),
        by: DecidedBy::Supervisor,
        causes: vec![ReduceCause { kind, detail: format!("{actor} is out of service") }],
        from,
        to: StrategyState::Reducing,
    });
    let cause = caused(quarantine, b"reduced", strategy, event);
    NewEvent { basis_position: Some(basis), ..cause }
}

fn enabled(recovered: &NewEvent, strategy: &str, reason: &str, basis: u64) -> NewEvent {
    let event = Event::StrategyEnabled(StrategyEnabled {
        strategy: strategy.to_owned(),
        by: DecidedBy::Supervisor,
        from: StrategyState::Reducing,
        to: StrategyState::Active,
        reason: reason.to_owned(),
        forgets: None,
    });
    NewEvent { basis_position: Some(basis), ..caused(recovered, b"enabled", strategy, event) }
}

/// Follows the log with a ledger.
pub(crate) struct StandIn {
    recorder: Recorder,
    ledger: Ledger,
    read_to: u64,
    /// By guard, how far its stream was read.
    guards_read_to: BTreeMap<&'static str, u64>,
    /// By guard that is out of service, up to where strategies were looked for.
    followed_to: BTreeMap<&'static str, u64>,
}

impl StandIn {
    /// Reads from the supervisor's stream what is still open.
    pub(crate) fn new(recorder: Recorder, guards: BTreeSet<&'static str>) -> Result<Self, ReadError> {
        let guards_read_to = guards.iter().map(|guard| (*guard, 0)).collect();
        let (ledger, followed_to) = (Ledger::of(guards), BTreeMap::new());
        let mut stand_in = Self { recorder, ledger, read_to: 0, guards_read_to, followed_to };
        stand_in.read_own()?;
        Ok(stand_in)
    }

    /// Reduces every strategy whose guard is out of service, lifts what is over. While all are in service nothing is
    /// read.
    pub(crate) fn turn(&mut self, statuses: &[Arc<Status>]) -> Result<(), StandInError> {
        if self.ledger.open.is_empty() && !statuses.iter().any(|status| status.is(ActorState::Quarantined)) {
            return Ok(());
        }
        self.read_own()?;
        let basis = self.recorder.log.head();
        self.read_guards()?;
        for status in statuses {
            let past = |open: &Open| status.position() >= open.at_position && status.is(ActorState::Running);
            if self.ledger.open.get(status.name).is_some_and(past) {
                self.append(self.ledger.recover(status.name, basis, now()))?;
                self.read_own()?;
            }
        }
        let guards: Vec<_> = self.ledger.guards.keys().copied().collect();
        guards.into_iter().try_for_each(|guard| self.follow(guard))
    }

    /// Looks for strategies through the whole log, and then for new ones.
    fn follow(&mut self, guard: &'static str) -> Result<(), StandInError> {
        if !self.ledger.open.contains_key(guard) {
            self.followed_to.remove(guard);
            return Ok(());
        }
        let families = FamilySet::of(&[Family::Trade, Family::Ingest]);
        let mut followed_to = self.followed_to.get(guard).copied().unwrap_or(0);
        while followed_to < self.recorder.log.head() {
            let batch = self.recorder.log.read_all(followed_to, families, PAGE)?;
            let facts = batch.events.iter().map(|event| &event.event);
            let reductions = self.ledger.reduce(guard, facts, batch.read_to);
            if !reductions.is_empty() {
                self.append(reductions)?;
                self.read_own()?;
            }
            followed_to = batch.read_to;
            self.followed_to.insert(guard, followed_to);
        }
        Ok(())
    }

    fn append(&self, events: Vec<NewEvent>) -> Result<(), AppendError> {
        store::append(&*self.recorder.log, STREAM, Expected::Any, events).map(drop)
    }

    fn read_own(&mut self) -> Result<(), ReadError> {
        loop {
            let page = self.recorder.log.read_stream(STREAM, self.read_to, PAGE)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.read_to = last.stream_revision;
            let root = |e: &Recorded| self.recorder.root(e.event_id, e.occurred_at, e.event.clone());
            page.iter().for_each(|event| self.ledger.note(event, root));
        }
    }

    fn read_guards(&mut self) -> Result<(), ReadError> {
        for (guard, read_to) in &mut self.guards_read_to {
            loop {
                let page = self.recorder.log.read_stream(&format!("actor-{guard}"), *read_to, PAGE)?;
                let Some(last) = page.last() else { break };
                *read_to = last.stream_revision;
                page.iter().for_each(|event| self.ledger.note_guard(guard, &event.event));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use events::{ActorQuarantined, id, test_support::trade};

    use super::*;

    const GUARD: &str = "strategy_guard";

    fn placed(position: u64, new: NewEvent) -> Recorded {
        new.placed((position, Arc::from(STREAM), position), Timestamp::default())
    }

    fn fact(position: u64, event: Event) -> Recorded {
        let id = id::derive(&[&position.to_le_bytes()]);
        placed(position, NewEvent::root(id, Timestamp::default(), &Arc::from("host"), Uuid::nil(), event))
    }

    fn root(recorded: &Recorded) -> NewEvent {
        let producer = Arc::from("supervisor");
        NewEvent::root(
            recorded.event_id,
            recorded.occurred_at,
            &producer,
            Uuid::nil(),
            recorded.event.clone(),
        )
    }

    fn quarantined(actor: &str) -> Event {
        let (actor, message) = (actor.to_owned(), "injected".to_owned());
        Event::ActorQuarantined(ActorQuarantined { actor, at_position: 5, message })
    }

    /// A ledger of one guard that has read these events of the supervisor's stream.
    fn given(events: &[Event]) -> Ledger {
        let mut ledger = Ledger::of([GUARD]);
        for (position, event) in (1..).zip(events) {
            ledger.note(&fact(position, event.clone()), root);
        }
        ledger
    }

    /// What was appended comes back from the log.
    fn read_back(ledger: &mut Ledger, appended: &[NewEvent]) {
        for (position, new) in (100..).zip(appended) {
            ledger.note(&placed(position, new.clone()), root);
        }
    }

    fn trades(strategies: &[&str]) -> Vec<Event> {
        let one = |name: &&str| Event::TradeClosed(trade(name, "1", 1.into(), Timestamp::default()));
        strategies.iter().map(one).collect()
    }

    fn says(ledger: &mut Ledger, strategy: &str, to: StrategyState) {
        let (strategy, by, from) = (strategy.to_owned(), DecidedBy::Rule, StrategyState::Active);
        let reduced = StrategyReduced { strategy, by, causes: Vec::new(), from, to };
        ledger.note_guard(GUARD, &Event::StrategyReduced(reduced));
    }

    fn words(decided: &[NewEvent]) -> Vec<String> {
        let word =
            |new: &NewEvent| format!("{} {}", new.event.event_type(), new.event.strategy().unwrap_or("-"));
        decided.iter().map(word).collect()
    }

    #[test]
    fn given_a_quarantined_guard_when_strategies_trade_then_each_is_reduced_once_but_not_a_halted_one() {
        let mut ledger = given(&[quarantined(GUARD)]);
        says(&mut ledger, "halted", StrategyState::Halted);
        says(&mut ledger, "reducing", StrategyState::Reducing);
        let facts = trades(&["a", "halted", "reducing", "a"]);
        let decided = ledger.reduce(GUARD, &facts, 40);
        assert_eq!(words(&decided), ["StrategyReduced a", "StrategyReduced reducing"]);
        assert!(decided.iter().all(|new| new.basis_position == Some(40) && new.causation_id.is_some()));
        read_back(&mut ledger, &decided);
        assert_eq!(words(&ledger.reduce(GUARD, &facts, 50)), [""; 0]);
    }

    #[test]
    fn given_a_guard_in_service_or_another_actor_that_is_not_then_nobody_is_reduced() {
        assert_eq!(words(&given(&[]).reduce(GUARD, &trades(&["a"]), 1)), [""; 0]);
        assert_eq!(words(&given(&[quarantined("scheduler")]).reduce(GUARD, &trades(&["a"]), 1)), [""; 0]);
    }

    #[test]
    fn given_reductions_when_the_guard_is_back_then_those_that_it_holds_itself_are_not_told_to_be_free() {
        let mut ledger = given(&[quarantined(GUARD)]);
        let decided = ledger.reduce(GUARD, &trades(&["a", "b", "c"]), 40);
        read_back(&mut ledger, &decided);
        says(&mut ledger, "b", StrategyState::Halted);
        says(&mut ledger, "c", StrategyState::Reducing);
        let decided = ledger.recover(GUARD, 60, Timestamp::default());
        assert_eq!(words(&decided), ["ActorRecovered -", "AlertCleared -", "StrategyEnabled a"]);
        assert_eq!(decided[2].causation_id, Some(decided[0].event_id));
        read_back(&mut ledger, &decided);
        assert_eq!(words(&ledger.recover(GUARD, 61, Timestamp::default())), [""; 0]);
    }

    #[test]
    fn given_a_guard_that_fails_again_in_the_next_run_then_what_is_reduced_stays_so_and_is_lifted_in_the_end()
    {
        let mut ledger = given(&[quarantined(GUARD)]);
        let decided = ledger.reduce(GUARD, &trades(&["a"]), 40);
        read_back(&mut ledger, &decided);
        ledger.note(&fact(200, quarantined(GUARD)), root);
        assert_eq!(words(&ledger.reduce(GUARD, &trades(&["a", "b"]), 210)), ["StrategyReduced b"]);
        // It comes after the second quarantine where it was decided before that was read.
        read_back(&mut ledger, &decided);
        let decided = ledger.recover(GUARD, 220, Timestamp::default());
        assert_eq!(words(&decided), ["ActorRecovered -", "AlertCleared -", "StrategyEnabled a"]);
    }
}
