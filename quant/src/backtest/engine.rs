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
        self.equity.resize(bars + 1, 0.0);
        self.equity[0] = cash;
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
    let next_state = next_states(execution.direction);
    let mut account = Account::new(execution.cash);
    let mut wanted = FLAT;
    let mut due = usize::MAX;
    let bars = range.clone().zip(market.candles().bars(range.clone()));
    for ((index, bar), row) in bars.zip(&mut book.equity[1..]) {
        if index == due {
            due = fill_due(index, bar.ts_ms, &mut account, execution, &mut book.orders, &mut book.trades);
        }
        let equity = account.cash + account.units * bar.close;
        *row = equity.max(0.0);
        book.held_bars += u64::from(account.units != 0.0);
        if equity <= 0.0 && !account.ruined {
            let close =
                Fill { bar: index, at_ms: bar.ts_ms + market.candles().timeframe_ms(), price: bar.close };
            book.trades.extend(account.close(close, bar.ts_ms, execution));
            (account.ruined, due) = (true, usize::MAX);
        }
        let state = next_state[strategy.on_bar(index, &bar) as usize][wanted];
        if state != wanted && !account.ruined {
            wanted = state;
            let fill = execution.fill(market.candles(), index, range.end);
            book.orders.extend(fill.map(|fill| Order { fill, target: SIDES[state] }));
            due = book.orders.front().map_or(usize::MAX, |order| order.fill.bar);
        }
    }
    book.open = account.side();
}

/// Places of [`SIDES`].
const FLAT: usize = 0;
const LONG: usize = 1;
const SHORT: usize = 2;

/// The positions that can be wanted.
const SIDES: [Option<Side>; 3] = [None, Some(Side::Long), Some(Side::Short)];

/// The position that is wanted next, by signal and by the one wanted so far.
fn next_states(direction: Direction) -> [[usize; 3]; 3] {
    let (bought, sold) = match direction {
        Direction::Long => (LONG, FLAT),
        Direction::Short => (FLAT, SHORT),
        Direction::Both => (LONG, SHORT),
    };
    let mut states = [[FLAT, LONG, SHORT]; 3];
    (states[Signal::Buy as usize], states[Signal::Sell as usize]) = ([bought; 3], [sold; 3]);
    states
}

/// Fills the orders of this bar; the bar of the next one.
#[cold]
fn fill_due(
    index: usize,
    bar_ms: i64,
    account: &mut Account,
    execution: &Execution,
    orders: &mut VecDeque<Order>,
    trades: &mut Vec<Trade>,
) -> usize {
    while let Some(order) = orders.pop_front_if(|order| order.fill.bar == index) {
        trades.extend(account.close(order.fill, bar_ms, execution));
        if let (Some(side), false) = (order.target, account.ruined) {
            account.open(side, order.fill, bar_ms, execution);
        }
    }
    orders.front().map_or(usize::MAX, |order| order.fill.bar)
}

fn warm_up(market: &Market<'_>, strategy: &mut impl Strategy) {
    let start = market.range().start;
    let seen = start.saturating_sub(strategy.warm_up())..start;
    for (index, bar) in seen.clone().zip(market.candles().bars(seen)) {
        strategy.on_bar(index, &bar);
    }
}
