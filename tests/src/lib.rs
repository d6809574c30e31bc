//! Tests of the whole system, and the World that they share: a log, trades by the dozen, a configuration.

pub mod bad_disk;
pub mod crash;
pub mod faulty;
pub mod fuzz;
pub mod judge;
pub mod schemas;
pub mod simulation;

use std::{sync::Arc, time::Duration};

use actors::performance_analyst;
use events::{
    Event, FamilySet, NewEvent, PerformanceAnalystConfigured, Recorded, Schedule, SchedulerConfigured,
    StrategyGuardConfigured, Timestamp, TradeClosed, Uuid, id,
};
use runtime::{
    system::SystemConfig,
    verify::{Findings, Verifier},
};
use store::{Duplicates, EventLog, Expected, MemoryLog, Prepared, Request, Snapshots};

/// A log in memory.
#[must_use]
pub fn memory_log() -> Arc<dyn EventLog> {
    Arc::new(MemoryLog::new())
}

/// The default configuration with the daily analysis.
#[must_use]
pub fn config() -> SystemConfig {
    let daily = Schedule::cron("0 1 * * *");
    SystemConfig {
        version: "test".into(),
        command: "test".into(),
        config_digest: String::new(),
        configured: vec![
            Event::StrategyGuardConfigured(StrategyGuardConfigured::default()),
            Event::PerformanceAnalystConfigured(PerformanceAnalystConfigured::default()),
            scheduled([(performance_analyst::SCHEDULE, daily)]),
        ],
        snapshots: None,
        stall_after: Duration::from_secs(30),
    }
}

/// The configuration with another event of one actor.
#[must_use]
pub fn configured(mut config: SystemConfig, event: Event) -> SystemConfig {
    config.configured.retain(|kept| kept.event_type() != event.event_type());
    config.configured.push(event);
    config
}

/// Schedules by name, as the scheduler is configured with them.
#[must_use]
pub fn scheduled<const N: usize>(schedules: [(&str, Schedule); N]) -> Event {
    let schedules = schedules.into_iter().map(|(name, schedule)| (name.to_owned(), schedule)).collect();
    Event::SchedulerConfigured(SchedulerConfigured { schedules })
}

/// A moment from text.
///
/// # Panics
/// When the text is no moment.
#[must_use]
pub fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("invariant: a test names real moments")
}

/// A trade whose profit has the sign of its percent.
///
/// # Panics
/// When the percent is no decimal.
#[must_use]
pub fn trade(strategy: &str, trade_id: &str, profit_pct: &str, closed_at: Timestamp) -> TradeClosed {
    let percent = events::decimal::parse(profit_pct).expect("invariant: a test names real numbers");
    events::test_support::trade(strategy, trade_id, percent, closed_at)
}

/// The envelope of a trade as a source appends it.
#[must_use]
pub fn fact(trade: TradeClosed) -> NewEvent {
    let id = id::closed_trade(&trade.strategy, &trade.trade_id);
    NewEvent::root(id, trade.closed_at, &Arc::from("source:test"), Uuid::nil(), Event::TradeClosed(trade))
}

/// Appends facts to a stream; answers the head after them.
///
/// # Panics
/// When the log refuses.
pub fn append(log: &dyn EventLog, stream: &str, facts: impl IntoIterator<Item = NewEvent>) -> u64 {
    let events: Result<Vec<_>, _> = facts.into_iter().map(Prepared::new).collect();
    let events = events.expect("invariant: facts have a JSON form");
    let request =
        Request { stream: Arc::from(stream), expected: Expected::Any, duplicates: Duplicates::Skip, events };
    let appended = log.append(request).expect("invariant: the log takes facts");
    appended.placed.last().map_or(0, |placed| placed.position)
}

/// Everything in a log.
///
/// # Panics
/// When the log cannot be read.
pub fn all(log: &dyn EventLog) -> Vec<Arc<Recorded>> {
    let read = log.read_all(0, FamilySet::ALL, usize::MAX).expect("invariant: the log is readable");
    read.events
}

/// The decisions in a log.
pub fn decisions(log: &dyn EventLog) -> Vec<Arc<Recorded>> {
    all(log).into_iter().filter(|event| event.event.is_decision()).collect()
}

/// Takes every decision of a log again.
///
/// # Panics
/// When the log cannot be read.
pub fn verify(log: &Arc<dyn EventLog>) -> Findings {
    verify_with(log, None)
}

/// The same, and compares snapshots.
///
/// # Panics
/// When the log cannot be read.
pub fn verify_with(log: &Arc<dyn EventLog>, snapshots: Option<&Snapshots>) -> Findings {
    let mut verifier = Verifier::new(log, snapshots).expect("invariant: the log is readable");
    for event in all(&**log) {
        verifier.feed(&event).expect("invariant: the log is readable");
    }
    verifier.finish().expect("invariant: the log is readable")
}

/// An analysis with a Sharpe ratio.
#[must_use]
pub fn analysis(sharpe: f64) -> events::PerformanceAnalyzed {
    let moment = Timestamp::from_micros(0);
    events::PerformanceAnalyzed {
        planned_at: moment,
        window_start: moment,
        window_end: moment,
        trades: 10,
        wins: 7,
        losses: 3,
        win_rate_pct: 70.0,
        average_profit_pct: 1.0,
        profit: "10".parse().expect("invariant: ten is a number"),
        sharpe: Some(sharpe),
        max_drawdown_pct: 0.5,
        profit_factor: None,
        statuses: events::FigureStatuses {
            win_rate: events::FigureStatus::Ok,
            average_profit: events::FigureStatus::Critical,
            sharpe: events::FigureStatus::Ok,
        },
        trigger_ai_analysis: true,
        advice: Vec::new(),
        limits: events::PerformanceLimits::default(),
    }
}

/// The bytes of `examples/trades.jsonl`: 400 made-up trades of six weeks.
#[must_use]
pub fn sample_file() -> Vec<u8> {
    let records = intake::sample::SampleTrades::new(42, 400);
    let lines = records.filter_map(|trade| intake::json::to_record(&trade).ok());
    lines
        .flat_map(|mut line| {
            line.push(b'\n');
            line
        })
        .collect()
}
