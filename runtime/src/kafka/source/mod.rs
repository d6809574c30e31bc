//! Closed trades from a topic into the log, each record once.
//!
//! All partitions are taken by hand, from the offsets that the log holds: a second process in a consumer group would
//! leave each guard half of the trades. Records wait in the cluster when the log is slow: what is fetched ahead is
//! bounded, and nothing is ever dropped.

mod desk;
mod lane;
mod ledger;
mod progress;
mod session;
mod team;

pub use progress::{PartitionStatus, SourceState, SourceStatus};

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{StallReason, Uuid};
use store::EventLog;

use super::{
    KafkaSettings,
    fault::{FaultKind, KafkaFault},
};
use crate::{intake::TradeFormat, record::now};
use ledger::{Ledger, Stall};
use progress::{EndWatch, PartitionProgress, Tally, statuses};
use session::Ended;

/// How long a partition that ends before our position is given to show its true end.
const PATIENCE: Duration = Duration::from_secs(10);
/// The same fault is told again after this long.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// A running source.
pub struct KafkaSource {
    outside: Arc<Outside>,
    thread: Option<JoinHandle<()>>,
}

/// What sessions share, and what is shown.
struct Outside {
    settings: KafkaSettings,
    format: Arc<TradeFormat>,
    ledger: Ledger,
    tally: Arc<Tally>,
    stopping: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    state: SourceState,
    fault: Option<KafkaFault>,
    told: Option<(String, Instant)>,
    partitions: Vec<Arc<PartitionProgress>>,
    watch: EndWatch,
    stall: Stall,
    beyond_since: Option<Instant>,
}

impl KafkaSource {
    /// Starts reading the trade topic into a log.
    ///
    /// # Errors
    /// When the settings are wrong or the log cannot be read. A cluster that is away or a topic that is missing is
    /// none: both are waited for, and told.
    pub fn start(
        log: Arc<dyn EventLog>,
        settings: KafkaSettings,
        format: TradeFormat,
        run_id: Uuid,
    ) -> Result<Self, KafkaFault> {
        settings.check()?;
        let ledger = Ledger { log, run_id };
        let inner = Inner {
            state: SourceState::Connecting,
            fault: None,
            told: None,
            partitions: Vec::new(),
            watch: EndWatch::new(Instant::now()),
            stall: Stall::open(ledger.clone(), &settings.topics.trade_closed)?,
            beyond_since: None,
        };
        let outside = Arc::new(Outside {
            settings,
            format: Arc::new(format),
            ledger,
            tally: Arc::default(),
            stopping: AtomicBool::new(false),
            inner: Mutex::new(inner),
        });
        let body = Arc::clone(&outside);
        let thread = thread::Builder::new()
            .name("kafka-source".to_owned())
            .spawn(move || {
                let panicked = catch_unwind(AssertUnwindSafe(|| body.run())).is_err();
                if panicked {
                    body.give_up(KafkaFault::new(
                        FaultKind::Other,
                        "reading from kafka panicked; restart tradewarden",
                    ));
                }
                body.inner().state = SourceState::Stopped;
            })
            .map_err(|error| KafkaFault::new(FaultKind::Other, format!("starting a thread: {error}")))?;
        Ok(Self { outside, thread: Some(thread) })
    }

    /// How it stands now.
    pub fn status(&self) -> SourceStatus {
        self.outside.status()
    }

    /// Takes in the batch under way, notes how far it came and ends.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.outside.stopping.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.end();
    }
}

impl Outside {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    fn run(&self) {
        let mut pause = Duration::from_millis(200);
        loop {
            let began = Instant::now();
            let fault = match session::run(self) {
                Ok(Ended::Changed) => continue,
                Ok(Ended::Stopped) => break,
                Err(fault) => fault,
            };
            self.inner().state = SourceState::Connecting;
            let noted = self.trouble(&fault);
            if let Some(last) =
                [Err(fault), noted].into_iter().filter_map(Result::err).find(|f| !f.is_passing())
            {
                return self.give_up(last);
            }
            if began.elapsed() > Duration::from_secs(10) {
                pause = Duration::from_millis(200);
            }
            self.wait(pause);
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Ends for good: the guards cannot know any more.
    fn give_up(&self, fault: KafkaFault) {
        tracing::error!(%fault, "the kafka source stops");
        let mut inner = self.inner();
        if fault.kind != FaultKind::Log {
            let noted = inner.stall.begin(StallReason::Unreachable, now(), &fault.message);
            if let Err(fault) = noted {
                tracing::error!(%fault, "that the source stopped could not be noted in the event log");
            }
        }
        inner.fault = Some(fault);
    }

    fn wait(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && !self.is_stopping() {
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The partitions are taken.
    fn reading(&self, partitions: &[Arc<PartitionProgress>]) {
        let mut inner = self.inner();
        inner.partitions = partitions.to_vec();
        inner.state = SourceState::CatchingUp;
        inner.beyond_since = None;
    }

    fn is_live(&self) -> bool {
        self.inner().state == SourceState::Live
    }

    /// Whether the last end that was seen is reached, and it was not known to be.
    fn wants_end(&self, partitions: &[Arc<PartitionProgress>]) -> bool {
        let inner = self.inner();
        inner.state != SourceState::Live && inner.watch.is_target_reached(partitions.iter().map(|p| &**p))
    }

    /// The ends of the partitions, as they were at `asked`.
    fn observed(
        &self,
        asked: Instant,
        partitions: &[Arc<PartitionProgress>],
        ends: &[i64],
    ) -> Result<(), KafkaFault> {
        let mut inner = self.inner();
        if inner.fault.take().is_some() {
            tracing::info!(topic = self.settings.topics.trade_closed, "kafka answers again");
            inner.told = None;
        }
        inner.watch.observe(asked, partitions.iter().map(|p| &**p), ends);
        let live = inner.watch.ever() && inner.watch.age(Instant::now()) < Duration::from_secs(5);
        inner.state = if live { SourceState::Live } else { SourceState::CatchingUp };
        self.judge(&mut inner)
    }

    /// Something is wrong for now.
    fn trouble(&self, fault: &KafkaFault) -> Result<(), KafkaFault> {
        let mut inner = self.inner();
        let known =
            inner.told.as_ref().is_some_and(|(told, at)| *told == fault.message && at.elapsed() < TELL_EVERY);
        if !known {
            tracing::warn!(topic = self.settings.topics.trade_closed, %fault, "reading from kafka; trying on");
            inner.told = Some((fault.message.clone(), Instant::now()));
        }
        inner.fault = Some(fault.clone());
        self.judge(&mut inner)
    }

    /// Notes in the log when the source begins or ends to stand still.
    fn judge(&self, inner: &mut Inner) -> Result<(), KafkaFault> {
        let age = inner.watch.age(Instant::now());
        if age <= self.settings.stale_after {
            return if inner.watch.ever() { inner.stall.end() } else { Ok(()) };
        }
        let since = now().plus_micros(-i64::try_from(age.as_micros()).unwrap_or(i64::MAX));
        let (reason, detail) = match &inner.fault {
            Some(fault) => (StallReason::Unreachable, fault.message.clone()),
            None => (StallReason::Behind, "the end of the topic is not reached".to_owned()),
        };
        inner.stall.begin(reason, since, &detail)
    }

    /// Whether a partition has ended before our position for so long that it is true.
    fn is_beyond_for_good(&self) -> bool {
        self.inner().beyond_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE
    }

    fn status(&self) -> SourceStatus {
        let inner = self.inner();
        let mut status = SourceStatus {
            topic: self.settings.topics.trade_closed.clone(),
            state: inner.state,
            text: String::new(),
            caught_up: inner.state != SourceState::Stopped
                && inner.watch.ever()
                && inner.watch.age(Instant::now()) <= self.settings.stale_after
                && inner.stall.stalled().is_none(),
            stalled: inner.stall.stalled(),
            partitions: statuses(inner.partitions.iter().map(|p| &**p)),
            counts: self.tally.counts(),
        };
        let fault = inner.fault.as_ref().map(|fault| fault.message.clone());
        status.text = match (inner.state, fault) {
            (SourceState::Stopped, Some(fault)) => format!("stopped: {fault}"),
            (SourceState::Stopped, None) => "stopped".to_owned(),
            (_, Some(fault)) => fault,
            (SourceState::Connecting, None) => "connecting".to_owned(),
            (SourceState::CatchingUp, None) => format!("catching up: {} to go", status.lag()),
            (SourceState::Live, None) => "live".to_owned(),
        };
        status
    }
}
