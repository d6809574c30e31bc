//! What a strategy made on a UTC day, exactly.

use std::collections::BTreeMap;

use events::{Decimal, GuardThresholds, TradeClosed};
use quant::live::ExactSum;
use serde::{Deserialize, Serialize};

/// Currencies that a day tells apart; trades in further ones count as in no known one.
const MAX_CURRENCIES: usize = 16;

/// Sums over the trades of a UTC day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DaySum {
    /// Of `profit_pct`.
    pub percent: ExactSum,
    /// Of `profit`, by currency; under the empty name where no currency is known.
    pub profits: BTreeMap<String, ExactSum>,
    /// How many trades.
    pub trades: u32,
}

/// The currency of a trade's profit; empty when it is not known.
pub(super) fn currency(trade: &TradeClosed) -> &str {
    trade.currency.as_deref().unwrap_or_default()
}

impl DaySum {
    pub(super) fn add(&mut self, trade: &TradeClosed) {
        self.percent += trade.profit_pct;
        let name = currency(trade);
        let known = self.profits.contains_key(name) || self.profits.len() < MAX_CURRENCIES;
        *self.profits.entry(if known { name } else { "" }.to_owned()).or_default() += trade.profit;
        self.trades = self.trades.saturating_add(1);
    }

    /// A currency of the day that is another one than `wanted`.
    pub(super) fn foreign(&self, wanted: Option<&str>) -> Option<&str> {
        self.profits.keys().map(String::as_str).find(|name| name.is_empty() || Some(*name) != wanted)
    }

    /// What the day made, as the thresholds measure it; `wanted` is the currency of the capital.
    pub(super) fn result(&self, limit: &GuardThresholds, wanted: Option<&str>) -> DayResult {
        match limit.capital {
            None => DayResult::Percents(self.percent),
            Some(capital) => {
                let profit = wanted.and_then(|name| self.profits.get(name)).copied().unwrap_or_default();
                DayResult::OfCapital { profit, capital }
            }
        }
    }
}

/// What a day made: the sum of the trades' percents, or of their profits against a capital.
#[derive(Clone, Copy, Debug)]
pub(super) enum DayResult {
    Percents(ExactSum),
    OfCapital { profit: ExactSum, capital: Decimal },
}

impl DayResult {
    /// Whether it is a larger loss than so many percent; compared without any rounding.
    pub(super) fn is_loss_beyond(self, limit_pct: Decimal) -> bool {
        match self {
            Self::Percents(sum) => sum < -ExactSum::from(limit_pct),
            Self::OfCapital { profit, capital } => profit.times(100).cmp_product(-limit_pct, capital).is_lt(),
        }
    }

    /// In percent, as the nearest double; a loss is negative.
    pub(super) fn percent(self) -> f64 {
        match self {
            Self::Percents(sum) => sum.to_f64(),
            Self::OfCapital { profit, capital } => profit.times(100).ratio(capital).unwrap_or_default(),
        }
    }
}
