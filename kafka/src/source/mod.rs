//! Closed trades from a topic into the log, each record once.
//!
//! All partitions are taken by hand, from the offsets that the log holds: a second process in a consumer group would
//! leave each guard half of the trades. Records wait in the cluster when the log is slow: what is fetched ahead is
//! bounded, and nothing is ever dropped.

mod added;
mod appender;
mod ending;
mod ends;
mod gaps;
mod keeping;
mod keys;
mod partition;
mod progress;
mod readers;
mod session;
mod source_log;
mod stall;
mod state;
mod unreadable;
mod wakeup;
mod watch;

pub use progress::{PartitionStatus, SourceState, SourceStatus};

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::Uuid;
use store::EventLog;

use super::{
    KafkaSettings,
    fault::{FaultKind, KafkaFault},
};
use intake::TradeFormat;
use keeping::Keeper;
use source_log::SourceLog;
use stall::Stall;
use state::SourceContext;
use wakeup::Wakeup;
use watch::Ended;

/// How long a source that is asked to stop is waited for. librdkafka may keep its threads for longer: in a call to a
/// cluster that does not answer, for minutes in closing a connection, and for ever when the wall clock was set.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A running source.
pub struct KafkaSource {
    source: Arc<SourceContext>,
    reader: Option<Part>,
    judge: Option<Part>,
}

/// A thread that tells when it ends.
struct Part {
    thread: JoinHandle<()>,
    ended: Arc<Wakeup>,
}

impl Part {
    /// Starts a thread; a panic of it ends the source for good.
    fn start(
        name: &str,
        source: &Arc<SourceContext>,
        body: impl FnOnce(&SourceContext) + Send + 'static,
    ) -> Result<Self, KafkaFault> {
        let (source, ended) = (Arc::clone(source), Arc::new(Wakeup::default()));
        let at_end = Arc::clone(&ended);
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| body(&source))).is_err() {
                let message = "reading from kafka panicked; restart tradewarden";
                source.fail(KafkaFault::new(FaultKind::Other, message));
            }
            at_end.wake();
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
        let thread = thread
            .map_err(|error| KafkaFault::new(FaultKind::Other, format!("starting a thread: {error}")))?;
        Ok(Self { thread, ended })
    }

    /// Waits for its end; leaves it alone when that takes too long.
    fn end(self, at_most: Duration) {
        if self.ended.wait(at_most) {
            drop(self.thread.join());
        } else {
            tracing::warn!("the Kafka client does not end in time; it is left to itself, nothing is lost");
        }
    }
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
        let log = SourceLog { event_log: log, run_id };
        let stall = Stall::open(log.clone(), &settings.topics.trade_closed)?;
        let keeper = Keeper::open(log.clone(), &settings.topics.trade_closed)?;
        let source = Arc::new(SourceContext::new(settings, format, log, keeper, stall.stalled()));
        let judge = Part::start("kafka-judge", &source, move |source| stall::judge(source, stall))?;
        let reader = Part::start("kafka-source", &source, |source| {
            read(source);
            source.stopped();
        })?;
        Ok(Self { source, reader: Some(reader), judge: Some(judge) })
    }

    /// How it stands now.
    #[must_use]
    pub fn status(&self) -> SourceStatus {
        self.source.status()
    }

    /// Takes in the batch under way, notes how far it came and ends; within seconds, also when the cluster does not
    /// answer.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.source.stop.ask();
        for part in [self.reader.take(), self.judge.take()].into_iter().flatten() {
            part.end(STOP_WITHIN);
        }
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.end();
    }
}

/// Reads until the source is asked to stop, or fails for good.
fn read(source: &SourceContext) {
    let mut pause = FIRST_PAUSE;
    while source.failed().is_none() && !source.stop.is_asked() {
        let began = Instant::now();
        let fault = match session::run(source) {
            Ok(Ended::Changed) => continue,
            Ok(Ended::Stopped) => return,
            Err(fault) => fault,
        };
        // What fails while it ends is of no use to anybody.
        if source.stop.is_asked() {
            return;
        }
        if !fault.is_passing() {
            return source.fail(fault);
        }
        source.connecting();
        source.trouble(fault);
        if began.elapsed() > Duration::from_secs(10) {
            pause = FIRST_PAUSE;
        }
        source.stop.wait(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
