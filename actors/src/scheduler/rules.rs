//! What is due, what was missed.

use std::collections::VecDeque;

use events::{
    Event, MissReason, MissedRuns, Overlap, ScheduleFired, ScheduleMissed, TimerDue, Timestamp, Trigger,
};

use super::state::{Planned, State};

/// A planned moment noticed within this time is on time.
const ON_TIME_S: i64 = 60;

/// Missed moments are counted up to here: a schedule of every minute that was off for months need not be walked.
const MAX_COUNTED: u32 = 10_000;

/// Planned moments that have passed.
struct Passed {
    first: Timestamp,
    last: Timestamp,
    /// All of them, capped.
    count: u32,
    /// The newest of them, at most one more than the schedule makes up for, oldest first.
    newest: Vec<Timestamp>,
}

/// Fires every schedule that is due at a timer.
pub(super) fn fire(state: &State, timer: &TimerDue) -> Vec<Event> {
    let due = |(name, planned): &(&String, &Planned)| {
        state.due_at(name, planned).is_some_and(|due_at| due_at <= timer.due_at)
    };
    let due = state.schedules.iter().filter(due);
    due.flat_map(|(name, planned)| fire_one(name, planned, timer.noticed_at)).collect()
}

/// Fires what was queued behind a run that has just ended.
pub(super) fn after_run(state: &State, moment: Timestamp) -> Vec<Event> {
    let waits = |(name, planned): &(&String, &Planned)| {
        let is_due = state.due_at(name, planned).is_some_and(|due_at| due_at <= moment);
        planned.schedule.overlap == Overlap::QueueOne && planned.running.is_none() && is_due
    };
    let waiting = state.schedules.iter().filter(waits);
    waiting.flat_map(|(name, planned)| queued(name, planned, moment)).collect()
}

fn fire_one(name: &str, planned: &Planned, noticed_at: Timestamp) -> Vec<Event> {
    if planned.schedule.overlap == Overlap::QueueOne && planned.running.is_some() {
        return queued(name, planned, noticed_at);
    }
    if planned.schedule.overlap == Overlap::Skip && planned.is_running(noticed_at) {
        return missed(name, planned, MissReason::Overlap, noticed_at)
            .map(Event::ScheduleMissed)
            .into_iter()
            .collect();
    }
    let Some(passed) = passed(name, planned, noticed_at) else { return Vec::new() };
    let on_time = noticed_at <= planned.due_at(name, passed.last).plus_seconds(ON_TIME_S);
    let (kept, reason) = match planned.schedule.missed {
        MissedRuns::Skip if !on_time => (0, MissReason::Down),
        MissedRuns::Skip => (1, MissReason::Down),
        MissedRuns::RunOnce | MissedRuns::RunAll => (most_kept(planned), MissReason::Skipped),
    };
    let (left_out, kept) = passed.newest.split_at(passed.newest.len().saturating_sub(kept));
    let count = (passed.count - kept.len() as u32).min(MAX_COUNTED);
    let stretch = |last: &Timestamp| ScheduleMissed {
        schedule: name.to_owned(),
        reason,
        first: passed.first,
        last: *last,
        count,
    };
    let mut decided: Vec<_> = left_out.last().map(stretch).map(Event::ScheduleMissed).into_iter().collect();
    let stands_for = if kept.len() == 1 { count } else { 0 };
    decided.extend(kept.iter().map(|moment| fired(name, planned, *moment, stands_for)));
    decided
}

/// The first moment that passed while a run was not over fires, the others are left out.
fn queued(name: &str, planned: &Planned, moment: Timestamp) -> Vec<Event> {
    let Some(first) = planned.next else { return Vec::new() };
    let mut decided = vec![fired(name, planned, first, 0)];
    let others = Planned { next: planned.next_after(first), ..planned.clone() };
    decided.extend(missed(name, &others, MissReason::Overlap, moment).map(Event::ScheduleMissed));
    decided
}

pub(super) fn fired(name: &str, planned: &Planned, planned_at: Timestamp, missed: u32) -> Event {
    Event::ScheduleFired(ScheduleFired {
        schedule: name.to_owned(),
        job: planned.schedule.job.clone(),
        planned_at,
        missed,
        trigger: Trigger::Schedule,
    })
}

/// All planned moments up to one as missed; nothing when there is none.
pub(super) fn missed(
    name: &str,
    planned: &Planned,
    reason: MissReason,
    until: Timestamp,
) -> Option<ScheduleMissed> {
    let Passed { first, last, count, .. } = passed(name, planned, until)?;
    Some(ScheduleMissed { schedule: name.to_owned(), reason, first, last, count: count.min(MAX_COUNTED) })
}

/// The planned moments that are due by a moment.
fn passed(name: &str, planned: &Planned, moment: Timestamp) -> Option<Passed> {
    let plan = planned.plan()?;
    let is_due = |at: &Timestamp| planned.due_at(name, *at) <= moment;
    let first = planned.next.filter(is_due)?;
    let most = most_kept(planned) + 1;
    let mut newest = VecDeque::from([first]);
    let (mut last, mut count) = (first, 1);
    while let Some(next) = planned.unfired_after(&plan, last).filter(is_due) {
        if count == MAX_COUNTED {
            let newest: Vec<_> = plan.newest_until(next, moment, most).into_iter().filter(is_due).collect();
            let count = MAX_COUNTED + newest.len() as u32;
            return Some(Passed { first, last: *newest.last()?, count, newest });
        }
        (last, count) = (next, count + 1);
        newest.push_back(next);
        if newest.len() > most {
            newest.pop_front();
        }
    }
    Some(Passed { first, last, count, newest: newest.into() })
}

/// How many passed moments a schedule makes up for at most.
fn most_kept(planned: &Planned) -> usize {
    match planned.schedule.missed {
        MissedRuns::RunAll => planned.schedule.limit as usize,
        MissedRuns::RunOnce | MissedRuns::Skip => 1,
    }
}
