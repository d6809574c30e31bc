//! The true producer: librdkafka's, with every wait bounded by the watch.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use events::Uuid;
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaError},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext},
    types::RDKafkaErrorCode,
};

use super::{
    super::{
        KafkaSettings,
        client::ClientEvents,
        fault::{FaultKind, KafkaFault, of_error},
    },
    port::{Condition, Ends, ProduceError, Producer, Watch},
    record::Outgoing,
    transactional_producer::superseded,
};

/// How long one call may block before the watch is asked again.
const STEP: Duration = Duration::from_secs(2);

/// Pause between looks for delivery reports. The binding's own flush waits in steps of 100 ms, which would be the
/// latency of every decision.
const GLANCE: Duration = Duration::from_micros(500);

/// Hears of deliveries.
#[derive(Default)]
struct Deliveries {
    client_events: ClientEvents,
    failed: Mutex<Vec<RDKafkaErrorCode>>,
    ends: Mutex<Ends>,
}

impl Deliveries {
    fn failed(&self) -> MutexGuard<'_, Vec<RDKafkaErrorCode>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delivered(&self, topic: &str, partition: i32, offset: i64) {
        // What troubled the client before is over.
        self.client_events.forget_trouble();
        // Taken twice by the broker, a record may come back without its offset: then nobody can say what settled.
        let end = if offset < 0 { i64::MAX } else { offset + 1 };
        let mut ends = self.ends();
        match ends.get_mut(topic) {
            Some(partitions) => drop(partitions.insert(partition, end)),
            None => drop(ends.insert(topic.to_owned(), BTreeMap::from([(partition, end)]))),
        }
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.client_events.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.client_events.error(error, reason);
    }
}

impl ProducerContext for Deliveries {
    /// The position of the record's event.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, position: usize) {
        match result {
            Ok(message) => self.delivered(message.topic(), message.partition(), message.offset()),
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                tracing::debug!(topic = message.topic(), position, %code, "record not delivered");
                self.failed().push(code);
            }
        }
    }
}

/// A producer; with transactions when it has a name.
pub(crate) struct KafkaProducer {
    producer: BaseProducer<Deliveries>,
    watch: Arc<dyn Watch>,
}

impl KafkaProducer {
    /// Connects. With a name it takes it over.
    pub(crate) fn open(
        settings: &KafkaSettings,
        name: Option<Uuid>,
        watch: Arc<dyn Watch>,
    ) -> Result<Self, KafkaFault> {
        let mut config = settings.client(&[
            // A decision is sent at once; while a transaction is being opened, what comes meanwhile is batched.
            ("linger.ms", "0"),
            ("partitioner", "murmur2_random"),
            // How large a record may be is for the broker to say.
            ("message.max.bytes", "100000000"),
            ("transaction.timeout.ms", "30000"),
            // A topic that is gone is told after this long, not after half a minute.
            ("topic.metadata.propagation.max.ms", "5000"),
        ]);
        config.set("enable.idempotence", "true");
        if let Some(name) = name {
            config.set("transactional.id", name.to_string());
        }
        let producer: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|error| of_error("making a client", &error))?;
        let producer = Self { producer, watch };
        if name.is_some() {
            // Where no broker is connected yet, librdkafka looks for the coordinator only half a second later. What a leader
            // answers shows that one is; metadata would not, as they come from the bootstrap connection, which is given up
            // then. Where none answers, taking over tells why.
            let _ = producer.producer.client().fetch_watermarks(&settings.topics.decisions, 0, STEP);
            producer.persist("taking over the transactional id", |p| p.init_transactions(STEP))?;
        }
        Ok(producer)
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.client().context()
    }

    fn wait_a_little(&self, since: Instant) -> Result<(), KafkaFault> {
        if self.watch.gives_up() {
            return Err(KafkaFault::new(FaultKind::Unreachable, "stopped before all was acknowledged"));
        }
        self.watch.waits("publishing", since)?;
        if self.hear() > 0 {
            thread::sleep(GLANCE);
        }
        Ok(())
    }

    /// Takes all that the client has to tell; answers how many records are still on their way. The binding's poll takes
    /// one event when it may not wait, and each partition has a report of its own.
    fn hear(&self) -> i32 {
        let mut left = self.producer.in_flight_count();
        loop {
            self.producer.poll(Duration::ZERO);
            let now = self.producer.in_flight_count();
            if now == 0 || now == left {
                return now;
            }
            left = now;
        }
    }

    /// Repeats a call that may be repeated until it succeeds.
    fn persist(
        &self,
        doing: &str,
        call: impl Fn(&BaseProducer<Deliveries>) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaFault> {
        let since = Instant::now();
        loop {
            let Err(error) = call(&self.producer) else {
                self.deliveries().client_events.forget_trouble();
                return Ok(());
            };
            self.producer.poll(Duration::ZERO);
            let again = matches!(&error, KafkaError::Transaction(why) if why.is_retriable())
                || matches!(&error, KafkaError::Flush(_));
            if !again || self.watch.gives_up() {
                return Err(self.fault(doing, &error));
            }
            // Only told: a commit may not be left half done because a topic is gone.
            if let Err(fault) = self.watch.waits(doing, since) {
                tracing::debug!(%fault, doing, "waiting for the cluster");
            }
            tracing::debug!(doing, %error, "kafka does not answer yet; trying on");
        }
    }

    fn fault(&self, doing: &str, error: &KafkaError) -> KafkaFault {
        if self.condition() == Condition::Fenced || is_fenced(error) {
            return superseded();
        }
        let mut fault = of_error(doing, error);
        // What troubled the client at another time explains nothing else.
        let heard = (fault.kind == FaultKind::Unreachable)
            .then(|| self.deliveries().client_events.trouble())
            .flatten();
        let fatal = self.producer.client().fatal_error().map(|(_, text)| text);
        if let Some(trouble) = fatal.or(heard) {
            fault.message = format!("{}: {trouble}", fault.message);
        }
        fault
    }
}

impl Producer for KafkaProducer {
    fn begin(&self) -> Result<(), KafkaFault> {
        self.producer.begin_transaction().map_err(|error| self.fault("beginning a transaction", &error))
    }

    fn send(&self, record: &Outgoing) -> Result<(), ProduceError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let position = usize::try_from(record.position).unwrap_or(usize::MAX);
        let mut next = BaseRecord::with_opaque_to(&record.topic, position).headers(headers);
        next.key = record.key.as_deref();
        next.payload = record.value.as_deref();
        next.partition = record.partition;
        let since = Instant::now();
        loop {
            let (error, unsent) = match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.wait_a_little(since)?,
                Some(code) if is_refusal(code) => return Err(ProduceError::Refused(code)),
                _ => return Err(self.fault("sending a record", &error).into()),
            }
            next = unsent;
        }
    }

    fn flush(&self) -> Result<(), ProduceError> {
        let since = Instant::now();
        while self.producer.in_flight_count() > 0 {
            self.wait_a_little(since)?;
        }
        let failed = mem::take(&mut *self.deliveries().failed());
        if let Some(refusal) = failed.iter().find(|code| is_refusal(**code)) {
            return Err(ProduceError::Refused(*refusal));
        }
        match failed.first() {
            None => Ok(()),
            Some(code) => Err(self.fault("publishing", &KafkaError::MessageProduction(*code)).into()),
        }
    }

    fn commit(&self) -> Result<(), KafkaFault> {
        self.persist("committing a transaction", |producer| producer.commit_transaction(STEP))
    }

    fn abort(&self) -> Result<(), KafkaFault> {
        self.persist("aborting a transaction", |producer| producer.abort_transaction(STEP))?;
        // What the abort threw away is told as failed, a moment later.
        let since = Instant::now();
        while self.producer.in_flight_count() > 0 && since.elapsed() < STEP {
            self.producer.poll(GLANCE);
        }
        self.producer.poll(Duration::ZERO);
        self.deliveries().failed().clear();
        Ok(())
    }

    fn take_ends(&self) -> Ends {
        mem::take(&mut self.deliveries().ends())
    }

    fn condition(&self) -> Condition {
        match self.producer.client().fatal_error() {
            Some((code, _)) if is_fence(code) => Condition::Fenced,
            Some(_) => Condition::Dead,
            None => Condition::Well,
        }
    }
}

/// Whether it is the record that the broker does not take, whenever it is sent.
fn is_refusal(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::MessageSizeTooLarge | Code::InvalidRecord | Code::InvalidMessageSize)
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;
    matches!(code, Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch)
}

fn is_fenced(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(why) if is_fence(RDKafkaError::code(why)))
}
