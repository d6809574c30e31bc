//! The daily analysis anew: at each tick every earlier trade of the log that closed in the seven days before it.

use std::{collections::BTreeMap, sync::Arc};

use events::{
    AlertKind, Event, FigureStatus, Limits, PerformanceAdvice, PerformanceAnalystConfigured,
    PerformanceAnalyzed, Recorded, Timestamp, TradeClosed,
};
use num_bigint::BigInt;

use super::{
    by_basis,
    sums::{are_near, double, is_near, one, parts, quotient},
};

/// The schedule of the analysis.
const SCHEDULE: &str = "performance_analysis";

/// How far doubles may differ.
const TOLERANCE: f64 = 1e-9;

/// What a double loses where numbers are subtracted that are nearly the same.
const ROUNDING: f64 = 1e-13;

/// Figures of a window, and how well they can be known.
struct Figures {
    trades: usize,
    wins: usize,
    losses: usize,
    profit: BigInt,
    won: BigInt,
    lost: BigInt,
    percent: BigInt,
    drawdown: BigInt,
    sharpe: Option<f64>,
    /// How far the Sharpe ratio may differ.
    sharpe_tolerance: f64,
}

/// Ticks that were not answered, and answers that differ.
#[must_use]
pub fn violations(history: &[Arc<Recorded>]) -> Vec<String> {
    let mut answers = by_basis(history, "actor-performance_analyst");
    let (mut trades, mut config) = (Vec::new(), PerformanceAnalystConfigured::default());
    let (mut alerted, mut violations) = (false, Vec::new());
    for event in history {
        let answer = answers.remove(&event.position).unwrap_or_default();
        match &event.event {
            Event::TradeClosed(trade) => trades.push(trade),
            Event::PerformanceAnalystConfigured(changed) => config = changed.clone(),
            Event::ScheduleFired(fired) if fired.job.as_ref().unwrap_or(&fired.schedule) == SCHEDULE => {
                let wrong = wrong(&answer, fired.planned_at, &trades, &config, &mut alerted);
                let tell =
                    |what| format!("the analysis of {} at {}: {what}", fired.planned_at, event.position);
                violations.extend(wrong.into_iter().map(tell));
                continue;
            }
            _ => {}
        }
        let needless = answer.iter().map(|found| format!("analysed without a tick: {:?}", found.event));
        violations.extend(needless);
    }
    violations.extend(answers.into_values().map(|answer| format!("analysed on nothing: {answer:?}")));
    violations
}

fn wrong(
    answer: &[&Recorded],
    planned_at: Timestamp,
    trades: &[&TradeClosed],
    config: &PerformanceAnalystConfigured,
    alerted: &mut bool,
) -> Vec<String> {
    let start = planned_at.plus_days(-7);
    let mut window: Vec<_> =
        trades.iter().copied().filter(|t| t.closed_at >= start && t.closed_at < planned_at).collect();
    // A stable sort: of those that closed at once the one that was recorded first comes first.
    window.sort_by_key(|trade| trade.closed_at);
    let told: Vec<_> = answer.iter().map(|decision| &decision.event).collect();
    match told[..] {
        [Event::PerformanceAnalysisSkipped(skipped)] => {
            let right = window.len() < config.min_trades as usize
                && skipped.trades == window.len() as u64
                && (skipped.planned_at, skipped.min_trades) == (planned_at, config.min_trades)
                && (skipped.window_start, skipped.window_end) == (start, planned_at);
            if right { Vec::new() } else { vec![format!("{} trades, told {skipped:?}", window.len())] }
        }
        [Event::PerformanceAnalyzed(found), ref then @ ..] if window.len() >= config.min_trades as usize => {
            let mut wrong = differences(found, planned_at, &window, config);
            wrong.extend(wrong_alert(found, then, alerted));
            wrong
        }
        _ => vec![format!("{} trades in the window, told {told:?}", window.len())],
    }
}

/// An alert begins or goes on with each critical figure, and ends with the first analysis without one.
fn wrong_alert(found: &PerformanceAnalyzed, then: &[&Event], alerted: &mut bool) -> Option<String> {
    let was = std::mem::replace(alerted, found.trigger_ai_analysis);
    let right = match then {
        [Event::AlertRaised(e)] => found.trigger_ai_analysis && e.kind == AlertKind::PerformanceCritical,
        [Event::AlertCleared(e)] => {
            was && !found.trigger_ai_analysis && e.kind == AlertKind::PerformanceCritical
        }
        [] => !was && !found.trigger_ai_analysis,
        _ => false,
    };
    (!right).then(|| format!("critical: {}, alert open: {was}, told {then:?}", found.trigger_ai_analysis))
}

fn differences(
    found: &PerformanceAnalyzed,
    planned_at: Timestamp,
    window: &[&TradeClosed],
    config: &PerformanceAnalystConfigured,
) -> Vec<String> {
    let wanted = figures(planned_at, window);
    let count = BigInt::from(wanted.trades);
    let win_rate = quotient(&BigInt::from(wanted.wins * 100), &count);
    let average = quotient(&wanted.percent, &(&count * one()));
    let factor = (wanted.lost != BigInt::ZERO).then(|| quotient(&wanted.won, &-&wanted.lost));
    let near = |found: f64, wanted: f64| is_near(found, wanted, TOLERANCE);
    let same = [
        ("moments", moments(found) == [planned_at.plus_days(-7), planned_at, planned_at]),
        ("trades", found.trades == wanted.trades as u64),
        ("wins and losses", (found.wins, found.losses) == (wanted.wins as u64, wanted.losses as u64)),
        ("win rate", near(found.win_rate_pct, win_rate)),
        ("average profit", near(found.average_profit_pct, average)),
        ("profit", parts(found.profit.as_str()) == wanted.profit),
        ("profit factor", are_near(found.profit_factor, factor, TOLERANCE)),
        ("drawdown", near(found.max_drawdown_pct, double(&wanted.drawdown))),
        ("sharpe", is_sharpe(found.sharpe, &wanted)),
        ("limits", found.limits == config.limits),
        (
            "win rate's status",
            is_status(found.statuses.win_rate, Some(win_rate), config.limits.win_rate_pct, 0.0),
        ),
        (
            "average profit's status",
            is_status(found.statuses.average_profit, Some(average), config.limits.average_profit_pct, 0.0),
        ),
        (
            "sharpe's status",
            is_status(found.statuses.sharpe, wanted.sharpe, config.limits.sharpe, wanted.sharpe_tolerance),
        ),
        ("trigger", found.trigger_ai_analysis == is_critical(found)),
        ("advice", is_advice(found, double(&wanted.drawdown), config.limits.advise_drawdown_pct)),
    ];
    let differing: Vec<_> = same.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    if differing.is_empty() {
        return Vec::new();
    }
    vec![format!("{} trades in the window; {} differ: {found:?}", window.len(), differing.join(", "))]
}

const fn moments(found: &PerformanceAnalyzed) -> [Timestamp; 3] {
    [found.window_start, found.window_end, found.planned_at]
}

fn figures(planned_at: Timestamp, window: &[&TradeClosed]) -> Figures {
    let profits: Vec<_> = window.iter().map(|trade| parts(trade.profit)).collect();
    let percents: Vec<_> = window.iter().map(|trade| parts(trade.profit_pct)).collect();
    let (won, lost): (Vec<_>, Vec<_>) = profits.iter().partition(|profit| **profit > BigInt::ZERO);
    let losses = lost.iter().filter(|profit| ***profit < BigInt::ZERO).count();
    let mut periods = BTreeMap::from_iter((0..7).map(|n| (n, BigInt::ZERO)));
    for (trade, percent) in window.iter().zip(&percents) {
        let before_s = (planned_at.micros() - trade.closed_at.micros() - 1) / 1_000_000;
        *periods.entry(before_s / 86_400).or_default() += percent;
    }
    let (sharpe, sharpe_tolerance) = sharpe(&periods.into_values().collect::<Vec<_>>());
    Figures {
        trades: window.len(),
        wins: won.len(),
        losses,
        won: won.into_iter().sum(),
        lost: lost.into_iter().sum(),
        profit: profits.iter().sum(),
        drawdown: drawdown(&percents),
        percent: percents.into_iter().sum(),
        sharpe,
        sharpe_tolerance,
    }
}

/// The largest fall of the running sum from its highest value so far, which is 0 at first.
fn drawdown(percents: &[BigInt]) -> BigInt {
    let (mut sum, mut highest, mut largest) = (BigInt::ZERO, BigInt::ZERO, BigInt::ZERO);
    for percent in percents {
        sum += percent;
        highest = highest.max(sum.clone());
        largest = largest.max(&highest - &sum);
    }
    largest
}

/// Mean / deviation (ddof 1) · √365, from exact sums of squares, and how far off doubles may be.
fn sharpe(periods: &[BigInt]) -> (Option<f64>, f64) {
    let count = periods.len();
    let sum: BigInt = periods.iter().sum();
    let squares: BigInt = periods.iter().map(|period| period * period).sum();
    // n(n-1) times the variance.
    let spread = squares * count - &sum * &sum;
    if spread == BigInt::ZERO {
        return (None, 0.0);
    }
    let largest = periods.iter().map(|period| period * period).max().unwrap_or_default();
    // (sum / n)² / (spread / n(n-1)), and (largest / deviation)².
    let squared = quotient(&(&sum * &sum * (count - 1)), &(&spread * count));
    let condition = quotient(&(largest * count * (count - 1)), &spread).sqrt();
    let magnitude = (squared * 365.0).sqrt();
    let sharpe = if sum < BigInt::ZERO { -magnitude } else { magnitude };
    (Some(sharpe), magnitude * TOLERANCE + (magnitude + 20.0) * condition * ROUNDING)
}

/// Where the days differ by less than doubles can tell, anything goes.
fn is_sharpe(found: Option<f64>, wanted: &Figures) -> bool {
    match (found, wanted.sharpe) {
        (None, None) => true,
        (_, Some(sharpe)) if wanted.sharpe_tolerance > 0.1 * (1.0 + sharpe.abs()) => true,
        (Some(found), Some(sharpe)) => (found - sharpe).abs() <= wanted.sharpe_tolerance,
        _ => false,
    }
}

/// At a limit, as near as doubles can tell, either status will do.
fn is_status(found: FigureStatus, figure: Option<f64>, limits: Limits, tolerance: f64) -> bool {
    let Some(value) = figure else { return found == FigureStatus::Ok };
    let is_close = |limit: f64| {
        (value - limit).abs() <= tolerance.max(TOLERANCE * limit.abs())
            || tolerance > 0.1 * (1.0 + value.abs())
    };
    if is_close(limits.critical) || is_close(limits.warning) {
        return true;
    }
    let wanted = match value {
        value if value < limits.critical => FigureStatus::Critical,
        value if value < limits.warning => FigureStatus::Warning,
        _ => FigureStatus::Ok,
    };
    found == wanted
}

fn is_critical(found: &PerformanceAnalyzed) -> bool {
    let statuses = &found.statuses;
    [statuses.win_rate, statuses.average_profit, statuses.sharpe].contains(&FigureStatus::Critical)
}

fn is_advice(found: &PerformanceAnalyzed, drawdown: f64, limit: f64) -> bool {
    if is_near(drawdown, limit, TOLERANCE) {
        return true;
    }
    let statuses = [found.statuses.win_rate, found.statuses.sharpe];
    let poor = statuses.contains(&FigureStatus::Critical) || drawdown > limit;
    found.advice.contains(&PerformanceAdvice::OptimizeParameters) == poor
}
