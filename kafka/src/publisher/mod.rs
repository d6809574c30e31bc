//! Decisions and dead letters out of the log, each once for a `read_committed` consumer.
//!
//! On starting, and again after every fault, the committed ends of the topics say what is visible since the last
//! checkpoint; what of the log is not, is published. Checkpoints bound how far back that is looked at.

mod brokers;
mod checkpoint;
mod diagnosis;
#[cfg(test)]
mod faults_tests;
mod history;
mod identity;
mod notes;
mod port;
mod record;
mod tail;
mod transactional_producer;
mod transactions;
mod worker;

pub use identity::go_on_as_copy;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::Uuid;
use store::{EventLog, now, waiting_since};

use super::{
    KafkaSettings,
    fault::{FaultKind, KafkaFault},
};
use brokers::KafkaBrokers;
use diagnosis::Inquiry;
use port::{Brokers, Watch};
use worker::{Pace, Worker};

/// The name under which the publisher appends.
pub(crate) const PRODUCER: &str = "publisher:kafka";
/// How long a clean stop waits for the transaction under way.
const GRACE: Duration = Duration::from_secs(3);
/// How long after that the thread is waited for: it may be within a call to a cluster that does not answer.
const LEAVE_AFTER: Duration = Duration::from_secs(2);

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
    /// Events of the log after that, where the log can count them.
    pub lag_events: Option<u64>,
    /// How long ago the oldest of those was recorded; 0 without any.
    pub lag_seconds: f64,
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
    fn new(log: Arc<dyn EventLog>) -> Arc<Self> {
        let (stopping, abandoned, status) = (OnceLock::new(), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { log, stopping, abandoned, status })
    }

    fn status(&self) -> MutexGuard<'_, PublisherStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.get().is_some()
    }

    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    fn tell(&self, state: PublisherState, error: Option<String>) {
        let mut status = self.status();
        status.state = state;
        status.last_error = error;
    }

    /// Whether even what is under way is given up: at once when dropped, after a grace when stopped.
    fn gives_up(&self) -> bool {
        self.stopping.get().is_some_and(|since| self.is_abandoned() || since.elapsed() > GRACE)
    }
}

impl KafkaPublisher {
    /// Starts publishing from a log, over the connection of a check that has just been made, if there is one.
    ///
    /// # Errors
    /// When the settings are wrong. A cluster that is away is no error: it is tried on.
    pub fn start(
        log: Arc<dyn EventLog>,
        settings: KafkaSettings,
        run_id: Uuid,
        delivery: Delivery,
        connection: Option<Connection>,
    ) -> Result<Self, KafkaFault> {
        settings.check()?;
        let shared = Shared::new(log);
        let watch = watch(&shared, &settings);
        let first = Cell::new(connection);
        let worker = Worker {
            started_at: shared.log.head(),
            shared: Arc::clone(&shared),
            topics: history::own_topics(&settings),
            bootstrap_servers: settings.bootstrap_servers.clone(),
            connect: Box::new(move || {
                let brokers = match first.take() {
                    Some(Connection(brokers)) => brokers.watched_by(Arc::clone(&watch)),
                    None => KafkaBrokers::connect(&settings, Arc::clone(&watch), delivery)?,
                };
                Ok(Box::new(brokers) as Box<dyn Brokers>)
            }),
            run_id,
            delivery,
            pace: Pace::default(),
        };
        Self::spawn(shared, worker)
    }

    fn spawn(shared: Arc<Shared>, worker: Worker) -> Result<Self, KafkaFault> {
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
    #[must_use]
    pub fn status(&self) -> PublisherStatus {
        let mut status = self.shared.status().clone();
        let log = &*self.shared.log;
        status.lag_events = log.count(status.position, log.head());
        let waits_us = waiting_since(log, status.position).map_or(0, |at| now().micros() - at.micros());
        status.lag_seconds = waits_us.max(0) as f64 / 1e6;
        status
    }

    /// Finishes the transaction under way, leaves a checkpoint and ends. Takes some seconds at most, whatever the cluster
    /// does: what is under way then is found, or published, by the next start.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.shared.stopping.set(Instant::now());
        let Some(thread) = self.thread.take() else { return };
        let until = Instant::now() + GRACE + LEAVE_AFTER;
        while !thread.is_finished() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        if thread.is_finished() {
            drop(thread.join());
        } else {
            tracing::warn!("kafka does not answer; what is under way is left to the next start");
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

/// Clients that are connected to a cluster. A publisher that goes on with them begins sooner.
pub struct Connection(KafkaBrokers);

/// Whether what is on the topics of a cluster was published from this very history of a log. To be asked before anything
/// is taken in, when decisions go to a cluster.
///
/// # Errors
/// [`FaultKind::OtherHistory`] when it was not: the log is a restored backup or a copied folder. Any other kind when it
/// cannot be told now, as the cluster is away: then the publisher asks again before it publishes.
pub fn check_history(log: &Arc<dyn EventLog>, settings: &KafkaSettings) -> Result<Connection, KafkaFault> {
    settings.check()?;
    let shared = Shared::new(Arc::clone(log));
    let brokers = KafkaBrokers::connect(settings, watch(&shared, settings), Delivery::Transactional)?;
    history::check_topics(&**log, settings, &brokers)?;
    Ok(Connection(brokers))
}

fn watch(shared: &Arc<Shared>, settings: &KafkaSettings) -> Arc<dyn Watch> {
    let (shared, settings) = (Arc::clone(shared), settings.clone());
    Arc::new(Inquiry { shared, settings, asked: Mutex::default() })
}
