//! What operators ask of schedules.

use events::{
    Event, MissReason, MissedRuns, Schedule, ScheduleChanged, ScheduleCreateRequested, ScheduleCreated,
    ScheduleDeleteRequested, ScheduleDeleted, ScheduleFired, SchedulePauseRequested, SchedulePaused,
    ScheduleRefusal, ScheduleResumeRequested, ScheduleResumed, ScheduleRunRequested, ScheduleSetRequested,
    Trigger,
};

use super::{Scheduler, configured, due, fired, given_at, missed};
use crate::testing::{Given, at};

const NOON: &str = "2025-01-01T12:00:00Z";

/// A daily analysis of the configuration, and an hourly schedule that was made by command at 12:00.
fn scheduler() -> Given<Scheduler> {
    let mut scheduler = given_at(NOON, &[("performance_analysis", "0 1 * * *", MissedRuns::RunOnce)]);
    let made = asked(&mut scheduler, NOON, create("hourly", Schedule::cron("0 * * * *")));
    let definition = Schedule::cron("0 * * * *");
    assert_eq!(made, [Event::ScheduleCreated(ScheduleCreated { schedule: "hourly".into(), definition })]);
    scheduler
}

fn asked(scheduler: &mut Given<Scheduler>, moment: &str, request: Event) -> Vec<Event> {
    scheduler.when_at(at(moment), request)
}

fn reason() -> String {
    "tested".to_owned()
}

fn create(schedule: &str, definition: Schedule) -> Event {
    let schedule = schedule.to_owned();
    Event::ScheduleCreateRequested(ScheduleCreateRequested { schedule, definition, reason: reason() })
}

fn set(schedule: &str, definition: Schedule, confirm: Option<&str>) -> Event {
    let (schedule, confirm) = (schedule.to_owned(), confirm.map(str::to_owned));
    Event::ScheduleSetRequested(ScheduleSetRequested { schedule, definition, confirm, reason: reason() })
}

fn delete(schedule: &str, confirm: Option<&str>) -> Event {
    let (schedule, confirm) = (schedule.to_owned(), confirm.map(str::to_owned));
    Event::ScheduleDeleteRequested(ScheduleDeleteRequested { schedule, confirm, reason: reason() })
}

fn pause(schedule: Option<&str>, confirm: Option<&str>) -> Event {
    let (schedule, confirm) = (schedule.map(str::to_owned), confirm.map(str::to_owned));
    Event::SchedulePauseRequested(SchedulePauseRequested { schedule, confirm, reason: reason() })
}

fn resume(schedule: Option<&str>) -> Event {
    let schedule = schedule.map(str::to_owned);
    Event::ScheduleResumeRequested(ScheduleResumeRequested { schedule, reason: reason() })
}

fn run(schedule: &str) -> Event {
    Event::ScheduleRunRequested(ScheduleRunRequested { schedule: schedule.to_owned(), reason: reason() })
}

fn paused(schedule: Option<&str>) -> Event {
    Event::SchedulePaused(SchedulePaused { schedule: schedule.map(str::to_owned) })
}

fn resumed(schedule: Option<&str>) -> Event {
    Event::ScheduleResumed(ScheduleResumed { schedule: schedule.map(str::to_owned) })
}

/// Why the only decision refuses.
fn refusal(decided: &[Event]) -> ScheduleRefusal {
    let [Event::ScheduleRefused(refused)] = decided else { panic!("not refused: {decided:?}") };
    assert!(!refused.detail.is_empty());
    refused.refusal
}

#[test]
fn a_schedule_made_by_command_fires_and_outlives_a_restart() {
    let mut scheduler = scheduler();
    assert_eq!(
        scheduler.when(due("2025-01-01T13:00:00Z", "2025-01-01T13:00:00Z")),
        [fired("hourly", "2025-01-01T13:00:00Z", 0)]
    );
    let restart = configured(&[("performance_analysis", "0 1 * * *", MissedRuns::RunOnce)]);
    assert!(asked(&mut scheduler, "2025-01-01T13:10:00Z", restart).is_empty());
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T14:00:00Z")));
}

#[test]
fn a_name_is_given_once() {
    let twice = asked(&mut scheduler(), NOON, create("hourly", Schedule::cron("5 * * * *")));
    assert_eq!(refusal(&twice), ScheduleRefusal::Exists);
}

#[test]
fn a_definition_that_cannot_be_is_refused_with_every_fault() {
    let wrong = Schedule { zone: "Mars".into(), limit: 0, ..Schedule::cron("0 1 * * *") };
    let decided = asked(&mut scheduler(), NOON, create("a b", wrong));
    assert_eq!(refusal(&decided), ScheduleRefusal::WrongDefinition);
    let Event::ScheduleRefused(refused) = &decided[0] else { unreachable!("refused above") };
    for key in ["name", "zone", "limit"] {
        assert!(refused.detail.contains(&format!("a b.{key}")), "{}", refused.detail);
    }
}

#[test]
fn a_changed_schedule_goes_by_its_new_plan_from_then_on() {
    let mut scheduler = scheduler();
    let definition = Schedule::cron("30 * * * *");
    // The clock had not come to 13:00 yet when it was asked at 13:10.
    let decided = asked(&mut scheduler, "2025-01-01T13:10:00Z", set("hourly", definition.clone(), None));
    let left = missed("hourly", MissReason::Down, "2025-01-01T13:00:00Z", "2025-01-01T13:00:00Z", 1);
    let changed =
        Event::ScheduleChanged(ScheduleChanged { schedule: "hourly".into(), definition: definition.clone() });
    assert_eq!(decided, [left, changed]);
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T13:30:00Z")));
    assert!(
        asked(&mut scheduler, "2025-01-01T13:11:00Z", set("hourly", definition, None)).is_empty(),
        "the same"
    );
}

#[test]
fn a_deleted_schedule_fires_no_more() {
    let mut scheduler = scheduler();
    let decided = asked(&mut scheduler, NOON, delete("hourly", None));
    assert_eq!(decided, [Event::ScheduleDeleted(ScheduleDeleted { schedule: "hourly".into() })]);
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-02T01:00:00Z")));
    assert_eq!(refusal(&asked(&mut scheduler, NOON, delete("hourly", None))), ScheduleRefusal::Unknown);
}

#[test]
fn what_the_configuration_says_is_changed_there_and_can_be_paused_here() {
    let mut scheduler = scheduler();
    let name = "performance_analysis";
    assert_eq!(refusal(&asked(&mut scheduler, NOON, delete(name, None))), ScheduleRefusal::Configured);
    let other = set(name, Schedule::cron("0 2 * * *"), None);
    assert_eq!(refusal(&asked(&mut scheduler, NOON, other)), ScheduleRefusal::Configured);
    assert_eq!(asked(&mut scheduler, NOON, pause(Some(name), None)), [paused(Some(name))]);
    // A pause outlives a restart, also one with another plan.
    asked(&mut scheduler, NOON, configured(&[(name, "0 2 * * *", MissedRuns::RunOnce)]));
    assert!(scheduler.fold.state().schedules[name].is_paused);
}

#[test]
fn what_was_planned_in_a_pause_is_told_at_its_end() {
    let mut scheduler = scheduler();
    assert_eq!(asked(&mut scheduler, NOON, pause(Some("hourly"), None)), [paused(Some("hourly"))]);
    assert!(asked(&mut scheduler, NOON, pause(Some("hourly"), None)).is_empty(), "it is paused");
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-02T01:00:00Z")), "only the other one");
    let decided = asked(&mut scheduler, "2025-01-01T15:30:00Z", resume(Some("hourly")));
    let left_out = missed("hourly", MissReason::Paused, "2025-01-01T13:00:00Z", "2025-01-01T15:00:00Z", 3);
    assert_eq!(decided, [left_out, resumed(Some("hourly"))]);
    assert_eq!(scheduler.fold.state().schedules["hourly"].next, Some(at("2025-01-01T16:00:00Z")));
    assert!(
        asked(&mut scheduler, "2025-01-01T15:30:00Z", resume(Some("hourly"))).is_empty(),
        "it is not paused"
    );
}

#[test]
fn maintenance_pauses_all_but_what_is_protected() {
    let mut scheduler = scheduler();
    let protected = Schedule { protected: true, ..Schedule::cron("15 * * * *") };
    asked(&mut scheduler, NOON, create("kept", protected));
    assert_eq!(asked(&mut scheduler, NOON, pause(None, None)), [paused(None)]);
    assert_eq!(scheduler.fold.next_deadline(), Some(at("2025-01-01T12:15:00Z")));
    let one = asked(&mut scheduler, NOON, resume(Some("hourly")));
    assert_eq!(refusal(&one), ScheduleRefusal::Maintenance);
    let decided = asked(&mut scheduler, "2025-01-01T14:30:00Z", resume(None));
    let hourly = missed("hourly", MissReason::Paused, "2025-01-01T13:00:00Z", "2025-01-01T14:00:00Z", 2);
    assert_eq!(decided, [hourly, resumed(None)]);
}

#[test]
fn what_is_protected_is_confirmed_by_its_name() {
    let mut scheduler = scheduler();
    let protected = Schedule { protected: true, ..Schedule::cron("15 * * * *") };
    asked(&mut scheduler, NOON, create("kept", protected.clone()));
    let other = Schedule { limit: 3, ..protected };
    for request in [pause(Some("kept"), None), delete("kept", Some("other")), set("kept", other, None)] {
        assert_eq!(refusal(&asked(&mut scheduler, NOON, request)), ScheduleRefusal::Protected);
    }
    assert_eq!(asked(&mut scheduler, NOON, pause(Some("kept"), Some("kept"))), [paused(Some("kept"))]);
    assert_eq!(asked(&mut scheduler, NOON, delete("kept", Some("kept"))).len(), 1);
}

#[test]
fn a_run_by_hand_has_the_moment_it_was_asked_at_and_changes_no_plan() {
    let mut scheduler = scheduler();
    let decided = asked(&mut scheduler, "2025-01-01T12:34:56Z", run("performance_analysis"));
    let planned = ScheduleFired::planned("performance_analysis", at("2025-01-01T12:34:56Z"));
    assert_eq!(decided, [Event::ScheduleFired(ScheduleFired { trigger: Trigger::Operator, ..planned })]);
    assert_eq!(
        scheduler.fold.state().schedules["performance_analysis"].next,
        Some(at("2025-01-02T01:00:00Z"))
    );
    // Its run is not over.
    let again = asked(&mut scheduler, "2025-01-01T12:35:00Z", run("performance_analysis"));
    assert_eq!(refusal(&again), ScheduleRefusal::Running);
    assert_eq!(refusal(&asked(&mut scheduler, NOON, run("nobody"))), ScheduleRefusal::Unknown);
}
