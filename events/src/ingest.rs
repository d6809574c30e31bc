//! What happens where facts come in: what could not be taken in, how far a source has read, whether it stands still.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, TradeClosed, payload::Payload};

/// Where a record came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// A record of a Kafka topic.
    Kafka {
        /// Name of the topic.
        topic: String,
        /// Partition in the topic.
        partition: i32,
        /// Offset in the partition.
        offset: i64,
    },
    /// A row of a file.
    File {
        /// The file's name as it was given.
        file: String,
        /// Row, from 1, the header not counted.
        row: u64,
    },
    /// An item of a request over HTTP.
    Http {
        /// Digest of the item, as there is no offset: the same bytes are one rejection.
        digest: String,
    },
}

/// Why a record could not be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    /// No value, or an empty array.
    Empty,
    /// Not UTF-8.
    NotUtf8,
    /// Not a JSON object, or a broken row.
    Malformed,
    /// Carries the prefix of a schema registry, which is not supported.
    SchemaRegistry,
    /// A required field is missing.
    MissingField,
    /// A field's value is outside what is allowed.
    InvalidField,
    /// Closed later than our clock allows.
    InTheFuture,
    /// Larger than the limit for one record.
    TooLarge,
    /// The same trade id was recorded with other content.
    ConflictingDuplicate,
    /// A CloudEvent of a type that is no closed trade.
    OtherType,
    /// The client of the cluster cannot unpack it.
    Unreadable,
}

impl RejectReason {
    /// Whether a trade may be missing, so that a guard cannot know.
    #[must_use]
    pub const fn reduces(self) -> bool {
        match self {
            Self::Empty
            | Self::NotUtf8
            | Self::Malformed
            | Self::SchemaRegistry
            | Self::MissingField
            | Self::InvalidField
            | Self::InTheFuture
            | Self::TooLarge
            | Self::ConflictingDuplicate
            | Self::Unreadable => true,
            Self::OtherType => false,
        }
    }
}

/// A record could not be taken in: the dead letter, with its bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordRejected {
    /// Where it came from.
    pub origin: Origin,
    /// The kind of fault.
    pub reason: RejectReason,
    /// The fault in words: field, value, remedy.
    pub detail: String,
    /// The strategy, where it could still be read: its guard then cannot know and reduces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The trade's id, where it could still be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_id: Option<String>,
    /// The record's key as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Bytes>,
    /// The record's value as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Bytes>,
    /// For a conflicting duplicate: the version that was recorded first and counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Box<TradeClosed>>,
}

impl Payload for RecordRejected {
    const TYPE: &str = "RecordRejected";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::RecordRejected;

    fn strategy(&self) -> Option<&str> {
        self.strategy.as_deref()
    }
}

/// Raw bytes, base64 on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use base64::Engine as _;
        serializer.serialize_str(&base64::engine::general_purpose::STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use base64::Engine as _;
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(text.as_ref());
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

/// A source read on without a record that appends anything (duplicates, markers).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct IngestAdvanced {
    /// The next offset to read.
    pub next_offset: i64,
}

impl Payload for IngestAdvanced {
    const TYPE: &str = "IngestAdvanced";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::IngestAdvanced;
}

/// Why a source stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StallReason {
    /// The cluster or the topic cannot be reached.
    Unreachable,
    /// Reached, but the end of the topic is not.
    Behind,
    /// Everything that can be read is, but a transaction that is open hides records behind it.
    OpenTransaction,
}

/// A source has not reached the end of what it reads for longer than allowed: guards no longer know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceStalled {
    /// The topic.
    pub source: String,
    /// Why.
    pub reason: StallReason,
    /// Since when the end has not been reached.
    pub since: Timestamp,
    /// What the client said, without secrets.
    pub detail: String,
}

impl Payload for SourceStalled {
    const TYPE: &str = "SourceStalled";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::SourceStalled;
}

/// A stalled source has reached the end of what it reads again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SourceCaughtUp {
    /// The topic.
    pub source: String,
}

impl Payload for SourceCaughtUp {
    const TYPE: &str = "SourceCaughtUp";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::SourceCaughtUp;
}

/// Records expired, or were compacted away, before they were read: at most this many facts are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecordsMissing {
    /// The topic.
    pub topic: String,
    /// Partition in the topic.
    pub partition: i32,
    /// The first offset that is missing.
    pub from_offset: i64,
    /// The offset after which nothing is known to be missing.
    pub to_offset: i64,
    /// An upper bound, as markers use offsets too: `to_offset - from_offset` where records expired, the gaps between
    /// them where a topic was compacted.
    pub at_most: u64,
}

impl Payload for RecordsMissing {
    const TYPE: &str = "RecordsMissing";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::RecordsMissing;
}

/// How the cluster keeps a topic that is read: noted when records may be lost unread by it, and when that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TopicSettingsSeen {
    /// The topic.
    pub topic: String,
    /// `cleanup.policy`: `delete`, `compact`, both with a comma, or nothing.
    pub cleanup_policy: String,
    /// `retention.ms`; -1: for ever.
    pub retention_ms: i64,
    /// `retention.bytes` of a partition; -1: without a limit.
    pub retention_bytes: i64,
}

impl Payload for TopicSettingsSeen {
    const TYPE: &str = "TopicSettingsSeen";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::TopicSettingsSeen;
}

/// A topic has more partitions than before. Those that were there are read to their ends of that moment before the new
/// ones begin, as a key that moves leaves its older records behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartitionsAdded {
    /// The topic.
    pub topic: String,
    /// How many there were; 0 when the topic is read for the first time: its partitions are then read side by side, each
    /// in its order.
    pub from: i32,
    /// How many there are.
    pub to: i32,
    /// For each of those that were there: the offset after its last record.
    pub ends: Vec<i64>,
}

impl Payload for PartitionsAdded {
    const TYPE: &str = "PartitionsAdded";
    const FAMILY: Family = Family::Ingest;
    const WRAP: fn(Self) -> Event = Event::PartitionsAdded;
}
