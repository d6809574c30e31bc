//! What everybody works on: a broker with its topics, and who is there to work.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};
use kafka::{CommittedReader, ReadFrom, test_support::Broker};
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{
    contender::Contender,
    process,
    trades::{Fed, PARTITIONS},
};

/// The topic of the trades.
pub(crate) const TRADES: &str = "trading.trade.closed.v1";

/// What a measurement needs.
pub(crate) struct Work<'b> {
    /// The program under measurement.
    pub(crate) binary: PathBuf,
    /// A real broker.
    pub(crate) broker: &'b Broker,
    /// Everybody who takes part, and in which order.
    pub(crate) contenders: Vec<Contender>,
}

impl Work<'_> {
    /// Makes the topics. Decisions go to one partition, of whomever they are.
    pub(crate) fn make_topics(&self) -> Result<()> {
        let make = |topic: &str, partitions| self.broker.create_topic(topic, partitions, &[]);
        make(TRADES, PARTITIONS as i32).map_err(anyhow::Error::msg)?;
        self.contenders.iter().try_for_each(|who| make(who.decisions(), 1).map_err(anyhow::Error::msg))
    }

    /// Puts a backlog of trades on the topic.
    pub(crate) fn fill(&self, backlog: impl Iterator<Item = Fed>) -> Result<()> {
        let sender = Sender::open(&self.broker.bootstrap_servers(), "5")?;
        for Fed { partition, key, value } in backlog {
            sender.send(TRADES, Some(partition), &key, &value)?;
        }
        sender.flush()
    }

    /// Reads what somebody decides from here on, as a consumer that reads what is committed.
    pub(crate) fn decisions(&self, who: Contender) -> Result<CommittedReader> {
        CommittedReader::open(&self.broker.settings(), who.decisions(), ReadFrom::End)
            .map_err(anyhow::Error::msg)
    }

    /// CPU seconds that the broker has used.
    pub(crate) fn broker_cpu(&self) -> Result<f64> {
        let pid = self.broker.process_ids().first().context("a broker")?.parse()?;
        process::cpu_seconds(pid)
    }

    /// The contenders of a round: each round begins with another one.
    pub(crate) fn round(&self, round: usize) -> impl Iterator<Item = Contender> + '_ {
        let count = self.contenders.len();
        (0..count).map(move |n| self.contenders[(round + n) % count])
    }
}

/// A producer.
pub(crate) struct Sender(BaseProducer);

impl Sender {
    /// Connects it; it gathers records for so many milliseconds.
    pub(crate) fn open(servers: &str, linger: &str) -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", servers).set("linger.ms", linger).set("acks", "all");
        config.set("enable.idempotence", "true").set("partitioner", "murmur2_random");
        let producer: BaseProducer = config.create()?;
        producer.client().fetch_metadata(Some(TRADES), Duration::from_secs(10))?;
        Ok(Self(producer))
    }

    /// Hands a record over; waits while there is no room.
    pub(crate) fn send(&self, topic: &str, partition: Option<usize>, key: &[u8], value: &[u8]) -> Result<()> {
        let mut record = BaseRecord::to(topic).key(key).payload(value);
        if let Some(partition) = partition {
            record = record.partition(i32::try_from(partition)?);
        }
        while let Err((error, back)) = self.0.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            record = back;
            self.0.poll(Duration::from_millis(10));
        }
        self.0.poll(Duration::ZERO);
        Ok(())
    }

    /// Attends to what the broker said, for so long.
    pub(crate) fn attend(&self, wait: Duration) {
        self.0.poll(wait);
    }

    /// Waits until the broker has all of them.
    pub(crate) fn flush(&self) -> Result<()> {
        Ok(self.0.flush(Duration::from_secs(60))?)
    }
}
