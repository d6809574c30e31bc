//! A closed trade.

use serde::{Deserialize, Serialize};

/// Side of a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Bought first.
    Long,
    /// Sold first.
    Short,
}

/// A closed trade; prices and amounts in quote currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// Long or short.
    pub side: Side,
    /// Opening of the bar of the entry, in milliseconds since the epoch.
    pub entry_bar_ms: i64,
    /// Opening of the bar of the exit, in milliseconds since the epoch.
    pub exit_bar_ms: i64,
    /// Moment of the entry, in milliseconds since the epoch.
    pub entry_ms: i64,
    /// Moment of the exit, in milliseconds since the epoch.
    pub exit_ms: i64,
    /// Price of the entry, slippage included, fee not.
    pub entry_price: f64,
    /// Price of the exit, slippage included, fee not.
    pub exit_price: f64,
    /// Units of the base currency, above 0.
    pub quantity: f64,
    /// Fees of both sides.
    pub fees: f64,
    /// Net profit.
    pub profit: f64,
    /// Net profit in percent of the capital put in, which is the whole equity before the entry.
    pub profit_pct: f64,
}
