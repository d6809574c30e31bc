//! The daily analysis: figures, their status, and what follows.

use events::{
    AlertCleared, AlertKind, AlertRaised, Decimal, DecimalSum, Event, FigureStatus, FigureStatuses, Limits,
    PerformanceAdvice, PerformanceAnalysisSkipped, PerformanceAnalystConfigured, PerformanceAnalyzed,
    PerformanceLimits, Severity, SkipReason, Timestamp,
};
use quant::live::{Drawdown, ExactSum, profit_factor, sharpe_of_periods, win_rate_pct};

use super::state::State;

/// Days before the planned moment that are looked at (P2).
const WINDOW_DAYS: i64 = 7;

/// What the window adds up to.
#[derive(Default)]
struct Window {
    trades: u64,
    wins: u64,
    losses: u64,
    won: ExactSum,
    lost: ExactSum,
    percent: ExactSum,
    /// Sums of the periods of 24 hours, oldest first.
    periods: Vec<ExactSum>,
    drawdown: Drawdown,
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
    analysed(state, planned_at, &window(state, planned_at), &config.limits)
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

/// Adds the window up, period by period.
fn window(state: &State, planned_at: Timestamp) -> Window {
    let mut window = Window::default();
    for days_before in (1..=WINDOW_DAYS).rev() {
        let mut period = ExactSum::ZERO;
        let (start, end) = (planned_at.plus_days(-days_before), planned_at.plus_days(1 - days_before));
        for minute in state.minutes(start, end) {
            window.wins += minute.wins;
            window.losses += minute.losses;
            window.trades += minute.trades();
            window.won += minute.won;
            window.lost += minute.lost;
            period += minute.percent;
            minute.percents().for_each(|percent| window.drawdown.push(percent));
        }
        window.percent += period;
        window.periods.push(period);
    }
    window
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
        profit: sum_of_profits(window),
        sharpe,
        max_drawdown_pct: window.drawdown.value(),
        profit_factor: profit_factor(window.won, window.lost),
        trigger_ai_analysis: any_critical(&statuses),
        advice: advice(&statuses, window.drawdown.value(), limits),
        statuses,
        limits: *limits,
    }
}

/// The mean of a sum as the nearest double.
fn mean(sum: ExactSum, count: u64) -> f64 {
    sum.ratio(Decimal::from(count)).unwrap_or_default()
}

fn sum_of_profits(window: &Window) -> DecimalSum {
    let text = (window.won + window.lost).to_string();
    text.parse().expect("invariant: the text of a sum is a plain decimal")
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
