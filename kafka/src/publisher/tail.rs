//! What of a log is published: read from the committed ends of the topics.
//!
//! To be asked after `init_transactions`, when no older process of this log can commit any more. Then what is visible
//! above the last checkpoint is final, and what is not visible is still to be published: there may be holes.
//!
//! A transaction of ours can hang: a coordinator that comes up while a partition has no leader takes that one for
//! deleted and never ends the transaction there (KAFKA-20734, seen with 4.3.1). Nobody reads past it until we end it,
//! and whatever we end it with ends that part of it too: aborted, while other partitions may show their part.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
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
use serde::Deserialize;

use super::{
    super::{
        KafkaSettings,
        client::ClientEvents,
        cluster::{Cluster, Watermarks},
        fault::{FaultKind, KafkaFault, of_error},
    },
    identity::Names,
    port::{Hidden, Published, Watch, Whose},
    record::{EVENT_HEADER, LOG_HEADER, POSITION_HEADER},
};

const WAIT: Duration = Duration::from_secs(5);

/// Somebody's open transaction is waited for so long; then it is gone on, and said.
const OPEN_TRANSACTION: Duration = Duration::from_secs(3);

/// A transaction that lasts longer may hang.
const SUSPICIOUS: Duration = Duration::from_millis(500);

/// Offsets looked at first; each further look goes sixteen times as far back.
const FIRST_LOOK: i64 = 256;

/// The part of a partition that is still to be looked at.
struct Tail {
    partition: i32,
    marks: Watermarks,
    from: i64,
    /// The smallest position under our oldest name in it.
    least: Option<u64>,
    done: bool,
}

/// A record that carries the name of a log.
struct Named {
    log: String,
    position: u64,
    /// The event's id; none where neither a header nor the value tells it.
    event: Option<Uuid>,
}

/// Reads the ends of topics.
pub(crate) struct TailReader<'a> {
    pub(crate) settings: &'a KafkaSettings,
    pub(crate) names: &'a Names,
    pub(crate) watch: &'a Arc<dyn Watch>,
}

impl TailReader<'_> {
    /// Waits a little until nothing is open in a topic; where something still is then, is the answer.
    /// `committed` is a client that asks as a reader of committed records does.
    pub(crate) fn hidden(
        &self,
        topic: &str,
        everything: &Cluster,
        committed: &Cluster,
    ) -> Result<Vec<Hidden>, KafkaFault> {
        let mut hidden = Vec::new();
        for partition in 0..partitions(topic, everything)? {
            let marks = everything.watermarks(topic, partition, WAIT)?;
            if marks.low < marks.high
                && let Some(whose) = self.wait_until_ended(topic, partition, marks.high, committed)?
            {
                hidden.push(Hidden { topic: topic.to_owned(), partition, whose });
            }
        }
        Ok(hidden)
    }

    /// What a reader of committed records sees. Every record of ours that was written before the checkpoint is at or
    /// below it, every later one above: so it is enough to go back to the first such.
    pub(crate) fn published(&self, topic: &str, committed: &Cluster) -> Result<Published, KafkaFault> {
        let mut tails = Vec::new();
        for partition in 0..partitions(topic, committed)? {
            let marks = committed.watermarks(topic, partition, WAIT)?;
            if marks.low < marks.high {
                let from = marks.low.max(marks.high - FIRST_LOOK);
                tails.push(Tail { partition, marks, from, least: None, done: false });
            }
        }
        self.read(topic, tails)
    }

    /// Other logs in the newest records, from where the last look ended.
    pub(crate) fn others(
        &self,
        topic: &str,
        committed: &Cluster,
        read: &mut BTreeMap<i32, i64>,
    ) -> Result<BTreeSet<String>, KafkaFault> {
        let mut tails = Vec::new();
        for partition in 0..partitions(topic, committed)? {
            let marks = committed.watermarks(topic, partition, WAIT)?;
            let last = read.insert(partition, marks.high).unwrap_or(0);
            let from = marks.low.max(marks.high - FIRST_LOOK).max(last);
            if from < marks.high {
                tails.push(Tail { partition, marks, from, least: None, done: false });
            }
        }
        let mut published = Published::default();
        if !tails.is_empty() {
            let consumer = self.consumer("read_committed")?;
            self.look(topic, &consumer, &mut tails, &mut |reader, named| reader.sort(named, &mut published))?;
            thread::spawn(move || drop(consumer));
        }
        Ok(published.others)
    }

    /// Our own transactions are over, but somebody's open one hides committed records behind it. It ends within its
    /// time-out (a minute by default), as the broker aborts it then. One of ours that is still open hangs.
    fn wait_until_ended(
        &self,
        topic: &str,
        partition: i32,
        end: i64,
        committed: &Cluster,
    ) -> Result<Option<Whose>, KafkaFault> {
        let (mut looked_at, began) = (None, Instant::now());
        loop {
            let stable = committed.watermarks(topic, partition, WAIT)?.high;
            if stable >= end {
                return Ok(None);
            }
            self.go_on()?;
            if began.elapsed() > SUSPICIOUS && looked_at != Some(stable) {
                looked_at = Some(stable);
                if let Some(first) = self.ours_at(topic, partition, stable)? {
                    return Ok(Some(Whose::Ours { first }));
                }
            }
            if began.elapsed() > OPEN_TRANSACTION {
                let ids = self.behind(topic, partition, stable, end)?;
                return Ok(Some(Whose::Foreign { ids, end }));
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn go_on(&self) -> Result<(), KafkaFault> {
        if self.watch.gives_up() {
            return Err(KafkaFault::new(FaultKind::Other, "stopped while starting"));
        }
        Ok(())
    }

    /// The position of the record at an offset, committed or not, when it is one of ours.
    fn ours_at(&self, topic: &str, partition: i32, offset: i64) -> Result<Option<u64>, KafkaFault> {
        let reading = |error: KafkaError| of_error(&format!("reading the end of {topic}"), &error);
        let consumer = self.consumer("read_uncommitted")?;
        let mut wanted = TopicPartitionList::new();
        wanted.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(reading)?;
        consumer.assign(&wanted).map_err(reading)?;
        let began = Instant::now();
        while began.elapsed() < WAIT && !self.watch.gives_up() {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                let ours = self.names.present.id.to_string();
                return Ok(named(&message).filter(|named| named.log == ours).map(|named| named.position));
            }
        }
        Err(unreadable(topic, &consumer))
    }

    /// Ids of what we published between two offsets, committed or not.
    fn behind(&self, topic: &str, partition: i32, from: i64, to: i64) -> Result<BTreeSet<Uuid>, KafkaFault> {
        let consumer = self.consumer("read_uncommitted")?;
        let marks = Watermarks { low: from, high: to };
        let mut tails = [Tail { partition, marks, from, least: None, done: false }];
        let mut ids = BTreeSet::new();
        let ours = self.names.present.id.to_string();
        self.look(topic, &consumer, &mut tails, &mut |_, named| {
            ids.extend(named.event.filter(|_| named.log == ours));
            None
        })?;
        Ok(ids)
    }

    fn consumer(&self, isolation: &str) -> Result<BaseConsumer<ClientEvents>, KafkaFault> {
        let mut config = self.settings.consumer(4096);
        config.set("isolation.level", isolation).set("fetch.wait.max.ms", "10");
        config
            .create_with_context(ClientEvents::default())
            .map_err(|error| of_error("making a client", &error))
    }

    fn read(&self, topic: &str, mut tails: Vec<Tail>) -> Result<Published, KafkaFault> {
        let mut published = Published::default();
        if tails.is_empty() {
            return Ok(published);
        }
        let consumer = self.consumer("read_committed")?;
        let after = self.names.oldest().after;
        let mut look = FIRST_LOOK;
        while !tails.is_empty() {
            self.look(topic, &consumer, &mut tails, &mut |reader, named| reader.sort(named, &mut published))?;
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
        Ok(published)
    }

    /// Puts a record where it belongs; the answer is its position when it bears our oldest name.
    fn sort(&self, named: &Named, published: &mut Published) -> Option<u64> {
        let ours = |name: &super::identity::Name| name.id.to_string() == named.log;
        let present = ours(&self.names.present);
        let earlier = self.names.earlier.iter().find(|name| ours(name));
        match (earlier, named.event) {
            _ if present => {
                let event = named.event.filter(|_| named.position > self.names.present.after);
                published.own.extend(event.map(|event| (named.position, event)));
            }
            (Some(name), event) => {
                published.before.extend(event.filter(|_| named.position > name.after));
            }
            (None, _) => drop(published.others.insert(named.log.clone())),
        }
        ours(&self.names.oldest()).then_some(named.position)
    }

    /// Reads each tail from its start to its end once.
    fn look(
        &self,
        topic: &str,
        consumer: &BaseConsumer<ClientEvents>,
        tails: &mut [Tail],
        take: &mut dyn FnMut(&Self, &Named) -> Option<u64>,
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
                    let tail = tails.iter_mut().find(|tail| tail.partition == message.partition());
                    let Some(tail) = tail else { continue };
                    tail.done |= message.offset() + 1 >= tail.marks.high;
                    if let Some(position) = named(&message).and_then(|named| take(self, &named)) {
                        tail.least = Some(tail.least.map_or(position, |least| least.min(position)));
                    }
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
            self.go_on()?;
            if quiet > WAIT {
                return Err(unreadable(topic, consumer));
            }
        }
        Ok(())
    }
}

fn unreadable(topic: &str, consumer: &BaseConsumer<ClientEvents>) -> KafkaFault {
    let trouble = consumer.client().context().trouble().unwrap_or_default();
    KafkaFault::new(FaultKind::Unreachable, format!("the end of {topic} cannot be read: {trouble}"))
}

/// What a record says of where it was published from.
fn named(message: &BorrowedMessage<'_>) -> Option<Named> {
    let headers = message.headers()?;
    let text = |name: &str| {
        let value = headers.iter().find(|header| header.key == name)?.value?;
        std::str::from_utf8(value).ok()
    };
    let position = text(POSITION_HEADER)?.parse().ok()?;
    let event = text(EVENT_HEADER).and_then(|id| id.parse().ok());
    Some(Named {
        log: text(LOG_HEADER)?.to_owned(),
        position,
        event: event.or_else(|| message.payload().and_then(event_of)),
    })
}

/// The id of a decision that was published before headers told it.
fn event_of(value: &[u8]) -> Option<Uuid> {
    #[derive(Deserialize)]
    struct Id {
        id: Uuid,
    }
    serde_json::from_slice::<Id>(value).ok().map(|found| found.id)
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
