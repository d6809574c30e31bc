//! Scheduler: fires schedules at their planned moments, each moment once.
//!
//! | it reads | it decides |
//! |---|---|
//! | `SchedulerConfigured` | nothing: it plans |
//! | `TimerDue` of its own | `ScheduleFired` for every schedule that is due, or `ScheduleMissed` |
//! | `ClockAcceptRequested` | nothing: it plans anew from the clock as it is |
//!
//! It does not know what a schedule is for. A moment that passed while nothing ran is made up for or skipped, as the
//! schedule says. A moment that fired by a clock that ran ahead does not fire again when it comes.

mod config;
mod cron;
mod rules;
mod state;
#[cfg(test)]
mod tests;

use events::{Event, Fact, Family, FamilySet, SchedulerConfigured, Timestamp};

use crate::Decider;

pub use config::validate;
pub use state::State;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduler;

impl Decider for Scheduler {
    const NAME: &'static str = "scheduler";
    const RULES_VERSION: u32 = 1;
    const STATE_VERSION: u32 = 3;
    type Config = SchedulerConfigured;
    type State = State;

    fn interests() -> FamilySet {
        FamilySet::of(&[Family::Timer, Family::Request, Family::Configuration])
    }

    fn configured(event: &Event) -> Option<&SchedulerConfigured> {
        match event {
            Event::SchedulerConfigured(config) => Some(config),
            _ => None,
        }
    }

    fn evolve(state: &mut State, fact: Fact<'_>) {
        state.evolve(fact);
    }

    fn decide(state: &State, fact: Fact<'_>, _: &SchedulerConfigured) -> Vec<Event> {
        match fact.event {
            Event::TimerDue(timer) if timer.actor == Self::NAME => rules::fire(state, timer),
            _ => Vec::new(),
        }
    }

    fn next_deadline(state: &State, _: &SchedulerConfigured) -> Option<Timestamp> {
        state.next_due()
    }
}
