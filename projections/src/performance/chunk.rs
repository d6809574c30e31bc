//! Trades as compact bytes: what the live figures need of them and no more, about 20 bytes each, every digit kept.
//!
//! A chunk is a sequence of rows by position. Position and moment are written as the difference to the row before.

use quant::live::LiveTrade;
use rust_decimal::Decimal;

/// A closed trade as the live figures see it; names as numbers of the table of names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) trade: LiveTrade,
    pub(crate) strategy: u32,
    pub(crate) symbol: u32,
    pub(crate) currency: u32,
}

/// What the differences of the next row are taken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Last {
    closed_at_us: i64,
    pub(crate) position: u64,
}

impl Last {
    fn of(row: &Row) -> Self {
        Self { closed_at_us: row.trade.closed_at_us, position: row.trade.position }
    }
}

/// Appends a row to a chunk.
pub(crate) fn push(bytes: &mut Vec<u8>, last: &mut Last, row: &Row) {
    put(bytes, u128::from(row.trade.position.wrapping_sub(last.position)));
    let passed = i128::from(row.trade.closed_at_us) - i128::from(last.closed_at_us);
    put(bytes, zigzag(passed));
    for name in [row.strategy, row.symbol, row.currency] {
        put(bytes, u128::from(name));
    }
    put_decimal(bytes, row.trade.profit);
    put_decimal(bytes, row.trade.profit_pct);
    *last = Last::of(row);
}

/// Reads a chunk's rows; nothing when the bytes are no chunk.
pub(crate) fn rows(mut bytes: &[u8]) -> impl Iterator<Item = Option<Row>> {
    let mut last = Some(Last::default());
    std::iter::from_fn(move || {
        let before = last?;
        if bytes.is_empty() {
            return None;
        }
        let row = row(&mut bytes, before);
        last = row.as_ref().map(Last::of);
        Some(row)
    })
}

/// Where a chunk that was read goes on.
pub(crate) fn last_of(row: &Row) -> Last {
    Last::of(row)
}

fn row(bytes: &mut &[u8], last: Last) -> Option<Row> {
    let position = last.position.wrapping_add(u64::try_from(take(bytes)?).ok()?);
    let closed_at_us = i128::from(last.closed_at_us).checked_add(unzigzag(take(bytes)?))?;
    let closed_at_us = i64::try_from(closed_at_us).ok()?;
    let [strategy, symbol, currency] = [name(bytes)?, name(bytes)?, name(bytes)?];
    let (profit, profit_pct) = (take_decimal(bytes)?, take_decimal(bytes)?);
    Some(Row { trade: LiveTrade { closed_at_us, position, profit, profit_pct }, strategy, symbol, currency })
}

fn name(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take(bytes)?).ok()
}

/// Seven bits a byte, the lowest first; the top bit says that more follow.
fn put(bytes: &mut Vec<u8>, mut number: u128) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u128> {
    let mut number = 0_u128;
    for shift in (0..128).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u128::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Small numbers of either sign become small numbers.
fn zigzag(number: i128) -> u128 {
    ((number << 1) ^ (number >> 127)) as u128
}

fn unzigzag(number: u128) -> i128 {
    (number >> 1) as i128 ^ -((number & 1) as i128)
}

fn put_decimal(bytes: &mut Vec<u8>, value: Decimal) {
    bytes.push(value.scale() as u8);
    put(bytes, zigzag(value.mantissa()));
}

fn take_decimal(bytes: &mut &[u8]) -> Option<Decimal> {
    let (scale, rest) = bytes.split_first()?;
    *bytes = rest;
    Decimal::try_from_i128_with_scale(unzigzag(take(bytes)?), u32::from(*scale)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_decimal() -> impl Strategy<Value = Decimal> {
        (any::<i128>(), 0u32..=28).prop_map(|(m, scale)| Decimal::from_i128_with_scale(m >> 32, scale))
    }

    fn any_row() -> impl Strategy<Value = Row> {
        let trade = (any::<i64>(), any::<u64>(), any_decimal(), any_decimal());
        (trade, any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(trade, strategy, symbol, currency)| {
            let (closed_at_us, position, profit, profit_pct) = trade;
            Row {
                trade: LiveTrade { closed_at_us, position, profit, profit_pct },
                strategy,
                symbol,
                currency,
            }
        })
    }

    #[test]
    fn a_usual_trade_takes_about_twenty_bytes() {
        let (mut bytes, mut last) = (Vec::new(), Last::default());
        let mut row = Row {
            trade: LiveTrade {
                closed_at_us: 1_700_000_000_000_000,
                position: 1_000_000,
                profit: "-12.34567890".parse().unwrap(),
                profit_pct: "1.23456789".parse().unwrap(),
            },
            strategy: 3,
            symbol: 40,
            currency: 1,
        };
        push(&mut bytes, &mut last, &row);
        let first = bytes.len();
        (row.trade.closed_at_us, row.trade.position) = (1_700_000_060_000_000, 1_000_002);
        push(&mut bytes, &mut last, &row);
        assert!(bytes.len() - first <= 20, "{} bytes", bytes.len() - first);
    }

    proptest! {
        #[test]
        fn rows_are_read_back_to_the_digit(written in prop::collection::vec(any_row(), 0..20)) {
            let (mut bytes, mut last) = (Vec::new(), Last::default());
            written.iter().for_each(|row| push(&mut bytes, &mut last, row));
            let read: Vec<Row> = rows(&bytes).map(Option::unwrap).collect();
            let scales = |rows: &[Row]| rows.iter().map(|r| (r.trade.profit.scale(), r.trade.profit_pct.scale())).collect::<Vec<_>>();
            prop_assert_eq!(scales(&read), scales(&written));
            prop_assert_eq!(read, written);
        }

        #[test]
        fn any_bytes_end_and_only_the_last_row_is_broken(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let read: Vec<_> = rows(&bytes).collect();
            prop_assert!(read.iter().rev().skip(1).all(Option::is_some));
        }
    }
}
