//! StrategyGuard: halts a strategy that loses too much, and reduces one that it cannot judge.
//!
//! | it reads | it decides |
//! |---|---|
//! | `TradeClosed` of an ACTIVE or REDUCING strategy | `StrategyDisabled` on any breached rule, with an alert |
//! | `TradeClosed` of a HALTED strategy | `TradeAfterHalt`, once for each halt; an alert on the first that was opened after it |
//! | `TradeClosed` that is too old, the third in a row | an alert |
//! | a rule that fails, `RecordRejected`, `SourceStalled`, silence (`TimerDue`) | `StrategyReduced` while that lasts, then `StrategyEnabled` |
//! | `RecordRejected` of no known strategy | an alert; with the third within ten minutes the same for every strategy |
//! | `ClockFellBehind`, until `ClockCaughtUp` or `ClockAcceptRequested` | an alert and the same for every strategy |
//! | `RecordsMissing` | `AlertRaised` |
//! | `HaltMissed` of a strategy that is not HALTED | the halt that was missed, with an alert |
//! | `StrategyDisableRequested` | `StrategyDisabled` by the operator, or `StrategyKeptHalted` |
//! | `StrategyEnableRequested` | `StrategyEnabled` by the operator, or `StrategyEnableRefused` |
//!
//! It closes no position and enables no halted strategy by itself.

mod config;
mod day;
mod evidence;
mod halt;
mod outside;
mod reduce;
mod requests;
mod rules;
mod standing;
mod state;
#[cfg(test)]
mod tests;
mod unattributed;

use events::{Event, Fact, Family, FamilySet, StrategyGuardConfigured, Timestamp};

use crate::Decider;

pub use config::validate;
pub use standing::{ConsecutiveLosses, DailyLoss, Limits, Reducing, Standing, WinRate, standing};
pub use state::{Rejected, State};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrategyGuard;

impl Decider for StrategyGuard {
    const NAME: &'static str = "strategy_guard";
    const RULES_VERSION: u32 = 4;
    const STATE_VERSION: u32 = 4;
    const GUARDS: bool = true;
    type Config = StrategyGuardConfigured;
    type State = State;

    fn interests() -> FamilySet {
        FamilySet::of(&[
            Family::Trade,
            Family::Ingest,
            Family::Request,
            Family::Timer,
            Family::Clock,
            Family::Configuration,
            Family::Host,
        ])
    }

    fn configured(event: &Event) -> Option<&StrategyGuardConfigured> {
        match event {
            Event::StrategyGuardConfigured(config) => Some(config),
            _ => None,
        }
    }

    fn evolve(state: &mut State, fact: Fact<'_>) {
        state.evolve(fact);
    }

    fn decide(state: &State, fact: Fact<'_>, config: &StrategyGuardConfigured) -> Vec<Event> {
        rules::decide(state, fact, config, &rules::RULES)
    }

    fn next_deadline(state: &State, config: &StrategyGuardConfigured) -> Option<Timestamp> {
        reduce::next_deadline(state, config)
    }
}
