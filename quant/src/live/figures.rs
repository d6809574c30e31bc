//! The accumulator of the live figures: constant time and memory a trade.

use super::{DAYS_PER_YEAR, Drawdown, ExactSum, LiveSummary, Periods, profit_factor, win_rate_pct};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

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

/// Why a trade could not be counted. The figures are then as they were before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FiguresError {
    /// Trades have to come by (moment of closing, position), each once.
    #[error(
        "trade at position {position} does not come after the one before it: feed trades by (closed_at, position), each once"
    )]
    OutOfOrder {
        /// Position of the trade that came too late.
        position: u64,
    },
    /// The exact sum has more digits than a decimal holds.
    #[error("the {figure} would need more than 28 digits and be rounded")]
    Inexact {
        /// Which sum.
        figure: &'static str,
    },
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
    currencies: Vec<String>,
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

    /// Counts a trade whose profit is in `currency`.
    ///
    /// # Errors
    /// [`FiguresError`] when the trade is out of order or an exact sum has no room; nothing is counted then.
    #[inline]
    pub fn push(&mut self, trade: &LiveTrade, currency: &str) -> Result<(), FiguresError> {
        let pct = ExactSum::from(trade.profit_pct);
        let range = match &self.range {
            None => Range { newest: key(trade), best_pct: pct, worst_pct: pct, day_pct: pct },
            Some(range) => range.extended(trade, pct)?,
        };
        let curve = self.curve.after(trade.profit_pct).ok_or(inexact("sum of profit_pct"))?;
        let won = if is_win(trade) { add(self.won, trade.profit)? } else { self.won };
        let lost = if is_loss(trade) { add(self.lost, trade.profit)? } else { self.lost };
        won.plus(lost).ok_or(inexact("sum of profit"))?;
        // Nothing can fail from here on.
        self.close_day_before(day(trade.closed_at_us));
        self.count(trade);
        self.note_currency(currency);
        (self.range, self.curve, self.won, self.lost) = (Some(range), curve, won, lost);
        Ok(())
    }

    /// The figures of all trades so far.
    #[must_use]
    pub fn finish(&self) -> LiveSummary {
        let trades = self.wins + self.losses + self.draws;
        let per_trade = |sum: f64| (trades > 0).then(|| sum / trades as f64);
        let profit =
            self.won.plus(self.lost).expect("invariant: push refuses a trade that makes this sum inexact");
        let days = self.days();
        LiveSummary {
            trades,
            wins: self.wins,
            losses: self.losses,
            draws: self.draws,
            win_rate_pct: win_rate_pct(self.wins, trades),
            average_profit_pct: per_trade(self.curve.sum().to_f64()),
            profit: profit.value(),
            return_pct: self.curve.sum().to_f64(),
            best_trade_pct: self.range.map(|range| range.best_pct.to_f64()),
            worst_trade_pct: self.range.map(|range| range.worst_pct.to_f64()),
            currencies: self.currencies.clone(),
            profit_factor: profit_factor(self.won.value(), self.lost.value()),
            expectancy: profit.value().checked_div(trades.into()).map(|mean| mean.normalize()),
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
    fn count(&mut self, trade: &LiveTrade) {
        self.wins += u64::from(is_win(trade));
        self.losses += u64::from(is_loss(trade));
        self.draws += u64::from(trade.profit.is_zero());
    }

    #[inline]
    fn note_currency(&mut self, currency: &str) {
        if let Err(place) = self.currencies.binary_search_by(|known| known.as_str().cmp(currency)) {
            self.currencies.insert(place, currency.to_owned());
        }
    }
}

impl Range {
    #[inline]
    fn extended(&self, trade: &LiveTrade, pct: ExactSum) -> Result<Self, FiguresError> {
        if key(trade) <= self.newest {
            return Err(FiguresError::OutOfOrder { position: trade.position });
        }
        let same_day = day(trade.closed_at_us) == day(self.newest.0);
        let before = if same_day { self.day_pct } else { ExactSum::ZERO };
        Ok(Self {
            newest: key(trade),
            best_pct: self.best_pct.max(pct),
            worst_pct: self.worst_pct.min(pct),
            day_pct: before.plus(pct).ok_or(inexact("sum of a day's profit_pct"))?,
        })
    }
}

fn key(trade: &LiveTrade) -> (i64, u64) {
    (trade.closed_at_us, trade.position)
}

/// UTC days since the epoch.
fn day(moment_us: i64) -> i64 {
    moment_us.div_euclid(DAY_US)
}

fn is_win(trade: &LiveTrade) -> bool {
    trade.profit.is_sign_positive() && !trade.profit.is_zero()
}

fn is_loss(trade: &LiveTrade) -> bool {
    trade.profit.is_sign_negative() && !trade.profit.is_zero()
}

fn add(sum: ExactSum, profit: Decimal) -> Result<ExactSum, FiguresError> {
    sum.plus(profit).ok_or(inexact("sum of profit"))
}

fn inexact(figure: &'static str) -> FiguresError {
    FiguresError::Inexact { figure }
}
