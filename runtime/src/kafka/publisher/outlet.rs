//! The producer under the publisher: ranges of records, each as one transaction.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use events::Uuid;
use rdkafka::{
    ClientContext, Message,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaError},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    types::RDKafkaErrorCode,
};

use super::{
    super::{
        KafkaSettings,
        client::Ear,
        fault::{FaultKind, KafkaFault, of_error},
    },
    record::Outgoing,
    tail::Hanging,
};

/// How long one call may block before the stop flag is looked at again.
const STEP: Duration = Duration::from_secs(2);

/// Pause between looks for delivery reports. The binding's own flush waits in steps of 100 ms, which would be the
/// latency of every decision.
const GLANCE: Duration = Duration::from_micros(500);

/// By topic and partition, the offset after the last record of ours.
pub(crate) type Ends = BTreeMap<String, BTreeMap<i32, i64>>;

/// Hears of deliveries.
#[derive(Default)]
pub(crate) struct Deliveries {
    ear: Ear,
    failed: Mutex<Vec<(u64, RDKafkaErrorCode)>>,
    ends: Mutex<Ends>,
}

impl Deliveries {
    fn failed(&self) -> MutexGuard<'_, Vec<(u64, RDKafkaErrorCode)>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn delivered(&self, topic: &str, partition: i32, offset: i64) {
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
        self.ear.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.ear.error(error, reason);
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
                self.failed().push((position as u64, code));
            }
        }
    }
}

/// Why a range was not published.
#[derive(Debug)]
pub(crate) enum OutletError {
    /// A record of the range is too large for the broker.
    TooLarge,
    /// Anything else.
    Fault(KafkaFault),
}

impl From<KafkaFault> for OutletError {
    fn from(fault: KafkaFault) -> Self {
        Self::Fault(fault)
    }
}

/// A producer; with transactions when it has a transactional id.
pub(crate) struct Outlet<'a> {
    producer: BaseProducer<Deliveries>,
    transactional: bool,
    stopping: &'a dyn Fn() -> bool,
}

impl<'a> Outlet<'a> {
    /// A producer. With the id of a log it works in transactions, and every older one of that log is fenced now.
    pub(crate) fn open(
        settings: &KafkaSettings,
        log: Option<Uuid>,
        stopping: &'a dyn Fn() -> bool,
    ) -> Result<Self, KafkaFault> {
        let mut config = settings.client(&[
            // A decision is sent at once; while a transaction is being opened, what comes meanwhile is batched.
            ("linger.ms", "0"),
            ("partitioner", "murmur2_random"),
            // How large a record may be is for the broker to say.
            ("message.max.bytes", "100000000"),
            ("transaction.timeout.ms", "30000"),
        ]);
        config.set("enable.idempotence", "true");
        if let Some(log) = log {
            config.set("transactional.id", log.to_string());
        }
        let producer: BaseProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|error| of_error("making a client", &error))?;
        let outlet = Self { producer, transactional: log.is_some(), stopping };
        if outlet.transactional {
            // Where no broker is connected yet, librdkafka looks for the coordinator only half a second later. What a leader
            // answers shows that one is; metadata would not, as they come from the bootstrap connection, which is given up
            // then. Where none answers, taking over tells why.
            let _ = outlet.producer.client().fetch_watermarks(&settings.topics.decisions, 0, STEP);
            outlet
                .persist("taking over the transactional id", |producer| producer.init_transactions(STEP))?;
        }
        Ok(outlet)
    }

    /// Publishes records as one transaction.
    pub(crate) fn publish(&self, records: &[Outgoing]) -> Result<(), OutletError> {
        self.deliveries().failed().clear();
        if self.transactional {
            self.producer
                .begin_transaction()
                .map_err(|error| self.fault("beginning a transaction", &error))?;
        }
        for record in records {
            self.send(record)?;
        }
        self.drain()?;
        self.check_deliveries()?;
        if self.transactional {
            self.persist("committing a transaction", |producer| producer.commit_transaction(STEP))?;
        }
        Ok(())
    }

    /// Gives up what was begun, so that the next transaction can begin.
    pub(crate) fn abort(&self) -> Result<(), KafkaFault> {
        if self.transactional {
            self.persist("aborting a transaction", |producer| producer.abort_transaction(STEP))?;
        }
        Ok(())
    }

    /// Ends transactions of ours that hang, with everything in them aborted: a transaction of the same producer on the
    /// same partition takes them along. Its record is never committed.
    pub(crate) fn abort_hanging(&self, hanging: &[Hanging]) -> Result<(), KafkaFault> {
        self.deliveries().failed().clear();
        self.producer.begin_transaction().map_err(|error| self.fault("beginning a transaction", &error))?;
        for place in hanging {
            let record: BaseRecord<'_, str, str, usize> = BaseRecord::with_opaque_to(&place.topic, 0);
            let record = record.partition(place.partition).key("tradewarden").payload("");
            let sent = self.producer.send(record);
            sent.map_err(|(error, _)| self.fault("ending a transaction that hangs", &error))?;
        }
        self.drain()?;
        if let Err(OutletError::Fault(fault)) = self.check_deliveries() {
            return Err(fault);
        }
        self.abort()
    }

    /// Where what was sent since the last call ends.
    pub(crate) fn take_ends(&self) -> Ends {
        mem::take(&mut self.deliveries().ends())
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer.client().context()
    }

    /// Whether this producer can never be used again.
    pub(crate) fn is_dead(&self) -> bool {
        self.producer.client().fatal_error().is_some()
    }

    fn send(&self, record: &Outgoing) -> Result<(), OutletError> {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (key, value) in &record.headers {
            headers = headers.insert(Header { key, value: Some(value) });
        }
        let position = usize::try_from(record.position).unwrap_or(usize::MAX);
        let mut next = BaseRecord::with_opaque_to(&record.topic, position).headers(headers);
        next.key = record.key.as_deref();
        next.payload = record.value.as_deref();
        loop {
            let (error, unsent) = match self.producer.send(next) {
                Ok(()) => return Ok(()),
                Err(failed) => failed,
            };
            match error.rdkafka_error_code() {
                Some(RDKafkaErrorCode::QueueFull) => self.wait_a_little()?,
                Some(RDKafkaErrorCode::MessageSizeTooLarge) => return Err(OutletError::TooLarge),
                _ => return Err(self.fault("sending a record", &error).into()),
            }
            next = unsent;
        }
    }

    /// Waits until every record is delivered or given up.
    fn drain(&self) -> Result<(), KafkaFault> {
        while self.producer.in_flight_count() > 0 {
            self.wait_a_little()?;
        }
        Ok(())
    }

    fn wait_a_little(&self) -> Result<(), KafkaFault> {
        if (self.stopping)() {
            return Err(KafkaFault::new(FaultKind::Unreachable, "stopped before all was acknowledged"));
        }
        self.producer.poll(Duration::ZERO);
        thread::sleep(GLANCE);
        Ok(())
    }

    fn check_deliveries(&self) -> Result<(), OutletError> {
        let failed = self.deliveries().failed();
        if failed.iter().any(|(_, code)| *code == RDKafkaErrorCode::MessageSizeTooLarge) {
            return Err(OutletError::TooLarge);
        }
        match failed.first() {
            None => Ok(()),
            Some((_, code)) => {
                let error = KafkaError::MessageProduction(*code);
                drop(failed);
                Err(self.fault("publishing", &error).into())
            }
        }
    }

    /// Repeats a call that may be repeated until it succeeds.
    fn persist(
        &self,
        doing: &str,
        call: impl Fn(&BaseProducer<Deliveries>) -> Result<(), KafkaError>,
    ) -> Result<(), KafkaFault> {
        loop {
            let Err(error) = call(&self.producer) else {
                self.deliveries().ear.forget_trouble();
                return Ok(());
            };
            self.producer.poll(Duration::ZERO);
            let again = matches!(&error, KafkaError::Transaction(why) if why.is_retriable())
                || matches!(&error, KafkaError::Flush(_));
            if !again || (self.stopping)() {
                return Err(self.fault(doing, &error));
            }
            tracing::warn!(doing, %error, "kafka does not answer yet; trying on");
        }
    }

    fn fault(&self, doing: &str, error: &KafkaError) -> KafkaFault {
        let fatal = self.producer.client().fatal_error();
        if fatal.as_ref().is_some_and(|(code, _)| is_fence(*code)) || is_fenced(error) {
            let message = "another process publishes from this event log now: this one must not go on";
            return KafkaFault::new(FaultKind::Superseded, message);
        }
        let mut fault = of_error(doing, error);
        let trouble = fatal.map(|(_, text)| text).or_else(|| self.deliveries().ear.trouble());
        if let Some(trouble) = trouble {
            fault.message = format!("{}: {trouble}", fault.message);
        }
        fault
    }
}

fn is_fence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch
    )
}

fn is_fenced(error: &KafkaError) -> bool {
    matches!(error, KafkaError::Transaction(why) if is_fence(RDKafkaError::code(why)))
}
