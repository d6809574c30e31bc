//! Ranges of records, each as one transaction. Knows whether a transaction is open: only then is there one to abort.

use events::Uuid;

use super::{
    super::fault::{FaultKind, KafkaFault},
    port::{Brokers, Condition, Ends, Hidden, ProduceError, Producer},
    record::Outgoing,
};

/// See above. Without a name it sends without transactions.
pub(crate) struct TransactionalProducer {
    producer: Box<dyn Producer>,
    transactional: bool,
    open: bool,
    /// It did what a producer that is well does not do.
    spent: bool,
}

impl TransactionalProducer {
    /// Takes the name from whoever has it.
    pub(crate) fn open(brokers: &dyn Brokers, name: Option<Uuid>) -> Result<Self, KafkaFault> {
        let producer = brokers.producer(name)?;
        Ok(Self { producer, transactional: name.is_some(), open: false, spent: false })
    }

    /// Publishes records as one transaction. After a failure [`TransactionalProducer::settle`] is due.
    pub(crate) fn publish(&mut self, records: &[Outgoing]) -> Result<(), ProduceError> {
        self.begin()?;
        for record in records {
            self.producer.send(record)?;
        }
        self.producer.flush()?;
        if self.transactional {
            self.producer.commit()?;
        }
        self.open = false;
        Ok(())
    }

    /// Ends transactions of ours that hang, with everything in them aborted: a transaction of the same producer on the
    /// same partition takes them along. Its record is never committed.
    pub(crate) fn abort_hanging(&mut self, hanging: &[Hidden]) -> Result<(), KafkaFault> {
        let fault = |error| match error {
            ProduceError::Fault(fault) => fault,
            ProduceError::Refused(code) => {
                KafkaFault::new(FaultKind::Other, format!("ending a transaction that hangs: {code}"))
            }
        };
        self.begin()?;
        for place in hanging {
            self.producer.send(&Outgoing::marker(&place.topic, place.partition)).map_err(fault)?;
        }
        self.producer.flush().map_err(fault)?;
        self.settle()
    }

    /// Gives up a transaction that is open, so that the next one can begin.
    ///
    /// # Errors
    /// When another process took our place.
    pub(crate) fn settle(&mut self) -> Result<(), KafkaFault> {
        match self.producer.condition() {
            Condition::Fenced => return Err(superseded()),
            Condition::Dead => self.spent = true,
            Condition::Well if self.open => match self.producer.abort() {
                Ok(()) => self.open = false,
                Err(fault) if fault.kind == FaultKind::Superseded => return Err(fault),
                Err(fault) => {
                    tracing::warn!(%fault, "a transaction cannot be aborted; a new producer will");
                    self.spent = true;
                }
            },
            Condition::Well => {}
        }
        Ok(())
    }

    /// Gives up a transaction with a record that the broker does not take, and goes on with a new producer: the old one
    /// throws away for a while what it is given next.
    ///
    /// # Errors
    /// When another process took our place, or the cluster does not answer.
    pub(crate) fn renew(&mut self, brokers: &dyn Brokers, name: Option<Uuid>) -> Result<(), KafkaFault> {
        self.settle()?;
        self.spent = true;
        *self = Self::open(brokers, name)?;
        Ok(())
    }

    /// Whether a new one is needed.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent
    }

    /// Where what was sent since the last call ends.
    pub(crate) fn take_ends(&self) -> Ends {
        self.producer.take_ends()
    }

    fn begin(&mut self) -> Result<(), KafkaFault> {
        if self.transactional {
            if let Err(fault) = self.producer.begin() {
                self.spent = true;
                return Err(fault);
            }
            self.open = true;
        }
        Ok(())
    }
}

/// Another process has our name now.
pub(crate) fn superseded() -> KafkaFault {
    let message = "another process publishes from this event log now: this one must not go on";
    KafkaFault::new(FaultKind::Superseded, message)
}
