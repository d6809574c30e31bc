//! PerformanceAnalyst: looks at the trades of the last seven days at every tick of its schedule.
//!
//! | it reads | it decides |
//! |---|---|
//! | `TradeClosed`, `ClockFellBehind`, `ClockAcceptRequested` | nothing: it only remembers |
//! | `ScheduleFired` for `performance_analysis` | `PerformanceAnalyzed`, or `PerformanceAnalysisSkipped` with fewer than `min_trades` trades |
//! | the same, with a critical figure | `AlertRaised`; `AlertCleared` when no figure is critical any more |
//!
//! It asks nobody for advice itself: `trigger_ai_analysis` tells the adviser.

mod config;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use events::{Event, Fact, Family, FamilySet, PerformanceAnalystConfigured, Timestamp};

use crate::Decider;

pub use config::validate;
pub use state::State;

/// The schedule that this actor works by.
pub const SCHEDULE: &str = events::PERFORMANCE_ANALYSIS;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerformanceAnalyst;

impl Decider for PerformanceAnalyst {
    const NAME: &'static str = "performance_analyst";
    const RULES_VERSION: u32 = 3;
    const STATE_VERSION: u32 = 3;
    type Config = PerformanceAnalystConfigured;
    type State = State;

    fn interests() -> FamilySet {
        FamilySet::of(&[
            Family::Trade,
            Family::Schedule,
            Family::Clock,
            Family::Request,
            Family::Configuration,
        ])
    }

    fn configured(event: &Event) -> Option<&PerformanceAnalystConfigured> {
        match event {
            Event::PerformanceAnalystConfigured(config) => Some(config),
            _ => None,
        }
    }

    fn evolve(state: &mut State, fact: Fact<'_>) {
        state.evolve(fact);
    }

    fn decide(state: &State, fact: Fact<'_>, config: &PerformanceAnalystConfigured) -> Vec<Event> {
        match fact.event {
            Event::ScheduleFired(fired) if fired.kind() == SCHEDULE => {
                rules::analyse(state, fired.planned_at, config)
            }
            _ => Vec::new(),
        }
    }

    fn next_deadline(_: &State, _: &PerformanceAnalystConfigured) -> Option<Timestamp> {
        None
    }
}
