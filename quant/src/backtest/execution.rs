//! How orders are filled: when, at which price, at which cost.

use crate::candles::{Candles, YEAR_MS};
use crate::indicators::ParameterError;
use serde::{Deserialize, Serialize};

/// Which positions signals may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Buy opens a long position, sell closes it.
    #[default]
    Long,
    /// Sell opens a short position, buy closes it.
    Short,
    /// Buy turns to long, sell turns to short.
    Both,
}

/// Starting capital, costs and delay. Every position takes the whole equity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    /// Starting capital in quote currency.
    pub cash: f64,
    /// Fee as a fraction of the notional, on each side (0.001 = 0.1 %).
    pub fee_rate: f64,
    /// Slippage against us in basis points of the price, on each side.
    pub slippage_bps: f64,
    /// Milliseconds from the opening of the bar after the signal to the moment the order is effective.
    pub latency_ms: i64,
    /// Which positions signals may open.
    pub direction: Direction,
}

impl Default for Execution {
    /// 100,000 of capital, 0.1 % fee, 5 bp slippage, no latency, long only.
    fn default() -> Self {
        Self {
            cash: 100_000.0,
            fee_rate: 0.001,
            slippage_bps: 5.0,
            latency_ms: 0,
            direction: Direction::Long,
        }
    }
}

impl Execution {
    /// # Errors
    /// The first value that is out of bounds, with what is allowed.
    pub fn check(&self) -> Result<(), ParameterError> {
        let bounds = [
            ("cash", self.cash, self.cash > 0.0 && self.cash <= 1e15, "must be above 0 and at most 1e15"),
            (
                "fee",
                self.fee_rate,
                (0.0..0.5).contains(&self.fee_rate),
                "must be a fraction from 0 to below 0.5",
            ),
            (
                "slippage_bps",
                self.slippage_bps,
                (0.0..5000.0).contains(&self.slippage_bps),
                "must be 0 to below 5000 basis points",
            ),
            (
                "latency_ms",
                self.latency_ms as f64,
                (0..=YEAR_MS).contains(&self.latency_ms),
                "must be 0 ms to 365 days",
            ),
        ];
        match bounds.into_iter().find(|(_, _, allowed, _)| !allowed) {
            Some((name, value, _, allowed)) => Err(ParameterError::new(name, value, allowed)),
            None => Ok(()),
        }
    }

    /// What is paid for one unit, fee not included.
    pub(super) fn buy_price(&self, price: f64) -> f64 {
        price * (1.0 + self.slippage_bps / 10_000.0)
    }

    /// What is received for one unit, fee not included.
    pub(super) fn sell_price(&self, price: f64) -> f64 {
        price * (1.0 - self.slippage_bps / 10_000.0)
    }

    /// The order that a signal on the close of `bar` gives: effective at the next opening + latency, filled in the bar
    /// that holds that moment (in a gap: at the next opening) at open + (close − open) · offset / bar. `None` when
    /// no bar before `end` does.
    pub(super) fn fill(&self, candles: &Candles, bar: usize, end: usize) -> Option<Fill> {
        let next = bar + 1;
        if next >= end {
            return None;
        }
        let times = candles.ts_ms();
        let wanted = times[next] + self.latency_ms;
        let bar = if self.latency_ms == 0 {
            next
        } else {
            next + times[next..end].partition_point(|&ts| ts + candles.timeframe_ms() <= wanted)
        };
        (bar < end).then(|| {
            let at_ms = wanted.max(times[bar]);
            let share = (at_ms - times[bar]) as f64 / candles.timeframe_ms() as f64;
            let open = candles.open()[bar];
            Fill { bar, at_ms, price: open + (candles.close()[bar] - open) * share }
        })
    }
}

/// Where an order meets the market.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Fill {
    pub bar: usize,
    pub at_ms: i64,
    /// Before slippage.
    pub price: f64,
}
