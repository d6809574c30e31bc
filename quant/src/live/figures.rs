//! The accumulator of the live figures: constant time and memory a trade.

use super::{DAYS_PER_YEAR, Drawdown, ExactSum, LiveSummary, Periods, profit_factor, win_rate_pct};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

const DAY_US: i64 = 86_400_000_000;

/// What the live figures need of a closed trade.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LiveTrade {
    /// When it was closed, in microseconds since the Unix epoch.
    pub closed_at_us: i64,
    /// Its position in the log, which orders trades closed at the same moment.
    pub position: u64,
    /// Net profit in quote currency.
    pub profit: Decimal,
    /// Net profit in percent of the capital put in.
    pub profit_pct: Decimal,
}

/// Trades have to come by (moment of closing, position), each once. The figures are as they were before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "trade at position {position} does not come after the one before it: feed trades by (closed_at, position), each once"
)]
pub struct OutOfOrder {
    /// Position of the trade that came too late.
    pub position: u64,
}

/// Accumulates the [live figures](LiveSummary) of trades that come in the order of (moment of closing, position).
///
/// Holds no trades: the last day stays open until a trade of a later one comes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveFigures {
    wins: u64,
    losses: u64,
    draws: u64,
    won: ExactSum,
    lost: ExactSum,
    curve: Drawdown,
    range: Option<Range>,
    closed_days: Periods,
    /// Sorted by currency; nearly always there is one.
    profits: Vec<(String, ExactSum)>,
}

/// First and last of what was seen: there from the first trade on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Range {
    newest: (i64, u64),
    best_pct: ExactSum,
    worst_pct: ExactSum,
    day_pct: ExactSum,
}

impl LiveFigures {
    /// Figures of no trades.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a trade whose profit is in `currency`; [`UNKNOWN_CURRENCY`](super::UNKNOWN_CURRENCY) where nobody told.
    ///
    /// # Errors
    /// When the trade does not come after the one before it; it is not counted then.
    #[inline]
    pub fn push(&mut self, trade: &LiveTrade, currency: &str) -> Result<(), OutOfOrder> {
        if self.range.is_some_and(|range| key(trade) <= range.newest) {
            return Err(OutOfOrder { position: trade.position });
        }
        self.close_day_before(day(trade.closed_at_us));
        self.extend_range(trade);
        self.curve.push(trade.profit_pct);
        self.count(trade);
        *self.profit_in(currency) += trade.profit;
        Ok(())
    }

    /// The figures of all trades so far.
    #[must_use]
    pub fn finish(&self) -> LiveSummary {
        let trades = self.wins + self.losses + self.draws;
        let per_trade = |sum: f64| (trades > 0).then(|| sum / trades as f64);
        let profit = self.won + self.lost;
        let days = self.days();
        LiveSummary {
            trades,
            wins: self.wins,
            losses: self.losses,
            draws: self.draws,
            win_rate_pct: win_rate_pct(self.wins, trades),
            average_profit_pct: per_trade(self.curve.sum().to_f64()),
            profit,
            return_pct: self.curve.sum().to_f64(),
            best_trade_pct: self.range.map(|range| range.best_pct.to_f64()),
            worst_trade_pct: self.range.map(|range| range.worst_pct.to_f64()),
            currencies: self.profits.iter().map(|(currency, _)| currency.clone()).collect(),
            profits: self.profits.iter().cloned().collect(),
            profit_factor: profit_factor(self.won, self.lost),
            expectancy: profit.mean(trades),
            max_drawdown_pct: self.curve.value(),
            sharpe: days.sharpe(DAYS_PER_YEAR),
            sortino: days.sortino(DAYS_PER_YEAR),
            days: days.count(),
        }
    }

    /// The closed days and the open one.
    fn days(&self) -> Periods {
        let mut days = self.closed_days;
        if let Some(range) = &self.range {
            days.push(range.day_pct.to_f64());
        }
        days
    }

    /// Days only close once their successor is seen, so that the sum of a day is exact.
    #[inline]
    fn close_day_before(&mut self, today: i64) {
        let Some(range) = self.range else { return };
        let open = day(range.newest.0);
        if today > open {
            self.closed_days.push(range.day_pct.to_f64());
            self.closed_days.push_zeros((today - open - 1) as u64);
        }
    }

    #[inline]
    fn extend_range(&mut self, trade: &LiveTrade) {
        let pct = ExactSum::from(trade.profit_pct);
        let Some(range) = &mut self.range else {
            self.range = Some(Range { newest: key(trade), best_pct: pct, worst_pct: pct, day_pct: pct });
            return;
        };
        let same_day = day(trade.closed_at_us) == day(range.newest.0);
        range.day_pct = if same_day { range.day_pct + pct } else { pct };
        range.best_pct = range.best_pct.max(pct);
        range.worst_pct = range.worst_pct.min(pct);
        range.newest = key(trade);
    }

    #[inline]
    fn count(&mut self, trade: &LiveTrade) {
        match trade.profit.cmp(&Decimal::ZERO) {
            Ordering::Greater => {
                self.wins += 1;
                self.won += trade.profit;
            }
            Ordering::Less => {
                self.losses += 1;
                self.lost += trade.profit;
            }
            Ordering::Equal => self.draws += 1,
        }
    }

    #[inline]
    fn profit_in(&mut self, currency: &str) -> &mut ExactSum {
        let place = match self.profits.binary_search_by(|(known, _)| known.as_str().cmp(currency)) {
            Ok(place) => place,
            Err(place) => {
                self.profits.insert(place, (currency.to_owned(), ExactSum::ZERO));
                place
            }
        };
        &mut self.profits[place].1
    }
}

fn key(trade: &LiveTrade) -> (i64, u64) {
    (trade.closed_at_us, trade.position)
}

/// UTC days since the epoch.
fn day(moment_us: i64) -> i64 {
    moment_us.div_euclid(DAY_US)
}
