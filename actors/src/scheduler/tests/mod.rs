//! Given / when / then: planned, late, missed.

mod requests;
mod runs;
mod year;
mod zones;

use events::{
    ClockAcceptRequested, Event, MissReason, MissedRuns, Schedule, ScheduleFired, ScheduleMissed,
    SchedulerConfigured, TimerDue,
};

use super::{Scheduler, validate};
use crate::{
    Decider as _,
    testing::{Given, at, given},
};

fn configured(schedules: &[(&str, &str, MissedRuns)]) -> Event {
    let one = |(name, cron, missed): &(&str, &str, MissedRuns)| {
        ((*name).to_owned(), Schedule { missed: *missed, ..Schedule::cron(cron) })
    };
    let schedules = schedules.iter().map(one).collect();
    Event::SchedulerConfigured(SchedulerConfigured { schedules })
}

fn due(due_at: &str, noticed_at: &str) -> Event {
    let (due_at, noticed_at) = (at(due_at), at(noticed_at));
    Event::TimerDue(TimerDue { actor: Scheduler::NAME.into(), due_at, noticed_at })
}

fn fired(schedule: &str, planned_at: &str, missed: u32) -> Event {
    Event::ScheduleFired(ScheduleFired { missed, ..ScheduleFired::planned(schedule, at(planned_at)) })
}

fn missed(schedule: &str, reason: MissReason, first: &str, last: &str, count: u32) -> Event {
    let (first, last) = (at(first), at(last));
    Event::ScheduleMissed(ScheduleMissed { schedule: schedule.into(), reason, first, last, count })
}

fn given_at(since: &str, schedules: &[(&str, &str, MissedRuns)]) -> Given<Scheduler> {
    let mut given = given();
    given.when_at(at(since), configured(schedules));
    given
}

fn daily(missed: MissedRuns) -> Given<Scheduler> {
    given_at("2025-01-01T00:00:00Z", &[("daily", "0 1 * * *", missed)])
}

#[test]
fn a_moment_fires_once_and_the_next_is_planned() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T01:00:00Z")));
    let tick = || due("2025-01-01T01:00:00Z", "2025-01-01T01:00:00.2Z");
    assert_eq!(scheduler.when(tick()), [fired("daily", "2025-01-01T01:00:00Z", 0)]);
    assert!(scheduler.when(tick()).is_empty());
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-02T01:00:00Z")));
}

#[test]
fn moments_missed_while_down_are_made_up_for_once() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    let decided = scheduler.when(due("2025-01-01T01:00:00Z", "2025-01-04T12:00:00Z"));
    let left_out = missed("daily", MissReason::Skipped, "2025-01-01T01:00:00Z", "2025-01-03T01:00:00Z", 3);
    assert_eq!(decided, [left_out, fired("daily", "2025-01-04T01:00:00Z", 3)]);
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-05T01:00:00Z")));
}

#[test]
fn moments_missed_while_down_are_skipped_where_so_configured() {
    let mut scheduler = daily(MissedRuns::Skip);
    let decided = scheduler.when(due("2025-01-01T01:00:00Z", "2025-01-04T12:00:00Z"));
    let down = |first, last, count| missed("daily", MissReason::Down, first, last, count);
    assert_eq!(decided, [down("2025-01-01T01:00:00Z", "2025-01-04T01:00:00Z", 4)]);
    // Noticed in time, the newest moment still runs.
    let decided = scheduler.when(due("2025-01-05T01:00:00Z", "2025-01-06T01:00:30Z"));
    let yesterday = down("2025-01-05T01:00:00Z", "2025-01-05T01:00:00Z", 1);
    assert_eq!(decided, [yesterday, fired("daily", "2025-01-06T01:00:00Z", 1)]);
}

#[test]
fn a_schedule_of_every_minute_is_not_walked_for_years() {
    let minutely = [("minutely", "* * * * *", MissedRuns::RunOnce)];
    let mut scheduler = given_at("2015-01-01T00:00:00Z", &minutely);
    let decided = scheduler.when(due("2015-01-01T00:01:00Z", "2025-01-01T00:00:30Z"));
    let left_out =
        missed("minutely", MissReason::Skipped, "2015-01-01T00:01:00Z", "2024-12-31T23:59:00Z", 10_000);
    assert_eq!(decided, [left_out, fired("minutely", "2025-01-01T00:00:00Z", 10_000)]);
}

#[test]
fn schedules_that_fall_together_fire_together() {
    let both = [("a", "0 1 * * *", MissedRuns::RunOnce), ("b", "0 */1 * * *", MissedRuns::RunOnce)];
    let mut scheduler = given_at("2025-01-01T00:30:00Z", &both);
    let decided = scheduler.when(due("2025-01-01T01:00:00Z", "2025-01-01T01:00:00Z"));
    assert_eq!(decided, [fired("a", "2025-01-01T01:00:00Z", 0), fired("b", "2025-01-01T01:00:00Z", 0)]);
}

#[test]
fn an_unchanged_schedule_keeps_its_plan_over_a_restart() {
    let (mut scheduler, later) = (daily(MissedRuns::RunOnce), at("2025-01-03T12:00:00Z"));
    scheduler.when_at(later, configured(&[("daily", "0 1 * * *", MissedRuns::Skip)]));
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T01:00:00Z")));
    let told = scheduler.when_at(later, configured(&[("daily", "0 2 * * *", MissedRuns::Skip)]));
    let old = missed("daily", MissReason::Down, "2025-01-01T01:00:00Z", "2025-01-03T01:00:00Z", 3);
    assert_eq!(told, [old], "what the old plan left behind");
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-04T02:00:00Z")));
    scheduler.when_at(later, configured(&[]));
    assert_eq!(scheduler.fold.next_deadline(), None);
}

#[test]
fn timers_of_others_fire_nothing() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    let (due_at, noticed_at) = (at("2025-01-01T01:00:00Z"), at("2025-01-01T01:00:00Z"));
    let other = TimerDue { actor: "strategy_guard".into(), due_at, noticed_at };
    assert!(scheduler.when(Event::TimerDue(other)).is_empty());
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let Event::SchedulerConfigured(config) = configured(&[
        ("bad", "every day", MissedRuns::RunOnce),
        ("good", "*/5 * * * *", MissedRuns::RunOnce),
        ("never", "0 0 30 2 *", MissedRuns::RunOnce),
        ("seven fields", "0 0 1 * * * 2025", MissedRuns::RunOnce),
        ("seconds", "0 0 1 * * *", MissedRuns::RunOnce),
    ]) else {
        panic!("not a configuration");
    };
    let keys: Vec<_> = validate(&config).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["bad.cron", "never.cron", "seven fields.name", "seven fields.cron"]);
}

fn accepted(clock: &str) -> Event {
    Event::ClockAcceptRequested(ClockAcceptRequested { clock: at(clock), reason: "it ran ahead".into() })
}

#[test]
fn a_schedule_that_fired_ten_years_ahead_fires_tomorrow_once_the_clock_is_accepted() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    scheduler.when(due("2025-01-01T01:00:00Z", "2035-01-01T11:00:00Z"));
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2035-01-02T01:00:00Z")));
    assert!(scheduler.when(accepted("2025-01-01T12:00:00Z")).is_empty());
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-02T01:00:00Z")));
    let tomorrow = scheduler.when(due("2025-01-02T01:00:00Z", "2025-01-02T01:00:00.1Z"));
    assert_eq!(tomorrow, [fired("daily", "2025-01-02T01:00:00Z", 0)]);
}

#[test]
fn a_moment_that_fired_by_a_clock_that_ran_ahead_never_fires_twice() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    // Two days ahead, for two days: the 3rd (for the 1st and 2nd, too) and the 4th.
    scheduler.when(due("2025-01-01T01:00:00Z", "2025-01-03T02:00:00Z"));
    scheduler.when(due("2025-01-04T01:00:00Z", "2025-01-04T01:00:00Z"));
    scheduler.when(accepted("2025-01-01T12:00:00Z"));
    let mut planned = Vec::new();
    for _ in 0..3 {
        let next = scheduler.fold.next_deadline().unwrap().to_string();
        planned.extend(scheduler.when(due(&next, &next)));
    }
    let days = ["2025-01-02T01:00:00Z", "2025-01-05T01:00:00Z", "2025-01-06T01:00:00Z"];
    assert_eq!(planned, days.map(|day| fired("daily", day, 0)));
}

#[test]
fn moments_that_fired_ahead_are_not_made_up_for_after_a_time_down() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    scheduler.when(due("2025-01-01T01:00:00Z", "2025-01-03T02:00:00Z"));
    scheduler.when(accepted("2025-01-01T12:00:00Z"));
    let decided = scheduler.when(due("2025-01-02T01:00:00Z", "2025-01-03T12:00:00Z"));
    assert_eq!(decided, [fired("daily", "2025-01-02T01:00:00Z", 0)]);
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-04T01:00:00Z")));
}

#[test]
fn a_clock_that_is_accepted_when_nothing_ran_ahead_changes_no_plan() {
    let mut scheduler = daily(MissedRuns::RunOnce);
    scheduler.when(accepted("2025-01-01T00:30:00Z"));
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T01:00:00Z")));
    scheduler.when(accepted("2025-01-02T12:00:00Z"));
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T01:00:00Z")), "it is due");
}
