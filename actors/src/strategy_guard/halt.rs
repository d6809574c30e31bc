//! Halting, and what a halted or badly reported strategy still does.

use events::{
    AlertKind, AlertRaised, BreachedRule, DecidedBy, Event, GuardThresholds, HaltMissed, Severity,
    StrategyDisabled, StrategyState, TradeAfterHalt, TradeClosed,
};

use super::{evidence, outside::cleared, reduce, state::Strategy};

/// So many trades in a row that are too old to be judged are told.
const MANY_TOO_OLD: u32 = 3;

/// Halts a strategy on a trade.
pub(super) fn halt(
    strategy: &Strategy,
    trade: &TradeClosed,
    breached: Vec<BreachedRule>,
    limit: &GuardThresholds,
) -> Vec<Event> {
    let message = in_words(&breached);
    let mut decided = reduce::clear_alert(&trade.strategy, strategy, "the strategy was halted");
    let day = strategy.days.get(&trade.closed_at.day().number());
    decided.push(Event::StrategyDisabled(StrategyDisabled {
        strategy: trade.strategy.clone(),
        by: DecidedBy::Rule,
        rules: breached,
        metrics: evidence::metrics(strategy, day, limit),
        from: strategy.state,
        to: StrategyState::Halted,
        loss_basis: evidence::loss_basis(limit),
        trades: Some(strategy.trades),
        reason: None,
    }));
    let message = format!("{} halted: {message}", trade.strategy);
    decided.push(raised(AlertKind::StrategyDisabled, &trade.strategy, Severity::Critical, message));
    decided
}

fn in_words(breached: &[BreachedRule]) -> String {
    breached.iter().map(evidence::in_words).collect::<Vec<_>>().join("; ")
}

/// Halts a strategy as it should have been on an earlier input, unless it is HALTED by now.
pub(super) fn make_up(strategy: &Strategy, missed: &HaltMissed) -> Vec<Event> {
    let HaltMissed { strategy: name, at_position, reason, .. } = missed;
    if strategy.state == StrategyState::Halted {
        return Vec::new();
    }
    let mut decided = reduce::clear_alert(name, strategy, "the strategy was halted");
    decided.push(Event::StrategyDisabled(missed.halt(strategy.state, strategy.trades)));
    let why = reason.clone().unwrap_or_else(|| in_words(&missed.rules));
    let message = format!("{name} halted late, as that was missed at position {at_position}: {why}");
    decided.push(raised(AlertKind::StrategyDisabled, name, Severity::Critical, message));
    decided
}

fn raised(kind: AlertKind, subject: &str, severity: Severity, message: String) -> Event {
    Event::AlertRaised(AlertRaised { kind, subject: subject.to_owned(), severity, message })
}

/// A trade of a halted strategy: the first is told, and the first that was opened after the halt is an alarm.
pub(super) fn after_halt(strategy: &Strategy, trade: &TradeClosed) -> Vec<Event> {
    let mut decided = Vec::new();
    if let Some(disabled_by) = strategy.disabled_by.filter(|_| !strategy.told_after_halt) {
        decided.push(Event::TradeAfterHalt(TradeAfterHalt {
            strategy: trade.strategy.clone(),
            trade_id: trade.trade_id.clone(),
            opened_at: trade.opened_at,
            disabled_by,
        }));
    }
    if let Some(halted_at) = strategy.disabled_at.filter(|at| trade.opened_at > *at && !strategy.contradicted)
    {
        let message = format!(
            "{} is HALTED since {halted_at} and opened trade {} at {}: the bot does not follow the halt",
            trade.strategy, trade.trade_id, trade.opened_at
        );
        let kind = AlertKind::StrategyContradicted;
        decided.push(raised(kind, &trade.strategy, Severity::Critical, message));
    }
    decided
}

/// A trade that is too old to be judged: with the third in a row something is wrong with the times.
pub(super) fn too_old(strategy: &Strategy, trade: &TradeClosed) -> Option<Event> {
    let newest = strategy.newest_close?;
    (strategy.too_old >= MANY_TOO_OLD && !strategy.too_old_alerted).then(|| {
        let message = format!(
            "{} trades in a row of {} closed more than 7 days before its newest one of {newest}, the last on {}: they \
             count in the figures but are not judged; if the newest one is wrong, enabling with --reset-counters \
             forgets it",
            strategy.too_old, trade.strategy, trade.closed_at
        );
        raised(AlertKind::TradesTooOld, &trade.strategy, Severity::Warning, message)
    })
}

/// Closes the alert about trades that were too old, if it is open.
pub(super) fn clear_too_old(name: &str, strategy: &Strategy) -> Option<Event> {
    let words = "trades are judged again";
    strategy.too_old_alerted.then(|| cleared(AlertKind::TradesTooOld, name, words))
}

/// Closes the alert about a position that was opened after the halt, if it is open.
pub(super) fn clear_contradiction(name: &str, strategy: &Strategy) -> Option<Event> {
    let words = "an operator enabled the strategy";
    strategy.contradicted.then(|| cleared(AlertKind::StrategyContradicted, name, words))
}
