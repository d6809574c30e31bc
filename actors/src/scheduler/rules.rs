//! What is due, what was missed.

use events::{Event, MissedRuns, ScheduleFired, ScheduleMissed, TimerDue, Timestamp};

use super::{
    cron,
    state::{Planned, State},
};

/// A planned moment noticed within this time is on time.
const ON_TIME_S: i64 = 60;

/// Missed moments are counted up to here: a schedule of every minute that was off for months need not be walked.
const MAX_COUNTED: u32 = 10_000;

/// Fires every schedule that is due at a timer.
pub(super) fn fire(state: &State, timer: &TimerDue) -> Vec<Event> {
    let due = |planned: &Planned| planned.next.is_some_and(|next| next <= timer.due_at);
    let schedules = state.schedules.iter().filter(|(_, planned)| due(planned));
    schedules.filter_map(|(name, planned)| fire_one(name, planned, timer.noticed_at)).collect()
}

fn fire_one(schedule: &str, planned: &Planned, noticed_at: Timestamp) -> Option<Event> {
    let (planned_at, missed) = last_passed(planned, noticed_at)?;
    let schedule = schedule.to_owned();
    let on_time = noticed_at <= planned_at.plus_seconds(ON_TIME_S);
    Some(match planned.schedule.missed {
        MissedRuns::Skip if !on_time => {
            Event::ScheduleMissed(ScheduleMissed { schedule, planned_at, missed: missed + 1 })
        }
        _ => Event::ScheduleFired(ScheduleFired { schedule, planned_at, missed }),
    })
}

/// The last planned moment that has passed, and how many passed before it.
fn last_passed(planned: &Planned, noticed_at: Timestamp) -> Option<(Timestamp, u32)> {
    let (mut last, mut missed) = (planned.next?, 0);
    while let Some(next) = planned.next_after(last).filter(|next| *next <= noticed_at) {
        if missed == MAX_COUNTED {
            return Some((cron::last_until(&planned.schedule.cron, noticed_at).unwrap_or(last), missed));
        }
        (last, missed) = (next, missed + 1);
    }
    Some((last, missed))
}
