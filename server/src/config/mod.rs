//! The configuration: one file, overridden by variables of the environment and by `--set`, checked as a whole.
//!
//! Nothing here opens a connection. What actors decide with leaves from here as the events that carry it.

mod fault;
mod keys;
mod layers;
mod reader;
mod sections;
#[cfg(test)]
mod tests;
mod units;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use events::{PerformanceAnalystConfigured, Schedule, StrategyGuardConfigured};
use runtime::{intake::TradeFormat, kafka::Topics};

pub use fault::Fault;
pub use layers::Sources;
pub use units::duration;

/// Where the configuration is looked for when no file is named.
pub const DEFAULT_PATH: &str = "tradewarden.toml";

/// A complete file with every key, its default and its reason.
pub const DEFAULT_FILE: &str = include_str!("default.toml");

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where commands, bots and browsers reach the server.
    pub listen: SocketAddr,
    /// Kafka.
    pub kafka: KafkaSection,
    /// How records of trades are read.
    pub trades: TradeFormat,
    /// How the log keeps its files.
    pub store: StoreSection,
    /// Thresholds of StrategyGuard.
    pub guard: StrategyGuardConfigured,
    /// When a source counts as standing still.
    pub stale_after: Duration,
    /// Limits of PerformanceAnalyst.
    pub analyst: PerformanceAnalystConfigured,
    /// Schedules by name, those that are enabled.
    pub schedules: BTreeMap<String, Schedule>,
    /// Digest of what is set, secrets left out.
    pub digest: String,
}

/// How the log keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSection {
    /// Size of a segment.
    pub segment_bytes: u64,
    /// How many of the newest full segments are not compressed.
    pub uncompressed: usize,
    /// Where old segments go, and how old they are then.
    pub archive: Option<(PathBuf, Duration)>,
}

/// How Kafka is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaSection {
    /// `host:port`, several with commas; nothing: the embedded endpoint.
    pub bootstrap_servers: Option<String>,
    /// Where the embedded endpoint listens.
    pub embedded_listen: SocketAddr,
    /// Names of the topics.
    pub topics: Topics,
    /// Settings of librdkafka, unchanged. They may hold secrets.
    pub properties: BTreeMap<String, String>,
}

impl std::fmt::Debug for KafkaSection {
    /// The names of the properties only: their values may be secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSection")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("embedded_listen", &self.embedded_listen)
            .field("topics", &self.topics)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

impl Config {
    /// Reads the configuration from all its sources.
    ///
    /// # Errors
    /// Every fault, when there are any.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Vec<Fault>> {
        let (settings, faults) = layers::gather(sources);
        let mut reader = reader::Reader::new(settings, faults);
        let config = sections::read(&mut reader);
        let faults = reader.finish();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// The configuration of this process: the named file or the default one, the environment, the flags.
    ///
    /// # Errors
    /// Every fault, when there are any.
    pub fn of_process(file: Option<&Path>, flags: &[String]) -> Result<Self, Vec<Fault>> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let default = Path::new(DEFAULT_PATH);
        let file = file.or_else(|| default.exists().then_some(default));
        Self::load(&Sources { file, variables, flags })
    }
}
