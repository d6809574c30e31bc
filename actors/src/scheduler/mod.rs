//! Scheduler: fires schedules at their planned moments, each moment once.
//!
//! | it reads | it decides |
//! |---|---|
//! | `SchedulerConfigured` | nothing but what plans that are gone left behind, as `ScheduleMissed` |
//! | `TimerDue` of its own | `ScheduleFired` or `ScheduleMissed` for every planned moment that has passed |
//! | `Schedule…Requested` of operators | `ScheduleCreated`, `ScheduleChanged`, `ScheduleDeleted`, `SchedulePaused`, `ScheduleResumed`, `ScheduleFired`; or `ScheduleRefused` |
//! | the outcome of a run | `ScheduleFired` for what was queued behind it |
//! | `ClockAcceptRequested` | nothing: it plans anew from the clock as it is |
//!
//! Every planned moment ends once: it fires, or it is one of a stretch that is told as missed, with the reason. What a
//! schedule is for is done by whoever reads `ScheduleFired`. A moment that fired by a clock that ran ahead does not fire
//! again when it comes.

mod config;
mod kinds;
mod requests;
mod rules;
mod state;
#[cfg(test)]
mod tests;
mod timing;

use events::{Event, Fact, Family, FamilySet, Schedule, SchedulerConfigured, Timestamp};

use crate::Decider;

pub use config::{unknown_kind, validate};
pub use kinds::{ALL as KINDS, Kind};
pub use state::{MadeBy, Planned, Run, State};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheduler;

impl Decider for Scheduler {
    const NAME: &'static str = "scheduler";
    const RULES_VERSION: u32 = 2;
    const STATE_VERSION: u32 = 4;
    type Config = SchedulerConfigured;
    type State = State;

    fn interests() -> FamilySet {
        FamilySet::of(&[Family::Timer, Family::Request, Family::Configuration, Family::Performance])
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
            Event::SchedulerConfigured(_) => {
                state.left_behind.iter().cloned().map(Event::ScheduleMissed).collect()
            }
            other if kinds::outcome(other).is_some() => rules::after_run(state, fact.occurred_at),
            other => requests::decide(state, other, fact.occurred_at),
        }
    }

    fn next_deadline(state: &State, _: &SchedulerConfigured) -> Option<Timestamp> {
        state.next_due()
    }
}

/// The next planned moments of a schedule after another moment, at most so many.
#[must_use]
pub fn next_planned(schedule: &Schedule, after: Timestamp, most: usize) -> Vec<Timestamp> {
    let Some(plan) = schedule.enabled.then(|| timing::Plan::of(schedule).ok()).flatten() else {
        return Vec::new();
    };
    std::iter::successors(plan.next_after(after), |at| plan.next_after(*at)).take(most).collect()
}
