//! The live figures as they are shown and stored.

use super::ExactSum;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stands where the currency of a profit is not known.
pub const UNKNOWN_CURRENCY: &str = "?";

/// The live figures of a set of closed trades. An undefined figure is `None` (`null` in JSON), never 0 or NaN.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveSummary {
    /// Closed trades that all other figures rest on.
    pub trades: u64,
    /// Trades with a net profit above 0.
    pub wins: u64,
    /// Trades with a net profit below 0.
    pub losses: u64,
    /// Trades with a net profit of exactly 0.
    pub draws: u64,
    /// Wins / trades · 100; `None` without trades.
    pub win_rate_pct: Option<f64>,
    /// Mean of the trades' net profit percents; `None` without trades.
    pub average_profit_pct: Option<f64>,
    /// Exact sum of the net profits, in the currencies of `currencies` as if they were one.
    pub profit: ExactSum,
    /// Sum of the trades' net profit percents.
    pub return_pct: f64,
    /// Largest net profit percent of a trade; `None` without trades.
    pub best_trade_pct: Option<f64>,
    /// Smallest net profit percent of a trade; `None` without trades.
    pub worst_trade_pct: Option<f64>,
    /// The currencies that `profit` adds up, sorted, [`UNKNOWN_CURRENCY`] for trades whose currency nobody told; more
    /// than one means that `profit` is no amount of money.
    pub currencies: Vec<String>,
    /// Exact sum of the net profits of each of `currencies`.
    pub profits: BTreeMap<String, ExactSum>,
    /// Σ profit of wins / |Σ profit of losses|; `None` without losses.
    pub profit_factor: Option<f64>,
    /// Mean net profit of a trade, to 28 digits; `None` without trades.
    #[serde(with = "rust_decimal::serde::str_option")]
    pub expectancy: Option<Decimal>,
    /// Largest fall of the running sum of percents from its highest value so far (0 before the first trade), in
    /// points, ≥ 0.
    pub max_drawdown_pct: f64,
    /// Mean / sample deviation · √365 of the UTC days' sums of percents, from the first trade's day to the last's,
    /// days without a trade as 0. `None` with fewer than two days or no deviation.
    pub sharpe: Option<f64>,
    /// Mean / √(mean of min(r, 0)²) · √365 over the same days. `None` with fewer than two days or no losing day.
    pub sortino: Option<f64>,
    /// UTC days from the first trade's to the last trade's.
    pub days: u64,
}

/// Wins / trades · 100, or `None` without trades.
#[must_use]
pub fn win_rate_pct(wins: u64, trades: u64) -> Option<f64> {
    (trades > 0).then(|| wins as f64 / trades as f64 * 100.0)
}

/// Σ profit of wins / |Σ profit of losses|, or `None` without losses.
#[must_use]
pub fn profit_factor(won: ExactSum, lost: ExactSum) -> Option<f64> {
    (!lost.is_zero()).then(|| won.to_f64() / lost.to_f64().abs())
}
