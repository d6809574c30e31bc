//! A real Kafka for a test: one broker, or a cluster of three.

use std::{
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication,
    },
    client::DefaultClientContext,
    config::ClientConfig,
    consumer::{BaseConsumer, Consumer as _},
    metadata::Metadata,
    topic_partition_list::{Offset, TopicPartitionList},
    types::RDKafkaErrorCode,
};

use super::node::{Node, install, text};
use crate::KafkaSettings;

const READY_WITHIN: Duration = Duration::from_secs(60);

/// What three brokers have to know beside the voters: every record on all of them, two are enough to go on.
const THREE: &str = "default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
broker.session.timeout.ms=3000
";

/// A cluster of its own for a test.
pub struct Broker {
    nodes: Vec<Node>,
    properties: String,
}

impl Broker {
    /// Fetches Kafka if need be, starts a broker and waits until it answers.
    ///
    /// # Errors
    /// When Java or Maven are missing, or the broker does not come up: with what it wrote.
    pub fn start() -> Result<Self, String> {
        Self::start_with("")
    }

    /// The same with further lines for `server.properties`, the last of a key wins. `{port}`, `{controller}` and
    /// `{extra}` stand for the ports; the last one is free for one more listener.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_with(properties: &str) -> Result<Self, String> {
        Self::launch(1, properties)
    }

    /// Three brokers; what is on them is there as long as two live.
    ///
    /// # Errors
    /// As [`Broker::start`].
    pub fn start_three() -> Result<Self, String> {
        Self::launch(3, THREE)
    }

    fn launch(nodes: usize, properties: &str) -> Result<Self, String> {
        install()?;
        // Somebody else may take a port between finding and using it: once more then.
        for attempt in 0..2 {
            let nodes: Vec<Node> = (1..=nodes).map(Node::new).collect::<Result<_, _>>()?;
            let voters = nodes.iter().map(Node::voter).collect::<Vec<_>>().join(",");
            let properties = format!("controller.quorum.voters={voters}\n{properties}");
            let mut broker = Self { nodes, properties };
            match broker.restart() {
                Err(why) if attempt == 0 && why.contains("in use") => {}
                other => return other.map(|()| broker),
            }
        }
        Err("no free port".to_owned())
    }

    /// `host:port` for clients; several with commas.
    pub fn bootstrap_servers(&self) -> String {
        self.nodes.iter().map(Node::address).collect::<Vec<_>>().join(",")
    }

    /// `host:port` of the listener that the further properties put on `{extra}`.
    pub fn extra_servers(&self) -> String {
        self.nodes.iter().map(Node::extra_address).collect::<Vec<_>>().join(",")
    }

    /// Settings for clients.
    #[must_use]
    pub fn settings(&self) -> KafkaSettings {
        KafkaSettings::new(self.bootstrap_servers())
    }

    /// Their processes.
    pub fn process_ids(&self) -> Vec<&str> {
        self.nodes.iter().map(Node::process_id).collect()
    }

    /// How many brokers there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// One of the brokers, from 0.
    pub fn node(&mut self, index: usize) -> &mut Node {
        &mut self.nodes[index]
    }

    /// Ends all at once with SIGKILL; their data stays.
    pub fn kill(&mut self) {
        self.nodes.iter_mut().for_each(Node::kill);
    }

    /// Starts all again on the same data and ports, and waits until they answer.
    ///
    /// # Errors
    /// When one does not come up: with what it wrote.
    pub fn restart(&mut self) -> Result<(), String> {
        self.kill();
        self.nodes.iter_mut().try_for_each(|node| node.spawn(&self.properties))?;
        self.wait_until_whole()
    }

    /// Starts one again, and waits until it has all that the others have.
    ///
    /// # Errors
    /// As [`Broker::restart`].
    pub fn restart_node(&mut self, index: usize) -> Result<(), String> {
        self.nodes[index].spawn(&self.properties)?;
        self.wait_until_whole()
    }

    /// Freezes all, connections and all; they go on with [`Broker::wake`].
    pub fn freeze(&self) {
        self.nodes.iter().for_each(Node::freeze);
    }

    /// Lets frozen brokers go on.
    pub fn wake(&self) {
        self.nodes.iter().for_each(Node::wake);
    }

    /// The index of the broker that leads a partition.
    ///
    /// # Errors
    /// When nobody tells, or nobody leads it.
    pub fn leader(&self, topic: &str, partition: i32) -> Result<usize, String> {
        let metadata = self.metadata(Some(topic))?;
        let found = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let leader = found.filter(|found| found.id() == partition).map(|found| found.leader()).next();
        let leader = leader.and_then(|id| usize::try_from(id).ok()?.checked_sub(1));
        leader.ok_or_else(|| format!("nobody leads {topic}[{partition}]"))
    }

    /// Waits until all brokers answer as one, every partition is led and every copy is in sync.
    ///
    /// # Errors
    /// When that takes too long, or a broker ended: with what it wrote.
    pub fn wait_until_whole(&self) -> Result<(), String> {
        let until = Instant::now() + READY_WITHIN;
        while Instant::now() < until {
            if self.is_whole() {
                return Ok(());
            }
            if let Some(dead) = self.nodes.iter().find(|node| !node.is_alive()) {
                return Err(format!("the broker ended while starting:\n{}", dead.written()));
            }
            thread::sleep(Duration::from_millis(50));
        }
        let written: Vec<String> = self.nodes.iter().map(Node::written).collect();
        Err(format!("the broker does not answer after {READY_WITHIN:?}:\n{}", written.join("\n")))
    }

    fn is_whole(&self) -> bool {
        let Ok(metadata) = self.metadata(None) else { return false };
        let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        metadata.brokers().len() == self.nodes.len()
            && partitions.all(|p| p.leader() >= 0 && p.isr().len() == p.replicas().len())
    }

    fn metadata(&self, topic: Option<&str>) -> Result<Metadata, String> {
        let client: BaseConsumer = self.client_config().create().map_err(text)?;
        client.fetch_metadata(topic, Duration::from_secs(2)).map_err(text)
    }

    fn copies(&self) -> i32 {
        i32::try_from(self.nodes.len()).unwrap_or(i32::MAX)
    }

    fn client_config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap_servers()).set("reconnect.backoff.max.ms", "200");
        config
    }

    /// Makes a topic.
    ///
    /// # Errors
    /// What the broker said.
    pub fn create_topic(&self, topic: &str, partitions: i32, config: &[(&str, &str)]) -> Result<(), String> {
        let mut wanted = NewTopic::new(topic, partitions, TopicReplication::Fixed(self.copies()));
        for (key, value) in config {
            wanted = wanted.set(key, value);
        }
        self.admin(|admin, runtime, options| {
            single(runtime.block_on(admin.create_topics([&wanted], options)).map_err(text)?)
        })
    }

    /// Gives a topic these settings of its own and no others.
    ///
    /// # Errors
    /// What the broker said.
    pub fn set_topic(&self, topic: &str, config: &[(&str, &str)]) -> Result<(), String> {
        let mut wanted = AlterConfig::new(ResourceSpecifier::Topic(topic));
        for (key, value) in config {
            wanted = wanted.set(key, value);
        }
        self.admin(|admin, runtime, options| {
            let answers = runtime.block_on(admin.alter_configs([&wanted], options)).map_err(text)?;
            match answers.into_iter().next() {
                Some(Err((_, code))) => Err(format!("{topic}: {code}")),
                _ => Ok(()),
            }
        })
    }

    /// Deletes a topic.
    ///
    /// # Errors
    /// What the broker said.
    pub fn delete_topic(&self, topic: &str) -> Result<(), String> {
        self.admin(|admin, runtime, options| {
            single(runtime.block_on(admin.delete_topics(&[topic], options)).map_err(text)?)
        })
    }

    /// Raises the number of partitions of a topic.
    ///
    /// # Errors
    /// What the broker said.
    pub fn raise_partitions(&self, topic: &str, to: usize) -> Result<(), String> {
        let wanted = NewPartitions::new(topic, to);
        self.admin(|admin, runtime, options| {
            single(runtime.block_on(admin.create_partitions([&wanted], options)).map_err(text)?)
        })
    }

    /// Deletes the records of a partition before an offset; all of them when there is none.
    ///
    /// # Errors
    /// What the broker said.
    pub fn delete_records(&self, topic: &str, partition: i32, before: Option<i64>) -> Result<(), String> {
        let mut until = TopicPartitionList::new();
        let before = before.map_or(Offset::End, Offset::Offset);
        until.add_partition_offset(topic, partition, before).map_err(text)?;
        self.admin(|admin, runtime, options| {
            runtime.block_on(admin.delete_records(&until, options)).map(drop).map_err(text)
        })
    }

    fn admin<T>(
        &self,
        act: impl FnOnce(
            &AdminClient<DefaultClientContext>,
            &tokio::runtime::Runtime,
            &AdminOptions,
        ) -> Result<T, String>,
    ) -> Result<T, String> {
        let admin: AdminClient<DefaultClientContext> = self.client_config().create().map_err(text)?;
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(text)?;
        let wait = Some(Duration::from_secs(20));
        act(&admin, &runtime, &AdminOptions::new().operation_timeout(wait).request_timeout(wait))
    }
}

fn single(answers: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Result<(), String> {
    match answers.into_iter().next() {
        Some(Err((name, code))) => Err(format!("{name}: {code}")),
        _ => Ok(()),
    }
}
