//! Questions to a cluster: who it is, what a topic looks like now, where a partition begins and ends.

use std::time::{Duration, Instant};

use rdkafka::{
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer},
    types::RDKafkaRespErr,
};

use super::{
    KafkaSettings,
    client::ClientEvents,
    fault::{FaultKind, KafkaFault, of_error},
};

/// The parts of librdkafka whose lines tell the ids of topics, and whether there are any.
const TELLS_IDS: &str = "topic,feature";

/// A client that only asks. It fetches nothing and belongs to no group.
pub(crate) struct Cluster {
    client: BaseConsumer<ClientEvents>,
    bootstrap_servers: String,
}

/// A topic as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TopicView {
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
        let debug =
            settings.properties.get("debug").map_or(TELLS_IDS.to_owned(), |own| format!("{own},{TELLS_IDS}"));
        config.set("debug", debug).set("isolation.level", isolation);
        // Ids of topics are told on this level only.
        config.set_log_level(RDKafkaLogLevel::Debug);
        let client = config.create_with_context(ClientEvents::default());
        let client = client.map_err(|error| of_error("making a client", &error))?;
        let bootstrap_servers = settings.bootstrap_servers.clone();
        Ok(Self { client, bootstrap_servers })
    }

    /// The id of the cluster.
    pub(crate) fn id(&self, wait: Duration) -> Result<String, KafkaFault> {
        let id = self.client.client().fetch_cluster_id(wait);
        self.hear();
        let id = id.ok_or_else(|| self.unreachable("no answer"))?;
        self.answered();
        Ok(id)
    }

    /// The topic as it is now.
    pub(crate) fn topic(&self, topic: &str, wait: Duration) -> Result<TopicView, KafkaFault> {
        let metadata = self.client.fetch_metadata(Some(topic), wait);
        self.hear();
        let metadata =
            metadata.map_err(|error| self.explained(&format!("asking for topic {topic}"), &error))?;
        self.answered();
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let found = found.ok_or_else(|| missing(topic))?;
        if let Some(error) = found.error() {
            return Err(topic_fault(topic, error));
        }
        if found.partitions().is_empty() {
            return Err(missing(topic));
        }
        let leaderless = found.partitions().iter().filter(|p| p.leader() < 0).map(|p| p.id());
        let partitions = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
        Ok(TopicView { partitions, leaderless: leaderless.collect() })
    }

    /// The id of a topic that was just asked for: it changes when the topic is deleted and made again. Brokers before
    /// 2.8 have no ids, then it is the name.
    ///
    /// Its line is queued before the answer, but on a busy machine it may take a while to be read. Never told, the name
    /// is not taken in its place: under another id the topic would be read anew, from its start.
    pub(crate) fn topic_id(&self, topic: &str) -> Result<String, KafkaFault> {
        let (client_events, until) = (self.client.context(), Instant::now() + Duration::from_secs(2));
        loop {
            if let Some(id) = client_events.topic_id(topic) {
                return Ok(id);
            }
            if client_events.is_without_ids() {
                return Ok(topic.to_owned());
            }
            if Instant::now() > until {
                let message = format!("the Kafka client has not told the id of topic {topic} yet");
                return Err(KafkaFault::new(FaultKind::Other, message));
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
        let (low, high) = marks.map_err(|error| match self.explained(&asking(), &error) {
            fault if fault.kind == FaultKind::TopicMissing => missing(topic),
            fault => fault,
        })?;
        self.answered();
        Ok(Watermarks { low, high })
    }

    /// All is well again: what was wrong before says nothing of what comes.
    fn answered(&self) {
        self.client.context().forget_trouble();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    #[test]
    fn a_client_that_tells_no_id_is_waited_for_and_never_answered_with_the_name() {
        let endpoint = Endpoint::start("127.0.0.1:0", &["a"]).unwrap();
        let settings = endpoint.settings();
        let client = settings.client(&[]).create_with_context(ClientEvents::default()).unwrap();
        let cluster = Cluster { client, bootstrap_servers: settings.bootstrap_servers };
        assert_eq!(cluster.topic("a", Duration::from_secs(5)).unwrap().partitions, 4);
        let fault = cluster.topic_id("a").unwrap_err();
        assert!(fault.is_passing() && fault.message.contains("has not told the id of topic a"), "{fault}");
    }
}
