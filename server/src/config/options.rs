//! What the parts of the process are started with, out of the configuration.

use std::{path::PathBuf, time::Duration};

use kafka::KafkaSettings;
use runtime::system::SystemConfig;
use store::{Options, embedded::Archive};

use super::Config;

/// How long another process that has the log open is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// How long an actor that is behind may make no step.
const STALL_AFTER: Duration = Duration::from_secs(30);

impl Config {
    /// How the log is opened for writing.
    pub(crate) fn log_options(&self) -> Options {
        let store = &self.store;
        Options {
            segment_bytes: store.segment_bytes,
            lock_wait: LOCK_WAIT,
            uncompressed: store.uncompressed,
            archive: store.archive.as_ref().map(|(folder, after)| Archive::in_folder(folder, *after)),
        }
    }

    /// What the actors are started with by a command; their snapshots lie in a folder.
    pub(crate) fn system_config(&self, snapshots: Option<PathBuf>, command: &str) -> SystemConfig {
        SystemConfig {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            command: command.to_owned(),
            config_digest: self.digest.clone(),
            configured: self.of_actors.clone(),
            snapshots,
            stall_after: STALL_AFTER,
        }
    }

    /// How the cluster is reached.
    pub(crate) fn kafka_settings(&self) -> KafkaSettings {
        let mut settings = KafkaSettings::new(self.kafka.bootstrap_servers.clone().unwrap_or_default());
        settings.properties = self.kafka.properties.clone();
        settings.topics = self.kafka.topics.clone();
        settings.stale_after = self.stale_after;
        settings
    }
}
