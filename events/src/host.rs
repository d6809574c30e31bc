//! What the process itself records: runs and failures of its own parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    BreachedRule, DecidedBy, Event, Family, GuardMetrics, LossBasis, StrategyDisabled, StrategyState,
    payload::Payload,
};

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

/// An actor had started from a snapshot that differs from what the log folds to. The snapshot is put aside and the actor
/// folds anew; what it decided from `position` up to here rests on the wrong state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotDiffered {
    /// Which actor.
    pub actor: String,
    /// The position up to which the snapshot claimed to hold the log.
    pub position: u64,
    /// The file, among the snapshots, that it is kept as.
    pub kept_as: String,
    /// Digest of the snapshot's state.
    pub snapshot_digest: Uuid,
    /// Digest of the state that the log folds to.
    pub log_digest: Uuid,
}

impl Payload for SnapshotDiffered {
    const TYPE: &str = "SnapshotDiffered";
    const FAMILY: Family = Family::Host;
    const WRAP: fn(Self) -> Event = Event::SnapshotDiffered;
}

/// A halt that the facts ask for is not in the log, as the guard's state was wrong when it should have been decided; the
/// guard decides it on this event. Its cause is the input that it was missed on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HaltMissed {
    /// Which strategy.
    pub strategy: String,
    /// The position of the input that it was missed on.
    pub at_position: u64,
    /// Rule or operator.
    pub by: DecidedBy,
    /// All rules that were breached there; empty by hand.
    pub rules: Vec<BreachedRule>,
    /// The guard's figures there, as the facts make them.
    pub metrics: GuardMetrics,
    /// What the loss of the day was measured in.
    pub loss_basis: LossBasis,
    /// The operator's reason; by hand only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Payload for HaltMissed {
    const TYPE: &str = "HaltMissed";
    const FAMILY: Family = Family::Host;
    const WRAP: fn(Self) -> Event = Event::HaltMissed;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

impl HaltMissed {
    /// The halt that was missed at a position.
    #[must_use]
    pub fn new(missed: StrategyDisabled, at_position: u64) -> Self {
        let StrategyDisabled { strategy, by, rules, metrics, loss_basis, reason, .. } = missed;
        Self { strategy, at_position, by, rules, metrics, loss_basis, reason }
    }

    /// The same halt, decided now, when the strategy has so many trades.
    #[must_use]
    pub fn halt(&self, from: StrategyState, trades: u64) -> StrategyDisabled {
        let Self { strategy, by, rules, metrics, loss_basis, reason, .. } = self.clone();
        let (to, trades) = (StrategyState::Halted, Some(trades));
        StrategyDisabled { strategy, by, rules, metrics, from, to, loss_basis, trades, reason }
    }
}
