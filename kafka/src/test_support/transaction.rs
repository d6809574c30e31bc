//! A producer of somebody else, in transactions.

use std::time::Duration;

use rdkafka::{
    config::ClientConfig,
    error::KafkaError,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::KafkaSettings;

const WAIT: Duration = Duration::from_secs(30);

/// A producer with a transaction that is open.
pub struct Transaction(BaseProducer);

impl Transaction {
    /// Begins one under a transactional id.
    ///
    /// # Errors
    /// What the cluster said.
    pub fn begin(settings: &KafkaSettings, id: &str) -> Result<Self, KafkaError> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &settings.bootstrap_servers).set("transactional.id", id);
        let producer: BaseProducer = config.create()?;
        producer.init_transactions(WAIT)?;
        producer.begin_transaction()?;
        Ok(Self(producer))
    }

    /// Sends a record in it, and waits until the cluster has it.
    ///
    /// # Errors
    /// What the cluster said.
    pub fn put(&self, topic: &str, (key, value): &(Vec<u8>, Vec<u8>)) -> Result<(), KafkaError> {
        self.0.send(BaseRecord::to(topic).key(key).payload(value)).map_err(|(error, _)| error)?;
        self.0.flush(WAIT)
    }

    /// Commits it.
    ///
    /// # Errors
    /// What the cluster said.
    pub fn commit(&self) -> Result<(), KafkaError> {
        self.0.commit_transaction(WAIT)
    }

    /// Aborts it.
    ///
    /// # Errors
    /// What the cluster said.
    pub fn abort(&self) -> Result<(), KafkaError> {
        self.0.abort_transaction(WAIT)
    }

    /// Begins the next one of the same producer.
    ///
    /// # Errors
    /// What the cluster said.
    pub fn again(&self) -> Result<(), KafkaError> {
        self.0.begin_transaction()
    }
}
