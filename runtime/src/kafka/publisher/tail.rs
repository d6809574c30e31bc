//! How far a log's events are published: read from the committed ends of the topics.
//!
//! To be asked after `init_transactions`, when no older process of this log can commit any more. Then the largest
//! position under our log's name is final, as one transaction is one contiguous range of positions.
//!
//! Unless a transaction of ours hangs: a coordinator that comes up while a partition has no leader takes that one for
//! deleted and never ends the transaction there (KAFKA-20734, seen with 4.3.1). Nobody reads past it until we end it.
//!
//! Not mended: when it hangs in one partition and its marker is in another, a person has to decide; and when its
//! successor is aborted before anybody looks (by the take-over itself), Kafka aborts what hangs along with it: with its
//! other part visible, that half of a committed transaction is lost.

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

/// A transaction that lasts longer may hang.
const SUSPICIOUS: Duration = Duration::from_millis(500);

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

/// What the topics tell.
pub(crate) struct Published {
    /// The last position that a reader of committed records sees; 0 when there is none (or it expired, or the topics
    /// were purged).
    pub(crate) last: u64,
    /// Where a transaction of ours hangs.
    pub(crate) hanging: Vec<Hanging>,
}

/// A partition that nobody reads past, as a transaction of ours is over but not ended there.
#[derive(Debug)]
pub(crate) struct Hanging {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// The first position in it.
    pub(crate) first: u64,
}

impl Published {
    /// To abort what hangs leaves a hole when something later is visible, and should we die then, nobody knows of the
    /// hole: a person has to decide.
    pub(crate) fn check_for_holes(&self, bootstrap_servers: &str) -> Result<(), KafkaFault> {
        let last = self.last;
        match self.hanging.iter().find(|place| place.first <= last) {
            None => Ok(()),
            Some(place) => {
                let why = format!(
                    "what follows up to position {last} is visible elsewhere, so it is not published again"
                );
                Err(place.fault(bootstrap_servers, &why))
            }
        }
    }

    /// A fault when something hangs still.
    pub(crate) fn check_for_end(&self, bootstrap_servers: &str) -> Result<(), KafkaFault> {
        let first = self.hanging.first();
        first.map_or(Ok(()), |place| Err(place.fault(bootstrap_servers, "to abort it did not help")))
    }
}

impl Hanging {
    fn fault(&self, bootstrap_servers: &str, why: &str) -> KafkaFault {
        let Self { topic, partition, first } = self;
        let message = format!(
            "kafka never ended a transaction that it took: {topic}[{partition}] hides what was published from position \
             {first} on, and {why}; look with kafka-transactions.sh --bootstrap-server {bootstrap_servers} find-hanging \
             --topic {topic}"
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

    /// How far the topics' committed records go. `committed` is a client that asks as a reader of those does.
    pub(crate) fn published(&self, topics: &[String], committed: &Cluster) -> Result<Published, KafkaFault> {
        let everything = Cluster::new(self.settings, "read_uncommitted")?;
        let mut published = Published { last: 0, hanging: Vec::new() };
        for topic in topics {
            let tails = self.tails(topic, &everything, committed, &mut published.hanging)?;
            published.last = published.last.max(self.read(topic, tails)?);
        }
        Ok(published)
    }

    fn tails(
        &self,
        topic: &str,
        everything: &Cluster,
        committed: &Cluster,
        hanging: &mut Vec<Hanging>,
    ) -> Result<Vec<Tail>, KafkaFault> {
        let view = match everything.topic(topic, WAIT) {
            Err(fault) if fault.kind == FaultKind::TopicMissing => return Ok(Vec::new()),
            other => other?,
        };
        let mut tails = Vec::new();
        for partition in 0..view.partitions {
            let mut marks = everything.watermarks(topic, partition, WAIT)?;
            if marks.low < marks.high {
                let stuck = self.wait_for_open_transactions(topic, partition, marks.high, committed)?;
                if let Some((at, first)) = stuck {
                    marks.high = at;
                    hanging.push(Hanging { topic: topic.to_owned(), partition, first });
                }
            }
            if marks.low < marks.high {
                let from = marks.low.max(marks.high - FIRST_LOOK);
                tails.push(Tail { partition, marks, from, found: None, done: false });
            }
        }
        Ok(tails)
    }

    /// Ours are over, but another log's open transaction hides committed records behind it. It ends within its
    /// time-out (a minute by default), as the broker aborts it then. One of ours that is still open hangs: the answer
    /// is its first offset and position.
    fn wait_for_open_transactions(
        &self,
        topic: &str,
        partition: i32,
        end: i64,
        committed: &Cluster,
    ) -> Result<Option<(i64, u64)>, KafkaFault> {
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
                if let Some(first) = self.ours_at(topic, partition, stable)? {
                    return Ok(Some((stable, first)));
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

    fn read(&self, topic: &str, mut tails: Vec<Tail>) -> Result<u64, KafkaFault> {
        if tails.is_empty() {
            return Ok(0);
        }
        let consumer = self.consumer("read_committed")?;
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
