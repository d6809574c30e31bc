//! Windows that are searched, and traded on what follows them.

use super::Family;
use super::method::search_on;
use super::search::{OptimiseError, WalkForward};
use super::sweep::Sweep;
use crate::backtest::{Book, Market};
use crate::candles::Candles;
use crate::figures::{Figures, max_drawdown};
use crate::live::{DAYS_PER_YEAR, Periods, win_rate_pct};
use serde::Serialize;
use std::ops::Range;

/// One window: where it was searched, what won, how that did afterwards.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Window {
    /// Bars that were searched.
    pub searched: Range<usize>,
    /// Bars that were traded with the winner's values.
    pub traded: Range<usize>,
    /// The winner's values in the order of the parameters.
    pub values: Vec<f64>,
    /// Figures of the winner where it was searched.
    pub in_sample: Figures,
    /// Figures of the winner afterwards, from the starting capital again.
    pub out_of_sample: Figures,
}

/// All windows' trading after one another, as if the equity went on from one to the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OutOfSample {
    /// Closed trades.
    pub trades: u64,
    /// Wins / trades · 100; `None` without trades.
    pub win_rate_pct: Option<f64>,
    /// Compounded return in percent.
    pub return_pct: f64,
    /// Largest fall of the joined equity, in percent, ≥ 0.
    pub max_drawdown_pct: f64,
    /// Sharpe ratio of the UTC days of all windows.
    pub sharpe: Option<f64>,
    /// Sortino ratio of the UTC days of all windows.
    pub sortino: Option<f64>,
    /// Days the ratios rest on.
    pub days: u64,
}

/// A walk forward through the candles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Walk {
    /// The windows, oldest first.
    pub windows: Vec<Window>,
    /// What they add up to.
    pub out_of_sample: OutOfSample,
}

/// Bars searched and traded in each window: equal parts, the last parts taking the remainder.
pub(super) fn ranges(bars: usize, walk: WalkForward) -> Vec<(Range<usize>, Range<usize>)> {
    let edge = |part: usize| part * bars / (walk.windows + 1);
    let window = |k: usize| {
        let from = if walk.anchored { 0 } else { edge(k) };
        (from..edge(k + 1), edge(k + 1)..edge(k + 2))
    };
    (0..walk.windows).map(window).collect()
}

pub(super) fn walk<F: Family>(
    sweep: &Sweep<'_, F>,
    candles: &Candles,
    walk: WalkForward,
) -> Result<Walk, OptimiseError> {
    let mut joined = Joined::default();
    let mut windows = Vec::new();
    for (stream, (searched, traded)) in ranges(candles.len(), walk).into_iter().enumerate() {
        let trials = search_on(sweep, &Market::window(candles, searched.clone()), stream as u64 + 1)?;
        let winner = &trials[sweep.ranking(&trials)[0]];
        let (trial, book, scratch) =
            sweep.single(&Market::window(candles, traded.clone()), &winner.values)?;
        joined.append(&trial.figures, &book, scratch.day_returns());
        windows.push(Window {
            searched,
            traded,
            values: winner.values.clone(),
            in_sample: winner.figures,
            out_of_sample: trial.figures,
        });
    }
    Ok(Walk { windows, out_of_sample: joined.finish() })
}

/// Equity and days of one window after another.
#[derive(Debug, Default)]
struct Joined {
    equity: Vec<f64>,
    day_returns: Vec<f64>,
    trades: u64,
    wins: u64,
}

impl Joined {
    fn append(&mut self, figures: &Figures, book: &Book, day_returns: &[f64]) {
        let start = book.equity()[0];
        let level = self.equity.last().copied().unwrap_or(1.0);
        self.equity.extend(book.equity().iter().map(|equity| equity / start * level));
        self.day_returns.extend(day_returns);
        self.trades += figures.trades;
        self.wins += figures.wins;
    }

    fn finish(&self) -> OutOfSample {
        let days = Periods::of(&self.day_returns);
        OutOfSample {
            trades: self.trades,
            win_rate_pct: win_rate_pct(self.wins, self.trades),
            return_pct: (self.equity.last().copied().unwrap_or(1.0) - 1.0) * 100.0,
            max_drawdown_pct: max_drawdown(&self.equity) * 100.0,
            sharpe: days.sharpe(DAYS_PER_YEAR),
            sortino: days.sortino(DAYS_PER_YEAR),
            days: days.count(),
        }
    }
}
