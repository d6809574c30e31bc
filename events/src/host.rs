//! What the process itself records: runs, time, failures of its own parts, how far it has published.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

/// A process took the log over. Every event's `run_id` points here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunStarted {
    /// The run.
    pub run_id: Uuid,
    /// Version of tradewarden.
    pub version: String,
    /// `run`, `rehearse`, `disable` …
    pub command: String,
    /// Version of each actor's rules.
    pub rules_versions: BTreeMap<String, u32>,
    /// Digest of the whole configuration, secrets left out.
    pub config_digest: String,
}

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

/// An actor panicked or stood still on an input; it refolds from the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActorFailed {
    /// Which actor.
    pub actor: String,
    /// The position of the input.
    pub at_position: u64,
    /// What it said.
    pub message: String,
    /// How often at this position, from 1.
    pub attempt: u32,
}

/// An actor failed three times at the same position and was taken out of service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActorQuarantined {
    /// Which actor.
    pub actor: String,
    /// The position of the input.
    pub at_position: u64,
    /// What it said.
    pub message: String,
}

/// An actor that was quarantined got past the input that had stopped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActorRecovered {
    /// Which actor.
    pub actor: String,
}
