//! Questions to a cluster: who it is, what a topic looks like now, where a partition begins and ends.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use rdkafka::{
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer},
    types::RDKafkaRespErr,
};

use super::{
    KafkaSettings,
    client::Ear,
    fault::{FaultKind, KafkaFault, of_error},
};

/// A client that only asks. It fetches nothing and belongs to no group.
pub(crate) struct Cluster {
    client: BaseConsumer<Ear>,
    bootstrap_servers: String,
    /// Set when the brokers turned out to have no ids for topics.
    without_ids: AtomicBool,
}

/// A topic as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicView {
    /// Changes when the topic is deleted and made again. Brokers before 2.8 have no ids: then it is the name.
    pub(crate) id: String,
    /// How many partitions it has.
    pub(crate) partitions: i32,
    /// Those without a leader: nothing can be read from them now.
    pub(crate) leaderless: Vec<i32>,
}

/// The first and the next offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Watermarks {
    /// The first that is still there.
    pub(crate) low: i64,
    /// The one after the last that a reader of committed records may see.
    pub(crate) high: i64,
}

impl Cluster {
    /// A client with an isolation level (`read_committed` or `read_uncommitted`).
    pub(crate) fn new(settings: &KafkaSettings, isolation: &str) -> Result<Self, KafkaFault> {
        settings.check()?;
        let mut config = settings.client(&[]);
        let debug = settings.properties.get("debug").map_or("topic".to_owned(), |own| format!("{own},topic"));
        config.set("debug", debug).set("isolation.level", isolation);
        // Ids of topics are told on this level only.
        config.set_log_level(RDKafkaLogLevel::Debug);
        let client = config.create_with_context(Ear::default());
        let client = client.map_err(|error| of_error("making a client", &error))?;
        let bootstrap_servers = settings.bootstrap_servers.clone();
        Ok(Self { client, bootstrap_servers, without_ids: AtomicBool::new(false) })
    }

    /// The id of the cluster.
    pub(crate) fn id(&self, wait: Duration) -> Result<String, KafkaFault> {
        let id = self.client.client().fetch_cluster_id(wait);
        self.hear();
        id.ok_or_else(|| self.unreachable("no answer"))
    }

    /// The topic as it is now.
    pub(crate) fn topic(&self, topic: &str, wait: Duration) -> Result<TopicView, KafkaFault> {
        let metadata = self.client.fetch_metadata(Some(topic), wait);
        self.hear();
        let metadata =
            metadata.map_err(|error| self.explained(&format!("asking for topic {topic}"), &error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.ok_or_else(|| missing(topic))?;
        if let Some(error) = found.error() {
            return Err(topic_fault(topic, error));
        }
        if found.partitions().is_empty() {
            return Err(missing(topic));
        }
        let leaderless = found.partitions().iter().filter(|p| p.leader() < 0).map(|p| p.id());
        let id = self.topic_id(topic).unwrap_or_else(|| topic.to_owned());
        let partitions = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
        Ok(TopicView { id, partitions, leaderless: leaderless.collect() })
    }

    /// The id of a topic that was just asked for. Its line is queued before the answer, but on a busy machine it may
    /// take a while to be read; to take the name instead would begin the topic anew.
    fn topic_id(&self, topic: &str) -> Option<String> {
        let until = Instant::now() + Duration::from_secs(2);
        loop {
            let id = self.client.context().topic_id(topic);
            if id.is_some() || self.without_ids.load(Ordering::Relaxed) {
                return id;
            }
            if Instant::now() > until {
                tracing::warn!(topic, "the cluster has no ids for topics: a topic made anew is noticed late");
                self.without_ids.store(true, Ordering::Relaxed);
            }
            self.hear();
        }
    }

    /// Where a partition begins and ends now.
    pub(crate) fn watermarks(
        &self,
        topic: &str,
        partition: i32,
        wait: Duration,
    ) -> Result<Watermarks, KafkaFault> {
        let marks = self.client.fetch_watermarks(topic, partition, wait);
        if marks.is_err() {
            self.hear();
        }
        let asking = || format!("asking for the end of {topic}[{partition}]");
        let (low, high) = marks.map_err(|error| self.explained(&asking(), &error))?;
        Ok(Watermarks { low, high })
    }

    /// Takes what the client has to tell. Learned topic ids are queued before the answer that they came with.
    fn hear(&self) {
        while self.client.poll(Duration::from_millis(1)).is_some() {}
    }

    fn unreachable(&self, what: &str) -> KafkaFault {
        let trouble = self.client.context().trouble();
        let why = trouble.map_or(String::new(), |trouble| format!(": {trouble}"));
        let message = format!("{what} from the Kafka cluster at {}{why}", self.bootstrap_servers);
        KafkaFault::new(FaultKind::Unreachable, message)
    }

    fn explained(&self, doing: &str, error: &rdkafka::error::KafkaError) -> KafkaFault {
        let fault = of_error(doing, error);
        if fault.kind != FaultKind::Unreachable {
            return fault;
        }
        self.unreachable("no answer")
    }
}

fn missing(topic: &str) -> KafkaFault {
    let message = format!(
        "topic {topic} does not exist on the cluster: make it (kafka-topics.sh --create --topic {topic}), or name \
         another in [kafka.topics]"
    );
    KafkaFault::new(FaultKind::TopicMissing, message)
}

fn topic_fault(topic: &str, error: RDKafkaRespErr) -> KafkaFault {
    use RDKafkaRespErr as Code;
    match error {
        Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART | Code::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC => {
            missing(topic)
        }
        Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED => KafkaFault::new(
            FaultKind::NotAllowed,
            format!("the cluster does not let this user see topic {topic}: grant it Describe and Read"),
        ),
        other => KafkaFault::new(FaultKind::Other, format!("topic {topic}: {other:?}")),
    }
}
