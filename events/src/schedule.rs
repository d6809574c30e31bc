//! Moments that actors wait for, and schedules that fired or were missed.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, payload::Payload};

/// A moment that an actor waits for was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimerDue {
    /// The actor that waits.
    pub actor: String,
    /// The moment it waits for.
    pub due_at: Timestamp,
    /// When it was noticed; later than `due_at` after a time down.
    pub noticed_at: Timestamp,
}

impl Payload for TimerDue {
    const TYPE: &str = "TimerDue";
    const FAMILY: Family = Family::Timer;
    const WRAP: fn(Self) -> Event = Event::TimerDue;
}

/// A schedule fired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleFired {
    /// Name of the schedule.
    pub schedule: String,
    /// The planned moment.
    pub planned_at: Timestamp,
    /// Earlier moments that passed while nothing ran and that this one stands for.
    pub missed: u32,
}

impl Payload for ScheduleFired {
    const TYPE: &str = "ScheduleFired";
    const FAMILY: Family = Family::Schedule;
    const WRAP: fn(Self) -> Event = Event::ScheduleFired;
}

/// Planned moments passed while nothing ran, and the schedule skips such moments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScheduleMissed {
    /// Name of the schedule.
    pub schedule: String,
    /// The last planned moment that was skipped.
    pub planned_at: Timestamp,
    /// How many were skipped.
    pub missed: u32,
}

impl Payload for ScheduleMissed {
    const TYPE: &str = "ScheduleMissed";
    const FAMILY: Family = Family::Schedule;
    const WRAP: fn(Self) -> Event = Event::ScheduleMissed;
}
