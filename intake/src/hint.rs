//! A hint, never a correction: that `profit_pct` may hold a ratio.
//!
//! Nothing is cross-checked between profit, percent and prices, as real bots disagree with themselves. But where nearly
//! every trade of a file disagrees by the same factor of a hundred, a person should look.

use events::{Decimal, Side, TradeClosed};

/// Looks at trades, in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RatioHint {
    judged: u64,
    plain: u64,
    leveraged: u64,
}

impl RatioHint {
    /// Looks at a trade. One without profit, or that is too large to reckon with, tells nothing; one whose profit shows
    /// that it deals in hundreds tells of no ratio.
    pub fn look(&mut self, trade: &TradeClosed) {
        let Some(times) = times_percent(trade) else { return };
        self.judged += 1;
        if counts_hundreds(trade) {
            return;
        }
        self.plain += u64::from(is_hundredfold(times));
        let leveraged = trade.leverage.and_then(|leverage| times.checked_mul(leverage));
        self.leveraged += u64::from(is_hundredfold(leveraged.unwrap_or(times)));
    }

    /// What a person should know; nothing where the percents look like percents.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let (found, capital) = if self.leveraged > self.plain {
            (self.leveraged, "quantity · entry_price / leverage")
        } else {
            (self.plain, "quantity · entry_price")
        };
        (self.judged > 0 && found * 10 >= self.judged * 9).then(|| {
            format!(
                "profit / ({capital}) is 100 times profit_pct in {found} of {} trades: is profit_pct a ratio? Percents \
                 are wanted (2.5 means 2.5 %); give ratios as profit_ratio, with --map profit_ratio=NAME or [intake.fields]",
                self.judged
            )
        })
    }
}

/// How many times `profit_pct` the percent is that profit and prices give.
fn times_percent(trade: &TradeClosed) -> Option<Decimal> {
    if trade.profit.is_zero() || trade.profit_pct.is_zero() {
        return None;
    }
    let capital = trade.quantity.checked_mul(trade.entry_price)?;
    let percent = trade.profit.checked_div(capital)?.checked_mul(Decimal::ONE_HUNDRED)?;
    percent.checked_div(trade.profit_pct)
}

/// Whether a quantity of one stands for a hundred of what the prices are of, as with options: profit and percent are right
/// then, and only look like a ratio beside the prices. The way from entry to exit tells, else a loss that no long
/// trade of that quantity can make.
fn counts_hundreds(trade: &TradeClosed) -> bool {
    let times = |price: Decimal| trade.profit.checked_div(trade.quantity.checked_mul(price)?);
    let moved = trade.exit_price.and_then(|exit| match trade.side {
        Side::Long => exit.checked_sub(trade.entry_price),
        Side::Short => trade.entry_price.checked_sub(exit),
    });
    moved.and_then(times).is_some_and(is_hundredfold)
        || trade.side == Side::Long && times(trade.entry_price).is_some_and(|times| times < ALL_AND_FEES)
}

/// What a long trade can lose, as a multiple of quantity and price.
const ALL_AND_FEES: Decimal = Decimal::from_parts(125, 0, 0, true, 2);

/// Within what fees and rounding do.
fn is_hundredfold(times: Decimal) -> bool {
    (Decimal::from(80)..=Decimal::from(125)).contains(&times)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleTrades;
    use proptest::prelude::*;

    fn hint(trades: impl IntoIterator<Item = TradeClosed>) -> Option<String> {
        let mut hint = RatioHint::default();
        trades.into_iter().for_each(|trade| hint.look(&trade));
        hint.told()
    }

    fn as_ratio(trade: TradeClosed) -> TradeClosed {
        TradeClosed { profit_pct: trade.profit_pct / Decimal::ONE_HUNDRED, ..trade }
    }

    #[test]
    fn ratios_in_the_place_of_percents_are_pointed_out_and_percents_are_not() {
        assert_eq!(hint(SampleTrades::new(1, 400)), None);
        let told = hint(SampleTrades::new(1, 400).map(as_ratio)).unwrap();
        assert!(
            told.starts_with("profit / (quantity · entry_price) is 100 times profit_pct in 400 of 400"),
            "{told}"
        );
        assert!(told.contains("profit_ratio"), "{told}");
    }

    #[test]
    fn a_leverage_is_thought_of() {
        let leveraged = SampleTrades::new(1, 50).map(|trade| TradeClosed {
            leverage: Some(Decimal::TEN),
            profit_pct: trade.profit_pct * Decimal::TEN / Decimal::ONE_HUNDRED,
            ..trade
        });
        assert!(hint(leveraged).unwrap().contains("/ leverage) is 100 times profit_pct in 50 of 50"));
    }

    /// As options are counted: one is a hundred of what the price is of.
    fn as_contracts(trade: TradeClosed) -> TradeClosed {
        TradeClosed { profit: trade.profit * Decimal::ONE_HUNDRED, ..trade }
    }

    #[test]
    fn contracts_of_a_hundred_are_no_ratios() {
        assert_eq!(hint(SampleTrades::new(1, 400).map(as_contracts)), None, "the exits tell");
        let expired = |trade: TradeClosed| TradeClosed {
            side: Side::Long,
            exit_price: None,
            profit: -trade.quantity * trade.entry_price * Decimal::ONE_HUNDRED,
            profit_pct: -Decimal::ONE_HUNDRED,
            ..trade
        };
        assert_eq!(
            hint(SampleTrades::new(1, 2).map(expired)),
            None,
            "nobody loses a hundred times the price"
        );
    }

    #[test]
    fn ratios_are_pointed_out_without_exits_and_where_everything_was_lost() {
        let without = |trade| TradeClosed { exit_price: None, ..as_ratio(trade) };
        assert!(hint(SampleTrades::new(1, 400).map(without)).unwrap().contains("400 of 400"));
        let lost = |trade: TradeClosed| TradeClosed {
            side: Side::Long,
            exit_price: Some(Decimal::ZERO),
            profit: -trade.quantity * trade.entry_price * Decimal::new(1002, 3),
            profit_pct: Decimal::new(-1002, 3),
            ..trade
        };
        assert!(hint(SampleTrades::new(1, 2).map(lost)).unwrap().contains("2 of 2"));
    }

    #[test]
    fn a_few_odd_trades_among_many_are_no_hint_and_no_trades_neither() {
        let mixed = SampleTrades::new(1, 100).enumerate();
        assert_eq!(hint(mixed.map(|(n, trade)| if n < 80 { as_ratio(trade) } else { trade })), None);
        assert_eq!(hint([]), None);
    }

    proptest! {
        #[test]
        fn any_trade_can_be_looked_at(parts in proptest::collection::vec((any::<i64>(), 0_u32..=28), 4)) {
            let decimal = |at: usize| Decimal::new(parts[at].0, parts[at].1);
            let trade = SampleTrades::new(1, 1).next().unwrap();
            let (quantity, entry_price) = (decimal(0), decimal(1));
            hint([TradeClosed { quantity, entry_price, profit: decimal(2), profit_pct: decimal(3), leverage: Some(decimal(0)), ..trade }]);
        }
    }
}
