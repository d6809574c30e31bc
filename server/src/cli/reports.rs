//! What happens, a line each in the messages of `run`: who watches only the terminal or the journal has to see a halt.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{Event, Family, FamilySet, Recorded, Severity};
use store::EventLog;

use super::words;
use crate::few::Few;

/// What is told of: every decision, and dead letters.
const TOLD: FamilySet = FamilySet::DECISIONS.union(FamilySet::of(&[Family::Ingest]));

/// How long the log is waited for at a time: the end of the process waits as long.
const GLANCE: Duration = Duration::from_millis(200);

/// Tells of decisions, alerts and dead letters as they come into the log, until it is dropped.
pub(super) struct Reports {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Reports {
    /// Begins after the position `after`.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn after(log: &Arc<dyn EventLog>, after: u64) -> io::Result<Self> {
        let ends = Arc::new(AtomicBool::new(false));
        let (log, stop) = (Arc::clone(log), Arc::clone(&ends));
        let thread =
            thread::Builder::new().name("reports".into()).spawn(move || follow(&*log, after, &stop))?;
        Ok(Self { ends, thread: Some(thread) })
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn follow(log: &dyn EventLog, after: u64, ends: &AtomicBool) {
    let mut news = log.subscribe(after, TOLD);
    let mut letters = Few::new(Instant::now());
    while !ends.load(Ordering::Relaxed) {
        match news.next(1024, GLANCE) {
            Ok(batch) => batch.events.iter().for_each(|event| tell(event, &mut letters)),
            // What cannot be read is told by those whose business it is.
            Err(_) => thread::sleep(GLANCE),
        }
        if let Some(more) = letters.turned(Instant::now()) {
            tracing::warn!("{more} more dead letters in the last minute: tradewarden dead-letters list");
        }
    }
}

fn tell(event: &Recorded, letters: &mut Few) {
    let Some(level) = level(&event.event, letters) else { return };
    let json = serde_json::to_value(event.json()).unwrap_or_default();
    let line =
        format!("{} {}: {}", event.event.event_type(), words::subject(&json), words::what(&event.event));
    match level {
        Level::Error => tracing::error!(position = event.position, "{line}"),
        Level::Warning => tracing::warn!(position = event.position, "{line}"),
        Level::Notice => tracing::info!(position = event.position, "{line}"),
    }
}

/// How much an event matters; nothing where it has no line.
fn level(event: &Event, letters: &mut Few) -> Option<Level> {
    Some(match event {
        Event::StrategyDisabled(_) => Level::Error,
        Event::StrategyReduced(_) | Event::TradeAfterHalt(_) => Level::Warning,
        Event::StrategyEnabled(_) | Event::AlertCleared(_) => Level::Notice,
        // A state of a strategy is told by the decision.
        Event::AlertRaised(alert) if !alert.kind.is_about_strategy() => match alert.severity {
            Severity::Critical | Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
            Severity::Info => Level::Notice,
        },
        Event::RecordRejected(_) if letters.next_is_told() => Level::Warning,
        // What is critical in an analysis is told by its alert.
        Event::AlertRaised(_) | Event::PerformanceAnalyzed(_) | Event::PerformanceAnalysisSkipped(_) => {
            return None;
        }
        decision if decision.is_decision() => Level::Notice,
        _ => return None,
    })
}

enum Level {
    Error,
    Warning,
    Notice,
}
