//! Records that the client cannot unpack: they cost themselves only, never those behind them.
//!
//! The client says that it failed, but neither where the batch begins nor where it ends, and asked to go on it fetches the
//! same batch again. So every offset is tried in its turn until one can be read: what lies before it is lost to this
//! client. It is never jumped: a good batch between two broken ones would be lost with them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::RejectReason;
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    types::RDKafkaErrorCode,
};
use store::{Expected, now};

use super::{
    super::{
        client::ClientEvents,
        fault::{FaultKind, KafkaFault, of_error},
    },
    source_log::{PRODUCER, Stream},
    state::{SourceContext, WAIT},
};
use intake::{
    Rejection,
    admit::{Admission, AdmitError, Incoming, Place, RawBytes},
};

const GLANCE: Duration = Duration::from_millis(100);
/// Dead letters of one request to the log.
const MOST_LETTERS: usize = 500;

/// Whether an error says of the next records that they cannot be unpacked, however often they are fetched.
pub(super) fn is_unreadable(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(error.rdkafka_error_code(), Some(Code::BadCompression | Code::BadMessage | Code::NotImplemented))
}

/// What is there to be read from an offset on.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// A record, or the end.
    Readable,
    Unreadable,
}

/// Finds where a partition can be read again, and keeps a dead letter for each offset before that. Answers whether there
/// were any.
pub(super) fn step_over(
    source: &SourceContext,
    (partition, from): (i32, i64),
    mut stream: Stream,
) -> Result<bool, KafkaFault> {
    let probe = Probe::open(source, partition)?;
    let mut to = from;
    while probe.look(to)? == Found::Unreadable {
        to += 1;
        source.trouble(broken(source.topic(), partition, from, to));
    }
    if to > from {
        tracing::error!(topic = source.topic(), partition, from, to, "records cannot be unpacked: left out");
        write_off(source, partition, &mut stream, (from, to))?;
    }
    Ok(to > from)
}

fn broken(topic: &str, partition: i32, from: i64, to: i64) -> KafkaFault {
    let message = format!(
        "the record at offset {from} of {topic}[{partition}] cannot be unpacked: looking where it can be read again \
         (not before offset {to})"
    );
    KafkaFault::new(FaultKind::Other, message)
}

fn write_off(
    source: &SourceContext,
    partition: i32,
    stream: &mut Stream,
    (from, to): (i64, i64),
) -> Result<(), KafkaFault> {
    let (topic, log) = (source.topic(), &source.log);
    let admission =
        Admission { stream: Arc::clone(&stream.name), producer: Arc::from(PRODUCER), run_id: log.run_id };
    let detail = format!(
        "the client cannot unpack offsets {from} to {} of {topic}[{partition}]: they are damaged, or unpack to more than \
         \"receive.message.max.bytes\" of [kafka.properties]. What they hold is not known; read them with another client, and \
         bring their trades in with tradewarden publish",
        to - 1
    );
    let letter = |offset| {
        let place = Place::Kafka { topic, partition, offset };
        let raw = RawBytes { key: None, value: &[] };
        let decoded = Err(Rejection::new(RejectReason::Unreadable, detail.clone()));
        admission.prepare(Incoming { place, raw, decoded })
    };
    let offsets: Vec<i64> = (from..to).collect();
    for some in offsets.chunks(MOST_LETTERS) {
        let letters = some.iter().map(|offset| letter(*offset)).collect::<Result<_, AdmitError>>()?;
        let expected = Expected::Revision(stream.revision);
        let admitted = admission.admit(&*log.event_log, expected, now(), letters)?;
        source.tally.add(admitted.counts());
        stream.revision = admitted.revision;
    }
    Ok(())
}

/// A client that reads one record at a time.
struct Probe<'o> {
    source: &'o SourceContext,
    partition: i32,
    consumer: BaseConsumer<ClientEvents>,
}

impl<'o> Probe<'o> {
    fn open(source: &'o SourceContext, partition: i32) -> Result<Self, KafkaFault> {
        let mut config = source.settings.consumer(512);
        // It would wait before it fetches again what it could not read.
        config.set("fetch.error.backoff.ms", "0");
        let consumer = config.create_with_context(ClientEvents::default());
        let consumer = consumer.map_err(|error| of_error("making a client", &error))?;
        Ok(Self { source, partition, consumer })
    }

    fn look(&self, offset: i64) -> Result<Found, KafkaFault> {
        let topic = self.source.topic();
        let doing = |error: &KafkaError| of_error(&format!("looking at offset {offset} of {topic}"), error);
        let mut wanted = TopicPartitionList::new();
        wanted
            .add_partition_offset(topic, self.partition, Offset::Offset(offset))
            .and_then(|()| self.consumer.assign(&wanted))
            .map_err(|error| doing(&error))?;
        let until = Instant::now() + WAIT;
        while Instant::now() < until && !self.source.stop.is_asked() {
            match self.consumer.poll(GLANCE) {
                Some(Ok(record)) if record.offset() >= offset => return Ok(Found::Readable),
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(Found::Readable),
                Some(Err(error)) if is_unreadable(&error) => return Ok(Found::Unreadable),
                Some(Err(error)) if !of_error("", &error).is_passing() => return Err(doing(&error)),
                // Of before, or a connection that comes back.
                Some(_) | None => {}
            }
        }
        let message = format!("{topic}[{}] gives no answer at offset {offset}", self.partition);
        Err(KafkaFault::new(FaultKind::Unreachable, message))
    }
}
