//! Ids for trades of files that have none: a digest of what tells a trade, with a count among equals.

use std::collections::HashMap;

use events::{Decimal, Side, TradeClosed, id};

/// Gives ids; remembers a hash for each row, which is all that a file keeps in memory (some 16 bytes a row).
#[derive(Debug, Default)]
pub(super) struct Digests {
    seen: HashMap<u64, u32>,
}

impl Digests {
    /// The id of the next trade of the file: the same for the same trade whatever stands around it.
    pub(super) fn id_of(&mut self, trade: &TradeClosed) -> String {
        let decimal = |value: Decimal| value.normalize().to_string();
        let digest = id::derive(&[
            b"trade.digest",
            trade.symbol.as_bytes(),
            &trade.opened_at.micros().to_le_bytes(),
            &trade.closed_at.micros().to_le_bytes(),
            if trade.side == Side::Short { b"short" } else { b"long" },
            decimal(trade.entry_price).as_bytes(),
            decimal(trade.quantity).as_bytes(),
            decimal(trade.profit).as_bytes(),
        ]);
        // Counted within the strategy, as ids are unique within one; a collision only makes a needless number.
        let (key, _) = id::closed_trade(&trade.strategy, &digest.to_string()).as_u64_pair();
        let count = self.seen.entry(key).or_default();
        *count += 1;
        if *count == 1 { digest.to_string() } else { format!("{digest}#{count}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampleTrades;

    #[test]
    fn equal_rows_are_counted_and_the_same_trade_has_the_same_id_everywhere() {
        let trade = SampleTrades::new(1, 1).next().unwrap();
        let other = TradeClosed { profit: Decimal::TEN, ..trade.clone() };
        let elsewhere = TradeClosed { strategy: "other".into(), ..trade.clone() };
        let rescaled = TradeClosed { profit: trade.profit * Decimal::new(100, 2), ..trade.clone() };
        let (mut one, mut two) = (Digests::default(), Digests::default());
        let first = one.id_of(&trade);
        assert_eq!(one.id_of(&rescaled), format!("{first}#2"));
        assert_ne!(two.id_of(&other), first);
        assert_eq!((two.id_of(&elsewhere), two.id_of(&trade)), (first.clone(), first));
    }
}
