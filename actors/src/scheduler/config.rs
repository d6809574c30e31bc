//! What a schedule may be.

use events::{Schedule, SchedulerConfigured, Timestamp};

use super::{kinds::Kind, timing::Plan};
use crate::Fault;

/// The most missed moments that a schedule makes up for.
const MOST_MADE_UP: u32 = 1000;
/// The longest that a run is put off by chance, seconds.
const LONGEST_JITTER_S: u64 = 3600;
/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

/// Every fault of a configuration, none when it is good.
#[must_use]
pub fn validate(config: &SchedulerConfigured) -> Vec<Fault> {
    config.schedules.iter().flat_map(|(name, schedule)| faults_of(name, schedule)).collect()
}

/// Every fault of one schedule.
pub(super) fn faults_of(name: &str, schedule: &Schedule) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |key: &str, value: &dyn std::fmt::Display, problem: String| {
        faults.push(Fault::new(format!("{name}.{key}"), value, problem));
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.chars().count() > LONGEST_NAME || !name.chars().all(is_plain) {
        let problem =
            format!("wanted is a name of 1 to {LONGEST_NAME} letters, digits, \"_\", \"-\" and \".\"");
        fault("name", &name, problem);
    }
    match Plan::of(schedule) {
        Err(wrong) => fault(wrong.key, &wrong.value, wrong.problem),
        Ok(plan) if plan.next_after(Timestamp::default()).is_none() => {
            let timing = timing_text(schedule);
            fault("cron", &timing, "no such moment ever comes".to_owned());
        }
        Ok(_) => {}
    }
    if !(1..=MOST_MADE_UP).contains(&schedule.limit) {
        fault("limit", &schedule.limit, format!("wanted is 1 to {MOST_MADE_UP}"));
    }
    if schedule.jitter_s > LONGEST_JITTER_S {
        fault("jitter", &format!("{}s", schedule.jitter_s), format!("wanted is at most {LONGEST_JITTER_S}s"));
    }
    faults
}

/// Why a schedule does nothing, where nobody does its kind of job: that is an error of this schedule alone.
#[must_use]
pub fn unknown_kind(name: &str, schedule: &Schedule) -> Option<Fault> {
    let kind = schedule.kind(name);
    if Kind::named(kind).is_some() {
        return None;
    }
    let known: Vec<_> = super::kinds::ALL.iter().map(|kind| kind.name).collect();
    let problem = format!("nobody does this kind of job; known are {}", known.join(", "));
    Some(Fault::new(format!("{name}.job"), kind, problem))
}

fn timing_text(schedule: &Schedule) -> String {
    match &schedule.timing {
        events::Timing::Cron(expression) => expression.clone(),
        events::Timing::EveryS(seconds) => format!("{seconds}s"),
    }
}
