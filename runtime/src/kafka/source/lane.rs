//! One partition: fetched records are decoded and admitted in their order, batch by batch.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Message,
    consumer::base_consumer::PartitionQueue,
    error::KafkaError,
    message::{BorrowedMessage, Headers},
    types::RDKafkaErrorCode,
};
use store::{AppendError, Expected};

use super::{
    super::{
        client::Ear,
        fault::{FaultKind, KafkaFault, of_error},
    },
    ledger::{Ledger, PRODUCER, Stream},
    progress::{PartitionProgress, Tally},
};
use crate::{
    intake::{
        CloudEventAttributes, TradeFormat,
        admit::{Admission, AdmitError, Admitted, Answer, Candidate, Incoming, Place},
    },
    record::now,
};

/// Records admitted at a time, at most.
const MOST_RECORDS: usize = 4000;
/// Bytes admitted at a time, at most; one record may be larger.
const MOST_BYTES: usize = 4 << 20;
/// Offsets without an event after which progress is noted in the log.
const NOTE_OFFSETS: i64 = 10_000;
/// Time after which it is noted though there were fewer.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// A partition that is being read.
pub(super) struct Lane {
    topic: Arc<str>,
    queue: PartitionQueue<Ear>,
    format: Arc<TradeFormat>,
    ledger: Ledger,
    admission: Admission,
    stream: Stream,
    next_offset: i64,
    noted_at: Instant,
    progress: Arc<PartitionProgress>,
    tally: Arc<Tally>,
}

/// What all lanes share.
pub(super) struct Common {
    pub(super) topic: Arc<str>,
    pub(super) format: Arc<TradeFormat>,
    pub(super) ledger: Ledger,
    pub(super) tally: Arc<Tally>,
}

impl Lane {
    pub(super) fn new(
        common: &Common,
        queue: PartitionQueue<Ear>,
        stream: Stream,
        progress: Arc<PartitionProgress>,
    ) -> Self {
        let admission = Admission {
            stream: Arc::clone(&stream.name),
            producer: Arc::from(PRODUCER),
            run_id: common.ledger.run_id,
        };
        Self {
            topic: Arc::clone(&common.topic),
            queue,
            format: Arc::clone(&common.format),
            ledger: common.ledger.clone(),
            admission,
            next_offset: progress.position(),
            stream,
            noted_at: Instant::now(),
            progress,
            tally: Arc::clone(&common.tally),
        }
    }

    /// Calls `wake` whenever something was fetched.
    pub(super) fn on_fetched(&mut self, wake: impl Fn() + Send + Sync + 'static) {
        self.queue.set_nonempty_callback(wake);
    }

    /// Takes in what is fetched, at most one batch; answers whether there was anything, and so may be more: the queue
    /// only tells of what comes in after it was found empty.
    ///
    /// `is_stale` says that what was fetched may not be taken any more.
    pub(super) fn turn(&mut self, is_stale: impl Fn() -> bool) -> Result<bool, KafkaFault> {
        let Gathered { messages, at_end, fault } = gather(&self.queue, &self.topic);
        let last = messages.last().map(|message| (message.offset(), message.timestamp().to_millis()));
        if let Some((offset, at)) = last {
            if is_stale() {
                return Ok(false);
            }
            self.progress.set_at_end(false);
            let admitted = self.admit(&messages)?;
            drop(messages);
            self.next_offset = offset + 1;
            self.learn(&admitted, &last);
            self.progress.advance(self.next_offset, at.map(|ms| ms * 1000));
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if at_end {
            self.progress.set_at_end(true);
        }
        self.note(false)?;
        Ok(last.is_some() || at_end)
    }

    fn admit(&self, messages: &[BorrowedMessage<'_>]) -> Result<Admitted, KafkaFault> {
        let now = now();
        let candidates: Result<Vec<Candidate<'_>>, AdmitError> =
            messages.iter().map(|message| self.admission.prepare(self.decode(message, now))).collect();
        let candidates = candidates.map_err(fault_of)?;
        let expected = Expected::Revision(self.stream.revision);
        self.admission.admit(&*self.ledger.log, expected, now, candidates).map_err(fault_of)
    }

    fn decode<'m>(&'m self, message: &'m BorrowedMessage<'_>, now: events::Timestamp) -> Incoming<'m> {
        let value = message.payload().unwrap_or_default();
        let attributes = message.headers().and_then(|headers| {
            let named = headers.iter().map(|header| (header.key, header.value.unwrap_or_default()));
            CloudEventAttributes::from_headers(named)
        });
        Incoming {
            place: Place::Kafka {
                topic: &self.topic,
                partition: message.partition(),
                offset: message.offset(),
            },
            key: message.key(),
            value,
            decoded: self.format.decode(value, attributes, now),
        }
    }

    fn learn(&mut self, admitted: &Admitted, last: &Option<(i64, Option<i64>)>) {
        self.tally.add(admitted.counts());
        self.stream.revision = admitted.revision;
        let appended = |answer: &Answer| !matches!(answer, Answer::Duplicate { .. });
        if let Some(trailing) = admitted.answers.iter().rev().position(appended) {
            // Offsets of a compacted topic have gaps, but what lies in a gap needs no second look.
            let trailing = i64::try_from(trailing).unwrap_or(0);
            self.stream.next_offset = last.map(|(offset, _)| offset + 1 - trailing);
            self.noted_at = Instant::now();
        }
    }

    /// Notes in the log how far it came, where that cannot be seen from the records that were appended.
    pub(super) fn note(&mut self, at_once: bool) -> Result<(), KafkaFault> {
        let behind = self.next_offset - self.stream.next_offset.unwrap_or(0);
        let due = at_once || behind >= NOTE_OFFSETS || self.noted_at.elapsed() > NOTE_EVERY;
        if behind <= 0 || !due {
            return Ok(());
        }
        self.noted_at = Instant::now();
        self.ledger.advanced(&mut self.stream, self.next_offset)
    }
}

/// What is fetched, up to one batch.
#[derive(Default)]
struct Gathered<'q> {
    messages: Vec<BorrowedMessage<'q>>,
    /// Whether there is nothing after them.
    at_end: bool,
    /// Why nothing can be fetched after them.
    fault: Option<KafkaFault>,
}

fn gather<'q>(queue: &'q PartitionQueue<Ear>, topic: &str) -> Gathered<'q> {
    let (mut gathered, mut bytes) = (Gathered::default(), 0);
    while gathered.messages.len() < MOST_RECORDS && bytes < MOST_BYTES {
        match queue.poll(Duration::ZERO) {
            Some(Ok(message)) => {
                bytes += message.payload_len();
                gathered.messages.push(message);
                continue;
            }
            Some(Err(KafkaError::PartitionEOF(_))) => gathered.at_end = true,
            Some(Err(error)) => gathered.fault = Some(fetch_fault(topic, &error)),
            None => {}
        }
        break;
    }
    gathered
}

fn fetch_fault(topic: &str, error: &KafkaError) -> KafkaFault {
    let mut fault = of_error(&format!("reading {topic}"), error);
    if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) {
        fault.message =
            format!("the next record of {topic} is not there any more: looking where it begins now");
    }
    fault
}

fn fault_of(error: AdmitError) -> KafkaFault {
    match error {
        AdmitError::Append(AppendError::WrongRevision { stream, expected, actual }) => KafkaFault::new(
            FaultKind::Superseded,
            format!(
                "somebody else reads the same partition into this event log: stream {stream} is at revision {actual}, \
                 not at {expected}"
            ),
        ),
        AdmitError::Append(error) => error.into(),
        AdmitError::Read(error) => error.into(),
        AdmitError::Encode(_) | AdmitError::Decode(_) => KafkaFault::new(FaultKind::Log, error.to_string()),
    }
}
