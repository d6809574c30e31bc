//! Our own clock, where it contradicts what is already in the log.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

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

/// The clock has come up to the newest moment in the log again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClockCaughtUp {
    /// What the clock says.
    pub clock: Timestamp,
}

/// An operator says that the clock is right as it is, and that what is later in the log is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClockAcceptRequested {
    /// What the clock says; guards and schedules go on from here.
    pub clock: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}
