//! Guards that are broken on purpose, to see that the checks would find them.

use actors::{Decider, StrategyGuard};
use events::{Event, Fact, Family, FamilySet, StrategyGuardConfigured, Timestamp};

type State = <StrategyGuard as Decider>::State;

/// A guard with a fault. [`FOLDS_TWICE`] or [`FAILS_OPEN`].
#[derive(Clone, Debug, PartialEq)]
pub struct Broken<const FAULT: usize>;

/// It folds its own decisions also when they come back from the log.
pub const FOLDS_TWICE: usize = 0;
/// It halts, but never reduces.
pub const FAILS_OPEN: usize = 1;

impl<const FAULT: usize> Decider for Broken<FAULT> {
    const NAME: &'static str = StrategyGuard::NAME;
    const RULES_VERSION: u32 = StrategyGuard::RULES_VERSION;
    const STATE_VERSION: u32 = StrategyGuard::STATE_VERSION;
    const GUARDS: bool = true;
    type Config = StrategyGuardConfigured;
    type State = State;

    fn interests() -> FamilySet {
        let own = FamilySet::of(&[Family::Strategy, Family::Alert]);
        if FAULT == FOLDS_TWICE { StrategyGuard::interests().union(own) } else { StrategyGuard::interests() }
    }

    fn configured(event: &Event) -> Option<&StrategyGuardConfigured> {
        StrategyGuard::configured(event)
    }

    fn evolve(state: &mut State, fact: Fact<'_>) {
        StrategyGuard::evolve(state, fact);
    }

    fn decide(state: &State, fact: Fact<'_>, config: &StrategyGuardConfigured) -> Vec<Event> {
        let mut decided = StrategyGuard::decide(state, fact, config);
        decided.retain(|event| FAULT != FAILS_OPEN || !matches!(event, Event::StrategyReduced(_)));
        decided
    }

    fn next_deadline(state: &State, config: &StrategyGuardConfigured) -> Option<Timestamp> {
        StrategyGuard::next_deadline(state, config)
    }
}
