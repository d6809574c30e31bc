//! The loop over the bars.

use super::account::Account;
use super::execution::Fill;
use super::{Direction, Execution, Market, Side, Signal, Strategy, Trade};
use std::collections::VecDeque;

/// What a run leaves behind. Reuse one for many runs: it keeps its memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    equity: Vec<f64>,
    trades: Vec<Trade>,
    orders: VecDeque<Order>,
    held_bars: u64,
    open: Option<Side>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Order {
    fill: Fill,
    target: Option<Side>,
}

impl Book {
    /// The starting capital, then the equity at the close of each bar: cash and position at the closing price.
    #[must_use]
    pub fn equity(&self) -> &[f64] {
        &self.equity
    }

    /// The closed trades, oldest first. A position that is open at the end is none of them.
    #[must_use]
    pub fn trades(&self) -> &[Trade] {
        &self.trades
    }

    /// Bars at whose close there was a position.
    #[must_use]
    pub fn held_bars(&self) -> u64 {
        self.held_bars
    }

    /// Side of the position that was still open at the end.
    #[must_use]
    pub fn open(&self) -> Option<Side> {
        self.open
    }

    fn start(&mut self, cash: f64, bars: usize) {
        self.trades.clear();
        self.orders.clear();
        self.equity.clear();
        self.equity.reserve(bars + 1);
        self.equity.push(cash);
        (self.held_bars, self.open) = (0, None);
    }
}

/// Runs a strategy over a market, into `book`.
///
/// A signal for the state already held or ordered is ignored. A short position whose equity reaches 0 at a close, or
/// whose cash does when it is closed, is liquidated there: the loss is the whole capital, and nothing is traded afterwards.
#[inline]
pub fn run(market: &Market<'_>, strategy: &mut impl Strategy, execution: &Execution, book: &mut Book) {
    let range = market.range();
    book.start(execution.cash, range.len());
    warm_up(market, strategy);
    let mut account = Account::new(execution.cash);
    let mut wanted = None;
    for (index, bar) in range.clone().zip(market.candles().bars(range.clone())) {
        while let Some(order) = book.orders.pop_front_if(|order| order.fill.bar == index) {
            fill(&order, bar.ts_ms, &mut account, execution, &mut book.trades);
        }
        let equity = account.cash + account.units * bar.close;
        book.held_bars += u64::from(account.units != 0.0);
        if equity <= 0.0 && !account.ruined {
            let close =
                Fill { bar: index, at_ms: bar.ts_ms + market.candles().timeframe_ms(), price: bar.close };
            book.trades.extend(account.close(close, bar.ts_ms, execution));
            book.orders.clear();
        }
        book.equity.push(equity.max(0.0));
        let target = target(strategy.on_bar(index, &bar), wanted, execution.direction);
        if target != wanted && !account.ruined {
            wanted = target;
            let fill = execution.fill(market.candles(), index, range.end);
            book.orders.extend(fill.map(|fill| Order { fill, target }));
        }
    }
    book.open = account.side();
}

fn warm_up(market: &Market<'_>, strategy: &mut impl Strategy) {
    let start = market.range().start;
    let seen = start.saturating_sub(strategy.warm_up())..start;
    for (index, bar) in seen.clone().zip(market.candles().bars(seen)) {
        strategy.on_bar(index, &bar);
    }
}

/// The position that is wanted after a signal.
#[inline]
fn target(signal: Signal, wanted: Option<Side>, direction: Direction) -> Option<Side> {
    match (signal, direction) {
        (Signal::Hold, _) => wanted,
        (Signal::Buy, Direction::Long | Direction::Both) => Some(Side::Long),
        (Signal::Sell, Direction::Short | Direction::Both) => Some(Side::Short),
        (Signal::Buy, Direction::Short) | (Signal::Sell, Direction::Long) => None,
    }
}

fn fill(order: &Order, bar_ms: i64, account: &mut Account, execution: &Execution, trades: &mut Vec<Trade>) {
    trades.extend(account.close(order.fill, bar_ms, execution));
    if let (Some(side), false) = (order.target, account.ruined) {
        account.open(side, order.fill, bar_ms, execution);
    }
}
