//! What a bar must be, and what to do when it is not.

use super::Candle;

/// A bar that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("bar {index}: {fault}")]
pub struct CandleError {
    /// Index of the bar, counted from 0.
    pub index: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a bar, and the remedy.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// The timeframe is out of bounds.
    #[error("a timeframe of {0} ms; it must lie between 1 ms and 365 days")]
    Timeframe(i64),
    /// A timeframe needs two bars to be seen.
    #[error("only {0} bar(s); at least two are needed to know the timeframe")]
    TooFew(usize),
    /// NaN, an infinity or a number whose square is one; it would spoil every later indicator value.
    #[error("{column} is {value}; drop the bar (a gap is allowed) or load it again")]
    NotFinite {
        /// Name of the column.
        column: &'static str,
        /// Its value.
        value: f64,
    },
    /// A price of 0 or less cannot be bought at.
    #[error("{column} is {value}; prices must be above 0: drop the bar or load it again")]
    NotPositive {
        /// Name of the column.
        column: &'static str,
        /// Its value.
        value: f64,
    },
    /// The highest price is below the lowest.
    #[error("high {high} is below low {low}; the columns may be exchanged, else load the bar again")]
    HighBelowLow {
        /// Highest price.
        high: f64,
        /// Lowest price.
        low: f64,
    },
    /// A volume below 0.
    #[error("volume is {0}; it must not be below 0: load the bar again")]
    NegativeVolume(f64),
    /// A time outside of the years 1971 to 2200; most often seconds or microseconds instead of milliseconds.
    #[error("time {0} is no moment between 1971 and 2200 in milliseconds; check the unit of ts_ms")]
    Time(i64),
    /// The same bar twice.
    #[error("time {0} was there already; keep one of the two")]
    Duplicate(i64),
    /// A bar older than the one before it.
    #[error("time {ts_ms} comes after {before}; sort the bars by time, oldest first")]
    OutOfOrder {
        /// Time of this bar.
        ts_ms: i64,
        /// Time of the one before.
        before: i64,
    },
    /// A distance that is no multiple of the timeframe.
    #[error(
        "time {ts_ms} is {distance} ms after the bar before, no multiple of {timeframe_ms} ms; bars of two timeframes may be mixed"
    )]
    OffGrid {
        /// Time of this bar.
        ts_ms: i64,
        /// Distance from the one before.
        distance: i64,
        /// Length of a bar.
        timeframe_ms: i64,
    },
    /// Missing bars where none may be missing.
    #[error("{0} bar(s) missing before it; load them, or use what works with gaps")]
    Gap(i64),
    /// The new timeframe is no multiple of the old one.
    #[error("{from} ms bars cannot become {to} ms bars; give a longer timeframe that is a multiple")]
    NoMultiple {
        /// Timeframe of the bars.
        from: i64,
        /// Timeframe asked for.
        to: i64,
    },
}

/// Years 1971 to 2200: seconds and microseconds of our days lie outside.
const TIMES: std::ops::Range<i64> = 31_536_000_000..7_258_118_400_000;

/// Below it, the quantity that some cash buys would no longer be a number.
const SMALLEST_PRICE: f64 = 1e-100;

pub(super) fn bar(bar: &Candle, before: Option<i64>, timeframe_ms: i64) -> Result<(), Fault> {
    time(bar.ts_ms, before, timeframe_ms)?;
    for (column, value) in [("open", bar.open), ("high", bar.high), ("low", bar.low), ("close", bar.close)] {
        finite(column, value)?;
        if value < SMALLEST_PRICE {
            return Err(Fault::NotPositive { column, value });
        }
    }
    finite("volume", bar.volume)?;
    if bar.high < bar.low {
        return Err(Fault::HighBelowLow { high: bar.high, low: bar.low });
    }
    if bar.volume < 0.0 {
        return Err(Fault::NegativeVolume(bar.volume));
    }
    Ok(())
}

/// Why no timeframe could be seen in `bars`.
pub(super) fn without_distance(bars: &[Candle]) -> CandleError {
    match bars {
        [first, second, ..] => {
            let before = first.ts_ms;
            let fault = match second.ts_ms {
                same if same == before => Fault::Duplicate(same),
                ts_ms => Fault::OutOfOrder { ts_ms, before },
            };
            CandleError { index: 1, fault }
        }
        few => CandleError { index: 0, fault: Fault::TooFew(few.len()) },
    }
}

fn time(ts_ms: i64, before: Option<i64>, timeframe_ms: i64) -> Result<(), Fault> {
    if !TIMES.contains(&ts_ms) {
        return Err(Fault::Time(ts_ms));
    }
    let Some(before) = before else { return Ok(()) };
    match ts_ms - before {
        0 => Err(Fault::Duplicate(ts_ms)),
        ..0 => Err(Fault::OutOfOrder { ts_ms, before }),
        distance if distance % timeframe_ms != 0 => Err(Fault::OffGrid { ts_ms, distance, timeframe_ms }),
        _ => Ok(()),
    }
}

fn finite(column: &'static str, value: f64) -> Result<(), Fault> {
    if crate::indicators::usable(value) { Ok(()) } else { Err(Fault::NotFinite { column, value }) }
}
