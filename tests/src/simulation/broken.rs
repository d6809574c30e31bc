//! Guards and analysts that are broken on purpose, to see that the checks would find them.

use actors::{Decider, PerformanceAnalyst, StrategyGuard};
use events::{
    Decimal, Event, Fact, Family, FamilySet, PerformanceAnalystConfigured, StrategyGuardConfigured,
    Timestamp, TradeClosed,
};

type State = <StrategyGuard as Decider>::State;

/// A guard with a fault: [`FOLDS_TWICE`], [`FAILS_OPEN`], [`DROPS_ZEROS`] or [`ROUNDS`].
#[derive(Clone, Debug, PartialEq)]
pub struct Broken<const FAULT: usize>;

/// It folds its own decisions also when they come back from the log.
pub const FOLDS_TWICE: usize = 0;
/// It halts, but never reduces.
pub const FAILS_OPEN: usize = 1;
/// It counts no trade that made a zero with decimals.
pub const DROPS_ZEROS: usize = 2;
/// It adds up percents of ten decimal places.
pub const ROUNDS: usize = 3;

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
        match fact.event {
            Event::TradeClosed(trade) if FAULT == DROPS_ZEROS && is_zero_with_decimals(trade.profit) => {}
            Event::TradeClosed(trade) if FAULT == ROUNDS => {
                let profit_pct = trade.profit_pct.round_dp(10);
                let event = &Event::TradeClosed(TradeClosed { profit_pct, ..trade.clone() });
                StrategyGuard::evolve(state, Fact { event, ..fact });
            }
            _ => StrategyGuard::evolve(state, fact),
        }
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

fn is_zero_with_decimals(number: Decimal) -> bool {
    number.is_zero() && number.scale() > 0
}

/// An analyst with a fault: [`TAKES_THE_MOMENT`] or [`LOSES_DRAWS`].
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenAnalyst<const FAULT: usize>;

/// A trade closed exactly at the planned moment is in its window.
pub const TAKES_THE_MOMENT: usize = 0;
/// Draws are lost trades.
pub const LOSES_DRAWS: usize = 1;

impl<const FAULT: usize> Decider for BrokenAnalyst<FAULT> {
    const NAME: &'static str = PerformanceAnalyst::NAME;
    const RULES_VERSION: u32 = PerformanceAnalyst::RULES_VERSION;
    const STATE_VERSION: u32 = PerformanceAnalyst::STATE_VERSION;
    type Config = PerformanceAnalystConfigured;
    type State = <PerformanceAnalyst as Decider>::State;

    fn interests() -> FamilySet {
        PerformanceAnalyst::interests()
    }

    fn configured(event: &Event) -> Option<&PerformanceAnalystConfigured> {
        PerformanceAnalyst::configured(event)
    }

    fn evolve(state: &mut Self::State, fact: Fact<'_>) {
        let Event::TradeClosed(trade) = fact.event else { return PerformanceAnalyst::evolve(state, fact) };
        let mut changed = trade.clone();
        if FAULT == TAKES_THE_MOMENT {
            changed.closed_at = trade.closed_at.plus_micros(-1);
        } else if trade.profit.is_zero() {
            changed.profit = -Decimal::new(1, 28);
        }
        PerformanceAnalyst::evolve(state, Fact { event: &Event::TradeClosed(changed), ..fact });
    }

    fn decide(state: &Self::State, fact: Fact<'_>, config: &PerformanceAnalystConfigured) -> Vec<Event> {
        PerformanceAnalyst::decide(state, fact, config)
    }

    fn next_deadline(state: &Self::State, config: &PerformanceAnalystConfigured) -> Option<Timestamp> {
        PerformanceAnalyst::next_deadline(state, config)
    }
}
