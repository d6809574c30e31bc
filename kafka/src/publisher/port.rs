//! What the publisher asks of a cluster: the rim at which a test lets every question and every step of a transaction
//! fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use events::Uuid;
use rdkafka::types::RDKafkaErrorCode;

use super::{super::fault::KafkaFault, identity::Names, record::Outgoing};

/// By topic and partition, the offset after the last record of ours.
pub(crate) type Ends = BTreeMap<String, BTreeMap<i32, i64>>;

/// What a topic shows to readers of committed records, as far as it was read back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Published {
    /// Position and event id of each record that was published under our present identity.
    pub(crate) own: BTreeSet<(u64, Uuid)>,
    /// Event ids of what this log published under earlier identities.
    pub(crate) before: BTreeSet<Uuid>,
    /// Other logs that published there.
    pub(crate) others: BTreeSet<String>,
}

/// A partition in which an open transaction hides what comes after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) whose: Whose,
}

/// Whose transaction it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// One of ours, which is over but was never ended there; this is the first position in it.
    Ours { first: u64 },
    /// Somebody else's. What of ours lies behind it, committed or not, and where the partition ended when it was read.
    Foreign { ids: BTreeSet<Uuid>, end: i64 },
}

/// Why a range was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ProduceError {
    /// The broker does not take a record of the range, however often it is sent.
    Refused(RDKafkaErrorCode),
    /// Anything else.
    Fault(KafkaFault),
}

impl From<KafkaFault> for ProduceError {
    fn from(fault: KafkaFault) -> Self {
        Self::Fault(fault)
    }
}

/// Whether a producer can still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It can.
    Well,
    /// Never again; a new one can.
    Dead,
    /// Another process took its place.
    Fenced,
}

/// The cluster that is published to.
pub(crate) trait Brokers {
    /// The cluster's id.
    fn cluster_id(&self) -> Result<String, KafkaFault>;

    /// Makes a topic that is missing; whether it was.
    fn ensure_topic(&self, topic: &str) -> Result<bool, KafkaFault>;

    /// What of this log a topic shows to readers of committed records, back to the checkpoints of its names.
    fn published(&self, topic: &str, names: &Names) -> Result<Published, KafkaFault>;

    /// Where open transactions hide the end of a topic, after waiting a little for them to end.
    fn hidden(&self, topic: &str, names: &Names) -> Result<Vec<Hidden>, KafkaFault>;

    /// Up to where readers of committed records see a partition.
    fn committed_end(&self, topic: &str, partition: i32) -> Result<i64, KafkaFault>;

    /// Other logs in the newest records of a topic. `read` holds where the last look ended.
    fn others(
        &self,
        topic: &str,
        names: &Names,
        read: &mut BTreeMap<i32, i64>,
    ) -> Result<BTreeSet<String>, KafkaFault>;

    /// A producer. With a name it works in transactions, and every older one of that name is fenced now.
    fn producer(&self, name: Option<Uuid>) -> Result<Box<dyn Producer>, KafkaFault>;
}

/// A producer, in whose transactions records are published.
pub(crate) trait Producer {
    fn begin(&self) -> Result<(), KafkaFault>;

    fn send(&self, record: &Outgoing) -> Result<(), ProduceError>;

    /// Waits until every record is acknowledged or given up.
    fn flush(&self) -> Result<(), ProduceError>;

    fn commit(&self) -> Result<(), KafkaFault>;

    /// May only be called while a transaction is open.
    fn abort(&self) -> Result<(), KafkaFault>;

    /// Where what was sent since the last call ends.
    fn take_ends(&self) -> Ends;

    fn condition(&self) -> Condition;
}

/// Watches over calls that take their time.
pub(crate) trait Watch: Send + Sync {
    /// Whether to give up.
    fn gives_up(&self) -> bool;

    /// To be told now and then by what waits for the cluster, with what it is doing since when.
    ///
    /// # Errors
    /// When to wait on does not help.
    fn waits(&self, doing: &str, since: Instant) -> Result<(), KafkaFault>;
}
