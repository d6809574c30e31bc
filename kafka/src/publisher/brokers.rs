//! The true cluster.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread,
    time::Duration,
};

use events::Uuid;
use rdkafka::consumer::BaseConsumer;

use super::{
    super::{
        KafkaSettings, admin,
        client::ClientEvents,
        cluster::Cluster,
        fault::{FaultKind, KafkaFault},
    },
    Delivery,
    identity::Names,
    port::{Brokers, Hidden, Producer, Published, Watch},
    tail::{self, TailReader},
    transactions::KafkaProducer,
};

/// Short enough that a cluster that does not answer is told within seconds.
const WAIT: Duration = Duration::from_secs(4);

/// A cluster, asked through clients that live as long as a session.
pub(crate) struct KafkaBrokers {
    settings: KafkaSettings,
    watch: Arc<dyn Watch>,
    committed: Cluster,
    everything: OnceCell<Cluster>,
    /// Reads the ends of topics.
    reader: OnceCell<BaseConsumer<ClientEvents>>,
}

impl KafkaBrokers {
    pub(crate) fn connect(
        settings: &KafkaSettings,
        watch: Arc<dyn Watch>,
        delivery: Delivery,
    ) -> Result<Self, KafkaFault> {
        let committed = Cluster::new(settings, "read_committed")?;
        let (everything, reader) = (OnceCell::new(), OnceCell::new());
        let brokers = Self { settings: settings.clone(), watch, committed, everything, reader };
        if delivery == Delivery::Transactional {
            // All will be needed. Each takes a while to connect, and they do so side by side.
            brokers.everything()?;
            brokers.consumer()?;
        }
        Ok(brokers)
    }

    /// The same clients under another watch.
    pub(crate) fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = watch;
        self
    }

    fn reader<'a>(&'a self, names: &'a Names) -> Result<TailReader<'a>, KafkaFault> {
        let consumer = self.consumer()?;
        Ok(TailReader { settings: &self.settings, names, watch: &self.watch, consumer })
    }

    fn everything(&self) -> Result<&Cluster, KafkaFault> {
        known(&self.everything, || Cluster::new(&self.settings, "read_uncommitted"))
    }

    fn consumer(&self) -> Result<&BaseConsumer<ClientEvents>, KafkaFault> {
        known(&self.reader, || tail::consumer(&self.settings, "read_committed"))
    }
}

fn known<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T, KafkaFault>) -> Result<&T, KafkaFault> {
    let made = cell.get().is_none().then(make).transpose()?;
    Ok(cell.get_or_init(|| made.expect("invariant: made where there was none")))
}

impl Drop for KafkaBrokers {
    fn drop(&mut self) {
        // To close a client that has read takes a tenth of a second, for which nobody has to wait.
        if let Some(reader) = self.reader.take() {
            drop(thread::Builder::new().spawn(move || drop(reader)));
        }
    }
}

impl Brokers for KafkaBrokers {
    fn cluster_id(&self) -> Result<String, KafkaFault> {
        self.committed.id(WAIT)
    }

    fn ensure_topic(&self, topic: &str) -> Result<bool, KafkaFault> {
        match self.committed.topic(topic, WAIT) {
            Err(fault) if fault.kind == FaultKind::TopicMissing => {
                admin::create(&self.settings, topic, 1)?;
                Ok(true)
            }
            other => other.map(|_| false),
        }
    }

    fn published(&self, topic: &str, names: &Names) -> Result<Published, KafkaFault> {
        self.reader(names)?.published(topic, &self.committed)
    }

    fn hidden(&self, topic: &str, names: &Names) -> Result<Vec<Hidden>, KafkaFault> {
        self.reader(names)?.hidden(topic, self.everything()?, &self.committed)
    }

    fn committed_end(&self, topic: &str, partition: i32) -> Result<i64, KafkaFault> {
        Ok(self.committed.watermarks(topic, partition, WAIT)?.high)
    }

    fn others(
        &self,
        topic: &str,
        names: &Names,
        read: &mut BTreeMap<i32, i64>,
    ) -> Result<BTreeSet<String>, KafkaFault> {
        self.reader(names)?.others(topic, &self.committed, read)
    }

    fn producer(&self, name: Option<Uuid>) -> Result<Box<dyn Producer>, KafkaFault> {
        Ok(Box::new(KafkaProducer::open(&self.settings, name, Arc::clone(&self.watch))?))
    }
}
