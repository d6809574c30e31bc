//! StrategyGuard with a fault of a test's choice.

use std::{
    fmt::Debug,
    marker::PhantomData,
    thread,
    time::{Duration, Instant},
};

use actors::{Decider, StrategyGuard};
use events::{Event, Fact, FamilySet, NewEvent, StrategyGuardConfigured, Timestamp};

use crate::{at, fact, trade};

/// What goes wrong, and in which function.
pub trait Fault: Clone + Debug + PartialEq + Send + 'static {
    /// Before a fact is folded.
    fn folding(_: &Fact<'_>) {}

    /// Before a fact is decided on; events are decided in the place of the guard's.
    #[must_use]
    fn deciding(_: &Fact<'_>) -> Option<Vec<Event>> {
        None
    }
}

/// StrategyGuard with that fault.
#[derive(Clone, Debug, PartialEq)]
pub struct Faulty<F>(PhantomData<F>);

impl<F: Fault> Decider for Faulty<F> {
    const NAME: &'static str = StrategyGuard::NAME;
    const RULES_VERSION: u32 = StrategyGuard::RULES_VERSION;
    const STATE_VERSION: u32 = StrategyGuard::STATE_VERSION;
    const GUARDS: bool = true;
    type Config = StrategyGuardConfigured;
    type State = <StrategyGuard as Decider>::State;

    fn interests() -> FamilySet {
        StrategyGuard::interests()
    }

    fn configured(event: &Event) -> Option<&StrategyGuardConfigured> {
        StrategyGuard::configured(event)
    }

    fn evolve(state: &mut Self::State, fact: Fact<'_>) {
        F::folding(&fact);
        StrategyGuard::evolve(state, fact);
    }

    fn decide(state: &Self::State, fact: Fact<'_>, config: &StrategyGuardConfigured) -> Vec<Event> {
        F::deciding(&fact).unwrap_or_else(|| StrategyGuard::decide(state, fact, config))
    }

    fn next_deadline(state: &Self::State, config: &StrategyGuardConfigured) -> Option<Timestamp> {
        StrategyGuard::next_deadline(state, config)
    }
}

/// Whether it is the trade at which things go wrong.
#[must_use]
pub fn is_poison(fact: &Fact<'_>) -> bool {
    matches!(fact.event, Event::TradeClosed(trade) if trade.trade_id == "poison")
}

/// Lost trades with these ids, one a second: two of them halt.
#[must_use]
pub fn losses(ids: &[&str]) -> Vec<NewEvent> {
    let one = |(n, id): (usize, &&str)| {
        fact(trade("rsi", id, "-6", at("2025-03-03T00:00:00Z").plus_seconds(n as i64)))
    };
    ids.iter().enumerate().map(one).collect()
}

/// Waits for something that another thread does.
///
/// # Panics
/// When it does not happen.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(Instant::now() < end, "{what} did not happen");
        thread::sleep(Duration::from_millis(10));
    }
}
