//! One partition: fetched records are taken out in batches, in their order, and decoded on whichever thread is free.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use events::Timestamp;
use rdkafka::{
    Message, Offset,
    consumer::{BaseConsumer, Consumer as _, base_consumer::PartitionQueue},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
    types::RDKafkaErrorCode,
};

use super::{
    super::{
        client::ClientEvents,
        fault::{FaultKind, KafkaFault, of_error},
    },
    gaps::Gap,
    keys::Keys,
    progress::PartitionProgress,
    source_log::{PRODUCER, Stream},
    unreadable::is_unreadable,
};
use intake::{
    CloudEventAttributes, TradeFormat,
    admit::{Admission, AdmitError, Candidate, Incoming, Place, Raw},
};
use store::now;

/// Records of a batch, at most.
const MOST_RECORDS: usize = 500;
/// Bytes of a batch, at most; one record may be larger.
pub(super) const MOST_BYTES: usize = 4 << 20;

/// A partition that is about to be read.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) partition: i32,
    pub(super) stream: Stream,
    pub(super) from: i64,
    /// The offset after its last record.
    pub(super) end: i64,
    /// Whether offsets without a record are records that are gone.
    pub(super) shows_gaps: bool,
}

/// A partition that is being read.
pub(super) struct Partition {
    topic: Arc<str>,
    consumer: Arc<BaseConsumer<ClientEvents>>,
    queue: PartitionQueue<ClientEvents>,
    format: Arc<TradeFormat>,
    pub(super) admission: Admission,
    pub(super) progress: Arc<PartitionProgress>,
    /// Looks at keys, where there are several partitions.
    keys: Option<Arc<Keys>>,
    /// Whether offsets without a record are records that are gone.
    counts_gaps: bool,
    /// Held while records are taken out, so that the numbers are in their order.
    next: Mutex<Next>,
}

/// What comes next.
struct Next {
    /// The number of the batch.
    batch: u64,
    /// The offset.
    offset: i64,
}

/// A record as librdkafka keeps it.
pub(super) struct Fetched<'p>(BorrowedMessage<'p>);

impl Raw for Fetched<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.0.key()
    }

    fn value(&self) -> &[u8] {
        self.0.payload().unwrap_or_default()
    }
}

impl Partition {
    pub(super) fn new(
        topic: &Arc<str>,
        format: &Arc<TradeFormat>,
        (consumer, queue): (&Arc<BaseConsumer<ClientEvents>>, PartitionQueue<ClientEvents>),
        (stream, run_id): (&Arc<str>, events::Uuid),
        progress: Arc<PartitionProgress>,
    ) -> Self {
        let admission = Admission { stream: Arc::clone(stream), producer: Arc::from(PRODUCER), run_id };
        let next = Mutex::new(Next { batch: 0, offset: progress.position() });
        let (topic, format, consumer) = (Arc::clone(topic), Arc::clone(format), Arc::clone(consumer));
        Self { topic, consumer, queue, format, admission, progress, keys: None, counts_gaps: false, next }
    }

    /// Calls `wake` when something was fetched after the queue had been found empty.
    pub(super) fn on_fetched(&mut self, wake: impl Fn() + Send + Sync + 'static) {
        self.queue.set_nonempty_callback(wake);
    }

    /// Offsets without a record are to be told.
    pub(super) fn count_gaps(&mut self) {
        self.counts_gaps = true;
    }

    /// Keys are to be looked at.
    pub(super) fn check_keys(&mut self, keys: &Arc<Keys>) {
        self.keys = Some(Arc::clone(keys));
    }

    /// The topic.
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    /// Takes out what is fetched, at most one batch; nothing when there is nothing.
    pub(super) fn gather(&self) -> Option<Gathered<'_>> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let mut gathered = Gathered { number: next.batch, ..Gathered::default() };
        while !gathered.is_full() {
            match self.queue.poll(Duration::ZERO) {
                Some(Ok(message)) => {
                    gathered.bytes += message.payload_len();
                    let (from, offset) = (next.offset, message.offset());
                    if self.counts_gaps && offset > from {
                        gathered.gap = Gap::and(gathered.gap, Some(Gap { from, offsets: offset - from }));
                    }
                    next.offset = offset + 1;
                    gathered.messages.push(message);
                    continue;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => {
                    (gathered.at_end, gathered.passed) = (true, self.passed());
                }
                Some(Err(error)) => {
                    if is_unreadable(&error) {
                        self.progress.set_unreadable();
                    }
                    gathered.fault = Some(fetch_fault(&self.topic, &error));
                }
                None => {}
            }
            break;
        }
        if gathered.messages.is_empty() && !gathered.at_end && gathered.fault.is_none() {
            return None;
        }
        next.batch += 1;
        Some(gathered)
    }

    /// How far the client has come, markers and aborted records among them: what it leaves out is passed, too.
    fn passed(&self) -> Option<i64> {
        let positions = self.consumer.position().ok()?;
        match positions.find_partition(&self.topic, self.progress.partition)?.offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }

    /// Decodes and checks records; this is most of the work.
    pub(super) fn decode<'p>(&'p self, gathered: Gathered<'p>) -> Result<Decoded<'p>, KafkaFault> {
        let Gathered { number, messages, bytes, gap, passed, at_end, fault } = gathered;
        let last = messages.last().map(|message| (message.offset(), message.timestamp().to_millis()));
        let now = now();
        let candidates = messages.into_iter().map(|message| self.candidate(message, now));
        let candidates = candidates.collect::<Result<_, _>>();
        let candidates = candidates.map_err(|error: AdmitError| {
            KafkaFault::new(FaultKind::Log, format!("reading {}: {error}", self.topic))
        })?;
        Ok(Decoded { number, candidates, bytes, gap, last, passed, at_end, fault })
    }

    fn candidate<'p>(
        &'p self,
        message: BorrowedMessage<'p>,
        now: Timestamp,
    ) -> Result<Candidate<'p, Fetched<'p>>, AdmitError> {
        let attributes = message.headers().and_then(|headers| {
            let named = headers.iter().map(|header| (header.key, header.value.unwrap_or_default()));
            CloudEventAttributes::from_headers(named)
        });
        let decoded = self.format.decode(message.payload().unwrap_or_default(), attributes, now);
        if let (Some(keys), Ok(trade)) = (&self.keys, &decoded) {
            keys.check(&self.topic, message.key(), &trade.strategy);
        }
        let place =
            Place::Kafka { topic: &self.topic, partition: message.partition(), offset: message.offset() };
        self.admission.prepare(Incoming { place, raw: Fetched(message), decoded })
    }
}

/// A batch as it was fetched.
#[derive(Default)]
pub(super) struct Gathered<'p> {
    number: u64,
    messages: Vec<BorrowedMessage<'p>>,
    bytes: usize,
    gap: Option<Gap>,
    /// The offset before which nothing is left to come, where the client told the end.
    passed: Option<i64>,
    /// Whether there is nothing after them.
    at_end: bool,
    /// Why nothing can be fetched after them.
    fault: Option<KafkaFault>,
}

impl Gathered<'_> {
    /// Whether there may be more than one batch takes.
    pub(super) fn is_full(&self) -> bool {
        self.messages.len() >= MOST_RECORDS || self.bytes >= MOST_BYTES
    }
}

/// A batch that is ready to be admitted.
pub(super) struct Decoded<'p> {
    pub(super) number: u64,
    pub(super) candidates: Vec<Candidate<'p, Fetched<'p>>>,
    pub(super) bytes: usize,
    /// Offsets without a record, before or between its records.
    pub(super) gap: Option<Gap>,
    /// Offset and time of the last record.
    pub(super) last: Option<(i64, Option<i64>)>,
    /// The offset before which nothing is left to come, where the client told the end.
    pub(super) passed: Option<i64>,
    pub(super) at_end: bool,
    pub(super) fault: Option<KafkaFault>,
}

impl<'p> Decoded<'p> {
    /// Whether the next batch of the partition may go along in one request.
    pub(super) fn has_room(&self) -> bool {
        self.bytes < MOST_BYTES && self.fault.is_none()
    }

    /// Takes in the next batch of the partition.
    pub(super) fn join(&mut self, next: Self) {
        self.candidates.extend(next.candidates);
        self.bytes += next.bytes;
        self.gap = Gap::and(self.gap, next.gap);
        self.last = next.last.or(self.last);
        self.passed = next.passed.max(self.passed);
        // What the end was said of is only the newest.
        self.at_end = next.at_end;
        self.fault = next.fault;
    }
}

fn fetch_fault(topic: &str, error: &KafkaError) -> KafkaFault {
    let mut fault = of_error(&format!("reading {topic}"), error);
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
        fault.message =
            format!("the next record of {topic} is not there any more: looking where it begins now");
    }
    fault
}
