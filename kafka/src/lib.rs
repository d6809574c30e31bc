//! Kafka in and out. The log says how far both have come; the cluster's group offsets are a courtesy only.
//!
//! * [`KafkaSource`]: all partitions of the trade topic into the log, each record once.
//! * [`KafkaPublisher`]: decisions and dead letters out of the log, each once for a `read_committed` consumer.
//! * [`Endpoint`]: librdkafka's broker in memory, for trying out without a cluster.
//! * [`send_all`] and [`CommittedReader`]: what the command line needs to publish trades and to read topics.
//!
//! Everything here blocks on threads of its own. Nothing here decides.

mod admin;
mod client;
mod cluster;
mod endpoint;
mod fault;
mod producer;
mod publisher;
mod source;
#[cfg(feature = "test-support")]
pub mod test_support;

pub use admin::ensure_topics;
pub use client::{KafkaSettings, Topics, dead_letter_topic};
pub use endpoint::{Endpoint, LIMITS as ENDPOINT_LIMITS};
pub use fault::{FaultKind, KafkaFault};
pub use producer::{CommittedReader, CommittedRecord, ReadFrom, send_all};
pub use publisher::{
    Connection, Delivery, KafkaPublisher, PublisherState, PublisherStatus, check_history, go_on_as_copy,
};
pub use source::{KafkaSource, PartitionStatus, SourceState, SourceStatus};
