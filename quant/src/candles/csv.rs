//! Candles from CSV with the columns `ts_ms,open,high,low,close,volume`, in any order, others ignored.

use super::{Candle, CandleError, Candles};
use crate::ReadError;
use csv::{ByteRecord, ReaderBuilder, Trim};
use std::io::Read;

const COLUMNS: [&str; 6] = ["ts_ms", "open", "high", "low", "close", "volume"];

/// Reads candles; the timeframe is the smallest distance between two bars.
///
/// # Errors
/// The first bad line with its number, column and value, or the first bad bar with its line and remedy.
pub fn read_csv(input: impl Read) -> Result<Candles, ReadError> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_reader(input);
    let places = places(reader.byte_headers()?)?;
    let mut bars = Vec::new();
    let mut lines = Vec::new();
    let mut record = ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        let line = record.position().map_or(0, csv::Position::line);
        bars.push(bar(&record, places, line)?);
        lines.push(line);
    }
    Candles::from_bars(&bars).map_err(|error| at_line(error, &lines))
}

fn at_line(error: CandleError, lines: &[u64]) -> ReadError {
    match lines.get(error.index) {
        Some(&line) => ReadError::Bar { line, error },
        None => ReadError::Candles(error),
    }
}

fn places(header: &ByteRecord) -> Result<[usize; 6], ReadError> {
    let mut places = [0; 6];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        let found = header.iter().position(|field| without_mark(field) == name.as_bytes());
        *place = found
            .ok_or(ReadError::MissingColumn { column: name, wanted: "ts_ms,open,high,low,close,volume" })?;
    }
    Ok(places)
}

/// Spreadsheets put a byte order mark before the first name.
fn without_mark(field: &[u8]) -> &[u8] {
    field.strip_prefix(b"\xef\xbb\xbf").unwrap_or(field)
}

fn bar(record: &ByteRecord, places: [usize; 6], line: u64) -> Result<Candle, ReadError> {
    let number = |column: usize| parse::<f64>(record, places[column], COLUMNS[column], line);
    Ok(Candle {
        ts_ms: parse(record, places[0], COLUMNS[0], line)?,
        open: number(1)?,
        high: number(2)?,
        low: number(3)?,
        close: number(4)?,
        volume: number(5)?,
    })
}

fn parse<T: std::str::FromStr>(
    record: &ByteRecord,
    place: usize,
    column: &'static str,
    line: u64,
) -> Result<T, ReadError> {
    let field = record.get(place).unwrap_or_default();
    let value = std::str::from_utf8(field).ok().and_then(|text| text.parse().ok());
    value.ok_or_else(|| ReadError::BadValue {
        line,
        column,
        value: String::from_utf8_lossy(field).into_owned(),
    })
}
