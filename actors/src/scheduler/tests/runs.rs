//! Runs that last, runs that are made up for, runs that are put off.

use events::{
    Event, MissReason, MissedRuns, Overlap, PERFORMANCE_ANALYSIS as SCHEDULE, PerformanceAnalysisSkipped,
    Schedule, ScheduleFired, SkipReason,
};

use super::{Scheduler, due, fired, missed};
use crate::testing::{Given, at, given};

/// An analysis every ten minutes from 00:00 on.
fn analysis(change: impl FnOnce(&mut Schedule)) -> Given<Scheduler> {
    let mut schedule = Schedule::every(600);
    change(&mut schedule);
    let schedules = [(SCHEDULE.to_owned(), schedule)].into();
    let mut given = given();
    let configured = Event::SchedulerConfigured(events::SchedulerConfigured { schedules });
    given.when_at(at("2025-01-01T00:00:00Z"), configured);
    given
}

fn in_time(scheduler: &mut Given<Scheduler>, moment: &str) -> Vec<Event> {
    scheduler.when(due(moment, moment))
}

/// The outcome of the run of a moment, which comes at another.
fn outcome(scheduler: &mut Given<Scheduler>, planned_at: &str, moment: &str) -> Vec<Event> {
    let skipped = PerformanceAnalysisSkipped {
        planned_at: at(planned_at),
        window_start: at(planned_at),
        window_end: at(planned_at),
        trades: 1,
        min_trades: 10,
        reason: SkipReason::TooFewTrades,
    };
    scheduler.when_at(at(moment), Event::PerformanceAnalysisSkipped(skipped))
}

#[test]
fn a_moment_while_the_run_before_is_not_over_is_left_out() {
    let mut scheduler = analysis(|_| {});
    assert_eq!(in_time(&mut scheduler, "2025-01-01T00:10:00Z"), [fired(SCHEDULE, "2025-01-01T00:10:00Z", 0)]);
    let left_out = missed(SCHEDULE, MissReason::Overlap, "2025-01-01T00:20:00Z", "2025-01-01T00:20:00Z", 1);
    assert_eq!(in_time(&mut scheduler, "2025-01-01T00:20:00Z"), [left_out]);
    assert!(outcome(&mut scheduler, "2025-01-01T00:10:00Z", "2025-01-01T00:21:00Z").is_empty());
    assert_eq!(in_time(&mut scheduler, "2025-01-01T00:30:00Z"), [fired(SCHEDULE, "2025-01-01T00:30:00Z", 0)]);
}

#[test]
fn a_run_whose_outcome_never_comes_counts_as_over_after_its_longest_time() {
    let mut scheduler = analysis(|_| {});
    in_time(&mut scheduler, "2025-01-01T00:10:00Z");
    assert_eq!(in_time(&mut scheduler, "2025-01-01T00:20:00Z").len(), 1);
    let later = in_time(&mut scheduler, "2025-01-01T01:10:00Z");
    assert_eq!(later.last(), Some(&fired(SCHEDULE, "2025-01-01T01:10:00Z", 4)), "{later:?}");
}

#[test]
fn the_first_moment_that_overlaps_is_queued_and_the_others_are_left_out() {
    let mut scheduler = analysis(|schedule| schedule.overlap = Overlap::QueueOne);
    in_time(&mut scheduler, "2025-01-01T00:10:00Z");
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T01:10:00Z")), "when it counts as over");
    assert!(
        outcome(&mut scheduler, "2025-01-01T00:00:00Z", "2025-01-01T00:41:00Z").is_empty(),
        "another run"
    );
    let decided = outcome(&mut scheduler, "2025-01-01T00:10:00Z", "2025-01-01T00:41:00Z");
    let left_out = missed(SCHEDULE, MissReason::Overlap, "2025-01-01T00:30:00Z", "2025-01-01T00:40:00Z", 2);
    assert_eq!(decided, [fired(SCHEDULE, "2025-01-01T00:20:00Z", 0), left_out]);
    assert!(outcome(&mut scheduler, "2025-01-01T00:20:00Z", "2025-01-01T00:42:00Z").is_empty());
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T00:50:00Z")));
}

#[test]
fn what_is_queued_behind_a_run_without_an_outcome_fires_when_that_counts_as_over() {
    let mut scheduler = analysis(|schedule| schedule.overlap = Overlap::QueueOne);
    in_time(&mut scheduler, "2025-01-01T00:10:00Z");
    let decided = in_time(&mut scheduler, "2025-01-01T01:10:00Z");
    let left_out = missed(SCHEDULE, MissReason::Overlap, "2025-01-01T00:30:00Z", "2025-01-01T01:10:00Z", 5);
    assert_eq!(decided, [fired(SCHEDULE, "2025-01-01T00:20:00Z", 0), left_out]);
}

#[test]
fn runs_that_may_overlap_do() {
    let mut scheduler = analysis(|schedule| schedule.overlap = Overlap::Allow);
    for moment in ["2025-01-01T00:10:00Z", "2025-01-01T00:20:00Z"] {
        assert_eq!(in_time(&mut scheduler, moment), [fired(SCHEDULE, moment, 0)]);
    }
}

#[test]
fn every_missed_moment_is_made_up_for_up_to_the_limit() {
    let mut scheduler = analysis(|schedule| (schedule.missed, schedule.limit) = (MissedRuns::RunAll, 2));
    let decided = scheduler.when(due("2025-01-01T00:10:00Z", "2025-01-01T00:45:00Z"));
    let left_out = missed(SCHEDULE, MissReason::Skipped, "2025-01-01T00:10:00Z", "2025-01-01T00:20:00Z", 2);
    let made_up = ["2025-01-01T00:30:00Z", "2025-01-01T00:40:00Z"].map(|moment| fired(SCHEDULE, moment, 0));
    assert_eq!(decided, [vec![left_out], made_up.to_vec()].concat());
}

#[test]
fn the_newest_of_very_many_missed_moments_are_made_up_for() {
    let change = |schedule: &mut Schedule| {
        *schedule = Schedule { missed: MissedRuns::RunAll, limit: 3, ..Schedule::every(1) };
    };
    let mut scheduler = analysis(change);
    let decided = scheduler.when(due("2025-01-01T00:00:01Z", "2025-01-08T00:00:00.5Z"));
    let left_out =
        missed(SCHEDULE, MissReason::Skipped, "2025-01-01T00:00:01Z", "2025-01-07T23:59:57Z", 10_000);
    let newest = ["2025-01-07T23:59:58Z", "2025-01-07T23:59:59Z", "2025-01-08T00:00:00Z"];
    assert_eq!(decided, [vec![left_out], newest.map(|moment| fired(SCHEDULE, moment, 0)).to_vec()].concat());
}

#[test]
fn a_run_is_put_off_by_no_more_than_the_jitter_and_keeps_its_planned_moment() {
    let mut scheduler = analysis(|schedule| schedule.jitter_s = 60);
    let due_at = scheduler.fold.next_deadline().unwrap();
    assert!(at("2025-01-01T00:10:00Z") < due_at && due_at < at("2025-01-01T00:11:00Z"), "{due_at}");
    let due_at = due_at.to_string();
    assert_eq!(in_time(&mut scheduler, &due_at), [fired(SCHEDULE, "2025-01-01T00:10:00Z", 0)]);
}

#[test]
fn a_schedule_tells_its_job() {
    let mut scheduler = analysis(|schedule| {
        schedule.job = Some("performance_analysis".into());
    });
    let decided = in_time(&mut scheduler, "2025-01-01T00:10:00Z");
    let [Event::ScheduleFired(ScheduleFired { job, .. })] = &decided[..] else {
        panic!("{decided:?}");
    };
    assert_eq!(job.as_deref(), Some("performance_analysis"));
}

#[test]
fn a_schedule_that_is_not_enabled_plans_nothing() {
    assert_eq!(analysis(|schedule| schedule.enabled = false).fold.next_deadline(), None);
}
