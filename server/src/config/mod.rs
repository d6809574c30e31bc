//! The configuration: one file, overridden by variables of the environment and by `--set`, checked as a whole.
//!
//! Nothing here opens a connection. What actors decide with leaves from here as the events that carry it.

mod explain;
mod fault;
mod keys;
mod layers;
mod names;
mod options;
mod reader;
mod sections;
mod settings;
#[cfg(test)]
mod tests;
mod units;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ::intake::{TradeFormat, nearest};
use events::Event;
use kafka::Topics;

pub(crate) use explain::{explain, not_default};
pub(crate) use fault::{Fault, Origin};
pub(crate) use layers::Layers;
pub(crate) use names::key_of_text;
pub(crate) use reader::Given;
pub(crate) use units::duration;

/// Where the configuration is looked for when no file is named.
pub(crate) const DEFAULT_PATH: &str = "tradewarden.toml";

/// A complete file with every key, its default and its reason.
pub(crate) const DEFAULT_FILE: &str = include_str!("default.toml");

/// Everything that can be configured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// Where commands, bots and browsers reach the server.
    pub listen: SocketAddr,
    /// Kafka.
    pub kafka: KafkaSection,
    /// How records of trades are read.
    pub trades: TradeFormat,
    /// How the log keeps its files.
    pub store: StoreSection,
    /// What the actors are configured with, as they read it from the log.
    pub of_actors: Vec<Event>,
    /// When a source counts as standing still.
    pub stale_after: Duration,
    /// Digest of what is set, secrets left out.
    pub digest: String,
    /// Every key that is set, with where.
    pub given: Vec<Given>,
    /// What is allowed and yet hardly meant.
    pub warnings: Vec<Fault>,
}

/// How the log keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoreSection {
    /// Size of a segment.
    pub segment_bytes: u64,
    /// How many of the newest full segments are not compressed.
    pub uncompressed: usize,
    /// Where old segments go, and how old they are then.
    pub archive: Option<(PathBuf, Duration)>,
}

/// How Kafka is reached.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KafkaSection {
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
    pub(crate) fn load(layers: &Layers<'_>) -> Result<Self, Vec<Fault>> {
        let (settings, faults) = layers::gather(layers);
        let mut reader = reader::Reader::new(settings, faults);
        let config = sections::read(&mut reader);
        let faults = reader.finish(keys::nearest);
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    /// The configuration of this process: the named file or the default one, the environment, the flags.
    ///
    /// # Errors
    /// Every fault, when there are any.
    pub(crate) fn of_process(file: Option<&Path>, flags: &[String]) -> Result<Self, Vec<Fault>> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        let default = Path::new(DEFAULT_PATH);
        let file = file.or_else(|| default.exists().then_some(default));
        Self::load(&Layers { file, variables, flags })
    }

    /// What the configuration names and is not there. Only who uses it asks: a question is answered without it.
    pub(crate) fn missing(&self) -> Vec<Fault> {
        let folder = self.store.archive.as_ref().map(|(folder, _)| folder).filter(|folder| !folder.is_dir());
        let fault = folder.map(|folder| {
            let problem = "there is no such folder; make it, below the mount point if it is on another disk";
            self.about("store.archive_folder", folder.display().to_string(), problem.to_owned())
        });
        fault.into_iter().collect()
    }

    /// The strategies that have thresholds of their own.
    pub(crate) fn named_strategies(&self) -> BTreeSet<&str> {
        let keys = self.given.iter().filter_map(|given| given.key.strip_prefix("strategy_guard.strategies."));
        keys.filter_map(|key| key.rsplit_once('.')).map(|(name, _)| name).collect()
    }

    /// Warnings of sections for strategies that no trade is known of: a name that is mistyped guards nobody.
    pub(crate) fn sections_without_trade<'s>(&self, seen: impl IntoIterator<Item = &'s str>) -> Vec<Fault> {
        let seen: BTreeSet<&str> = seen.into_iter().collect();
        let named = self.named_strategies();
        let unseen = named.into_iter().filter(|name| !seen.contains(name));
        let warning = |name: &str| {
            let hint = nearest(name, seen.iter().copied())
                .map_or(String::new(), |near| format!("; the nearest name is {near:?}"));
            let problem =
                format!("no trade of a strategy {name:?} is known, so that this guards nobody{hint}");
            let section = format!("strategy_guard.strategies.{name}.");
            let key = self.given.iter().find(|given| given.key.starts_with(&section));
            let origin = key.map_or(Origin::Default, |given| given.origin.clone());
            Fault { origin, key: section.trim_end_matches('.').to_owned(), value: None, problem }
        };
        unseen.map(warning).collect()
    }

    fn about(&self, key: &str, value: String, problem: String) -> Fault {
        let given = self.given.iter().find(|given| given.key == key);
        let origin = given.map_or(Origin::Default, |given| given.origin.clone());
        Fault { origin, key: key.to_owned(), value: Some(value), problem }
    }
}
