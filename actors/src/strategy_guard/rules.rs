//! The rules that halt, and what is answered to each input.

use std::panic::{AssertUnwindSafe, catch_unwind};

use events::{
    AlertCleared, AlertKind, AlertRaised, BreachedRule, DecidedBy, Decimal, Event, Fact, GuardMetrics,
    GuardThresholds, LossBasis, Measure, RuleName, RuleWindow, Severity, StrategyDisabled, StrategyEnabled,
    StrategyGuardConfigured, StrategyState, TradeAfterHalt, TradeClosed,
};
use rust_decimal::prelude::ToPrimitive as _;

use super::reduce;
use super::state::{DaySum, State, Strategy};

/// A rule: breached with evidence, kept, or why it could not be checked.
pub(super) type Rule = fn(&Strategy, &TradeClosed, &GuardThresholds) -> Result<Option<BreachedRule>, String>;

/// All rules, in the order in which breaches are told.
pub(super) const RULES: [(RuleName, Rule); 3] = [
    (RuleName::DailyLoss, daily_loss_exceeds_limit),
    (RuleName::ConsecutiveLosses, consecutive_losses_exceed_limit),
    (RuleName::WinRate, win_rate_falls_below_limit),
];

/// Answers a fact that the state has already folded.
pub(super) fn decide(
    state: &State,
    fact: Fact<'_>,
    config: &StrategyGuardConfigured,
    rules: &[(RuleName, Rule)],
) -> Vec<Event> {
    let strategy = fact.event.strategy().and_then(|name| state.strategies.get_key_value(name));
    match (fact.event, strategy) {
        (Event::TradeClosed(trade), Some((_, strategy))) => on_trade(state, strategy, trade, config, rules),
        (Event::StrategyDisableRequested(e), strategy) => {
            let fresh = Strategy::default();
            let strategy = strategy.map_or(&fresh, |(_, strategy)| strategy);
            on_disable(&e.strategy, strategy, &e.reason, config.of(&e.strategy))
        }
        (Event::StrategyEnableRequested(e), strategy) => {
            let fresh = Strategy::default();
            on_enable(state, &e.strategy, strategy.map_or(&fresh, |(_, strategy)| strategy), &e.reason)
        }
        (Event::RecordRejected(_), Some((name, strategy))) => {
            reduce::reconcile(state, name, strategy, config, reduce::Check::AsAnnounced)
        }
        (Event::RecordsMissing(missing), _) => vec![reduce::records_missing(missing)],
        (Event::SourceStalled(_) | Event::SourceCaughtUp(_), _) => {
            reduce::on_source(state, fact.event, config)
        }
        (Event::TimerDue(_) | Event::StrategyGuardConfigured(_), _) => reduce::reconcile_all(state, config),
        _ => Vec::new(),
    }
}

fn on_trade(
    state: &State,
    strategy: &Strategy,
    trade: &TradeClosed,
    config: &StrategyGuardConfigured,
    rules: &[(RuleName, Rule)],
) -> Vec<Event> {
    if strategy.state == StrategyState::Halted {
        return after_halt(strategy, trade);
    }
    if strategy.is_too_old(trade.closed_at) {
        return reduce::reconcile(state, &trade.strategy, strategy, config, reduce::Check::AsAnnounced);
    }
    let thresholds = config.of(&trade.strategy);
    let (breached, failed) = check(strategy, trade, thresholds, rules);
    if breached.is_empty() {
        return reduce::reconcile(state, &trade.strategy, strategy, config, reduce::Check::Made(failed));
    }
    halt(strategy, trade, breached, thresholds)
}

/// Runs every rule. A rule that fails, even by a panic, hides no other one.
fn check(
    strategy: &Strategy,
    trade: &TradeClosed,
    thresholds: &GuardThresholds,
    rules: &[(RuleName, Rule)],
) -> (Vec<BreachedRule>, Vec<String>) {
    let (mut breached, mut failed) = (Vec::new(), Vec::new());
    for (name, rule) in rules {
        match catch_unwind(AssertUnwindSafe(|| rule(strategy, trade, thresholds))) {
            Ok(Ok(breach)) => breached.extend(breach),
            Ok(Err(why)) => failed.push(why),
            Err(_) => failed.push(format!("the rule {name:?} panicked")),
        }
    }
    (breached, failed)
}

fn daily_loss_exceeds_limit(
    strategy: &Strategy,
    trade: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<Option<BreachedRule>, String> {
    let day = trade.closed_at.day();
    let Some(sum) = strategy.days.get(&day.number()) else { return Ok(None) };
    let uncomputable = || format!("the sum of {day} has more digits than can be kept exactly");
    let breached = match limit.capital {
        None => sum.percent.ok_or_else(uncomputable)? < -limit.max_daily_loss_pct,
        Some(capital) => {
            let loss = sum.profit.and_then(|profit| profit.checked_mul(Decimal::ONE_HUNDRED));
            let most = limit.max_daily_loss_pct.checked_mul(capital);
            loss.ok_or_else(uncomputable)? < -most.ok_or_else(uncomputable)?
        }
    };
    Ok(breached.then(|| BreachedRule {
        rule: RuleName::DailyLoss,
        value: Measure::Number(daily_loss_pct(sum, limit).unwrap_or_default()),
        threshold: number(limit.max_daily_loss_pct),
        window: RuleWindow::Day(day.to_string()),
        trades: sum.trades,
    }))
}

fn consecutive_losses_exceed_limit(
    strategy: &Strategy,
    _: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<Option<BreachedRule>, String> {
    let row = strategy.consecutive_losses;
    Ok((row > limit.max_consecutive_losses).then_some(BreachedRule {
        rule: RuleName::ConsecutiveLosses,
        value: Measure::Count(row),
        threshold: Measure::Count(limit.max_consecutive_losses),
        window: RuleWindow::Trades(row),
        trades: row,
    }))
}

fn win_rate_falls_below_limit(
    strategy: &Strategy,
    _: &TradeClosed,
    limit: &GuardThresholds,
) -> Result<Option<BreachedRule>, String> {
    let Some(won) = won_in_window(strategy, limit.win_rate_window) else { return Ok(None) };
    let window = limit.win_rate_window;
    let breached = Decimal::from(won) * Decimal::ONE_HUNDRED < limit.min_win_rate_pct * Decimal::from(window);
    Ok(breached.then(|| BreachedRule {
        rule: RuleName::WinRate,
        value: Measure::Number(percent(won, window)),
        threshold: number(limit.min_win_rate_pct),
        window: RuleWindow::Trades(window),
        trades: window,
    }))
}

fn number(threshold: Decimal) -> Measure {
    Measure::Number(threshold.to_f64().unwrap_or_default())
}

/// Won trades among the last `window`; nothing with fewer trades.
fn won_in_window(strategy: &Strategy, window: u32) -> Option<u32> {
    let window = window as usize;
    (strategy.outcomes.len() >= window).then(|| {
        let won = strategy.outcomes.iter().rev().take(window).filter(|won| **won).count();
        u32::try_from(won).unwrap_or(u32::MAX)
    })
}

fn percent(part: u32, whole: u32) -> f64 {
    f64::from(part) * 100.0 / f64::from(whole)
}

/// The day's sum in percent of the trades' own capital, or of the configured one.
fn daily_loss_pct(sum: &DaySum, limit: &GuardThresholds) -> Option<f64> {
    match limit.capital {
        None => sum.percent?.to_f64(),
        Some(capital) => sum.profit?.checked_mul(Decimal::ONE_HUNDRED)?.checked_div(capital)?.to_f64(),
    }
}

fn metrics(strategy: &Strategy, day: Option<&DaySum>, limit: &GuardThresholds) -> GuardMetrics {
    GuardMetrics {
        daily_loss_pct: day.and_then(|sum| daily_loss_pct(sum, limit)),
        consecutive_losses: strategy.consecutive_losses,
        win_rate_pct: won_in_window(strategy, limit.win_rate_window)
            .map(|won| percent(won, limit.win_rate_window)),
    }
}

const fn loss_basis(limit: &GuardThresholds) -> LossBasis {
    if limit.capital.is_some() { LossBasis::Capital } else { LossBasis::SumOfTradePercents }
}

fn halt(
    strategy: &Strategy,
    trade: &TradeClosed,
    breached: Vec<BreachedRule>,
    limit: &GuardThresholds,
) -> Vec<Event> {
    let message = breached.iter().map(in_words).collect::<Vec<_>>().join("; ");
    let mut decided = reduce::clear_alert(&trade.strategy, strategy, "the strategy was halted");
    decided.push(Event::StrategyDisabled(StrategyDisabled {
        strategy: trade.strategy.clone(),
        by: DecidedBy::Rule,
        rules: breached,
        metrics: metrics(strategy, strategy.days.get(&trade.closed_at.day().number()), limit),
        from: strategy.state,
        to: StrategyState::Halted,
        loss_basis: loss_basis(limit),
        reason: None,
    }));
    decided.push(Event::AlertRaised(AlertRaised {
        kind: AlertKind::StrategyDisabled,
        subject: trade.strategy.clone(),
        severity: Severity::Critical,
        message: format!("{} halted: {message}", trade.strategy),
    }));
    decided
}

fn in_words(breach: &BreachedRule) -> String {
    let BreachedRule { value, threshold, trades, .. } = breach;
    match (breach.rule, &breach.window) {
        (RuleName::DailyLoss, RuleWindow::Day(day)) => {
            format!("{value} % on {day} over {trades} trades, the limit is -{threshold} %")
        }
        (RuleName::ConsecutiveLosses, _) => {
            format!("{trades} lost trades in a row, the limit is {threshold}")
        }
        _ => format!("{value} % of the last {trades} trades won, the limit is {threshold} %"),
    }
}

fn after_halt(strategy: &Strategy, trade: &TradeClosed) -> Vec<Event> {
    match strategy.disabled_by {
        Some(disabled_by) if !strategy.told_after_halt => vec![Event::TradeAfterHalt(TradeAfterHalt {
            strategy: trade.strategy.clone(),
            trade_id: trade.trade_id.clone(),
            opened_at: trade.opened_at,
            disabled_by,
        })],
        _ => Vec::new(),
    }
}

fn on_disable(name: &str, strategy: &Strategy, reason: &str, limit: &GuardThresholds) -> Vec<Event> {
    if strategy.state == StrategyState::Halted {
        return Vec::new();
    }
    let newest_day = strategy.newest_close.map(|newest| newest.day().number());
    let mut decided = reduce::clear_alert(name, strategy, "the strategy was halted by an operator");
    decided.push(Event::StrategyDisabled(StrategyDisabled {
        strategy: name.to_owned(),
        by: DecidedBy::Operator,
        rules: Vec::new(),
        metrics: metrics(strategy, newest_day.and_then(|day| strategy.days.get(&day)), limit),
        from: strategy.state,
        to: StrategyState::Halted,
        loss_basis: loss_basis(limit),
        reason: Some(reason.to_owned()),
    }));
    decided
}

/// Enabling forgets what the operator has looked at; what still holds (a stalled source) reduces at once.
fn on_enable(state: &State, name: &str, strategy: &Strategy, reason: &str) -> Vec<Event> {
    let mut decided = reduce::clear_alert(name, strategy, "an operator enabled the strategy");
    decided.push(Event::StrategyEnabled(StrategyEnabled {
        strategy: name.to_owned(),
        by: DecidedBy::Operator,
        from: strategy.state,
        to: StrategyState::Active,
        reason: reason.to_owned(),
        forgets: None,
    }));
    decided.extend(reduce::still_stalled(state, name));
    decided
}

/// For people: how an alert was closed.
pub(super) fn cleared(kind: AlertKind, subject: &str, message: &str) -> Event {
    Event::AlertCleared(AlertCleared { kind, subject: subject.to_owned(), message: message.to_owned() })
}
