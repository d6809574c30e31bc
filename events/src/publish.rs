//! What the publisher notes: how far it came, under which name, and what it met on the topics.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Event, Family, payload::Payload};

/// Decisions and dead letters up to a position were published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishAdvanced {
    /// The cluster's id.
    pub cluster: String,
    /// Every decision up to here is on its topic.
    pub up_to_position: u64,
}

impl Payload for PublishAdvanced {
    const TYPE: &str = "PublishAdvanced";
    const FAMILY: Family = Family::Publish;
    const WRAP: fn(Self) -> Event = Event::PublishAdvanced;
}

/// From here on the log publishes under another identity: it goes on as a copy of the log that it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishIdentityRenewed {
    /// Stands in the header `tradewarden_log` from now on.
    pub identity: Uuid,
    /// Stood there until now.
    pub before: Uuid,
}

impl Payload for PublishIdentityRenewed {
    const TYPE: &str = "PublishIdentityRenewed";
    const FAMILY: Family = Family::Publish;
    const WRAP: fn(Self) -> Event = Event::PublishIdentityRenewed;
}

/// A topic that we publish to was missing and was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PublishTopicMade {
    /// The cluster's id.
    pub cluster: String,
    /// Its name. It has one partition, and the cluster's defaults.
    pub topic: String,
}

impl Payload for PublishTopicMade {
    const TYPE: &str = "PublishTopicMade";
    const FAMILY: Family = Family::Publish;
    const WRAP: fn(Self) -> Event = Event::PublishTopicMade;
}

/// The cluster does not take a dead letter in any form. The record that it tells of stays in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeadLetterLeftOut {
    /// Where it belonged.
    pub topic: String,
    /// The position of its `RecordRejected`.
    pub position: u64,
    /// What the cluster said.
    pub detail: String,
}

impl Payload for DeadLetterLeftOut {
    const TYPE: &str = "DeadLetterLeftOut";
    const FAMILY: Family = Family::Publish;
    const WRAP: fn(Self) -> Event = Event::DeadLetterLeftOut;
}

/// On our decisions topic there is what another log published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherPublisherSeen {
    /// The topic.
    pub topic: String,
    /// What the header `tradewarden_log` says.
    pub log: String,
}

impl Payload for OtherPublisherSeen {
    const TYPE: &str = "OtherPublisherSeen";
    const FAMILY: Family = Family::Publish;
    const WRAP: fn(Self) -> Event = Event::OtherPublisherSeen;
}

/// The other log has published nothing more to our decisions topic for long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct OtherPublisherGone {
    /// The topic.
    pub topic: String,
    /// What the header `tradewarden_log` said.
    pub log: String,
}

impl Payload for OtherPublisherGone {
    const TYPE: &str = "OtherPublisherGone";
    const FAMILY: Family = Family::Publish;
    const WRAP: fn(Self) -> Event = Event::OtherPublisherGone;
}
