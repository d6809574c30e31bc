//! The true cluster.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use events::Uuid;

use super::{
    super::{
        KafkaSettings, admin,
        cluster::Cluster,
        fault::{FaultKind, KafkaFault},
    },
    Delivery,
    identity::Names,
    port::{Brokers, Hidden, Producer, Published, Watch},
    tail::TailReader,
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
}

impl KafkaBrokers {
    pub(crate) fn connect(
        settings: &KafkaSettings,
        watch: Arc<dyn Watch>,
        delivery: Delivery,
    ) -> Result<Self, KafkaFault> {
        let committed = Cluster::new(settings, "read_committed")?;
        let brokers = Self { settings: settings.clone(), watch, committed, everything: OnceCell::new() };
        if delivery == Delivery::Transactional {
            // It will be needed. Each takes a while to connect, and they do so side by side. A client that reads would gain
            // nothing: one that is connected and idle may take a second until it fetches what it is given then.
            brokers.everything()?;
        }
        Ok(brokers)
    }

    /// The same clients under another watch.
    pub(crate) fn watched_by(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = watch;
        self
    }

    fn reader<'a>(&'a self, names: &'a Names) -> TailReader<'a> {
        TailReader { settings: &self.settings, names, watch: &self.watch }
    }

    fn everything(&self) -> Result<&Cluster, KafkaFault> {
        if self.everything.get().is_none() {
            let _ = self.everything.set(Cluster::new(&self.settings, "read_uncommitted")?);
        }
        Ok(self.everything.get().unwrap_or(&self.committed))
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
        self.reader(names).published(topic, &self.committed)
    }

    fn hidden(&self, topic: &str, names: &Names) -> Result<Vec<Hidden>, KafkaFault> {
        self.reader(names).hidden(topic, self.everything()?, &self.committed)
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
        self.reader(names).others(topic, &self.committed, read)
    }

    fn producer(&self, name: Option<Uuid>) -> Result<Box<dyn Producer>, KafkaFault> {
        Ok(Box::new(KafkaProducer::open(&self.settings, name, Arc::clone(&self.watch))?))
    }
}
