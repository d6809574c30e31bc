//! Candles from a file, cut to what is asked for.

use crate::Failure;
use crate::arguments;
use chrono::{DateTime, NaiveDate};
use quant::ReadError;
use quant::candles::Candles;
use std::fs::File;
use std::io::BufReader;
use std::ops::Range;
use std::path::Path;

/// The candles and which of them to trade.
pub(crate) struct Input {
    pub candles: Candles,
    pub range: Range<usize>,
}

pub(crate) fn read(market: &arguments::Market) -> Result<Input, Failure> {
    let file = &market.file;
    let mut candles = from_file(file)?;
    if let Some(timeframe) = &market.timeframe {
        candles = candles
            .resample(milliseconds(timeframe)?)
            .map_err(|error| Failure::Use(error.fault.to_string()))?;
    }
    let gaps = candles.gaps();
    if let Some(first) = gaps.first() {
        let missing: i64 = gaps.iter().map(|gap| gap.bars).sum();
        eprintln!(
            "note: {} gaps, {missing} bars missing, the first from {}",
            gaps.len(),
            moment(first.from_ms)
        );
    }
    let since = market.since.as_deref().map_or(Ok(i64::MIN), instant)?;
    let until = market.until.as_deref().map_or(Ok(i64::MAX), instant)?;
    let range = candles.between(since, until);
    if range.is_empty() {
        let (first, last) = (candles.ts_ms().first(), candles.ts_ms().last());
        let span = first
            .zip(last)
            .map_or_else(String::new, |(a, b)| format!(": there are {} to {}", moment(*a), moment(*b)));
        return Err(Failure::Use(format!("no candles in that time{span}")));
    }
    Ok(Input { candles, range })
}

/// RFC 3339 in UTC with microseconds.
pub(crate) fn moment(ts_ms: i64) -> String {
    let text = |at: DateTime<_>| at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    DateTime::from_timestamp_millis(ts_ms).map_or_else(|| ts_ms.to_string(), text)
}

fn from_file(path: &Path) -> Result<Candles, Failure> {
    let refused = |error: &dyn std::fmt::Display| Failure::Refused(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(|error| refused(&error))?;
    let candles = match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => parquet(file),
        _ => quant::candles::read_csv(BufReader::new(file)),
    };
    candles.map_err(|error| refused(&error))
}

#[cfg(feature = "parquet")]
fn parquet(mut file: File) -> Result<Candles, ReadError> {
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes)
        .map_err(|error| ReadError::Parquet(error.to_string()))?;
    quant::candles::read_parquet(bytes)
}

#[cfg(not(feature = "parquet"))]
fn parquet(_: File) -> Result<Candles, ReadError> {
    Err(ReadError::Parquet("this build reads no Parquet; build it with --features parquet".to_owned()))
}

fn instant(text: &str) -> Result<i64, Failure> {
    let day = text.parse::<NaiveDate>().ok().and_then(|day| day.and_hms_opt(0, 0, 0));
    let midnight = day.map(|midnight| midnight.and_utc().timestamp_millis());
    let instant = || DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp_millis());
    midnight
        .or_else(instant)
        .ok_or_else(|| Failure::Use(format!("{text:?} is neither a date (2024-01-31) nor RFC 3339")))
}

fn milliseconds(text: &str) -> Result<i64, Failure> {
    let wrong = || Failure::Use(format!("{text:?} is no timeframe such as 15m, 4h, 1d or 1w"));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let minutes = match unit {
        'm' => 1,
        'h' => 60,
        'd' => 24 * 60,
        'w' => 7 * 24 * 60,
        _ => return Err(wrong()),
    };
    let count: i64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    count.checked_mul(minutes * 60_000).ok_or_else(wrong)
}
