//! What operators ask about schedules. A request is a fact; the scheduler decides.

use events::{
    Event, ScheduleCreateRequested, ScheduleDeleteRequested, SchedulePauseRequested, ScheduleRefusal,
    ScheduleRefused, ScheduleResumeRequested, ScheduleRunRequested, ScheduleSetRequested, id,
};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Call, Method, Running,
        request::{self, Asked, Outcome},
    },
    Definition, path_of,
};
use crate::problem::Problem;

/// Makes a schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleCreate {
    /// Its name.
    pub name: String,
    /// What it is to be.
    #[serde(flatten)]
    pub definition: Definition,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for ScheduleCreate {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/scheduler/jobs";

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (schedule, reason) = (self.name.clone(), self.asked.reason.clone());
        let definition = self.definition.schedule(&self.name)?;
        let event = ScheduleCreateRequested { schedule, definition, reason };
        ask(running, Some(&self.name), &self.asked, Event::ScheduleCreateRequested(event))
    }
}

/// Makes a schedule another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleSet {
    /// Its name.
    #[serde(skip_serializing)]
    pub id: String,
    /// What it is to be, in full.
    #[serde(flatten)]
    pub definition: Definition,
    /// The name once more, where it is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for ScheduleSet {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Put;
    const PATH: &'static str = "/api/scheduler/jobs/{id}";

    fn path(&self) -> String {
        path_of(&self.id, "")
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (schedule, reason) = (self.id.clone(), self.asked.reason.clone());
        let definition = self.definition.schedule(&self.id)?;
        let event = ScheduleSetRequested { schedule, definition, confirm: self.confirm.clone(), reason };
        ask(running, Some(&self.id), &self.asked, Event::ScheduleSetRequested(event))
    }
}

/// Removes a schedule.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleDelete {
    /// Its name.
    #[serde(skip_serializing)]
    pub id: String,
    /// The name once more, where it is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for ScheduleDelete {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Delete;
    const PATH: &'static str = "/api/scheduler/jobs/{id}";

    fn path(&self) -> String {
        path_of(&self.id, "")
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (schedule, reason) = (self.id.clone(), self.asked.reason.clone());
        let event = ScheduleDeleteRequested { schedule, confirm: self.confirm.clone(), reason };
        ask(running, Some(&self.id), &self.asked, Event::ScheduleDeleteRequested(event))
    }
}

/// Has a schedule plan nothing until it is resumed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SchedulePause {
    /// Its name.
    #[serde(skip_serializing)]
    pub id: String,
    /// The name once more, where it is protected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<String>,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for SchedulePause {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/scheduler/jobs/{id}/pause";

    fn path(&self) -> String {
        path_of(&self.id, "/pause")
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (schedule, reason) = (Some(self.id.clone()), self.asked.reason.clone());
        let event = SchedulePauseRequested { schedule, confirm: self.confirm.clone(), reason };
        ask(running, Some(&self.id), &self.asked, Event::SchedulePauseRequested(event))
    }
}

/// Has a paused schedule go on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleResume {
    /// Its name.
    #[serde(skip_serializing)]
    pub id: String,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for ScheduleResume {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/scheduler/jobs/{id}/resume";

    fn path(&self) -> String {
        path_of(&self.id, "/resume")
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (schedule, reason) = (Some(self.id.clone()), self.asked.reason.clone());
        let event = ScheduleResumeRequested { schedule, reason };
        ask(running, Some(&self.id), &self.asked, Event::ScheduleResumeRequested(event))
    }
}

/// Has a schedule fire now.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ScheduleRun {
    /// Its name.
    #[serde(skip_serializing)]
    pub id: String,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for ScheduleRun {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/scheduler/jobs/{id}/run";

    fn path(&self) -> String {
        path_of(&self.id, "/run")
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (schedule, reason) = (self.id.clone(), self.asked.reason.clone());
        let event = ScheduleRunRequested { schedule, reason };
        ask(running, Some(&self.id), &self.asked, Event::ScheduleRunRequested(event))
    }
}

/// Has all schedules that are not protected plan nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MaintenanceBegin {
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for MaintenanceBegin {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/scheduler/pause";

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let event =
            SchedulePauseRequested { schedule: None, confirm: None, reason: self.asked.reason.clone() };
        ask(running, None, &self.asked, Event::SchedulePauseRequested(event))
    }
}

/// Ends the pause of all schedules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct MaintenanceEnd {
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for MaintenanceEnd {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/scheduler/resume";

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let event = ScheduleResumeRequested { schedule: None, reason: self.asked.reason.clone() };
        ask(running, None, &self.asked, Event::ScheduleResumeRequested(event))
    }
}

fn ask(running: &Running, schedule: Option<&str>, asked: &Asked, event: Event) -> Result<Outcome, Problem> {
    let name = schedule.unwrap_or_default().as_bytes();
    let event_id = id::derive(&[b"request", event.event_type().as_bytes(), name, asked.key.as_bytes()]);
    request::ask(running, "requests", event_id, asked, event)
}

/// A refused request as a problem.
pub(in crate::calls) fn refused_as(refused: &ScheduleRefused) -> Problem {
    let (status, code) = match refused.refusal {
        ScheduleRefusal::Unknown => (404, "unknown_schedule"),
        ScheduleRefusal::Exists => (409, "schedule_exists"),
        ScheduleRefusal::WrongDefinition => (422, "wrong_schedule"),
        ScheduleRefusal::Configured => (409, "schedule_configured"),
        ScheduleRefusal::Protected => (409, "protected"),
        ScheduleRefusal::Running => (409, "running"),
        ScheduleRefusal::Maintenance => (409, "in_maintenance"),
    };
    Problem::new(status, code, refused.detail.clone())
}
