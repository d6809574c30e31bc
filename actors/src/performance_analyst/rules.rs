//! The daily analysis: figures, their status, and what follows.

use events::{
    AlertCleared, AlertKind, AlertRaised, Decimal, Event, FigureStatus, FigureStatuses, Limits,
    PerformanceAdvice, PerformanceAnalysisSkipped, PerformanceAnalystConfigured, PerformanceAnalyzed,
    PerformanceLimits, Severity, SkipReason, Timestamp,
};
use quant::live::{Drawdown, profit_factor, sharpe_of_periods, win_rate_pct};
use rust_decimal::prelude::ToPrimitive as _;

use super::state::{State, Sum};

/// Days before the planned moment that are looked at (P2).
const WINDOW_DAYS: i64 = 7;

/// What the window adds up to.
struct Window {
    trades: u64,
    wins: u64,
    losses: u64,
    won: Decimal,
    lost: Decimal,
    percent: Decimal,
    /// Sums of the periods of 24 hours, oldest first.
    periods: Vec<Decimal>,
    drawdown: f64,
}

/// Analyses the seven days before a planned moment; a trade closed exactly at it belongs to the next window.
pub(super) fn analyse(
    state: &State,
    planned_at: Timestamp,
    config: &PerformanceAnalystConfigured,
) -> Vec<Event> {
    let window_start = planned_at.plus_days(-WINDOW_DAYS);
    let trades: u64 = state.minutes(window_start, planned_at).map(super::state::Minute::trades).sum();
    if trades < config.min_trades {
        return vec![skipped(planned_at, trades, config, SkipReason::TooFewTrades)];
    }
    match window(state, planned_at) {
        Some(window) => analysed(state, planned_at, &window, &config.limits),
        None => not_computable(planned_at, trades, config),
    }
}

fn analysed(state: &State, planned_at: Timestamp, window: &Window, limits: &PerformanceLimits) -> Vec<Event> {
    let figures = figures(planned_at, window, limits);
    let critical = in_words(&figures);
    let mut decided = Vec::new();
    if figures.trigger_ai_analysis {
        decided.push(raise(Severity::Critical, critical));
    } else if state.alerted {
        let message = "no figure of the last seven days is critical".to_owned();
        let (kind, subject) = (AlertKind::PerformanceCritical, SUBJECT.to_owned());
        decided.push(Event::AlertCleared(AlertCleared { kind, subject, message }));
    }
    decided.insert(0, Event::PerformanceAnalyzed(figures));
    decided
}

const SUBJECT: &str = "total";

fn raise(severity: Severity, message: String) -> Event {
    let (kind, subject) = (AlertKind::PerformanceCritical, SUBJECT.to_owned());
    Event::AlertRaised(AlertRaised { kind, subject, severity, message })
}

/// A number that cannot be computed exactly is told, never guessed.
fn not_computable(planned_at: Timestamp, trades: u64, config: &PerformanceAnalystConfigured) -> Vec<Event> {
    let message = "the sums of the last seven days have more digits than can be kept exactly".to_owned();
    vec![skipped(planned_at, trades, config, SkipReason::NotComputable), raise(Severity::Error, message)]
}

fn skipped(
    planned_at: Timestamp,
    trades: u64,
    config: &PerformanceAnalystConfigured,
    reason: SkipReason,
) -> Event {
    Event::PerformanceAnalysisSkipped(PerformanceAnalysisSkipped {
        planned_at,
        window_start: planned_at.plus_days(-WINDOW_DAYS),
        window_end: planned_at,
        trades,
        min_trades: config.min_trades,
        reason,
    })
}

/// Adds the window up, period by period; nothing where a sum has no exact value.
fn window(state: &State, planned_at: Timestamp) -> Option<Window> {
    let (mut wins, mut losses, mut trades) = (0, 0, 0);
    let (mut won, mut lost, mut percent) = (Sum::default(), Sum::default(), Sum::default());
    let (mut periods, mut drawdown) = (Vec::new(), Drawdown::default());
    for days_before in (1..=WINDOW_DAYS).rev() {
        let mut period = Sum::default();
        let (start, end) = (planned_at.plus_days(-days_before), planned_at.plus_days(1 - days_before));
        for minute in state.minutes(start, end) {
            wins += minute.wins;
            losses += minute.losses;
            trades += minute.trades();
            won.add(minute.won.0);
            lost.add(minute.lost.0);
            period.add(minute.percent.0);
            minute.percents().try_for_each(|percent| drawdown.push(percent)).ok()?;
        }
        percent.add(period.0);
        periods.push(period.0?);
    }
    let drawdown = drawdown.value();
    Some(Window { trades, wins, losses, won: won.0?, lost: lost.0?, percent: percent.0?, periods, drawdown })
}

fn figures(planned_at: Timestamp, window: &Window, limits: &PerformanceLimits) -> PerformanceAnalyzed {
    let win_rate_pct = win_rate_pct(window.wins, window.trades).unwrap_or_default();
    let average_profit_pct = mean(window.percent, window.trades);
    let sharpe = sharpe_of_periods(&window.periods);
    let statuses = FigureStatuses {
        win_rate: status(Some(win_rate_pct), limits.win_rate_pct),
        average_profit: status(Some(average_profit_pct), limits.average_profit_pct),
        sharpe: status(sharpe, limits.sharpe),
    };
    PerformanceAnalyzed {
        planned_at,
        window_start: planned_at.plus_days(-WINDOW_DAYS),
        window_end: planned_at,
        trades: window.trades,
        wins: window.wins,
        losses: window.losses,
        win_rate_pct,
        average_profit_pct,
        profit: window.won + window.lost,
        sharpe,
        max_drawdown_pct: window.drawdown,
        profit_factor: profit_factor(window.won, window.lost),
        trigger_ai_analysis: any_critical(&statuses),
        advice: advice(&statuses, window.drawdown, limits),
        statuses,
        limits: *limits,
    }
}

/// The mean of a decimal sum as the nearest double.
fn mean(sum: Decimal, count: u64) -> f64 {
    let exact = sum.checked_div(Decimal::from(count)).and_then(|mean| mean.to_f64());
    exact.unwrap_or_default()
}

/// Below `critical`, below `warning`, or neither. What is undefined is ok.
fn status(figure: Option<f64>, limits: Limits) -> FigureStatus {
    match figure {
        Some(value) if value < limits.critical => FigureStatus::Critical,
        Some(value) if value < limits.warning => FigureStatus::Warning,
        _ => FigureStatus::Ok,
    }
}

fn any_critical(statuses: &FigureStatuses) -> bool {
    [statuses.win_rate, statuses.average_profit, statuses.sharpe].contains(&FigureStatus::Critical)
}

fn advice(statuses: &FigureStatuses, drawdown: f64, limits: &PerformanceLimits) -> Vec<PerformanceAdvice> {
    let poor = statuses.win_rate == FigureStatus::Critical
        || statuses.sharpe == FigureStatus::Critical
        || drawdown > limits.advise_drawdown_pct;
    if poor { vec![PerformanceAdvice::OptimizeParameters] } else { Vec::new() }
}

fn in_words(found: &PerformanceAnalyzed) -> String {
    let critical = |status: FigureStatus, words: String| (status == FigureStatus::Critical).then_some(words);
    let (statuses, limits) = (&found.statuses, &found.limits);
    let parts = [
        critical(
            statuses.win_rate,
            format!("win rate {:.2} % below {} %", found.win_rate_pct, limits.win_rate_pct.critical),
        ),
        critical(
            statuses.average_profit,
            format!(
                "average profit {:.2} % below {} %",
                found.average_profit_pct, limits.average_profit_pct.critical
            ),
        ),
        critical(
            statuses.sharpe,
            format!("Sharpe ratio {:.2} below {}", found.sharpe.unwrap_or_default(), limits.sharpe.critical),
        ),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    format!("over {} trades in seven days: {}", found.trades, parts.join("; "))
}
