//! What a strategy would have earned: signals on closes, fills at the next open or later, costs, trades, equity.
//!
//! A strategy sees one closed bar at a time, so it cannot look ahead. No portfolios of several markets, no order book.

mod account;
mod engine;
mod execution;
mod market;
mod trade;

pub use engine::{Book, run};
pub use execution::{Direction, Execution};
pub use market::Market;
pub use trade::{Side, Trade};

use crate::candles::Candle;
use serde::{Deserialize, Serialize};

/// What a strategy wants on the close of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Nothing new.
    #[default]
    Hold,
    /// Open a long position, or close a short one.
    Buy,
    /// Close a long position, or open a short one.
    Sell,
}

impl Signal {
    /// Reasons to enter and to leave; both on the same bar cancel each other.
    #[inline]
    #[must_use]
    pub fn of(enter: bool, leave: bool) -> Self {
        // A table rather than branches: half of all bars may ask for an exit, in no order a processor could guess.
        const BY_REASONS: [Signal; 4] = [Signal::Hold, Signal::Sell, Signal::Buy, Signal::Hold];
        BY_REASONS[usize::from(enter) * 2 + usize::from(leave)]
    }
}

/// Decides on the close of each bar, oldest first.
///
/// ```
/// use quant::{backtest::{Signal, Strategy}, candles::Candle, indicators::stream::Sma};
///
/// struct AboveAverage(Sma);
///
/// impl Strategy for AboveAverage {
///     fn on_bar(&mut self, _index: usize, bar: &Candle) -> Signal {
///         match self.0.next(bar.close) {
///             Ok(Some(average)) => Signal::of(bar.close > average, bar.close < average),
///             _ => Signal::Hold,
///         }
///     }
/// }
/// ```
pub trait Strategy {
    /// What it wants after the bar with this index, counted from the first candle of all, has closed.
    fn on_bar(&mut self, index: usize, bar: &Candle) -> Signal;

    /// How many bars before the first traded one it wants to see, for its indicators; signals there are ignored.
    fn warm_up(&self) -> usize {
        0
    }
}

impl<F: FnMut(usize, &Candle) -> Signal> Strategy for F {
    fn on_bar(&mut self, index: usize, bar: &Candle) -> Signal {
        self(index, bar)
    }
}

#[cfg(test)]
mod tests;
