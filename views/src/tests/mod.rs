mod asking;
mod failing;
mod keeping;

use std::{path::Path, sync::Arc, time::Duration};

use events::{
    DecidedBy, Event, GuardMetrics, LossBasis, NewEvent, StrategyDisabled, StrategyState, Timestamp,
    TradeClosed, Uuid,
};
use projections::Kind;
use store::{Duplicates, EventLog, Expected, MemoryLog, Prepared, Request};

use super::{Views, ViewsOptions};

fn moment(second: i64) -> Timestamp {
    Timestamp::parse("2025-11-22T00:00:00Z").unwrap().plus_seconds(second)
}

fn id(name: &str, n: u64) -> Uuid {
    events::id::derive(&[name.as_bytes(), &n.to_le_bytes()])
}

fn fact(event_id: Uuid, event: Event) -> NewEvent {
    NewEvent::root(event_id, moment(0), &Arc::from("source:test"), id("run", 0), event)
}

fn trade(n: u64, strategy: &str) -> NewEvent {
    let closed_at = moment(n as i64);
    let event = Event::TradeClosed(TradeClosed {
        profit_pct: 1.into(),
        ..events::test_support::trade(strategy, &n.to_string(), 2.into(), closed_at)
    });
    fact(id("trade", n), event).at_offset(n as i64)
}

/// A halt, decided when the log had `basis` events, all of them trades of the strategy.
fn disabled(n: u64, strategy: &str, basis: u64) -> NewEvent {
    let event = Event::StrategyDisabled(StrategyDisabled {
        strategy: strategy.into(),
        by: DecidedBy::Rule,
        rules: Vec::new(),
        metrics: GuardMetrics { daily_loss_pct: None, consecutive_losses: 0, win_rate_pct: None },
        from: StrategyState::Active,
        to: StrategyState::Halted,
        loss_basis: LossBasis::SumOfTradePercents,
        trades: Some(basis),
        reason: None,
    });
    let producer = "actor:strategy_guard".into();
    NewEvent { basis_position: Some(basis), producer, ..fact(id("halt", n), event) }
}

fn append(log: &dyn EventLog, events: impl IntoIterator<Item = NewEvent>) {
    let events = events.into_iter().map(|event| Prepared::new(event).unwrap()).collect();
    let (expected, duplicates) = (Expected::Any, Duplicates::Refuse);
    log.append(Request { stream: "ingest-test".into(), expected, duplicates, events }).unwrap();
}

fn log_of(events: impl IntoIterator<Item = NewEvent>) -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new());
    append(&*log, events);
    log
}

fn options() -> ViewsOptions {
    let (patience, first_backoff) = (Duration::from_secs(20), Duration::from_millis(10));
    ViewsOptions { patience, first_backoff, ..ViewsOptions::default() }
}

fn with(kind: Kind) -> ViewsOptions {
    let mut options = options();
    options.kinds.push(kind);
    options
}

fn open(log: &Arc<MemoryLog>, folder: &Path) -> Views {
    Views::open(Arc::clone(log) as Arc<dyn EventLog>, folder, options()).unwrap()
}

/// How many trades the view of the strategies counts.
fn counted(views: &Views) -> u64 {
    views.strategies().unwrap().iter().map(|strategy| strategy.trades).sum()
}
