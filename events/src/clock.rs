//! Our own clock, where it contradicts what is already in the log.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, payload::Payload};

/// Which of an event's moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// When the log took it in.
    RecordedAt,
    /// The close of a trade.
    ClosedAt,
}

/// The clock stands further before the newest moment in the log than is allowed: it ran ahead before, or it is wrong
/// now. Guards cannot know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClockFellBehind {
    /// What the clock says.
    pub clock: Timestamp,
    /// The newest moment in the log.
    pub newest: Timestamp,
    /// What happened at that moment.
    pub moment: Moment,
    /// Position of the event that tells it.
    pub position: u64,
    /// How far the clock is behind, in whole seconds.
    pub behind_s: u64,
}

impl Payload for ClockFellBehind {
    const TYPE: &str = "ClockFellBehind";
    const FAMILY: Family = Family::Clock;
    const WRAP: fn(Self) -> Event = Event::ClockFellBehind;
}

/// The clock has come up to the newest moment in the log again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClockCaughtUp {
    /// What the clock says.
    pub clock: Timestamp,
}

impl Payload for ClockCaughtUp {
    const TYPE: &str = "ClockCaughtUp";
    const FAMILY: Family = Family::Clock;
    const WRAP: fn(Self) -> Event = Event::ClockCaughtUp;
}
