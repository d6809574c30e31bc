//! What of a log is published: read from the committed ends of the topics.
//!
//! To be asked after `init_transactions`, when no older process of this log can commit any more. Then what is visible
//! above the last checkpoint is final, and what is not visible is still to be published: there may be holes.
//!
//! A transaction of ours can hang: a coordinator that comes up while a partition has no leader takes that one for
//! deleted and never ends the transaction there (KAFKA-20734, seen with 4.3.1). Nobody reads past it until we end it,
//! and whatever we end it with ends that part of it too: aborted, while other partitions may show their part.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use events::Uuid;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};

use super::{
    super::{
        KafkaSettings,
        client::Ear,
        cluster::{Cluster, Watermarks},
        fault::{FaultKind, KafkaFault, of_error},
    },
    record::{LOG_HEADER, POSITION_HEADER},
};

const WAIT: Duration = Duration::from_secs(5);

/// An open transaction that lasts longer is told as a fault, and waited for again.
const OPEN_TRANSACTION: Duration = Duration::from_secs(20);

/// A transaction that lasts longer may hang.
const SUSPICIOUS: Duration = Duration::from_millis(500);

/// Offsets looked at first; each further look goes sixteen times as far back.
const FIRST_LOOK: i64 = 256;

/// The part of a partition that is still to be looked at.
struct Tail {
    partition: i32,
    marks: Watermarks,
    from: i64,
    /// The smallest of our positions in it.
    least: Option<u64>,
    done: bool,
}

/// A partition that nobody reads past, as a transaction of ours is over but not ended there.
#[derive(Debug)]
pub(crate) struct Hanging {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// The first position in it.
    pub(crate) first: u64,
}

impl Hanging {
    /// When to end it did not help.
    pub(crate) fn fault(&self, bootstrap_servers: &str) -> KafkaFault {
        let Self { topic, partition, first } = self;
        let message = format!(
            "kafka never ended a transaction that it took: {topic}[{partition}] hides what was published from position \
             {first} on, and to abort it did not help; look with kafka-transactions.sh --bootstrap-server \
             {bootstrap_servers} find-hanging --topic {topic}"
        );
        KafkaFault::new(FaultKind::Other, message)
    }
}

/// Reads the ends of topics.
pub(crate) struct TailReader<'a> {
    settings: &'a KafkaSettings,
    log: String,
    /// Whether to give up.
    stopping: &'a dyn Fn() -> bool,
}

impl<'a> TailReader<'a> {
    /// A reader of what was published from a log.
    pub(crate) fn new(settings: &'a KafkaSettings, log: Uuid, stopping: &'a dyn Fn() -> bool) -> Self {
        Self { settings, log: log.to_string(), stopping }
    }

    /// Waits until nothing is open in the topics; where a transaction of ours hangs instead is the answer.
    /// `committed` is a client that asks as a reader of committed records does.
    pub(crate) fn hanging(
        &self,
        topics: &[String],
        everything: &Cluster,
        committed: &Cluster,
    ) -> Result<Vec<Hanging>, KafkaFault> {
        let mut hanging = Vec::new();
        for topic in topics {
            for partition in 0..partitions(topic, everything)? {
                let marks = everything.watermarks(topic, partition, WAIT)?;
                if marks.low < marks.high
                    && let Some(first) = self.wait_until_ended(topic, partition, marks.high, committed)?
                {
                    hanging.push(Hanging { topic: topic.clone(), partition, first });
                }
            }
        }
        Ok(hanging)
    }

    /// The positions above a checkpoint that a reader of committed records sees. Every record of ours that was written
    /// before the checkpoint is at or below it, every later one above: so it is enough to go back to the first such.
    pub(crate) fn visible(
        &self,
        topics: &[String],
        after: u64,
        committed: &Cluster,
    ) -> Result<BTreeSet<u64>, KafkaFault> {
        let mut visible = BTreeSet::new();
        for topic in topics {
            let mut tails = Vec::new();
            for partition in 0..partitions(topic, committed)? {
                let marks = committed.watermarks(topic, partition, WAIT)?;
                if marks.low < marks.high {
                    let from = marks.low.max(marks.high - FIRST_LOOK);
                    tails.push(Tail { partition, marks, from, least: None, done: false });
                }
            }
            self.read(topic, tails, after, &mut visible)?;
        }
        Ok(visible)
    }

    /// Ours are over, but another log's open transaction hides committed records behind it. It ends within its
    /// time-out (a minute by default), as the broker aborts it then. One of ours that is still open hangs: the answer
    /// is its first position.
    fn wait_until_ended(
        &self,
        topic: &str,
        partition: i32,
        end: i64,
        committed: &Cluster,
    ) -> Result<Option<u64>, KafkaFault> {
        let (mut told, mut looked_at, began) = (false, None, Instant::now());
        loop {
            let stable = committed.watermarks(topic, partition, WAIT)?.high;
            if stable >= end {
                return Ok(None);
            }
            if (self.stopping)() {
                return Err(KafkaFault::new(FaultKind::Other, "stopped while starting"));
            }
            if began.elapsed() > SUSPICIOUS && looked_at != Some(stable) {
                looked_at = Some(stable);
                let ours = self.ours_at(topic, partition, stable)?;
                if ours.is_some() {
                    return Ok(ours);
                }
            }
            if !told {
                tracing::info!(topic, partition, "waiting for somebody's open transaction to end");
                told = true;
            }
            if began.elapsed() > OPEN_TRANSACTION {
                let message = format!(
                    "an open transaction in {topic}[{partition}] hides what is published; if it does not end, look with \
                     kafka-transactions.sh --bootstrap-server {} find-hanging --topic {topic}",
                    self.settings.bootstrap_servers
                );
                return Err(KafkaFault::new(FaultKind::Other, message));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The position of the record at an offset, committed or not, when it is one of ours.
    fn ours_at(&self, topic: &str, partition: i32, offset: i64) -> Result<Option<u64>, KafkaFault> {
        let reading = |error: KafkaError| of_error(&format!("reading the end of {topic}"), &error);
        let consumer = self.consumer("read_uncommitted")?;
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(reading)?;
        consumer.assign(&wanted).map_err(reading)?;
        let began = Instant::now();
        while began.elapsed() < WAIT && !(self.stopping)() {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                return Ok(self.position_of(&message));
            }
        }
        let trouble = consumer.client().context().trouble().unwrap_or_default();
        let message = format!("the end of {topic} cannot be read: {trouble}");
        Err(KafkaFault::new(FaultKind::Unreachable, message))
    }

    fn consumer(&self, isolation: &str) -> Result<BaseConsumer<Ear>, KafkaFault> {
        let mut config = self.settings.consumer(4096);
        config.set("isolation.level", isolation).set("fetch.wait.max.ms", "10");
        config.create_with_context(Ear::default()).map_err(|error| of_error("making a client", &error))
    }

    fn read(
        &self,
        topic: &str,
        mut tails: Vec<Tail>,
        after: u64,
        visible: &mut BTreeSet<u64>,
    ) -> Result<(), KafkaFault> {
        if tails.is_empty() {
            return Ok(());
        }
        let consumer = self.consumer("read_committed")?;
        let mut look = FIRST_LOOK;
        while !tails.is_empty() {
            self.look(topic, &consumer, &mut tails, after, visible)?;
            look = look.saturating_mul(16);
            tails.retain_mut(|tail| {
                let settled = tail.least.is_some_and(|least| least <= after) || tail.from == tail.marks.low;
                tail.from = tail.marks.low.max(tail.marks.high.saturating_sub(look));
                tail.done = false;
                !settled
            });
        }
        // To close a client takes a tenth of a second, for which nobody has to wait.
        thread::spawn(move || drop(consumer));
        Ok(())
    }

    /// Reads each tail from its start to its end once.
    fn look(
        &self,
        topic: &str,
        consumer: &BaseConsumer<Ear>,
        tails: &mut [Tail],
        after: u64,
        visible: &mut BTreeSet<u64>,
    ) -> Result<(), KafkaFault> {
        let reading = |error: KafkaError| of_error(&format!("reading the end of {topic}"), &error);
        let mut wanted = TopicPartitionList::new();
        for tail in tails.iter() {
            wanted.add_partition_offset(topic, tail.partition, Offset::Offset(tail.from)).map_err(reading)?;
        }
        consumer.assign(&wanted).map_err(reading)?;
        let mut quiet = Duration::ZERO;
        let step = Duration::from_millis(100);
        while tails.iter().any(|tail| !tail.done) {
            match consumer.poll(step) {
                Some(Ok(message)) => {
                    quiet = Duration::ZERO;
                    let position = self.take(&message, tails);
                    visible.extend(position.filter(|position| *position > after));
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    tails.iter_mut().filter(|t| t.partition == partition).for_each(|t| t.done = true);
                }
                Some(Err(error)) if error.rdkafka_error_code() == Some(OUT_OF_RANGE) => {
                    // Purged or expired since its marks were read: the next session looks again.
                    return Err(KafkaFault::new(
                        FaultKind::Other,
                        format!("{topic} was cut while it was read"),
                    ));
                }
                Some(Err(_)) | None => quiet += step,
            }
            if quiet > WAIT || (self.stopping)() {
                let trouble = consumer.client().context().trouble().unwrap_or_default();
                let message = format!("the end of {topic} cannot be read: {trouble}");
                return Err(KafkaFault::new(FaultKind::Unreachable, message));
            }
        }
        Ok(())
    }

    fn take(&self, message: &BorrowedMessage<'_>, tails: &mut [Tail]) -> Option<u64> {
        let tail = tails.iter_mut().find(|tail| tail.partition == message.partition())?;
        tail.done |= message.offset() + 1 >= tail.marks.high;
        let position = self.position_of(message)?;
        tail.least = Some(tail.least.map_or(position, |least| least.min(position)));
        Some(position)
    }

    /// The position that a record was published from, when it is one of ours.
    fn position_of(&self, message: &BorrowedMessage<'_>) -> Option<u64> {
        let headers = message.headers()?;
        let text = |name: &str| {
            let value = headers.iter().find(|header| header.key == name)?.value?;
            std::str::from_utf8(value).ok()
        };
        (text(LOG_HEADER)? == self.log).then_some(())?;
        text(POSITION_HEADER)?.parse().ok()
    }
}

/// How many partitions a topic has; none when it is missing.
fn partitions(topic: &str, cluster: &Cluster) -> Result<i32, KafkaFault> {
    match cluster.topic(topic, WAIT) {
        Err(fault) if fault.kind == FaultKind::TopicMissing => Ok(0),
        other => Ok(other?.partitions),
    }
}

/// What a consumer without a reset policy tells when its offset is not there (any more).
const OUT_OF_RANGE: rdkafka::types::RDKafkaErrorCode = rdkafka::types::RDKafkaErrorCode::AutoOffsetReset;
