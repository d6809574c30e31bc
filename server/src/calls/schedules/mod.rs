//! The schedules: what there is, and what operators ask about them.

mod definition;
mod requests;

use actors::scheduler::next_planned;
use events::{ScheduleMissed, Timestamp};
use projections::{LastFired, MissedCounts, ScheduleSource, ScheduleView};
use serde::{Deserialize, Serialize};
use store::now;

use super::{Call, Page, WithViews, path_part};
use crate::problem::Problem;

pub(crate) use definition::Definition;
pub(super) use requests::refused_as;
pub(crate) use requests::{
    MaintenanceBegin, MaintenanceEnd, ScheduleCreate, ScheduleDelete, SchedulePause, ScheduleResume,
    ScheduleRun, ScheduleSet,
};

/// Planned moments that are told where none are asked for.
const TOLD: usize = 5;
/// The most that may be asked for.
const MOST_TOLD: usize = 1000;

/// Whether a schedule plans anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It does.
    Active,
    /// An operator paused it, or all of them.
    Paused,
    /// It is switched off where it is defined.
    Disabled,
}

/// A schedule as it is shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Its name.
    pub name: String,
    /// What it is.
    #[serde(flatten)]
    pub definition: Definition,
    /// Who made it.
    pub source: ScheduleSource,
    /// Whether it plans anything.
    pub state: State,
    /// The next planned moments; none of one that is paused or disabled.
    pub next: Vec<Timestamp>,
    /// The last firing.
    pub last: Option<LastFired>,
    /// How often it fired.
    pub fired: u64,
    /// Planned moments that did not fire, by reason.
    pub missed_runs: MissedCounts,
    /// The last of them, as a stretch.
    pub last_missed: Option<ScheduleMissed>,
}

fn shown(view: ScheduleView, in_maintenance: bool, most: usize) -> Shown {
    let definition = &view.definition;
    let state = match () {
        () if !definition.enabled => State::Disabled,
        () if view.is_paused || in_maintenance && !definition.protected => State::Paused,
        () => State::Active,
    };
    let next = if state == State::Active { next_planned(definition, now(), most) } else { Vec::new() };
    Shown {
        name: view.schedule,
        definition: Definition::of(definition),
        source: view.source,
        state,
        next,
        last: view.last,
        fired: view.fired,
        missed_runs: view.missed,
        last_missed: view.last_missed,
    }
}

fn all(given: &WithViews, most: usize) -> Result<Vec<Shown>, Problem> {
    let in_maintenance = given.views.maintenance()?.is_on;
    let schedules = given.views.schedules()?;
    Ok(schedules.into_iter().map(|view| shown(view, in_maintenance, most)).collect())
}

/// All schedules, by name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScheduleList {}

impl Call for ScheduleList {
    type Answer = Page;
    type Given = WithViews;
    const PATH: &'static str = "/api/scheduler/jobs";

    fn answer(&self, given: &WithViews) -> Result<Page, Problem> {
        Page::whole(all(given, 1)?)
    }
}

/// One schedule, with its next planned moments.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleShow {
    /// Its name.
    #[serde(skip_serializing)]
    pub id: String,
    /// How many planned moments; 5 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<usize>,
}

impl Call for ScheduleShow {
    type Answer = Shown;
    type Given = WithViews;
    const PATH: &'static str = "/api/scheduler/jobs/{id}";

    fn path(&self) -> String {
        path_of(&self.id, "")
    }

    fn answer(&self, given: &WithViews) -> Result<Shown, Problem> {
        let most = self.next.unwrap_or(TOLD);
        if most > MOST_TOLD {
            let detail = format!("the parameter next is {most}: wanted is at most {MOST_TOLD}");
            return Err(Problem::new(400, "wrong_parameter", detail));
        }
        let found = all(given, most)?.into_iter().find(|shown| shown.name == self.id);
        found.ok_or_else(|| {
            let detail =
                format!("there is no schedule {:?}; tradewarden schedules list shows all of them", self.id);
            Problem::new(404, "unknown_schedule", detail)
        })
    }
}

/// The scheduler as a whole.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchedulerStatus {}

/// How the scheduler as a whole is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Whether all schedules that are not protected are paused.
    pub maintenance: bool,
    /// Since when it is as it is.
    pub since: Option<Timestamp>,
    /// Schedules that there are.
    pub schedules: u64,
    /// Those that are paused, by themselves or by the maintenance.
    pub paused: u64,
    /// Those that are switched off.
    pub disabled: u64,
    /// The schedule that is due next.
    pub next: Option<Next>,
}

/// What is due next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Next {
    /// Which schedule.
    pub name: String,
    /// Its planned moment.
    pub planned_at: Timestamp,
}

impl Call for SchedulerStatus {
    type Answer = Status;
    type Given = WithViews;
    const PATH: &'static str = "/api/scheduler/status";

    fn answer(&self, given: &WithViews) -> Result<Status, Problem> {
        let (all, maintenance) = (all(given, 1)?, given.views.maintenance()?);
        let count = |state| all.iter().filter(|shown| shown.state == state).count() as u64;
        let due = all.iter().filter_map(|shown| Some((*shown.next.first()?, &shown.name)));
        Ok(Status {
            maintenance: maintenance.is_on,
            since: maintenance.since,
            schedules: all.len() as u64,
            paused: count(State::Paused),
            disabled: count(State::Disabled),
            next: due.min().map(|(planned_at, name)| Next { name: name.clone(), planned_at }),
        })
    }
}

fn path_of(name: &str, action: &str) -> String {
    format!("/api/scheduler/jobs/{}{action}", path_part(name))
}
