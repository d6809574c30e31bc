//! How the Kafka source of a running server stands.

use events::Timestamp;
use kafka::{PartitionStatus, SourceStatus};
use serde::{Deserialize, Serialize};

use super::{Call, Log};
use crate::problem::Problem;

/// The source.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SourceShow {}

/// A source as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    /// Where clients of this host reach the brokers.
    pub bootstrap_servers: String,
    /// The topic.
    pub topic: String,
    /// In words.
    pub state: String,
    /// Whether it had reached the end lately.
    pub caught_up: bool,
    /// Offsets that are not taken in yet.
    pub lag: u64,
    /// Records since the start of the process, duplicates and dead letters among them.
    pub records: u64,
    /// Of those: new trades.
    pub taken: u64,
    /// Of those: known trades.
    pub duplicate: u64,
    /// Of those: dead letters.
    pub rejected: u64,
    /// How the cluster may lose records before they are read, with the remedy.
    #[serde(default)]
    pub warning: Option<String>,
    /// The partitions.
    pub partitions: Vec<Partition>,
}

/// A partition as it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Partition {
    /// Its number.
    pub partition: i32,
    /// The next offset to take in.
    pub position: i64,
    /// Offsets that are not taken in yet.
    pub lag: u64,
    /// The broker's time of the last record taken in.
    pub last_record_at: Option<Timestamp>,
}

impl Source {
    /// From the source's own words.
    pub(crate) fn of(bootstrap_servers: &str, status: &SourceStatus) -> Self {
        let partition = |of: &PartitionStatus| Partition {
            partition: of.partition,
            position: of.position,
            lag: of.lag,
            last_record_at: of.last_record_at,
        };
        let counts = status.counts;
        Self {
            bootstrap_servers: bootstrap_servers.to_owned(),
            topic: status.topic.clone(),
            state: status.text.clone(),
            caught_up: status.caught_up,
            lag: status.lag(),
            records: counts.taken + counts.duplicate + counts.rejected,
            taken: counts.taken,
            duplicate: counts.duplicate,
            rejected: counts.rejected,
            warning: status.warning.clone(),
            partitions: status.partitions.iter().map(partition).collect(),
        }
    }
}

impl Call for SourceShow {
    type Answer = Source;
    type Given = Log;
    const PATH: &'static str = "/api/source";

    fn answer(&self, log: &Log) -> Result<Source, Problem> {
        let source = log.source.as_ref().map(|source| source());
        source.ok_or_else(|| Problem::not_found("this process reads no topic; tradewarden run does"))
    }
}
