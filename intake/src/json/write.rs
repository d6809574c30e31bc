//! A trade as a record of `trading.trade.closed.v1`, keyed by strategy: as a bot would publish it, or in our own form.

use std::borrow::Cow;

use events::{Decimal, IgnoredField, Side, Timestamp, TradeClosed, decimal};
use serde::Serialize;

use crate::{
    Rejection,
    own::{self, Fault},
};

#[derive(Serialize)]
struct TradeJson<'a> {
    #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
    form: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    trade_id: &'a str,
    strategy: &'a str,
    symbol: &'a str,
    side: Side,
    #[serde(with = "decimal::text")]
    quantity: Decimal,
    #[serde(with = "decimal::text")]
    entry_price: Decimal,
    #[serde(with = "decimal::option_text", skip_serializing_if = "Option::is_none")]
    exit_price: Option<Decimal>,
    #[serde(with = "decimal::text")]
    profit: Decimal,
    #[serde(with = "decimal::text")]
    profit_pct: Decimal,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
    #[serde(with = "decimal::option_text", skip_serializing_if = "Option::is_none")]
    fee: Option<Decimal>,
    #[serde(with = "decimal::option_text", skip_serializing_if = "Option::is_none")]
    leverage: Option<Decimal>,
    opened_at: Timestamp,
    closed_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    rounded: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    ignored: &'a [IgnoredField],
}

/// The value of the record that a bot would publish; how it will be read depends on its reader's configuration.
///
/// # Errors
/// When a time lies outside the years 0000 to 9999.
pub fn to_record(trade: &TradeClosed) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(&as_json(trade))
}

/// The value of a record of our own form: every reader gets this trade, whatever its configuration says of names and
/// notation, with what is noted of it.
///
/// # Errors
/// When a time lies outside the years 0000 to 9999.
pub fn to_own_form(trade: &TradeClosed) -> Result<Vec<u8>, serde_json::Error> {
    let (rounded, ignored) = (trade.rounded.as_slice(), trade.ignored.as_slice());
    serde_json::to_vec(&TradeJson { form: Some(own::FORM), rounded, ignored, ..as_json(trade) })
}

/// A row that is no trade, as a record of our own form: every reader rejects it with the fault that was found, as of the
/// strategy that was found. A reader would have to know whose row it is from bytes that are none of its own otherwise.
///
/// # Errors
/// Never: all of it is text.
pub fn to_own_fault(rejection: &Rejection, row: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    #[derive(Serialize)]
    struct FaultJson<'a> {
        #[serde(rename = "$schema")]
        form: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        strategy: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        trade_id: Option<&'a str>,
        fault: Fault<'a>,
        row: Cow<'a, str>,
    }
    let Rejection { reason, detail, strategy, trade_id } = rejection;
    serde_json::to_vec(&FaultJson {
        form: own::FORM,
        strategy: strategy.as_deref(),
        trade_id: trade_id.as_deref(),
        fault: Fault { reason: *reason, detail: Cow::Borrowed(detail) },
        row: String::from_utf8_lossy(row),
    })
}

fn as_json(trade: &TradeClosed) -> TradeJson<'_> {
    TradeJson {
        form: None,
        event_id: trade.source_event_id.as_deref(),
        trade_id: &trade.trade_id,
        strategy: &trade.strategy,
        symbol: &trade.symbol,
        side: trade.side,
        quantity: trade.quantity,
        entry_price: trade.entry_price,
        exit_price: trade.exit_price,
        profit: trade.profit,
        profit_pct: trade.profit_pct,
        currency: trade.currency.as_deref(),
        fee: trade.fee,
        leverage: trade.leverage,
        opened_at: trade.opened_at,
        closed_at: trade.closed_at,
        exit_reason: trade.exit_reason.as_deref(),
        model: trade.model.as_deref(),
        account: trade.account.as_deref(),
        rounded: &[],
        ignored: &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Field, TradeFormat, sample::SampleTrades};
    use proptest::prelude::*;

    fn read_back(trade: &TradeClosed) -> TradeClosed {
        let format = TradeFormat { future_tolerance: None, ..TradeFormat::default() };
        format.decode(&to_record(trade).unwrap(), None, Timestamp::from_micros(0)).unwrap()
    }

    fn sample() -> TradeClosed {
        SampleTrades::new(1, 1).next().unwrap()
    }

    #[test]
    fn a_published_trade_is_read_back_as_it_was() {
        for trade in SampleTrades::new(7, 500) {
            assert_eq!(read_back(&trade), trade);
        }
    }

    #[test]
    fn every_field_of_a_trade_is_published() {
        let trade = TradeClosed {
            exit_price: Some(Decimal::TWO),
            fee: Some(Decimal::ONE),
            leverage: Some(Decimal::TEN),
            exit_reason: Some("roi".into()),
            model: Some("m".into()),
            account: Some("a".into()),
            source_event_id: Some("e".into()),
            ..sample()
        };
        let record: serde_json::Value = serde_json::from_slice(&to_record(&trade).unwrap()).unwrap();
        // The ratio says the same as the percent.
        let published = Field::ALL.into_iter().filter(|field| *field != Field::ProfitRatio);
        let names: Vec<_> = published.map(Field::name).collect();
        assert!(names.iter().all(|name| record.get(name).is_some()), "{record}");
        assert_eq!(record.as_object().unwrap().len(), names.len());
    }

    proptest! {
        #[test]
        fn any_texts_and_numbers_survive(
            text in "[\\PC&&\\S]([\\PC]{0,126}[\\PC&&\\S])?",
            profit in any::<i64>(),
            scale in 0_u32..28,
            opened in 1_230_768_000_000_000_i64..253_402_300_000_000_000,
            life in 0_i64..799_999_999,
        ) {
            let trade = TradeClosed {
                trade_id: text.clone(),
                exit_reason: Some(text),
                profit: Decimal::new(profit, scale),
                opened_at: Timestamp::from_micros(opened),
                closed_at: Timestamp::from_micros(opened + life),
                ..sample()
            };
            prop_assert_eq!(read_back(&trade), trade);
        }
    }
}
