//! How clients are configured, and what they tell while they run.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rdkafka::{
    ClientContext,
    config::{ClientConfig, RDKafkaLogLevel},
    consumer::ConsumerContext,
    error::KafkaError,
    types::RDKafkaErrorCode,
};

use super::fault::{FaultKind, KafkaFault, likely_cause, of_error};

/// Names of the topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics {
    /// Closed trades, from the bot.
    pub trade_closed: String,
    /// Decisions, by us.
    pub decisions: String,
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            trade_closed: "trading.trade.closed.v1".to_owned(),
            decisions: "tradewarden.decisions.v1".to_owned(),
        }
    }
}

impl Topics {
    /// All of them, with the dead letters: what the embedded endpoint has to have.
    #[must_use]
    pub fn all(&self) -> [String; 3] {
        [self.trade_closed.clone(), self.decisions.clone(), dead_letter_topic(&self.trade_closed)]
    }
}

/// The ending of every dead letter topic.
pub(crate) const DEAD_LETTER_SUFFIX: &str = ".tradewarden.dlq";

/// Where dead letters of a topic go.
#[must_use]
pub fn dead_letter_topic(topic: &str) -> String {
    format!("{topic}{DEAD_LETTER_SUFFIX}")
}

/// Everything that is known of a cluster and how to use it.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `host:port`, several with commas.
    pub bootstrap_servers: String,
    /// Settings of librdkafka, passed on unchanged; they win over our defaults.
    pub properties: BTreeMap<String, String>,
    /// Names of the topics.
    pub topics: Topics,
    /// A guard no longer knows when the end of its topic was not reached for so long.
    pub stale_after: Duration,
    /// How often the settings of the trade topic are looked at.
    pub look_every: Duration,
}

impl KafkaSettings {
    /// The defaults for a cluster.
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            properties: BTreeMap::new(),
            topics: Topics::default(),
            stale_after: Duration::from_secs(60),
            look_every: Duration::from_secs(60 * 60),
        }
    }

    /// Checks the settings without connecting.
    ///
    /// # Errors
    /// When there is no server, librdkafka does not know a property, or a property would break the promise that no
    /// record is lost or doubled.
    pub fn check(&self) -> Result<(), KafkaFault> {
        let wrong = |message: String| Err(KafkaFault::new(FaultKind::Settings, message));
        if self.bootstrap_servers.trim().is_empty() {
            return wrong("kafka.bootstrap_servers is empty: give host:port".to_owned());
        }
        if let Some(owned) = OWNED.iter().find(|owned| self.properties.contains_key(**owned)) {
            return wrong(format!(
                "kafka.properties: \"{owned}\" is set by tradewarden itself, as no record may be lost or doubled; \
                 remove it"
            ));
        }
        let native = self.client(&[]).create_native_config();
        native.map(drop).map_err(|error| {
            let mut fault = of_error("reading the settings", &error);
            if fault.message.contains("not available at build time") {
                fault.message.push_str("; build tradewarden with --features tls");
            }
            fault
        })
    }

    /// Defaults below the user's properties, `fixed` above them.
    pub(crate) fn client(&self, defaults: &[(&str, &str)]) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "tradewarden");
        // A cluster that was away is asked again soon; the default waits up to ten seconds.
        config.set("reconnect.backoff.max.ms", "2000");
        // A client connects to a second broker, the leader of a partition say, only half of this after the first: with the
        // default 50 ms, which a start waits for once for each of its clients.
        config.set("reconnect.backoff.ms", "20");
        for (key, value) in defaults {
            config.set(*key, *value);
        }
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", &self.bootstrap_servers);
        // "debug" among the properties is of no use without its lines.
        let asked = self.properties.contains_key("debug");
        config.set_log_level(if asked { RDKafkaLogLevel::Debug } else { RDKafkaLogLevel::Info });
        config
    }

    /// A consumer that takes partitions by hand; `queued_kbytes` bounds what it fetches ahead for each partition.
    pub(crate) fn consumer(&self, queued_kbytes: usize) -> ClientConfig {
        let queued = queued_kbytes.to_string();
        let mut config = self.client(&[
            ("group.id", "tradewarden"),
            // The default of a second lets a consumer that decodes wait for most of its time.
            ("fetch.queue.backoff.ms", "2"),
            ("fetch.wait.max.ms", "100"),
            ("queued.max.messages.kbytes", &queued),
            ("queued.min.messages", "20000"),
            // One partition alone has to fill the time that a busy machine takes for a fetch.
            ("fetch.max.bytes", "16777216"),
            ("max.partition.fetch.bytes", "4194304"),
        ]);
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("enable.partition.eof", "true");
        config
    }
}

/// Properties that delivery rests on.
const OWNED: [&str; 9] = [
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "isolation.level",
    "metadata.broker.list",
    "transactional.id",
];

/// Hears what a client tells: keeps the last trouble with its likely cause, and the ids of topics.
///
/// librdkafka knows the id of a topic, but neither it nor its binding has a safe call that gives it: the line
/// "Topic T changed id from A to B", which it writes when it learns one, is read instead. That a cluster has no ids is
/// only believed when its brokers say that they speak a version of the request for metadata that knows none. Tests hold
/// both lines.
#[derive(Default)]
pub(crate) struct ClientEvents {
    heard: Mutex<Heard>,
}

#[derive(Default)]
struct Heard {
    trouble: Option<String>,
    topic_ids: BTreeMap<String, String>,
    /// The newest version of the request for metadata that a broker understands.
    metadata_version: Option<u16>,
}

/// From this version on metadata have the ids of topics (Kafka 2.8).
const METADATA_WITH_IDS: u16 = 10;

impl ClientEvents {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last trouble since it was last forgotten.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.heard().trouble.clone()
    }

    /// To be called when all is well again.
    pub(crate) fn forget_trouble(&self) {
        self.heard().trouble = None;
    }

    /// The id of a topic as Kafka's own tools write it.
    pub(crate) fn topic_id(&self, topic: &str) -> Option<String> {
        self.heard().topic_ids.get(topic).cloned()
    }

    /// Whether the brokers are too old for ids.
    pub(crate) fn is_without_ids(&self) -> bool {
        self.heard().metadata_version.is_some_and(|version| version < METADATA_WITH_IDS)
    }

    fn hear_trouble(&self, line: &str) {
        let mut heard = self.heard();
        match likely_cause(line) {
            Some(cause) => heard.trouble = Some(format!("{cause} ({})", without_thread(line))),
            None if heard.trouble.is_none() => heard.trouble = Some(without_thread(line).to_owned()),
            None => {}
        }
    }
}

fn without_thread(line: &str) -> &str {
    line.strip_prefix("[thrd:").and_then(|rest| rest.split_once("]: ")).map_or(line, |(_, text)| text)
}

/// Topic and id from the line in which a client tells that it learned an id.
fn learned_topic_id(line: &str) -> Option<(String, String)> {
    let (topic, ids) = without_thread(line).strip_prefix("Topic ")?.split_once(" changed id from ")?;
    let (_, id) = ids.split_once(" to ")?;
    // Kafka's own tools write ids with the letters that are safe in names.
    Some((topic.to_owned(), id.trim().replace('+', "-").replace('/', "_")))
}

/// The newest version of the request for metadata, from the line in which a client tells what a broker understands.
fn metadata_version(line: &str) -> Option<u16> {
    let (_, versions) = line.split_once("ApiKey Metadata (3) Versions ")?;
    versions.rsplit_once("..")?.1.trim().parse().ok()
}

impl ClientContext for ClientEvents {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if let Some((topic, id)) = learned_topic_id(line) {
            self.heard().topic_ids.insert(topic, id);
        } else if let Some(version) = metadata_version(line) {
            let mut heard = self.heard();
            heard.metadata_version = heard.metadata_version.max(Some(version));
        } else if facility == "FAIL"
            || level as i32 <= RDKafkaLogLevel::Warning as i32 && facility != "CONFWARN"
        {
            self.hear_trouble(line);
        }
        match level {
            RDKafkaLogLevel::Debug => tracing::trace!(facility, line, "kafka client"),
            _ => tracing::debug!(facility, line, "kafka client"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::PartitionEOF) => {}
            _ => self.hear_trouble(reason),
        }
    }
}

impl ConsumerContext for ClientEvents {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_delivery_rests_on_are_refused_by_name() {
        let mut settings = KafkaSettings::new("localhost:9092");
        assert_eq!(settings.check(), Ok(()));
        settings.properties.insert("transactional.id".to_owned(), "mine".to_owned());
        let fault = settings.check().unwrap_err();
        assert_eq!(fault.kind, FaultKind::Settings);
        assert!(fault.message.contains("\"transactional.id\""), "{fault}");
    }

    #[test]
    fn an_unknown_property_is_named() {
        let mut settings = KafkaSettings::new("localhost:9092");
        settings.properties.insert("no.such.thing".to_owned(), "1".to_owned());
        let fault = settings.check().unwrap_err();
        assert!(fault.message.contains("no.such.thing"), "{fault}");
    }

    #[test]
    fn the_users_properties_win_over_our_defaults() {
        let mut settings = KafkaSettings::new("localhost:9092");
        settings.properties.insert("fetch.queue.backoff.ms".to_owned(), "7".to_owned());
        assert_eq!(settings.consumer(512).get("fetch.queue.backoff.ms"), Some("7"));
    }

    #[test]
    fn a_specific_cause_is_not_replaced_by_a_vague_one() {
        let events = ClientEvents::default();
        events.hear_trouble("[thrd:x]: Connect to ipv4#127.0.0.1:1 failed: Connection refused");
        events.hear_trouble("1/1 brokers are down");
        assert!(events.trouble().is_some_and(|trouble| trouble.starts_with("nothing listens there")));
    }

    #[test]
    fn a_topics_id_is_read_as_kafkas_tools_write_it() {
        let line = "[thrd:main]: Topic a.b changed id from AAAAAAAAAAAAAAAAAAAAAA to x+y/AAAAAAAAAAAAAAAAAA";
        let learned = learned_topic_id(line);
        assert_eq!(learned, Some(("a.b".to_owned(), "x-y_AAAAAAAAAAAAAAAAAA".to_owned())));
        assert_eq!(learned_topic_id("Topic a.b [0] Leader 1 Epoch 0"), None);
    }

    #[test]
    fn brokers_say_whether_they_know_ids() {
        let events = ClientEvents::default();
        assert!(!events.is_without_ids(), "nothing was heard");
        let line = |version| format!("[thrd:b]: b/1:   ApiKey Metadata (3) Versions 0..{version}");
        events.log(RDKafkaLogLevel::Debug, "APIVERSION", &line(9));
        assert!(events.is_without_ids());
        events.log(RDKafkaLogLevel::Debug, "APIVERSION", &line(12));
        assert!(!events.is_without_ids(), "one broker knows them");
    }
}
