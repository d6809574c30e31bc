//! How far a log's events are published: read from the committed ends of the topics.
//!
//! To be asked after `init_transactions`, when no older process of this log can commit any more. Then the largest
//! position under our log's name is final, as one transaction is one contiguous range of positions.

use std::{
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

/// Offsets looked at first; each further look goes sixteen times as far back.
const FIRST_LOOK: i64 = 256;

/// The part of a partition that is still to be looked at.
struct Tail {
    partition: i32,
    marks: Watermarks,
    from: i64,
    found: Option<u64>,
    done: bool,
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

    /// `committed` asks as a reader of committed records does. The last published position; 0 when there is none (or it expired, or the topics were purged).
    pub(crate) fn last_position(&self, topics: &[String], committed: &Cluster) -> Result<u64, KafkaFault> {
        let everything = Cluster::new(self.settings, "read_uncommitted")?;
        let mut last = 0;
        for topic in topics {
            let tails = self.tails(topic, &everything, committed)?;
            last = last.max(self.read(topic, tails)?);
        }
        Ok(last)
    }

    fn tails(&self, topic: &str, everything: &Cluster, committed: &Cluster) -> Result<Vec<Tail>, KafkaFault> {
        let view = match everything.topic(topic, WAIT) {
            Err(fault) if fault.kind == FaultKind::TopicMissing => return Ok(Vec::new()),
            other => other?,
        };
        let mut tails = Vec::new();
        for partition in 0..view.partitions {
            let marks = everything.watermarks(topic, partition, WAIT)?;
            if marks.low < marks.high {
                self.wait_for_open_transactions(topic, partition, marks.high, committed)?;
                let from = marks.low.max(marks.high - FIRST_LOOK);
                tails.push(Tail { partition, marks, from, found: None, done: false });
            }
        }
        Ok(tails)
    }

    /// Ours are over, but another log's open transaction hides committed records behind it. It ends within its
    /// time-out (a minute by default), as the broker aborts it then.
    fn wait_for_open_transactions(
        &self,
        topic: &str,
        partition: i32,
        end: i64,
        committed: &Cluster,
    ) -> Result<(), KafkaFault> {
        let (mut told, began) = (false, Instant::now());
        while committed.watermarks(topic, partition, WAIT)?.high < end {
            if (self.stopping)() {
                return Err(KafkaFault::new(FaultKind::Other, "stopped while starting"));
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
        Ok(())
    }

    fn read(&self, topic: &str, mut tails: Vec<Tail>) -> Result<u64, KafkaFault> {
        if tails.is_empty() {
            return Ok(0);
        }
        let mut config = self.settings.consumer(4096);
        config.set("isolation.level", "read_committed").set("fetch.wait.max.ms", "10");
        let consumer: BaseConsumer<Ear> = config
            .create_with_context(Ear::default())
            .map_err(|error| of_error("making a client", &error))?;
        let (mut last, mut look) = (0, FIRST_LOOK);
        while !tails.is_empty() {
            self.look(topic, &consumer, &mut tails)?;
            look = look.saturating_mul(16);
            tails.retain_mut(|tail| {
                last = last.max(tail.found.unwrap_or(0));
                let settled = tail.found.is_some() || tail.from == tail.marks.low;
                tail.from = tail.marks.low.max(tail.marks.high.saturating_sub(look));
                tail.done = false;
                !settled
            });
        }
        // To close a client takes a tenth of a second, for which nobody has to wait.
        thread::spawn(move || drop(consumer));
        Ok(last)
    }

    /// Reads each tail from its start to its end once.
    fn look(&self, topic: &str, consumer: &BaseConsumer<Ear>, tails: &mut [Tail]) -> Result<(), KafkaFault> {
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
                    self.take(&message, tails);
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

    fn take(&self, message: &BorrowedMessage<'_>, tails: &mut [Tail]) {
        let Some(tail) = tails.iter_mut().find(|tail| tail.partition == message.partition()) else { return };
        if let Some(position) = self.position_of(message) {
            tail.found = tail.found.max(Some(position));
        }
        tail.done |= message.offset() + 1 >= tail.marks.high;
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

/// What a consumer without a reset policy tells when its offset is not there (any more).
const OUT_OF_RANGE: rdkafka::types::RDKafkaErrorCode = rdkafka::types::RDKafkaErrorCode::AutoOffsetReset;
