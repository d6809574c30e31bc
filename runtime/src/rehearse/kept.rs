//! A row as it is kept on the way: only this process reads it again.

use std::io;

use events::{Decimal, IgnoredField, RecordRejected, Side, Timestamp, TradeClosed, Uuid};
use serde::{Deserialize, Serialize};

/// A trade without what its JSON leaves out.
#[derive(Serialize, Deserialize)]
struct KeptTrade<'a> {
    trade_id: &'a str,
    strategy: &'a str,
    symbol: &'a str,
    side: Side,
    quantity: [u8; 16],
    entry_price: [u8; 16],
    exit_price: Option<[u8; 16]>,
    profit: [u8; 16],
    profit_pct: [u8; 16],
    opened_at: i64,
    closed_at: i64,
    currency: Option<&'a str>,
    fee: Option<[u8; 16]>,
    leverage: Option<[u8; 16]>,
    exit_reason: Option<&'a str>,
    model: Option<&'a str>,
    account: Option<&'a str>,
    source_event_id: Option<&'a str>,
    #[serde(borrow)]
    rounded: Vec<&'a str>,
    #[serde(borrow)]
    ignored: Vec<(&'a str, &'a str)>,
}

/// What a record begins with: what it is. Behind it a trade has its id, the number of its file, its row and what it says;
/// a row that is none is JSON, as there are few.
const TRADE: u8 = 1;
const REJECTED: u8 = 0;

/// Bytes of an id.
const ID: usize = size_of::<Uuid>();

/// A row that is read again.
pub(super) enum Kept {
    /// A trade, its id, the number of its file, and its row.
    Trade(Box<TradeClosed>, Uuid, (u32, u64)),
    /// One that is none.
    Rejected(Box<RecordRejected>),
}

/// Appends a trade; `place` is the number of its file and its row.
pub(super) fn write_trade(out: &mut Vec<u8>, place: (u32, u64), id: Uuid, trade: &TradeClosed) {
    out.push(TRADE);
    out.extend_from_slice(id.as_bytes());
    let row = (place.0, place.1, kept(trade));
    *out = postcard::to_extend(&row, std::mem::take(out)).expect("invariant: memory takes every row");
}

/// Appends a row that is none.
pub(super) fn write_rejected(out: &mut Vec<u8>, rejected: &RecordRejected) {
    out.push(REJECTED);
    serde_json::to_writer(out, rejected).expect("invariant: a dead letter has a JSON form");
}

/// The id of a trade that was written.
pub(super) fn id_of(record: &[u8]) -> Option<[u8; ID]> {
    let rest = record.strip_prefix(&[TRADE])?;
    rest.first_chunk().copied()
}

/// Reads a row again.
///
/// # Errors
/// When it is not what was written.
pub(super) fn read(record: &[u8]) -> io::Result<Kept> {
    let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "what was kept was changed meanwhile");
    match id_of(record) {
        Some(id) => {
            let (file, row, kept) = postcard::from_bytes(&record[1 + ID..]).map_err(|_| unreadable())?;
            Ok(Kept::Trade(Box::new(trade(kept)), Uuid::from_bytes(id), (file, row)))
        }
        None => {
            let rejected = serde_json::from_slice(record.get(1..).unwrap_or_default());
            Ok(Kept::Rejected(rejected.map_err(|_| unreadable())?))
        }
    }
}

fn kept(trade: &TradeClosed) -> KeptTrade<'_> {
    let decimal = |value: &Decimal| value.serialize();
    KeptTrade {
        trade_id: &trade.trade_id,
        strategy: &trade.strategy,
        symbol: &trade.symbol,
        side: trade.side,
        quantity: decimal(&trade.quantity),
        entry_price: decimal(&trade.entry_price),
        exit_price: trade.exit_price.as_ref().map(decimal),
        profit: decimal(&trade.profit),
        profit_pct: decimal(&trade.profit_pct),
        opened_at: trade.opened_at.micros(),
        closed_at: trade.closed_at.micros(),
        currency: trade.currency.as_deref(),
        fee: trade.fee.as_ref().map(decimal),
        leverage: trade.leverage.as_ref().map(decimal),
        exit_reason: trade.exit_reason.as_deref(),
        model: trade.model.as_deref(),
        account: trade.account.as_deref(),
        source_event_id: trade.source_event_id.as_deref(),
        rounded: trade.rounded.iter().map(String::as_str).collect(),
        ignored: trade.ignored.iter().map(|it| (it.field.as_str(), it.reason.as_str())).collect(),
    }
}

fn trade(kept: KeptTrade<'_>) -> TradeClosed {
    let text = |text: Option<&str>| text.map(str::to_owned);
    TradeClosed {
        trade_id: kept.trade_id.to_owned(),
        strategy: kept.strategy.to_owned(),
        symbol: kept.symbol.to_owned(),
        side: kept.side,
        quantity: Decimal::deserialize(kept.quantity),
        entry_price: Decimal::deserialize(kept.entry_price),
        exit_price: kept.exit_price.map(Decimal::deserialize),
        profit: Decimal::deserialize(kept.profit),
        profit_pct: Decimal::deserialize(kept.profit_pct),
        opened_at: Timestamp::from_micros(kept.opened_at),
        closed_at: Timestamp::from_micros(kept.closed_at),
        currency: text(kept.currency),
        fee: kept.fee.map(Decimal::deserialize),
        leverage: kept.leverage.map(Decimal::deserialize),
        exit_reason: text(kept.exit_reason),
        model: text(kept.model),
        account: text(kept.account),
        source_event_id: text(kept.source_event_id),
        rounded: kept.rounded.into_iter().map(str::to_owned).collect(),
        ignored: kept
            .ignored
            .into_iter()
            .map(|(field, reason)| IgnoredField { field: field.to_owned(), reason: reason.to_owned() })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use events::{Origin, RejectReason};

    use super::*;

    fn full() -> TradeClosed {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap();
        let text = |text: &str| Some(text.to_owned());
        TradeClosed {
            trade_id: "7".into(),
            strategy: "rsi".into(),
            symbol: "BTC/EUR".into(),
            side: Side::Short,
            quantity: decimal("0.0000000000000000000000000001"),
            entry_price: decimal("79228162514264337593543950335"),
            exit_price: Some(decimal("1.50")),
            profit: decimal("-12.10"),
            profit_pct: decimal("0.00"),
            opened_at: Timestamp::from_micros(-5),
            closed_at: Timestamp::from_micros(1_700_000_000_000_001),
            currency: text("EUR"),
            fee: Some(decimal("0.1")),
            leverage: Some(decimal("3")),
            exit_reason: text("roi"),
            model: text("m"),
            account: text(""),
            source_event_id: text("e"),
            rounded: vec!["fee".into()],
            ignored: vec![IgnoredField { field: "leverage".into(), reason: "is no number".into() }],
        }
    }

    fn bare() -> TradeClosed {
        TradeClosed {
            exit_price: None,
            currency: None,
            fee: None,
            leverage: None,
            exit_reason: None,
            model: None,
            account: None,
            source_event_id: None,
            rounded: Vec::new(),
            ignored: Vec::new(),
            ..full()
        }
    }

    #[test]
    fn a_trade_comes_back_to_the_last_place_of_its_decimals() {
        for trade in [full(), bare()] {
            let (mut out, id) = (Vec::new(), Uuid::from_u128(7));
            write_trade(&mut out, (3, 9), id, &trade);
            assert_eq!(id_of(&out), Some(id.into_bytes()));
            let Kept::Trade(again, again_id, place) = read(&out).unwrap() else { panic!("it is a trade") };
            assert_eq!((&*again, again_id, place), (&trade, id, (3, 9)));
            let json = |trade: &TradeClosed| serde_json::to_string(trade).unwrap();
            assert_eq!(json(&again), json(&trade), "scales included");
            assert!(read(&out[..out.len() - 1]).is_err());
        }
    }

    #[test]
    fn a_row_that_is_none_comes_back_with_its_bytes() {
        let rejected = RecordRejected {
            origin: Origin::File { file: "a.csv".into(), row: 2 },
            reason: RejectReason::Malformed,
            detail: "no".into(),
            strategy: None,
            trade_id: Some("1".into()),
            key: None,
            value: Some(events::Bytes(vec![0, 255])),
            recorded: None,
        };
        let mut out = Vec::new();
        write_rejected(&mut out, &rejected);
        assert_eq!(id_of(&out), None);
        assert!(matches!(read(&out).unwrap(), Kept::Rejected(again) if *again == rejected));
    }
}
