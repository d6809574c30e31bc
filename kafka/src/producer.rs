//! Sending trades as the bot would, and reading what is committed: for the command line and for tests.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message, Offset, TopicPartitionList,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::Headers,
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};

use super::{
    KafkaSettings,
    client::ClientEvents,
    cluster::Cluster,
    fault::{FaultKind, KafkaFault, of_error},
};

const GLANCE: Duration = Duration::from_millis(1);

/// Counts what is acknowledged.
#[derive(Default)]
struct Acks {
    client_events: ClientEvents,
    acknowledged: AtomicU64,
    failed: Mutex<Option<KafkaError>>,
}

impl ClientContext for Acks {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.client_events.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client_events.error(error, reason);
    }
}

impl ProducerContext for Acks {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => drop(self.acknowledged.fetch_add(1, Ordering::Relaxed)),
            Err((error, _)) => {
                *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            }
        }
    }
}

/// Sends records to a topic and ends when all are acknowledged by every copy. Idempotent: a retry makes no double.
///
/// At most `rate` records a second, when given. `progress` is told now and then how many are acknowledged.
///
/// # Errors
/// When the topic is missing, or a record cannot be delivered, with the likely cause; what was acknowledged until then
/// stays.
pub fn send_all(
    settings: &KafkaSettings,
    topic: &str,
    records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    rate: Option<f64>,
    progress: &mut dyn FnMut(u64),
) -> Result<u64, KafkaFault> {
    // A producer would wait half a minute for a topic that is not there.
    Cluster::new(settings, "read_committed")?.topic(topic, Duration::from_secs(10))?;
    let sender = Sender::open(settings)?;
    let started = Instant::now();
    let mut told = Instant::now();
    for (sent, (key, value)) in records.into_iter().enumerate() {
        if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
            sender.wait_until(started + Duration::from_secs_f64(sent as f64 / rate))?;
        }
        sender.send(topic, &key, &value)?;
        if told.elapsed() > Duration::from_millis(100) {
            told = Instant::now();
            progress(sender.acknowledged());
        }
    }
    sender.finish(progress)
}

struct Sender {
    producer: BaseProducer<Acks>,
}

impl Sender {
    fn open(settings: &KafkaSettings) -> Result<Self, KafkaFault> {
        settings.check()?;
        let mut config = settings.client(&[
            ("linger.ms", "5"),
            ("partitioner", "murmur2_random"),
            ("queue.buffering.max.messages", "50000"),
            ("queue.buffering.max.kbytes", "32768"),
        ]);
        config.set("enable.idempotence", "true").set("acks", "all");
        let producer = config.create_with_context(Acks::default());
        Ok(Self { producer: producer.map_err(|error| of_error("making a client", &error))? })
    }

    fn acks(&self) -> &Acks {
        self.producer.client().context()
    }

    fn acknowledged(&self) -> u64 {
        self.acks().acknowledged.load(Ordering::Relaxed)
    }

    fn send(&self, topic: &str, key: &[u8], value: &[u8]) -> Result<(), KafkaFault> {
        let mut next = BaseRecord::to(topic).key(key).payload(value);
        loop {
            let (error, unsent) = match self.producer.send(next) {
                Ok(()) => return self.check(),
                Err(failed) => failed,
            };
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(of_error(&format!("publishing to {topic}"), &error));
            }
            self.glance()?;
            next = unsent;
        }
    }

    fn wait_until(&self, moment: Instant) -> Result<(), KafkaFault> {
        while Instant::now() < moment {
            self.glance()?;
        }
        Ok(())
    }

    fn finish(&self, progress: &mut dyn FnMut(u64)) -> Result<u64, KafkaFault> {
        while self.producer.in_flight_count() > 0 {
            self.glance()?;
            progress(self.acknowledged());
        }
        self.check()?;
        progress(self.acknowledged());
        Ok(self.acknowledged())
    }

    fn glance(&self) -> Result<(), KafkaFault> {
        self.producer.poll(Duration::ZERO);
        thread::sleep(GLANCE);
        self.check()
    }

    fn check(&self) -> Result<(), KafkaFault> {
        self.producer.poll(Duration::ZERO);
        let acks = self.acks();
        let failed = acks.failed.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(error) = failed else { return Ok(()) };
        let mut fault = of_error("publishing", &error);
        if let Some(trouble) = acks.client_events.trouble() {
            fault.message = format!("{}: {trouble}", fault.message);
        }
        Err(fault)
    }
}

/// A record as read from a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedRecord {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl CommittedRecord {
    /// A header as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        std::str::from_utf8(value).ok()
    }
}

/// Where to begin to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadFrom {
    /// At the first record that is still there.
    Beginning,
    /// After the last record that is there now.
    End,
}

/// Reads the committed records of a topic: what a `read_committed` consumer sees.
pub struct CommittedReader {
    topic: String,
    consumer: BaseConsumer<ClientEvents>,
}

impl CommittedReader {
    /// A reader of all partitions of a topic.
    ///
    /// # Errors
    /// When the cluster cannot be reached or the topic is missing.
    pub fn open(settings: &KafkaSettings, topic: &str, from: ReadFrom) -> Result<Self, KafkaFault> {
        let cluster = Cluster::new(settings, "read_committed")?;
        let view = cluster.topic(topic, Duration::from_secs(10))?;
        let mut config = settings.consumer(1024);
        config.set("isolation.level", "read_committed").set("fetch.wait.max.ms", "5");
        config.set("auto.offset.reset", "earliest");
        let fault = |error: KafkaError| of_error(&format!("reading {topic}"), &error);
        let consumer: BaseConsumer<ClientEvents> =
            config.create_with_context(ClientEvents::default()).map_err(fault)?;
        let mut wanted = TopicPartitionList::new();
        for partition in 0..view.partitions {
            let marks = cluster.watermarks(topic, partition, Duration::from_secs(10))?;
            let offset = if from == ReadFrom::Beginning { marks.low } else { marks.high };
            wanted.add_partition_offset(topic, partition, Offset::Offset(offset)).map_err(fault)?;
        }
        consumer.assign(&wanted).map_err(fault)?;
        Ok(Self { topic: topic.to_owned(), consumer })
    }

    /// The next record; nothing when none came within `wait`.
    ///
    /// # Errors
    /// When the topic can no longer be read. A broker that is away is no error: it is waited for.
    pub fn next(&self, wait: Duration) -> Result<Option<CommittedRecord>, KafkaFault> {
        let until = Instant::now() + wait;
        loop {
            match self.consumer.poll(until.saturating_duration_since(Instant::now())) {
                Some(Ok(message)) => return Ok(Some(owned(&message))),
                Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                    let error = KafkaError::MessageConsumptionFatal(code);
                    return Err(of_error(&format!("reading {}", self.topic), &error));
                }
                Some(Err(error)) => {
                    let fault = of_error(&format!("reading {}", self.topic), &error);
                    if matches!(fault.kind, FaultKind::TopicMissing | FaultKind::NotAllowed) {
                        return Err(fault);
                    }
                }
                None => {}
            }
            if Instant::now() >= until {
                return Ok(None);
            }
        }
    }
}

fn owned(message: &impl Message) -> CommittedRecord {
    let headers = message.headers().map_or(Vec::new(), |headers| {
        headers.iter().map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect()
    });
    CommittedRecord {
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Endpoint;

    #[test]
    fn what_is_sent_is_acknowledged_and_read_in_the_order_of_its_key() {
        let endpoint = Endpoint::start("127.0.0.1:0", &["t"]).unwrap();
        let records = (0..1000).map(|n: u32| (vec![b'k'], n.to_be_bytes().to_vec()));
        let mut last_told = 0;
        let sent = send_all(&endpoint.settings(), "t", records, None, &mut |n| last_told = n).unwrap();
        assert_eq!((sent, last_told), (1000, 1000));
        let reader = CommittedReader::open(&endpoint.settings(), "t", ReadFrom::Beginning).unwrap();
        for n in 0..1000u32 {
            let record = reader.next(Duration::from_secs(5)).unwrap().unwrap();
            assert_eq!(record.value, Some(n.to_be_bytes().to_vec()));
        }
        assert_eq!(reader.next(Duration::from_millis(50)).unwrap(), None);
    }

    #[test]
    fn a_rate_is_kept() {
        let endpoint = Endpoint::start("127.0.0.1:0", &["t"]).unwrap();
        let started = Instant::now();
        let records = (0..11u8).map(|n| (vec![n], vec![n]));
        send_all(&endpoint.settings(), "t", records, Some(50.0), &mut |_| {}).unwrap();
        assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    }

    #[test]
    fn nobody_listening_ends_with_the_likely_cause() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let settings = KafkaSettings::new(free.to_string());
        let fault = send_all(&settings, "t", [(vec![1], vec![1])], None, &mut |_| {}).unwrap_err();
        assert!(fault.message.contains("nothing listens there"), "{fault}");
    }
}
