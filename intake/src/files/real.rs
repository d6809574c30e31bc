//! Real files, where they are: the folder `trades` of the shared data.

use events::{Outcome, RejectReason, Side, Timestamp};

use super::{FileFormat, Row, TradeFile};
use crate::{
    FieldMapping, TradeFormat,
    test_support::{columns_of, shared_data},
};

/// The rows of a real file; nothing where it is absent.
fn rows(name: &str) -> Option<(FileFormat, Vec<Row>)> {
    let path = shared_data(&format!("trades/{name}"))?;
    let mapping = FieldMapping::parse(columns_of(name)).unwrap();
    let trades = TradeFormat { mapping, future_tolerance: None, ..TradeFormat::default() };
    let file = TradeFile::open(&path, None, &trades, Timestamp::default()).unwrap();
    Some((file.format(), file.map(|row| row.unwrap()).collect()))
}

#[test]
fn every_row_of_freqtrades_real_export_is_a_trade_with_an_id_of_its_own() {
    let Some((format, rows)) = rows("freqtrade_backtest_trades.csv") else { return };
    assert_eq!((format, rows.len()), (FileFormat::FreqtradeCsv, 43_921));
    let trades: Vec<_> = rows.iter().map(|row| row.decoded.as_ref().unwrap()).collect();
    let mut ids: Vec<_> = trades.iter().map(|trade| (&trade.strategy, &trade.trade_id)).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 43_921);
    assert!(trades.iter().any(|trade| trade.outcome() == Outcome::Lost));
}

#[test]
fn a_paper_traders_real_file_is_read_by_a_mapping_but_for_its_first_row_and_an_open_position() {
    let Some((format, rows)) = rows("paper_trades_mit.csv") else { return };
    assert_eq!((format, rows.len()), (FileFormat::Csv, 92), "the last position is open");
    let bad = rows[0].decoded.as_ref().unwrap_err();
    assert_eq!((bad.reason, bad.strategy.as_deref()), (RejectReason::InvalidField, Some("paper")));
    let trades: Vec<_> = rows[1..92].iter().map(|row| row.decoded.as_ref().unwrap()).collect();
    assert_eq!((trades[0].side, trades[0].currency.as_deref()), (Side::Short, Some("USDT")));
    assert_eq!(trades[0].opened_at, Timestamp::parse("2021-04-12T16:30:07.525580Z").unwrap());
}
