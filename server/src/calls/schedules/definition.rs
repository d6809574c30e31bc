//! What a schedule is to be, in the words of the configuration.

use std::time::Duration;

use events::{MissedRuns, Overlap, Schedule, Timing};
use serde::{Deserialize, Serialize};

use crate::{config::duration, problem::Problem};

/// What a schedule is to be, in the words of the configuration.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Definition {
    /// Five fields, or six with seconds first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// Or so long apart, such as "5m".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// Whose clock `cron` is read by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The kind of job, where the name is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// For moments that passed while nothing ran.
    #[serde(default)]
    pub missed: MissedRuns,
    /// How many of them `run_all` makes up for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// For a moment while the run before is not over.
    #[serde(default)]
    pub overlap: Overlap,
    /// The longest that a run is put off by, such as "30s".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<String>,
    /// Whether it plans anything; true by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether pausing, changing and deleting it has to be confirmed.
    #[serde(default)]
    pub protected: bool,
}

impl Definition {
    /// The same in the words of the configuration.
    pub(crate) fn of(schedule: &Schedule) -> Self {
        let text = |seconds: u64| humane(seconds);
        let (cron, every) = match &schedule.timing {
            Timing::Cron(cron) => (Some(cron.clone()), None),
            Timing::EveryS(seconds) => (None, Some(text(*seconds))),
        };
        Self {
            cron,
            every,
            zone: Some(schedule.zone.clone()),
            job: schedule.job.clone(),
            missed: schedule.missed,
            limit: Some(schedule.limit),
            overlap: schedule.overlap,
            jitter: (schedule.jitter_s > 0).then(|| text(schedule.jitter_s)),
            enabled: Some(schedule.enabled),
            protected: schedule.protected,
        }
    }

    /// As the scheduler has it.
    ///
    /// # Errors
    /// What is wrong with it, as far as that can be told without the scheduler.
    pub(super) fn schedule(&self, name: &str) -> Result<Schedule, Problem> {
        let timing = match (&self.cron, &self.every) {
            (Some(cron), None) => Timing::Cron(cron.clone()),
            (None, Some(every)) => Timing::EveryS(seconds("every", every)?),
            _ => {
                return Err(wrong(format!(
                    "{name}: wanted is one of cron and every, such as \"0 1 * * *\" or \"5m\""
                )));
            }
        };
        let default = Schedule::new(timing);
        let schedule = Schedule {
            zone: self.zone.clone().unwrap_or(default.zone),
            job: self.job.clone(),
            missed: self.missed,
            limit: self.limit.unwrap_or(default.limit),
            overlap: self.overlap,
            jitter_s: self.jitter.as_ref().map_or(Ok(0), |jitter| seconds("jitter", jitter))?,
            enabled: self.enabled.unwrap_or(default.enabled),
            protected: self.protected,
            timing: default.timing,
        };
        match actors::scheduler::unknown_kind(name, &schedule) {
            Some(unknown) => Err(wrong(unknown.to_string())),
            None => Ok(schedule),
        }
    }
}

fn wrong(detail: String) -> Problem {
    Problem::new(422, "wrong_schedule", detail)
}

fn seconds(key: &str, text: &str) -> Result<u64, Problem> {
    let whole = duration(text).filter(|duration| duration.subsec_nanos() == 0 && *duration > Duration::ZERO);
    let problem = || {
        wrong(format!("{key} is {text:?}: wanted is a duration in whole seconds, such as \"30s\" or \"5m\""))
    };
    whole.map(|duration| duration.as_secs()).ok_or_else(problem)
}

/// Seconds as the configuration has them: "1h30m".
fn humane(seconds: u64) -> String {
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let shown = parts.iter().filter(|(count, _)| *count > 0);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect()
}
