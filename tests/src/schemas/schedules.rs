//! Samples of what is asked and decided about schedules.

use events::{
    Event, MissReason, MissedRuns, Overlap, Schedule, ScheduleChanged, ScheduleCreateRequested,
    ScheduleCreated, ScheduleDeleteRequested, ScheduleDeleted, ScheduleFired, ScheduleMissed,
    SchedulePauseRequested, SchedulePaused, ScheduleRefusal, ScheduleRefused, ScheduleResumeRequested,
    ScheduleResumed, ScheduleRunRequested, ScheduleSetRequested, Timing, Trigger,
};

use crate::at;

/// Every setting is another one than by default.
pub(super) fn schedule() -> Schedule {
    Schedule {
        timing: Timing::Cron("0 1 * * *".into()),
        zone: "Europe/Berlin".into(),
        job: Some("performance_analysis".into()),
        missed: MissedRuns::RunAll,
        limit: 5,
        overlap: Overlap::QueueOne,
        jitter_s: 30,
        enabled: true,
        protected: true,
    }
}

/// What came of planned moments, what operators ask, and what comes of that.
pub(super) fn schedules() -> Vec<Event> {
    let schedule_name = || "daily_performance".to_owned();
    let (definition, reason) = (schedule(), || "the desk moved to Berlin".to_owned());
    let (one, confirm) = (Some(schedule_name()), Some(schedule_name()));
    vec![
        Event::ScheduleFired(ScheduleFired {
            schedule: schedule_name(),
            job: Some("performance_analysis".into()),
            planned_at: at("2025-02-01T01:00:00Z"),
            missed: 2,
            trigger: Trigger::Operator,
        }),
        Event::ScheduleMissed(ScheduleMissed {
            schedule: schedule_name(),
            reason: MissReason::Down,
            first: at("2025-01-30T01:00:00Z"),
            last: at("2025-02-01T01:00:00Z"),
            count: 3,
        }),
        Event::ScheduleCreateRequested(ScheduleCreateRequested {
            schedule: schedule_name(),
            definition: definition.clone(),
            reason: reason(),
        }),
        Event::ScheduleSetRequested(ScheduleSetRequested {
            schedule: schedule_name(),
            definition: definition.clone(),
            confirm: confirm.clone(),
            reason: reason(),
        }),
        Event::ScheduleDeleteRequested(ScheduleDeleteRequested {
            schedule: schedule_name(),
            confirm: confirm.clone(),
            reason: reason(),
        }),
        Event::SchedulePauseRequested(SchedulePauseRequested {
            schedule: one.clone(),
            confirm,
            reason: reason(),
        }),
        Event::ScheduleResumeRequested(ScheduleResumeRequested { schedule: one.clone(), reason: reason() }),
        Event::ScheduleRunRequested(ScheduleRunRequested { schedule: schedule_name(), reason: reason() }),
        Event::ScheduleCreated(ScheduleCreated { schedule: schedule_name(), definition: definition.clone() }),
        Event::ScheduleChanged(ScheduleChanged { schedule: schedule_name(), definition }),
        Event::ScheduleDeleted(ScheduleDeleted { schedule: schedule_name() }),
        Event::SchedulePaused(SchedulePaused { schedule: one.clone() }),
        Event::ScheduleResumed(ScheduleResumed { schedule: one.clone() }),
        Event::ScheduleRefused(ScheduleRefused {
            schedule: one,
            refusal: ScheduleRefusal::Protected,
            detail: "\"daily_performance\" is protected".into(),
        }),
    ]
}
