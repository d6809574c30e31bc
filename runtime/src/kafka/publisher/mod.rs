//! Decisions and dead letters out of the log, each once for a `read_committed` consumer.
//!
//! On starting, and again after every fault, the committed ends of the topics say what is visible since the last
//! checkpoint; what of the log is not, is published. Checkpoints bound how far back that is looked at.

mod checkpoint;
mod outlet;
mod record;
mod tail;

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{Family, FamilySet, Recorded, Uuid};
use store::EventLog;

use super::{
    KafkaSettings, admin,
    client::{DEAD_LETTER_SUFFIX, dead_letter_topic},
    cluster::Cluster,
    fault::{FaultKind, KafkaFault},
};
use checkpoint::Checkpoint;
use outlet::{Outlet, OutletError};
use record::{Outgoing, outgoing};
use tail::TailReader;

/// What is published, and what may have to be.
const PUBLISHED: FamilySet =
    FamilySet::of(&[Family::Strategy, Family::Performance, Family::Alert, Family::Ingest]);

const WAIT: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_millis(200);
/// How long a clean stop waits for the transaction under way.
const GRACE: Duration = Duration::from_secs(3);
/// Events looked at for one transaction.
const MOST_EVENTS: usize = 4096;
/// Bytes of values after which a transaction is closed.
const MOST_BYTES: usize = 4 << 20;
/// To how many bytes a dead letter is cut, step by step, until the broker takes it.
const CUTS: [usize; 3] = [64 << 10, 1 << 10, 0];

/// How decisions leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// To a cluster: in transactions, everything since the log began, each once.
    Transactional,
    /// To the embedded endpoint: what is decided from this start on, without transactions.
    FromNowOn,
}

/// What the publisher is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PublisherState {
    /// Connecting and looking how far it came.
    #[default]
    Starting,
    /// Publishing.
    Running,
    /// Waiting to try again.
    Retrying,
    /// Ended, by request or for good: see [`PublisherStatus::last_error`].
    Stopped,
}

/// How the publisher stands.
#[derive(Clone, Debug, Default)]
pub struct PublisherStatus {
    /// What it is doing.
    pub state: PublisherState,
    /// Everything up to this position is published.
    pub position: u64,
    /// Positions of the log after that.
    pub lag: u64,
    /// Decisions published since the start.
    pub decisions: u64,
    /// Dead letters published since the start.
    pub dead_letters: u64,
    /// When it last published.
    pub last_published: Option<Instant>,
    /// The last fault; none when all is well.
    pub last_error: Option<String>,
}

/// A running publisher. Dropping it without [`KafkaPublisher::stop`] is like a crash: nothing is lost or doubled.
pub struct KafkaPublisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    log: Arc<dyn EventLog>,
    stopping: OnceLock<Instant>,
    abandoned: AtomicBool,
    status: Mutex<PublisherStatus>,
}

impl Shared {
    fn status(&self) -> MutexGuard<'_, PublisherStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.get().is_some()
    }

    /// Whether even what is under way is given up: at once when dropped, after a grace when stopped.
    fn gives_up(&self) -> bool {
        let abandoned = self.abandoned.load(Ordering::Relaxed);
        self.stopping.get().is_some_and(|since| abandoned || since.elapsed() > GRACE)
    }
}

impl KafkaPublisher {
    /// Starts publishing from a log.
    ///
    /// # Errors
    /// When the settings are wrong. A cluster that is away is no error: it is tried on.
    pub fn start(
        log: Arc<dyn EventLog>,
        settings: KafkaSettings,
        run_id: Uuid,
        delivery: Delivery,
    ) -> Result<Self, KafkaFault> {
        settings.check()?;
        let shared = Arc::new(Shared {
            log,
            stopping: OnceLock::new(),
            abandoned: AtomicBool::new(false),
            status: Mutex::default(),
        });
        let worker = Worker {
            started_at: shared.log.head(),
            shared: Arc::clone(&shared),
            settings,
            run_id,
            delivery,
            cuts: BTreeMap::new(),
            known_topics: BTreeSet::new(),
            one_by_one_until: 0,
        };
        let thread = thread::Builder::new()
            .name("kafka-publisher".to_owned())
            .spawn(move || {
                let shared = Arc::clone(&worker.shared);
                if catch_unwind(AssertUnwindSafe(|| worker.run())).is_err() {
                    let mut status = shared.status();
                    status.state = PublisherState::Stopped;
                    status.last_error = Some("publishing to kafka panicked; restart tradewarden".to_owned());
                }
            })
            .map_err(|error| KafkaFault::new(FaultKind::Other, format!("starting a thread: {error}")))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// How it stands now.
    pub fn status(&self) -> PublisherStatus {
        let mut status = self.shared.status().clone();
        status.lag = self.shared.log.head().saturating_sub(status.position);
        status
    }

    /// Finishes the transaction under way, leaves a checkpoint and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.shared.stopping.set(Instant::now());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for KafkaPublisher {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.shared.abandoned.store(true, Ordering::Relaxed);
            self.end();
        }
    }
}

struct Worker {
    shared: Arc<Shared>,
    settings: KafkaSettings,
    run_id: Uuid,
    delivery: Delivery,
    /// The end of the log when the publisher was started.
    started_at: u64,
    /// For dead letters that were too large: how many steps they are cut.
    cuts: BTreeMap<u64, usize>,
    known_topics: BTreeSet<String>,
    /// Up to here each transaction has one record, to find the one that is too large.
    one_by_one_until: u64,
}

impl Worker {
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let stopping = || shared.gives_up();
        let mut outlet = None;
        let mut pause = Duration::from_millis(100);
        while let Err(fault) = self.session(&mut outlet, &stopping) {
            if self.shared.is_stopping() {
                break;
            }
            if !fault.is_passing() {
                tracing::error!(%fault, "the kafka publisher stops");
                self.tell(PublisherState::Stopped, Some(fault.message));
                return;
            }
            tracing::warn!(%fault, "publishing to kafka failed; trying on");
            self.tell(PublisherState::Retrying, Some(fault.message));
            self.wait(pause);
            pause = (pause * 2).min(Duration::from_secs(5));
            if self.shared.status().last_published.is_some_and(|at| at.elapsed() < pause) {
                pause = Duration::from_millis(100);
            }
        }
        let error = self.shared.status().last_error.take();
        self.tell(PublisherState::Stopped, error);
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.shared.is_stopping() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn tell(&self, state: PublisherState, error: Option<String>) {
        let mut status = self.shared.status();
        status.state = state;
        status.last_error = error;
    }

    /// Finds out how far it came and publishes on, until a fault or the end.
    fn session<'s>(
        &mut self,
        outlet: &mut Option<Outlet<'s>>,
        stopping: &'s dyn Fn() -> bool,
    ) -> Result<(), KafkaFault> {
        let cluster = Cluster::new(&self.settings, "read_committed")?;
        self.ensure_topics(&cluster)?;
        let log = Arc::clone(&self.shared.log);
        let mut checkpoint = Checkpoint::last(&*log, cluster.id(WAIT)?, self.run_id)?;
        let topics = self.topics(&cluster)?;
        if outlet.is_none() && self.delivery == Delivery::Transactional {
            // Before the transactional id is taken from whoever publishes: an older copy of a log, started by mistake,
            // must not silence the one that lives.
            let reader = TailReader::new(&self.settings, log.log_id(), stopping);
            self.check_head(&reader.visible(&topics, checkpoint.position(), &cluster)?)?;
        }
        let open = self.take_over(outlet, stopping)?;
        let (mut position, visible) = match self.delivery {
            Delivery::Transactional => {
                let after = checkpoint.position();
                (after, self.visible(&cluster, &topics, open, after, stopping)?)
            }
            Delivery::FromNowOn => (self.shared.status().position.max(self.started_at), BTreeSet::new()),
        };
        self.shared.status().position = position;
        self.tell(PublisherState::Running, None);
        tracing::info!(after = position, already = visible.len(), "publishing to kafka");
        let mut events = log.subscribe(position, PUBLISHED);
        while !self.shared.is_stopping() {
            let mut batch = events.next(MOST_EVENTS, IDLE)?;
            batch.events.retain(|event| !visible.contains(&event.position));
            let published = self.publish_all(open, &batch.events)?;
            position = position.max(batch.read_to);
            self.shared.status().position = position;
            if self.delivery == Delivery::Transactional {
                checkpoint.published(published);
                checkpoint.follow(&*log, open, &cluster, position)?;
            }
        }
        if self.delivery == Delivery::Transactional && !self.shared.abandoned.load(Ordering::Relaxed) {
            checkpoint.finish(&*log, open, &cluster, position, stopping)?;
        }
        Ok(())
    }

    fn ensure_topics(&mut self, cluster: &Cluster) -> Result<(), KafkaFault> {
        let topics = &self.settings.topics;
        for topic in [topics.decisions.clone(), dead_letter_topic(&topics.trade_closed)] {
            self.ensure_topic(cluster, topic)?;
        }
        Ok(())
    }

    fn ensure_topic(&mut self, cluster: &Cluster, topic: String) -> Result<(), KafkaFault> {
        match cluster.topic(&topic, WAIT) {
            Err(fault) if fault.kind == FaultKind::TopicMissing => admin::create(&self.settings, &topic, 1)?,
            other => drop(other?),
        }
        self.known_topics.insert(topic);
        Ok(())
    }

    /// Dead letters of a topic that is no longer in the configuration may lack theirs.
    fn ensure_topics_of(&mut self, range: &[Outgoing]) -> Result<(), KafkaFault> {
        let unknown = range.iter().find(|record| !self.known_topics.contains(&record.topic));
        let Some(first) = unknown else { return Ok(()) };
        let cluster = Cluster::new(&self.settings, "read_committed")?;
        self.ensure_topic(&cluster, first.topic.clone())?;
        self.ensure_topics_of(range)
    }

    /// Keeps the producer that we have, so that an old process cannot take the place of its successor by trying
    /// again; a new one only when it is the first or the old one is dead.
    fn take_over<'o, 's>(
        &self,
        outlet: &'o mut Option<Outlet<'s>>,
        stopping: &'s dyn Fn() -> bool,
    ) -> Result<&'o Outlet<'s>, KafkaFault> {
        if outlet.as_ref().is_some_and(Outlet::is_dead) {
            *outlet = None;
        }
        let log = (self.delivery == Delivery::Transactional).then(|| self.shared.log.log_id());
        Ok(match outlet {
            Some(open) => {
                open.abort()?;
                open
            }
            None => outlet.insert(Outlet::open(&self.settings, log, stopping)?),
        })
    }

    /// The topics that something of this log may be on.
    fn topics(&self, cluster: &Cluster) -> Result<Vec<String>, KafkaFault> {
        let dead_letters = cluster.topics(WAIT)?.into_iter().filter(|t| t.ends_with(DEAD_LETTER_SUFFIX));
        Ok([self.settings.topics.decisions.clone()].into_iter().chain(dead_letters).collect())
    }

    /// Nothing is published that is not in the log.
    fn check_head(&self, visible: &BTreeSet<u64>) -> Result<(), KafkaFault> {
        let (last, head) = (visible.last().copied().unwrap_or(0), self.shared.log.head());
        if last <= head {
            return Ok(());
        }
        let message = format!(
            "the topics hold what was published from this event log up to position {last}, but the log ends at \
             {head}: it was restored from an older backup; what happens up to there would never be published"
        );
        Err(KafkaFault::new(FaultKind::Log, message))
    }

    /// What is visible above a checkpoint, when nothing of ours is open any more.
    fn visible(
        &self,
        cluster: &Cluster,
        topics: &[String],
        outlet: &Outlet<'_>,
        after: u64,
        stopping: &dyn Fn() -> bool,
    ) -> Result<BTreeSet<u64>, KafkaFault> {
        let reader = TailReader::new(&self.settings, self.shared.log.log_id(), stopping);
        let everything = Cluster::new(&self.settings, "read_uncommitted")?;
        let hanging = reader.hanging(topics, &everything, cluster)?;
        if !hanging.is_empty() {
            // Nobody who reads committed records has seen what hangs.
            tracing::warn!(?hanging, "kafka never ended a transaction that it took; publishing it again");
            outlet.abort_hanging(&hanging)?;
            if let Some(place) = reader.hanging(topics, &everything, cluster)?.first() {
                return Err(place.fault(&self.settings.bootstrap_servers));
            }
        }
        let visible = reader.visible(topics, after, cluster)?;
        self.check_head(&visible)?;
        Ok(visible)
    }

    /// Publishes events in as many transactions as it takes; the answer is how many were to be published.
    fn publish_all(&mut self, outlet: &Outlet<'_>, events: &[Arc<Recorded>]) -> Result<usize, KafkaFault> {
        let (mut range, mut bytes, mut published) = (Vec::new(), 0, 0);
        for event in events {
            let Some(record) = self.record(event)? else { continue };
            bytes += record.value.as_ref().map_or(0, Vec::len);
            let last = bytes > MOST_BYTES || record.position <= self.one_by_one_until;
            range.push(record);
            published += 1;
            if last {
                self.publish(outlet, &range)?;
                (range, bytes) = (Vec::new(), 0);
            }
        }
        if !range.is_empty() {
            self.publish(outlet, &range)?;
        }
        Ok(published)
    }

    fn record(&self, event: &Recorded) -> Result<Option<Outgoing>, KafkaFault> {
        let record = outgoing(event, self.shared.log.log_id(), &self.settings.topics.decisions);
        let record = record.map_err(|error| {
            KafkaFault::new(FaultKind::Log, format!("event at position {}: {error}", event.position))
        })?;
        Ok(record.map(|mut record| {
            if let Some(step) = self.cuts.get(&record.position) {
                record.cut_to(CUTS[*step]);
            }
            record
        }))
    }

    fn publish(&mut self, outlet: &Outlet<'_>, range: &[Outgoing]) -> Result<(), KafkaFault> {
        self.ensure_topics_of(range)?;
        if let Err(error) = outlet.publish(range) {
            // Whatever it was: a topic may have been deleted meanwhile.
            self.known_topics.clear();
            return Err(match error {
                OutletError::Fault(fault) => fault,
                OutletError::TooLarge => self.too_large(range),
            });
        }
        let mut status = self.shared.status();
        let dead = range.iter().filter(|record| record.may_be_cut).count() as u64;
        status.dead_letters += dead;
        status.decisions += range.len() as u64 - dead;
        status.position = status.position.max(range.last().map_or(0, |record| record.position));
        status.last_published = Some(Instant::now());
        Ok(())
    }

    /// Finds the record that is too large by sending one at a time, then cuts it step by step.
    fn too_large(&mut self, range: &[Outgoing]) -> KafkaFault {
        let fault = |message: String| KafkaFault::new(FaultKind::Other, message);
        let [record] = range else {
            self.one_by_one_until = range.last().map_or(0, |record| record.position);
            return fault("a record is larger than the broker takes; sending one by one".to_owned());
        };
        let step = self.cuts.get(&record.position).map_or(0, |step| step + 1);
        if !record.may_be_cut || step >= CUTS.len() {
            return fault(format!(
                "the event at position {} is larger than topic {} takes: raise max.message.bytes of the topic",
                record.position, record.topic
            ));
        }
        self.cuts.insert(record.position, step);
        fault(format!(
            "the dead letter at position {} is larger than topic {} takes; cutting its value to {} bytes",
            record.position, record.topic, CUTS[step]
        ))
    }
}
