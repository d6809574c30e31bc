//! The three rules, each over all trades since the guard's last fresh start.

use std::cmp::Ordering;

use events::{
    BreachedRule, GuardMetrics, GuardThresholds, LossBasis, Measure, RuleName, RuleWindow, TradeClosed,
};
use num_bigint::BigInt;

use super::super::sums::{are_near, double, is_near, one, parts, quotient};

/// How far doubles may differ.
const TOLERANCE: f64 = 1e-9;

/// A trade that counts.
pub(super) struct Counted<'e> {
    pub day: String,
    profit: BigInt,
    percent: BigInt,
    currency: Option<&'e str>,
}

impl<'e> Counted<'e> {
    pub(super) fn new(trade: &'e TradeClosed) -> Self {
        Self {
            day: day(trade),
            profit: parts(trade.profit),
            percent: parts(trade.profit_pct),
            currency: currency(trade),
        }
    }

    fn outcome(&self) -> Ordering {
        self.profit.cmp(&BigInt::ZERO)
    }
}

/// The UTC day of the close.
pub(super) fn day(trade: &TradeClosed) -> String {
    trade.closed_at.to_string()[..10].to_owned()
}

pub(super) fn currency(trade: &TradeClosed) -> Option<&str> {
    trade.currency.as_deref().filter(|name| !name.is_empty())
}

/// What a strategy made, and what it may lose.
#[derive(Clone, Copy)]
pub(super) struct Books<'b> {
    pub trades: &'b [Counted<'b>],
    pub limits: &'b GuardThresholds,
    /// The currency of the strategy's first trade that has one.
    pub first_currency: Option<&'b str>,
}

impl Books<'_> {
    /// The rules that are breached after a trade of a day.
    pub(super) fn breached(self, day: &str) -> Vec<RuleName> {
        let loss = self.is_loss_too_large(day).then_some(RuleName::DailyLoss);
        let row =
            (self.row() > self.limits.max_consecutive_losses as usize).then_some(RuleName::ConsecutiveLosses);
        let rate = self.is_win_rate_too_low().then_some(RuleName::WinRate);
        [loss, row, rate].into_iter().flatten().collect()
    }

    /// Whether a check cannot be made: trades of this or the newest day are in another currency than the capital.
    pub(super) fn cannot_be_checked(self, day: &str) -> bool {
        let days = [Some(day), self.newest_day()];
        let is_foreign = |trade: &Counted<'_>| {
            days.contains(&Some(&trade.day))
                && (trade.currency.is_none() || trade.currency != self.currency())
        };
        self.limits.capital.is_some() && self.trades.iter().any(is_foreign)
    }

    pub(super) fn newest_day(&self) -> Option<&str> {
        self.trades.iter().map(|trade| trade.day.as_str()).max()
    }

    pub(super) fn of_day(self, day: &str) -> usize {
        self.trades.iter().filter(|trade| trade.day == day).count()
    }

    /// Lost trades in a row, from the newest backwards.
    pub(super) fn row(self) -> usize {
        self.trades.iter().rev().take_while(|trade| trade.outcome() == Ordering::Less).count()
    }

    fn currency(&self) -> Option<&str> {
        self.limits.capital_currency.as_deref().or(self.first_currency)
    }

    /// Of the percents, or of the profits in the currency of the capital.
    fn sum(self, day: &str) -> BigInt {
        let trades = self.trades.iter().filter(|trade| trade.day == day);
        match self.limits.capital {
            None => trades.map(|trade| &trade.percent).sum(),
            Some(_) => {
                let own =
                    trades.filter(|trade| trade.currency.is_some() && trade.currency == self.currency());
                own.map(|trade| &trade.profit).sum()
            }
        }
    }

    fn is_loss_too_large(self, day: &str) -> bool {
        let (sum, limit) = (self.sum(day), parts(self.limits.max_daily_loss_pct));
        match self.limits.capital {
            None => sum < -limit,
            Some(capital) => sum * 100 * one() < -limit * parts(capital),
        }
    }

    fn percent(self, day: &str) -> f64 {
        let sum = self.sum(day);
        self.limits.capital.map_or_else(|| double(&sum), |capital| quotient(&(&sum * 100), &parts(capital)))
    }

    /// Won trades among the last; nothing with fewer trades than the window.
    fn won(self) -> Option<usize> {
        let window = self.limits.win_rate_window as usize;
        let last = self.trades.len().checked_sub(window).map(|start| &self.trades[start..])?;
        Some(last.iter().filter(|trade| trade.outcome() == Ordering::Greater).count())
    }

    fn is_win_rate_too_low(self) -> bool {
        let limit = parts(self.limits.min_win_rate_pct) * self.limits.win_rate_window;
        self.won().is_some_and(|won| one() * (won * 100) < limit)
    }

    fn win_rate(self) -> Option<f64> {
        let window = BigInt::from(self.limits.win_rate_window);
        self.won().map(|won| quotient(&BigInt::from(won * 100), &window))
    }

    /// Whether the numbers of a breach are right, and tell it.
    pub(super) fn is_evidence(self, breach: &BreachedRule, day: &str) -> bool {
        let of_day = self.of_day(day);
        let row = self.row() as u32;
        let limits = self.limits;
        match breach.rule {
            RuleName::DailyLoss => {
                let limit = double(&parts(limits.max_daily_loss_pct));
                is_number(breach.value, self.percent(day), -limit)
                    && breach.threshold == Measure::Number(limit)
                    && breach.window == RuleWindow::Day(day.to_owned())
                    && breach.trades as usize == of_day
            }
            RuleName::ConsecutiveLosses => {
                breach.value == Measure::Count(row)
                    && breach.threshold == Measure::Count(limits.max_consecutive_losses)
                    && breach.window == RuleWindow::Trades(row)
                    && breach.trades == row
            }
            RuleName::WinRate => {
                let limit = double(&parts(limits.min_win_rate_pct));
                is_number(breach.value, self.win_rate().unwrap_or(f64::NAN), limit)
                    && breach.threshold == Measure::Number(limit)
                    && breach.window == RuleWindow::Trades(limits.win_rate_window)
                    && breach.trades == limits.win_rate_window
            }
        }
    }

    /// Whether the figures of a halt are right; `day` is the one that they are of.
    pub(super) fn are_metrics(self, found: &GuardMetrics, basis: LossBasis, day: Option<&str>) -> bool {
        let day = day.filter(|day| self.of_day(day) > 0);
        let capital =
            if self.limits.capital.is_some() { LossBasis::Capital } else { LossBasis::SumOfTradePercents };
        basis == capital
            && found.consecutive_losses as usize == self.row()
            && are_near(found.win_rate_pct, self.win_rate(), TOLERANCE)
            && self.is_percent(found.daily_loss_pct, day)
    }

    pub(super) fn is_percent(self, found: Option<f64>, day: Option<&str>) -> bool {
        are_near(found, day.map(|day| self.percent(day)), TOLERANCE)
    }
}

/// The number that was measured, and below its limit whatever rounding does.
fn is_number(value: Measure, measured: f64, limit: f64) -> bool {
    matches!(value, Measure::Number(number) if number < limit && is_near(number, measured, TOLERANCE))
}
