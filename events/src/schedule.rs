//! Schedules: what they are, what operators ask of them, what came of their planned moments.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, payload::Payload};

/// What a schedule of the analysis of performance is for: who plans it and who does it say it alike, and nothing of each other.
pub const PERFORMANCE_ANALYSIS: &str = "performance_analysis";

/// When a schedule runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Timing {
    /// Five fields, minute hour day month weekday, or six with seconds first; by the clock of the schedule's zone.
    Cron(String),
    /// So many seconds apart, counted from midnight UTC; the zone does not matter.
    EveryS(u64),
}

/// What happens with planned moments that passed while nothing ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissedRuns {
    /// The last of them is made up for, once.
    #[default]
    RunOnce,
    /// They are skipped.
    Skip,
    /// Each is made up for, the newest `limit` of them.
    RunAll,
}

/// What happens with a planned moment while the run before is not over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is left out.
    #[default]
    Skip,
    /// It runs beside it.
    Allow,
    /// The first such moment runs when the run before is over; the others are left out.
    QueueOne,
}

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Schedule {
    /// When it runs.
    pub timing: Timing,
    /// Name of the zone whose clock `cron` is read by, of the IANA data base.
    #[serde(default = "utc")]
    pub zone: String,
    /// Kind of job; null: the schedule's name is the kind.
    #[serde(default)]
    pub job: Option<String>,
    /// For moments that passed while nothing ran.
    #[serde(default)]
    pub missed: MissedRuns,
    /// How many missed moments `run_all` makes up for.
    #[serde(default = "ten")]
    pub limit: u32,
    /// For a moment while the run before is not over.
    #[serde(default)]
    pub overlap: Overlap,
    /// Each run is put off by up to so many seconds, the same for one planned moment always.
    #[serde(default)]
    pub jitter_s: u64,
    /// A schedule that is not enabled plans nothing.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Whether pausing, changing and deleting it has to be confirmed.
    #[serde(default)]
    pub protected: bool,
}

fn utc() -> String {
    "UTC".to_owned()
}

const fn ten() -> u32 {
    10
}

const fn yes() -> bool {
    true
}

impl Schedule {
    /// One with every setting but the timing left as it is by default.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            zone: utc(),
            job: None,
            missed: MissedRuns::default(),
            limit: ten(),
            overlap: Overlap::default(),
            jitter_s: 0,
            enabled: true,
            protected: false,
        }
    }

    /// The kind of its job, where it has this name.
    #[must_use]
    pub fn kind<'s>(&'s self, name: &'s str) -> &'s str {
        self.job.as_deref().unwrap_or(name)
    }

    /// One by a cron expression in UTC.
    #[must_use]
    pub fn cron(expression: &str) -> Self {
        Self::new(Timing::Cron(expression.to_owned()))
    }

    /// One that runs every so many seconds.
    #[must_use]
    pub fn every(seconds: u64) -> Self {
        Self::new(Timing::EveryS(seconds))
    }
}

/// What made a schedule fire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// Its planned moment.
    #[default]
    Schedule,
    /// An operator.
    Operator,
}

/// A schedule fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleFired {
    /// Name of the schedule.
    pub schedule: String,
    /// Kind of job; null: the schedule's name is the kind.
    #[serde(default)]
    pub job: Option<String>,
    /// The planned moment; when an operator fired it, the moment that it was asked.
    pub planned_at: Timestamp,
    /// Earlier moments that passed while nothing ran and that this one stands for.
    pub missed: u32,
    /// What made it fire.
    #[serde(default)]
    pub trigger: Trigger,
}

impl ScheduleFired {
    /// A schedule whose name is the kind of its job fired in time.
    #[must_use]
    pub fn planned(schedule: &str, planned_at: Timestamp) -> Self {
        let schedule = schedule.to_owned();
        Self { schedule, job: None, planned_at, missed: 0, trigger: Trigger::Schedule }
    }

    /// The kind of job that is to be done.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.job.as_deref().unwrap_or(&self.schedule)
    }
}

impl Payload for ScheduleFired {
    const TYPE: &str = "ScheduleFired";
    const FAMILY: Family = Family::Schedule;
    const WRAP: fn(Self) -> Event = Event::ScheduleFired;
}

/// Why planned moments did not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MissReason {
    /// Nothing ran, and the schedule skips such moments.
    Down,
    /// The schedule was paused.
    Paused,
    /// The run before was not over.
    Overlap,
    /// A later moment was made up for, or more passed than are made up for.
    Skipped,
}

/// Planned moments of a schedule passed and did not fire: all between two moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleMissed {
    /// Name of the schedule.
    pub schedule: String,
    /// Why.
    pub reason: MissReason,
    /// The first of them; of records that say the last one alone, that.
    pub first: Timestamp,
    /// The last of them.
    pub last: Timestamp,
    /// How many; 10,000 stands for that many or more.
    pub count: u32,
}

impl Payload for ScheduleMissed {
    const TYPE: &str = "ScheduleMissed";
    const FAMILY: Family = Family::Schedule;
    const VERSION: u16 = 2;
    const WRAP: fn(Self) -> Event = Event::ScheduleMissed;
}

/// Declares events that are no more than a few fields of one family.
macro_rules! events {
    ($family:ident: $($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name { $($(#[$field_doc])* pub $field: $type,)* }

        impl Payload for $name {
            const TYPE: &str = stringify!($name);
            const FAMILY: Family = Family::$family;
            const WRAP: fn(Self) -> Event = Event::$name;
        }
    )*};
}

events! { Request:
    /// An operator asks for a new schedule.
    ScheduleCreateRequested {
        /// Its name.
        schedule: String,
        /// What it is to be.
        definition: Schedule,
        /// Why, in the operator's words.
        reason: String,
    }
    /// An operator asks to make a schedule another one.
    ScheduleSetRequested {
        /// Its name.
        schedule: String,
        /// What it is to be.
        definition: Schedule,
        /// The name once more, where the schedule is protected.
        confirm: Option<String>,
        /// Why, in the operator's words.
        reason: String,
    }
    /// An operator asks to remove a schedule.
    ScheduleDeleteRequested {
        /// Its name.
        schedule: String,
        /// The name once more, where the schedule is protected.
        confirm: Option<String>,
        /// Why, in the operator's words.
        reason: String,
    }
    /// An operator asks that a schedule plans nothing for a while.
    SchedulePauseRequested {
        /// Its name; null: all that are not protected, until they are resumed together.
        schedule: Option<String>,
        /// The name once more, where the schedule is protected.
        confirm: Option<String>,
        /// Why, in the operator's words.
        reason: String,
    }
    /// An operator asks that a paused schedule goes on.
    ScheduleResumeRequested {
        /// Its name; null: ends the pause of all.
        schedule: Option<String>,
        /// Why, in the operator's words.
        reason: String,
    }
    /// An operator asks that a schedule fires now.
    ScheduleRunRequested {
        /// Its name.
        schedule: String,
        /// Why, in the operator's words.
        reason: String,
    }
}

events! { Schedule:
    /// There is a new schedule.
    ScheduleCreated {
        /// Its name.
        schedule: String,
        /// What it is.
        definition: Schedule,
    }
    /// A schedule is another one from here on.
    ScheduleChanged {
        /// Its name.
        schedule: String,
        /// What it is.
        definition: Schedule,
    }
    /// A schedule is gone.
    ScheduleDeleted {
        /// Its name.
        schedule: String,
    }
    /// A schedule plans nothing until it is resumed.
    SchedulePaused {
        /// Its name; null: all that are not protected.
        schedule: Option<String>,
    }
    /// A paused schedule goes on.
    ScheduleResumed {
        /// Its name; null: the pause of all ended.
        schedule: Option<String>,
    }
    /// An operator's request about a schedule changed nothing.
    ScheduleRefused {
        /// Its name; null: all.
        schedule: Option<String>,
        /// Why.
        refusal: ScheduleRefusal,
        /// The same in words, with what to do.
        detail: String,
    }
}

/// Why a request about a schedule changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ScheduleRefusal {
    /// Nobody has made one of that name.
    Unknown,
    /// There is one of that name.
    Exists,
    /// What it is to be cannot be.
    WrongDefinition,
    /// It comes from the configuration, which alone can change or remove it.
    Configured,
    /// It is protected, and the request does not confirm it.
    Protected,
    /// The run before is not over.
    Running,
    /// All schedules are paused.
    Maintenance,
}
