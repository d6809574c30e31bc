//! Cash and at most one position.

use super::execution::Fill;
use super::{Execution, Side, Trade};

/// Cash and at most one position.
#[derive(Debug, Clone, Copy)]
pub(super) struct Account {
    pub cash: f64,
    /// Units held: above 0 long, below 0 short.
    pub units: f64,
    position: Option<Position>,
    pub ruined: bool,
}

#[derive(Debug, Clone, Copy)]
struct Position {
    side: Side,
    capital: f64,
    entry: Fill,
    entry_bar_ms: i64,
    entry_price: f64,
    quantity: f64,
    fee: f64,
}

impl Account {
    pub(super) fn new(cash: f64) -> Self {
        Self { cash, units: 0.0, position: None, ruined: false }
    }

    pub(super) fn side(&self) -> Option<Side> {
        self.position.map(|position| position.side)
    }

    /// Puts the whole cash into a position: quantity = cash / (price · (1 + fee)).
    pub(super) fn open(&mut self, side: Side, fill: Fill, bar_ms: i64, execution: &Execution) {
        let price = match side {
            Side::Long => execution.buy_price(fill.price),
            Side::Short => execution.sell_price(fill.price),
        };
        let capital = self.cash;
        let quantity = capital / (price * (1.0 + execution.fee_rate));
        let fee = quantity * price * execution.fee_rate;
        (self.cash, self.units) = match side {
            Side::Long => (0.0, quantity),
            Side::Short => (capital + quantity * price - fee, -quantity),
        };
        let entry =
            Position { side, capital, entry: fill, entry_bar_ms: bar_ms, entry_price: price, quantity, fee };
        self.position = Some(entry);
    }

    /// Closes the position, if there is one.
    pub(super) fn close(&mut self, fill: Fill, bar_ms: i64, execution: &Execution) -> Option<Trade> {
        let position = self.position.take()?;
        let price = match position.side {
            Side::Long => execution.sell_price(fill.price),
            Side::Short => execution.buy_price(fill.price),
        };
        let fee = position.quantity * price * execution.fee_rate;
        self.cash += self.units * price - fee;
        self.units = 0.0;
        if self.cash <= 0.0 {
            (self.cash, self.ruined) = (0.0, true);
        }
        let profit = self.cash - position.capital;
        Some(Trade {
            side: position.side,
            entry_bar_ms: position.entry_bar_ms,
            exit_bar_ms: bar_ms,
            entry_ms: position.entry.at_ms,
            exit_ms: fill.at_ms,
            entry_price: position.entry_price,
            exit_price: price,
            quantity: position.quantity,
            fees: position.fee + fee,
            profit,
            profit_pct: profit / position.capital * 100.0,
        })
    }
}
