//! Closed trades from a topic into the log, each record once.
//!
//! All partitions are taken by hand, from the offsets that the log holds: a second process in a consumer group would
//! leave each guard half of the trades. Records wait in the cluster when the log is slow: what is fetched ahead is
//! bounded, and nothing is ever dropped.

mod added;
mod desk;
mod ending;
mod ends;
mod gaps;
mod keeping;
mod keys;
mod lane;
mod ledger;
mod progress;
mod session;
mod stall;
mod state;
mod team;
mod unreadable;
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
use ending::Bell;
use intake::TradeFormat;
use keeping::Keeper;
use ledger::Ledger;
use stall::Stall;
use state::Outside;
use watch::Ended;

/// How long a source that is asked to stop is waited for. librdkafka may keep its threads for longer: in a call to a
/// cluster that does not answer, for minutes in closing a connection, and for ever when the wall clock was set.
const STOP_WITHIN: Duration = Duration::from_secs(3);
/// Pauses between attempts.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A running source.
pub struct KafkaSource {
    outside: Arc<Outside>,
    reader: Option<Part>,
    judge: Option<Part>,
}

/// A thread that tells when it ends.
struct Part {
    thread: JoinHandle<()>,
    ended: Arc<Bell>,
}

impl Part {
    /// Starts a thread; a panic of it ends the source for good.
    fn start(
        name: &str,
        outside: &Arc<Outside>,
        body: impl FnOnce(&Outside) + Send + 'static,
    ) -> Result<Self, KafkaFault> {
        let (outside, ended) = (Arc::clone(outside), Arc::new(Bell::default()));
        let bell = Arc::clone(&ended);
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| body(&outside))).is_err() {
                let message = "reading from kafka panicked; restart tradewarden";
                outside.fail(KafkaFault::new(FaultKind::Other, message));
            }
            bell.ring();
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
        let ledger = Ledger { log, run_id };
        let stall = Stall::open(ledger.clone(), &settings.topics.trade_closed)?;
        let keeper = Keeper::open(ledger.clone(), &settings.topics.trade_closed)?;
        let outside = Arc::new(Outside::new(settings, format, ledger, keeper, stall.stalled()));
        let judge = Part::start("kafka-judge", &outside, move |outside| stall::judge(outside, stall))?;
        let reader = Part::start("kafka-source", &outside, |outside| {
            read(outside);
            outside.stopped();
        })?;
        Ok(Self { outside, reader: Some(reader), judge: Some(judge) })
    }

    /// How it stands now.
    pub fn status(&self) -> SourceStatus {
        self.outside.status()
    }

    /// Takes in the batch under way, notes how far it came and ends; within seconds, also when the cluster does not
    /// answer.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.outside.stop.ask();
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
fn read(outside: &Outside) {
    let mut pause = FIRST_PAUSE;
    while outside.failed().is_none() && !outside.stop.is_asked() {
        let began = Instant::now();
        let fault = match session::run(outside) {
            Ok(Ended::Changed) => continue,
            Ok(Ended::Stopped) => return,
            Err(fault) => fault,
        };
        // What fails while it ends is of no use to anybody.
        if outside.stop.is_asked() {
            return;
        }
        if !fault.is_passing() {
            return outside.fail(fault);
        }
        outside.connecting();
        outside.trouble(fault);
        if began.elapsed() > Duration::from_secs(10) {
            pause = FIRST_PAUSE;
        }
        outside.stop.wait(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
