//! What the tests and benches of all crates share. Only built with the feature `test-support`.

use crate::{Decimal, Side, Timestamp, TradeClosed};

/// A trade that took an hour and made as much in money as in percent. A test that has more to say of it changes it.
#[must_use]
pub fn trade(strategy: &str, trade_id: &str, profit: Decimal, closed_at: Timestamp) -> TradeClosed {
    TradeClosed {
        trade_id: trade_id.to_owned(),
        strategy: strategy.to_owned(),
        symbol: "BTC/USDT".to_owned(),
        side: Side::Long,
        quantity: Decimal::ONE,
        entry_price: Decimal::ONE_HUNDRED,
        exit_price: None,
        profit,
        profit_pct: profit,
        opened_at: closed_at.plus_seconds(-3600),
        closed_at,
        currency: Some("USDT".to_owned()),
        fee: None,
        leverage: None,
        exit_reason: None,
        model: None,
        account: None,
        source_event_id: None,
        rounded: Vec::new(),
        ignored: Vec::new(),
    }
}
