//! The order in which an actor folds the log, written once for the host, `verify`, `rehearse`, tests and simulation.
//!
//! Inputs are folded by position. An actor's own decisions are folded right after the input that they were decided
//! on, never when they come back from the log: otherwise it would decide twice.

use std::sync::Arc;

use events::{Event, Fact, Family, FamilySet, NewEvent, Recorded, Timestamp, Uuid, id};
use serde::{Deserialize, Serialize};

use crate::Decider;

/// Families that every fold needs besides the decider's own interests: the configuration.
pub const HISTORY_FAMILIES: FamilySet = FamilySet::of(&[Family::Configuration]);

/// A decider with its state at a position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Fold<D: Decider> {
    state: D::State,
    config: D::Config,
    position: u64,
    revision: u64,
}

impl<D: Decider> Default for Fold<D> {
    fn default() -> Self {
        Self { state: D::State::default(), config: D::Config::default(), position: 0, revision: 0 }
    }
}

impl<D: Decider> Fold<D> {
    /// The families that have to be fed to the fold.
    #[must_use]
    pub fn families() -> FamilySet {
        D::interests().union(HISTORY_FAMILIES)
    }

    /// The position of the last input.
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// How many of its own decisions are folded: the revision of its stream that they reach to.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The state, for those who show it.
    pub const fn state(&self) -> &D::State {
        &self.state
    }

    /// The configuration in force.
    pub const fn config(&self) -> &D::Config {
        &self.config
    }

    /// When the decider wants to be woken.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        D::next_deadline(&self.state, &self.config)
    }

    /// Folds an input and decides on it. The decisions are folded and have to be appended.
    pub fn step(&mut self, input: &Recorded, run_id: Uuid, producer: &Arc<str>) -> Vec<NewEvent> {
        if !self.take(input) {
            return Vec::new();
        }
        let decided = D::decide(&self.state, input.fact(), &self.config);
        let decisions =
            decided.into_iter().zip(0..).map(|(event, n)| caused::<D>(input, event, n, run_id, producer));
        let decisions: Vec<_> = decisions.collect();
        for decision in &decisions {
            self.take_own(input.position, decision.event_id, decision.occurred_at, &decision.event);
        }
        decisions
    }

    /// What would be decided on an input, without folding the decisions; the input is folded.
    pub fn preview(&mut self, input: &Recorded) -> Vec<Event> {
        if self.take(input) { D::decide(&self.state, input.fact(), &self.config) } else { Vec::new() }
    }

    /// Folds an input that was decided before, with the decisions that were recorded on it.
    pub fn replay<'a>(&mut self, input: &Recorded, decisions: impl IntoIterator<Item = &'a Recorded>) {
        if self.take(input) {
            self.replay_own(input.position, decisions);
        }
    }

    /// Folds recorded decisions on the input that was folded last.
    pub fn replay_own<'a>(&mut self, basis: u64, decisions: impl IntoIterator<Item = &'a Recorded>) {
        for decision in decisions {
            self.take_own(basis, decision.event_id, decision.occurred_at, &decision.event);
        }
    }

    /// Folds an input unless it is one already folded or none of ours.
    fn take(&mut self, input: &Recorded) -> bool {
        if input.position <= self.position || !Self::families().contains(input.event.family()) {
            return false;
        }
        self.position = input.position;
        if let Some(config) = D::configured(&input.event) {
            self.config = config.clone();
        }
        D::evolve(&mut self.state, input.fact());
        true
    }

    fn take_own(&mut self, basis: u64, event_id: Uuid, occurred_at: Timestamp, event: &Event) {
        self.revision += 1;
        D::evolve(&mut self.state, Fact { position: basis, event_id, occurred_at, event });
    }
}

/// A decision in its envelope: its cause, its basis and the version of the rules.
fn caused<D: Decider>(
    input: &Recorded,
    event: Event,
    ordinal: u32,
    run_id: Uuid,
    producer: &Arc<str>,
) -> NewEvent {
    NewEvent {
        event_id: id::decision(D::NAME, input.event_id, ordinal),
        occurred_at: input.occurred_at,
        producer: Arc::clone(producer),
        run_id,
        correlation_id: input.correlation_id,
        causation_id: Some(input.event_id),
        basis_position: Some(input.position),
        rules_version: Some(D::RULES_VERSION),
        source_offset: None,
        event,
    }
}

#[cfg(test)]
mod tests {
    use events::{
        ClockCaughtUp, ClockFellBehind, Moment, Origin, RecordRejected, RejectReason,
        StrategyEnableRequested, TimerDue,
    };
    use proptest::prelude::*;

    use super::*;
    use crate::{StrategyGuard, testing};

    /// Kinds of facts.
    const KINDS: u8 = 14;

    /// A short history in which every kind of decision occurs.
    fn fact(n: usize, kind: u8) -> Event {
        let closed_at = format!("2025-01-{:02}T{:02}:00:00Z", 1 + n / 20 % 28, n % 20);
        let trade = |percent| Event::TradeClosed(testing::trade(&n.to_string(), percent, &closed_at));
        match kind {
            10 => Event::ClockFellBehind(ClockFellBehind {
                clock: Timestamp::default(),
                newest: testing::at(&closed_at),
                moment: Moment::ClosedAt,
                position: 1,
                behind_s: 1,
            }),
            11 => Event::ClockCaughtUp(ClockCaughtUp { clock: testing::at(&closed_at) }),
            12 => {
                let due_at = testing::at(&closed_at);
                Event::TimerDue(TimerDue { actor: "strategy_guard".into(), due_at, noticed_at: due_at })
            }
            0..=3 => trade("-2.5"),
            4..=6 => trade("1.5"),
            7 => Event::StrategyEnableRequested(StrategyEnableRequested {
                strategy: "rsi".into(),
                reason: "ok".into(),
                reset_counters: false,
            }),
            _ => Event::RecordRejected(RecordRejected {
                origin: Origin::Http { digest: n.to_string() },
                reason: RejectReason::Malformed,
                detail: "broken".into(),
                strategy: (kind != 13).then(|| "rsi".into()),
                trade_id: (kind == 8).then(|| (n + 1).to_string()),
                key: None,
                value: None,
                recorded: None,
            }),
        }
    }

    fn inputs(kinds: &[u8]) -> Vec<Recorded> {
        let numbered = kinds.iter().enumerate();
        numbered.map(|(n, kind)| testing::recorded(3 + 2 * n as u64, fact(n, *kind))).collect()
    }

    fn step(fold: &mut Fold<StrategyGuard>, input: &Recorded) -> Vec<NewEvent> {
        fold.step(input, Uuid::nil(), &Arc::from("test"))
    }

    fn as_recorded(decision: &NewEvent) -> Recorded {
        let mut recorded = testing::recorded(u64::MAX, decision.event.clone());
        recorded.event_id = decision.event_id;
        recorded.occurred_at = decision.occurred_at;
        recorded.basis_position = decision.basis_position;
        recorded
    }

    /// A process starts again with what of its decisions was durable, and goes on.
    fn resume(inputs: &[Recorded], durable: &[NewEvent]) -> (Fold<StrategyGuard>, Vec<NewEvent>) {
        let (mut fold, mut all) = (Fold::default(), durable.to_vec());
        let last_basis = durable.last().and_then(|decision| decision.basis_position).unwrap_or(0);
        for input in inputs {
            if input.position <= last_basis {
                let own: Vec<_> =
                    durable.iter().filter(|d| d.basis_position == Some(input.position)).collect();
                let own: Vec<_> = own.into_iter().map(as_recorded).collect();
                fold.replay(input, &own);
            } else {
                all.extend(step(&mut fold, input));
            }
        }
        (fold, all)
    }

    proptest! {
        #[test]
        fn any_cut_crash_and_resume_gives_the_same_decisions(
            kinds in prop::collection::vec(0..KINDS, 1..200),
            crash_after in 0usize..200,
        ) {
            let inputs = inputs(&kinds);
            let mut whole = Fold::default();
            let mut decisions = Vec::new();
            let mut ends_of_input = vec![0];
            for input in &inputs {
                decisions.extend(step(&mut whole, input));
                ends_of_input.push(decisions.len());
            }
            // The decisions on one input are appended together: a crash never splits them.
            let durable = &decisions[..ends_of_input[crash_after.min(inputs.len())]];
            let (resumed, again) = resume(&inputs, durable);
            prop_assert_eq!(&again, &decisions);
            prop_assert_eq!(resumed, whole);
        }

        #[test]
        fn an_input_that_comes_twice_is_folded_once(kinds in prop::collection::vec(0..KINDS, 1..60)) {
            let (mut once, mut twice) = (Fold::default(), Fold::default());
            for input in &inputs(&kinds) {
                step(&mut once, input);
                step(&mut twice, input);
                prop_assert!(step(&mut twice, input).is_empty());
            }
            prop_assert_eq!(once, twice);
        }
    }

    #[test]
    fn a_decision_names_its_cause_basis_and_rules() {
        let mut fold = Fold::<StrategyGuard>::default();
        let mut loss = testing::trade("1", "-11", "2025-01-01T00:00:00Z");
        loss.strategy = "macd".into();
        let input = testing::recorded(7, Event::TradeClosed(loss));
        let decision = &step(&mut fold, &input)[0];
        assert_eq!(decision.causation_id, Some(input.event_id));
        assert_eq!(decision.basis_position, Some(7));
        assert_eq!(decision.rules_version, Some(StrategyGuard::RULES_VERSION));
        assert_eq!(decision.occurred_at, input.occurred_at);
    }

    /// Moves with the fold of the guard's state. Where this fails, raise STATE_VERSION and put the new digest here.
    #[test]
    fn the_state_folds_as_its_version_says() {
        let kinds: Vec<u8> = (0..60u32).map(|n| (n * 5 % u32::from(KINDS)) as u8).collect();
        let mut fold = Fold::default();
        for input in &inputs(&kinds) {
            step(&mut fold, input);
        }
        let text = serde_json::to_string(&fold).unwrap();
        let digest = id::derive(&[text.as_bytes()]).to_string();
        assert_eq!(
            (StrategyGuard::STATE_VERSION, digest.as_str()),
            (4, "e408ff73-6fe7-8d29-9a20-a76f426bf650")
        );
    }
}
