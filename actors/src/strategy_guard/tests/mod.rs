//! Given / when / then: at, below and above each threshold.

mod halting;
mod outside;
mod reducing;
mod requests;
mod standing;

use events::{
    AlertKind, Event, GuardThresholds, Origin, RecordRejected, ReduceCauseKind, RejectReason, Severity,
    SourceCaughtUp, SourceStalled, StallReason, StrategyDisableRequested, StrategyDisabled,
    StrategyEnableRequested, StrategyGuardConfigured, TimerDue,
};

use super::{StrategyGuard, validate};
use crate::{
    Decider as _,
    testing::{Given, at, decimal, given, trade},
};

fn closed(trade_id: &str, profit_pct: &str, closed_at: &str) -> Event {
    Event::TradeClosed(trade(trade_id, profit_pct, closed_at))
}

fn guard() -> Given<StrategyGuard> {
    given()
}

fn configured(change: impl FnOnce(&mut GuardThresholds)) -> Event {
    let mut thresholds = GuardThresholds::default();
    change(&mut thresholds);
    let strategies = [("rsi".to_owned(), thresholds)].into();
    Event::StrategyGuardConfigured(StrategyGuardConfigured {
        default: GuardThresholds::default(),
        strategies,
    })
}

fn disabled(decided: &[Event]) -> &StrategyDisabled {
    let found = decided.iter().find_map(|event| match event {
        Event::StrategyDisabled(disabled) => Some(disabled),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no StrategyDisabled among {decided:?}"))
}

fn types(decided: &[Event]) -> Vec<&'static str> {
    decided.iter().map(Event::event_type).collect()
}

fn enable(reason: &str) -> Event {
    Event::StrategyEnableRequested(StrategyEnableRequested {
        strategy: "rsi".into(),
        reason: reason.into(),
        reset_counters: false,
    })
}

fn reset(reason: &str) -> Event {
    Event::StrategyEnableRequested(StrategyEnableRequested {
        strategy: "rsi".into(),
        reason: reason.into(),
        reset_counters: true,
    })
}

fn disable(reason: &str) -> Event {
    let (strategy, reason) = ("rsi".into(), reason.into());
    Event::StrategyDisableRequested(StrategyDisableRequested { strategy, reason })
}

/// The only alert among what was decided, with its severity.
fn alert(decided: &[Event]) -> (AlertKind, Severity) {
    let alerts: Vec<_> = decided
        .iter()
        .filter_map(|event| match event {
            Event::AlertRaised(alert) => Some((alert.kind, alert.severity)),
            _ => None,
        })
        .collect();
    assert_eq!(alerts.len(), 1, "{decided:?}");
    alerts[0]
}

fn halted() -> Given<StrategyGuard> {
    guard().facts([closed("bad", "-11", "2025-01-01T01:00:00Z")])
}

fn rejected(trade_id: Option<&str>) -> Event {
    Event::RecordRejected(RecordRejected {
        origin: Origin::Http { digest: "d".into() },
        reason: RejectReason::InvalidField,
        detail: "quantity = -1: above 0".into(),
        strategy: Some("rsi".into()),
        trade_id: trade_id.map(Into::into),
        key: None,
        value: None,
        recorded: None,
    })
}

fn stalled() -> Event {
    Event::SourceStalled(SourceStalled {
        source: "trades".into(),
        reason: StallReason::Unreachable,
        since: at("2025-01-01T00:00:00Z"),
        detail: "connection refused".into(),
    })
}

fn caught_up() -> Event {
    Event::SourceCaughtUp(SourceCaughtUp { source: "trades".into() })
}

fn due(due_at: &str) -> Event {
    let at = at(due_at);
    Event::TimerDue(TimerDue { actor: "strategy_guard".into(), due_at: at, noticed_at: at })
}

fn causes(decided: &[Event]) -> Vec<ReduceCauseKind> {
    let reduced = decided.iter().find_map(|event| match event {
        Event::StrategyReduced(reduced) => Some(reduced),
        _ => None,
    });
    reduced.map_or_else(Vec::new, |reduced| reduced.causes.iter().map(|cause| cause.kind).collect())
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let bad = GuardThresholds {
        max_daily_loss_pct: decimal("-1"),
        max_consecutive_losses: 0,
        min_win_rate_pct: decimal("130"),
        win_rate_window: 5000,
        capital: Some(decimal("0")),
        capital_currency: Some(" ".into()),
        max_silence_s: Some(0),
    };
    let config = StrategyGuardConfigured {
        default: GuardThresholds::default(),
        strategies: [("rsi".into(), bad)].into(),
    };
    let keys: Vec<_> = validate(&config).into_iter().map(|fault| fault.key).collect();
    let names = [
        "max_daily_loss_pct",
        "max_consecutive_losses",
        "min_win_rate_pct",
        "win_rate_window",
        "capital",
        "capital_currency",
        "max_silence",
    ];
    assert_eq!(keys, names.map(|name| format!("strategies.rsi.{name}")));
    assert!(validate(&StrategyGuardConfigured::default()).is_empty());
}

#[test]
fn the_name_is_the_stream() {
    assert_eq!(StrategyGuard::stream(), "actor-strategy_guard");
}
