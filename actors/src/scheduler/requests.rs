//! What operators ask of schedules, and what comes of it.

use events::{
    Event, MissReason, Schedule, ScheduleChanged, ScheduleCreateRequested, ScheduleCreated,
    ScheduleDeleteRequested, ScheduleDeleted, ScheduleFired, SchedulePauseRequested, SchedulePaused,
    ScheduleRefusal, ScheduleRefused, ScheduleResumeRequested, ScheduleResumed, ScheduleRunRequested,
    ScheduleSetRequested, Timestamp, Trigger,
};

use super::{
    config, rules,
    state::{MadeBy, Planned, State},
};

/// A request that changes nothing, and why.
type Answer = Result<Vec<Event>, (ScheduleRefusal, String)>;

/// Decides on a request that was asked at a moment; nothing where an event is none.
pub(super) fn decide(state: &State, request: &Event, asked_at: Timestamp) -> Vec<Event> {
    let (schedule, answer) = match request {
        Event::ScheduleCreateRequested(asked) => (Some(&asked.schedule), create(state, asked)),
        Event::ScheduleSetRequested(asked) => (Some(&asked.schedule), set(state, asked, asked_at)),
        Event::ScheduleDeleteRequested(asked) => (Some(&asked.schedule), delete(state, asked, asked_at)),
        Event::SchedulePauseRequested(asked) => (asked.schedule.as_ref(), pause(state, asked)),
        Event::ScheduleResumeRequested(asked) => (asked.schedule.as_ref(), resume(state, asked, asked_at)),
        Event::ScheduleRunRequested(asked) => (Some(&asked.schedule), run(state, asked, asked_at)),
        _ => return Vec::new(),
    };
    let refused = |(refusal, detail)| {
        vec![Event::ScheduleRefused(ScheduleRefused { schedule: schedule.cloned(), refusal, detail })]
    };
    answer.unwrap_or_else(refused)
}

fn create(state: &State, asked: &ScheduleCreateRequested) -> Answer {
    let name = &asked.schedule;
    if state.schedules.contains_key(name) {
        let detail = format!(
            "there is a schedule {name:?}; change it with tradewarden schedules set, or choose another name"
        );
        return Err((ScheduleRefusal::Exists, detail));
    }
    check(name, &asked.definition)?;
    let (schedule, definition) = (name.clone(), asked.definition.clone());
    Ok(vec![Event::ScheduleCreated(ScheduleCreated { schedule, definition })])
}

fn set(state: &State, asked: &ScheduleSetRequested, asked_at: Timestamp) -> Answer {
    let name = &asked.schedule;
    let planned = own(state, name)?;
    confirmed(name, planned, asked.confirm.as_deref())?;
    check(name, &asked.definition)?;
    if planned.schedule == asked.definition {
        return Ok(Vec::new());
    }
    let mut decided = left_behind(state, name, planned, asked_at);
    let (schedule, definition) = (name.clone(), asked.definition.clone());
    decided.push(Event::ScheduleChanged(ScheduleChanged { schedule, definition }));
    Ok(decided)
}

fn delete(state: &State, asked: &ScheduleDeleteRequested, asked_at: Timestamp) -> Answer {
    let name = &asked.schedule;
    let planned = own(state, name)?;
    confirmed(name, planned, asked.confirm.as_deref())?;
    let mut decided = left_behind(state, name, planned, asked_at);
    decided.push(Event::ScheduleDeleted(ScheduleDeleted { schedule: name.clone() }));
    Ok(decided)
}

fn pause(state: &State, asked: &SchedulePauseRequested) -> Answer {
    let is_paused = match &asked.schedule {
        None => state.in_maintenance,
        Some(name) => {
            let planned = known(state, name)?;
            confirmed(name, planned, asked.confirm.as_deref())?;
            planned.is_paused
        }
    };
    let paused = Event::SchedulePaused(SchedulePaused { schedule: asked.schedule.clone() });
    Ok(if is_paused { Vec::new() } else { vec![paused] })
}

/// What was planned meanwhile is told as missed, and the schedule goes on from now.
fn resume(state: &State, asked: &ScheduleResumeRequested, asked_at: Timestamp) -> Answer {
    let resumes: Vec<_> = match &asked.schedule {
        None if !state.in_maintenance => return Ok(Vec::new()),
        None => {
            let by_maintenance = |planned: &Planned| !planned.is_paused && !planned.schedule.protected;
            state.schedules.iter().filter(|(_, planned)| by_maintenance(planned)).collect()
        }
        Some(name) => {
            let planned = known(state, name)?;
            if state.in_maintenance && !planned.schedule.protected {
                let detail =
                    "all schedules are paused: end that with tradewarden schedules resume --all".to_owned();
                return Err((ScheduleRefusal::Maintenance, detail));
            }
            if !planned.is_paused {
                return Ok(Vec::new());
            }
            vec![(name, planned)]
        }
    };
    let missed = resumes
        .into_iter()
        .filter_map(|(name, planned)| rules::missed(name, planned, MissReason::Paused, asked_at));
    let mut decided: Vec<_> = missed.map(Event::ScheduleMissed).collect();
    decided.push(Event::ScheduleResumed(ScheduleResumed { schedule: asked.schedule.clone() }));
    Ok(decided)
}

fn run(state: &State, asked: &ScheduleRunRequested, asked_at: Timestamp) -> Answer {
    let planned = known(state, &asked.schedule)?;
    if planned.schedule.overlap != events::Overlap::Allow && planned.is_running(asked_at) {
        let detail = format!("the run of {:?} before is not over; try again when it is", asked.schedule);
        return Err((ScheduleRefusal::Running, detail));
    }
    Ok(vec![Event::ScheduleFired(ScheduleFired {
        schedule: asked.schedule.clone(),
        job: planned.schedule.job.clone(),
        planned_at: asked_at,
        missed: 0,
        trigger: Trigger::Operator,
    })])
}

/// What a plan that ends here had not fired yet.
fn left_behind(state: &State, name: &str, planned: &Planned, until: Timestamp) -> Vec<Event> {
    let reason = if state.is_paused(planned) { MissReason::Paused } else { MissReason::Down };
    rules::missed(name, planned, reason, until).map(Event::ScheduleMissed).into_iter().collect()
}

fn known<'s>(state: &'s State, name: &str) -> Result<&'s Planned, (ScheduleRefusal, String)> {
    let unknown = || {
        let detail = format!("there is no schedule {name:?}; tradewarden schedules list shows all of them");
        (ScheduleRefusal::Unknown, detail)
    };
    state.schedules.get(name).ok_or_else(unknown)
}

/// One that an operator made.
fn own<'s>(state: &'s State, name: &str) -> Result<&'s Planned, (ScheduleRefusal, String)> {
    let planned = known(state, name)?;
    if planned.made_by == MadeBy::Configuration {
        let detail = format!(
            "{name:?} comes from the configuration, section [schedules.{name}]: change it there; here it can be paused"
        );
        return Err((ScheduleRefusal::Configured, detail));
    }
    Ok(planned)
}

fn confirmed(name: &str, planned: &Planned, confirm: Option<&str>) -> Result<(), (ScheduleRefusal, String)> {
    if !planned.schedule.protected || confirm == Some(name) {
        return Ok(());
    }
    let detail = format!(
        "{name:?} is protected: repeat the request with --confirm {name} (in JSON \"confirm\": {name:?})"
    );
    Err((ScheduleRefusal::Protected, detail))
}

fn check(name: &str, definition: &Schedule) -> Result<(), (ScheduleRefusal, String)> {
    let faults = config::faults_of(name, definition);
    if faults.is_empty() {
        return Ok(());
    }
    let detail: Vec<_> = faults.iter().map(ToString::to_string).collect();
    Err((ScheduleRefusal::WrongDefinition, detail.join("; ")))
}
