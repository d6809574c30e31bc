//! The figures of a backtest, from its equity curve and its trades. Figures of live trades are in [`live`](crate::live).

mod money;

use crate::backtest::{Book, Market, Trade};
use crate::live::{DAYS_PER_YEAR, Periods, win_rate_pct};
use serde::{Deserialize, Serialize};

/// The figures of a backtest. An undefined figure is `None` (`null` in JSON), never 0 or NaN.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Closed trades that the figures of trades rest on.
    pub trades: u64,
    /// Trades with a net profit above 0.
    pub wins: u64,
    /// Trades with a net profit below 0.
    pub losses: u64,
    /// Trades with a net profit of exactly 0.
    pub draws: u64,
    /// Wins / trades · 100; `None` without trades.
    pub win_rate_pct: Option<f64>,
    /// Last equity / starting capital − 1, in percent; a position open at the end is marked to market.
    pub return_pct: f64,
    /// Mean of the trades' net profit percents; `None` without trades.
    pub average_profit_pct: Option<f64>,
    /// Σ profit of wins / |Σ profit of losses|; `None` without losses.
    pub profit_factor: Option<f64>,
    /// Mean net profit of a trade in quote currency; `None` without trades.
    #[serde(with = "money::option")]
    pub expectancy: Option<f64>,
    /// Largest fall of the equity from its highest value so far, starting capital included, in percent of it; ≥ 0.
    pub max_drawdown_pct: f64,
    /// Mean / sample deviation · √365 of the returns of UTC days, risk-free rate 0, the first day's from the starting
    /// capital, a day without a bar as 0. `None` with fewer than two days or no deviation.
    pub sharpe: Option<f64>,
    /// Mean / √(mean of min(r, 0)²) · √365 of the same returns. `None` with fewer than two days or no losing day.
    pub sortino: Option<f64>,
    /// As `sharpe`, of the bars' returns and the bars of a 365-day year.
    pub sharpe_bar: Option<f64>,
    /// As `sortino`, of the bars' returns and the bars of a 365-day year.
    pub sortino_bar: Option<f64>,
    /// Mean time from entry to exit in seconds; `None` without trades.
    pub average_duration_s: Option<f64>,
    /// Bars that the equity curve rests on.
    pub bars: u64,
    /// UTC days from the first bar's to the last bar's.
    pub days: u64,
    /// Bars at whose close there was a position, in percent.
    pub exposure_pct: f64,
    /// What holding from the first open to the last close would have returned without costs, in percent.
    pub buy_and_hold_pct: f64,
    /// Fees of the closed trades in quote currency.
    #[serde(with = "money")]
    pub fees: f64,
    /// Last equity in quote currency.
    #[serde(with = "money")]
    pub final_equity: f64,
}

/// Memory for the returns of one run after another.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    returns: Vec<f64>,
}

impl Scratch {
    /// The returns of the UTC days of the last run that was measured.
    #[must_use]
    pub fn day_returns(&self) -> &[f64] {
        &self.returns
    }
}

impl Figures {
    /// The figures of the run in `book` on `market`, or `None` when the market has no bar.
    #[must_use]
    pub fn of(market: &Market<'_>, book: &Book) -> Option<Self> {
        Self::measured(market, book, &mut Scratch::default())
    }

    /// [`of`](Self::of) with memory that is reused; leaves the days' returns in `scratch`.
    #[must_use]
    pub fn measured(market: &Market<'_>, book: &Book, scratch: &mut Scratch) -> Option<Self> {
        let range = market.range();
        let equity = book.equity();
        let trades = book.trades();
        let (start, end) = (*equity.first()?, *equity.last()?);
        let bars = range.len();
        let (first_open, last_close) =
            (*market.candles().open().get(range.start)?, *market.candles().close()[range].last()?);
        bar_returns(equity, &mut scratch.returns);
        let by_bar = Periods::of(&scratch.returns);
        day_returns(equity, market.day_ends(), &mut scratch.returns);
        let by_day = Periods::of(&scratch.returns);
        let results = Results::of(trades);
        Some(Self {
            trades: results.trades,
            wins: results.wins,
            losses: results.losses,
            draws: results.trades - results.wins - results.losses,
            win_rate_pct: win_rate_pct(results.wins, results.trades),
            return_pct: (end / start - 1.0) * 100.0,
            average_profit_pct: results.mean(results.profit_pct),
            profit_factor: (results.lost < 0.0).then(|| results.won / results.lost.abs()),
            expectancy: results.mean(results.won + results.lost),
            max_drawdown_pct: max_drawdown(equity) * 100.0,
            sharpe: by_day.sharpe(DAYS_PER_YEAR),
            sortino: by_day.sortino(DAYS_PER_YEAR),
            sharpe_bar: by_bar.sharpe(market.candles().bars_per_year()),
            sortino_bar: by_bar.sortino(market.candles().bars_per_year()),
            average_duration_s: results.mean(results.duration_ms / 1000.0),
            bars: bars as u64,
            days: by_day.count(),
            exposure_pct: book.held_bars() as f64 / bars as f64 * 100.0,
            buy_and_hold_pct: (last_close / first_open - 1.0) * 100.0,
            fees: results.fees,
            final_equity: end,
        })
    }
}

/// Largest fall of an equity curve from its highest value so far, as a fraction of it, ≥ 0.
#[must_use]
pub fn max_drawdown(equity: &[f64]) -> f64 {
    let (mut peak, mut lowest) = (f64::MIN_POSITIVE, 1.0f64);
    for &value in equity {
        peak = peak.max(value);
        // A new low is rare, a division slow.
        if value < lowest * peak {
            lowest = value / peak;
        }
    }
    1.0 - lowest
}

/// r = E / E of the row before − 1; 0 once the equity is 0.
fn bar_returns(equity: &[f64], returns: &mut Vec<f64>) {
    returns.clear();
    returns.extend(equity.windows(2).map(|pair| change(pair[0], pair[1])));
}

fn day_returns(equity: &[f64], day_ends: &[usize], returns: &mut Vec<f64>) {
    returns.clear();
    let mut before = equity[0];
    returns
        .extend(day_ends.iter().map(|&row| change(std::mem::replace(&mut before, equity[row]), equity[row])));
}

fn change(before: f64, now: f64) -> f64 {
    if before > 0.0 { now / before - 1.0 } else { 0.0 }
}

/// Sums over the trades.
#[derive(Debug, Default)]
struct Results {
    trades: u64,
    wins: u64,
    losses: u64,
    won: f64,
    lost: f64,
    profit_pct: f64,
    duration_ms: f64,
    fees: f64,
}

impl Results {
    fn of(trades: &[Trade]) -> Self {
        let mut sums = Self { trades: trades.len() as u64, ..Self::default() };
        for trade in trades {
            sums.wins += u64::from(trade.profit > 0.0);
            sums.losses += u64::from(trade.profit < 0.0);
            sums.won += trade.profit.max(0.0);
            sums.lost += trade.profit.min(0.0);
            sums.profit_pct += trade.profit_pct;
            sums.duration_ms += (trade.exit_ms - trade.entry_ms) as f64;
            sums.fees += trade.fees;
        }
        sums
    }

    fn mean(&self, sum: f64) -> Option<f64> {
        (self.trades > 0).then(|| sum / self.trades as f64)
    }
}

#[cfg(test)]
mod tests;
