//! What the process itself records: runs and failures of its own parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Event, Family, payload::Payload};

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

impl Payload for RunStarted {
    const TYPE: &str = "RunStarted";
    const FAMILY: Family = Family::Host;
    const WRAP: fn(Self) -> Event = Event::RunStarted;
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

impl Payload for ActorFailed {
    const TYPE: &str = "ActorFailed";
    const FAMILY: Family = Family::Host;
    const WRAP: fn(Self) -> Event = Event::ActorFailed;
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

impl Payload for ActorQuarantined {
    const TYPE: &str = "ActorQuarantined";
    const FAMILY: Family = Family::Host;
    const WRAP: fn(Self) -> Event = Event::ActorQuarantined;
}

/// An actor that was quarantined got past the input that had stopped it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ActorRecovered {
    /// Which actor.
    pub actor: String,
}

impl Payload for ActorRecovered {
    const TYPE: &str = "ActorRecovered";
    const FAMILY: Family = Family::Host;
    const WRAP: fn(Self) -> Event = Event::ActorRecovered;
}
