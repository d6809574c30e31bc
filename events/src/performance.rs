//! What the daily analysis found.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, decimal::DecimalSum, payload::Payload};

/// How a figure stands against its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FigureStatus {
    /// At or above the warning limit, or undefined.
    Ok,
    /// Below the warning limit.
    Warning,
    /// Below the critical limit.
    Critical,
}

/// The status of each figure that has limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FigureStatuses {
    /// Of the win rate.
    pub win_rate: FigureStatus,
    /// Of the average profit in percent.
    pub average_profit: FigureStatus,
    /// Of the Sharpe ratio.
    pub sharpe: FigureStatus,
}

/// What the analysis advises beside asking the adviser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PerformanceAdvice {
    /// Win rate, Sharpe ratio or drawdown is bad enough to search for other parameters.
    OptimizeParameters,
}

/// The trades of the days before a planned moment were analysed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PerformanceAnalyzed {
    /// The tick.
    pub planned_at: Timestamp,
    /// First moment of the window.
    pub window_start: Timestamp,
    /// End of the window, not part of it.
    pub window_end: Timestamp,
    /// Closed trades in the window.
    pub trades: u64,
    /// Won trades.
    pub wins: u64,
    /// Lost trades.
    pub losses: u64,
    /// Won among all, percent.
    pub win_rate_pct: f64,
    /// Mean of the trades' percents.
    pub average_profit_pct: f64,
    /// Exact sum of the profits.
    pub profit: DecimalSum,
    /// Of the periods of 24 hours that end at the planned moment; null when undefined.
    pub sharpe: Option<f64>,
    /// Largest fall of the running sum of percents, in points.
    pub max_drawdown_pct: f64,
    /// Profits over losses; null without a loss.
    pub profit_factor: Option<f64>,
    /// Against the configured limits.
    pub statuses: FigureStatuses,
    /// Whether the adviser has to be asked: any figure is critical.
    pub trigger_ai_analysis: bool,
    /// Further advice.
    pub advice: Vec<PerformanceAdvice>,
    /// The limits that were compared.
    pub limits: crate::PerformanceLimits,
}

impl Payload for PerformanceAnalyzed {
    const TYPE: &str = "PerformanceAnalyzed";
    const FAMILY: Family = Family::Performance;
    const WRAP: fn(Self) -> Event = Event::PerformanceAnalyzed;
}

/// Why an analysis was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Fewer trades than a figure can rest on.
    TooFewTrades,
}

/// The daily analysis was skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PerformanceAnalysisSkipped {
    /// The tick.
    pub planned_at: Timestamp,
    /// First moment of the window.
    pub window_start: Timestamp,
    /// End of the window, not part of it.
    pub window_end: Timestamp,
    /// Closed trades in the window.
    pub trades: u64,
    /// How many were needed.
    pub min_trades: u64,
    /// Why.
    pub reason: SkipReason,
}

impl Payload for PerformanceAnalysisSkipped {
    const TYPE: &str = "PerformanceAnalysisSkipped";
    const FAMILY: Family = Family::Performance;
    const WRAP: fn(Self) -> Event = Event::PerformanceAnalysisSkipped;
}
