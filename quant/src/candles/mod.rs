//! Candles in contiguous columns, checked on the way in. Nothing here opens a file or repairs data.

mod check;
mod csv;
#[cfg(feature = "parquet")]
mod parquet;
mod resample;

pub use self::csv::read_csv;
#[cfg(feature = "parquet")]
pub use self::parquet::read_parquet;
pub use check::{CandleError, Fault};

use crate::indicators::Column;
use std::ops::Range;

/// Milliseconds of a day.
pub const DAY_MS: i64 = 86_400_000;

/// Milliseconds of a year of 365 days: crypto markets never close.
pub const YEAR_MS: i64 = 365 * DAY_MS;

/// One bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candle {
    /// Moment of the opening, in milliseconds since the Unix epoch, UTC.
    pub ts_ms: i64,
    /// First price.
    pub open: f64,
    /// Highest price.
    pub high: f64,
    /// Lowest price.
    pub low: f64,
    /// Last price.
    pub close: f64,
    /// Traded volume in base units.
    pub volume: f64,
}

/// Bars that are missing between two neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Index of the bar after the gap.
    pub index: usize,
    /// Opening of the first missing bar, in milliseconds since the epoch.
    pub from_ms: i64,
    /// How many bars are missing.
    pub bars: i64,
}

/// Bars of one market and one timeframe, oldest first, in columns.
///
/// Every value is finite, prices are above 0, volumes are not negative, times lie on the timeframe's grid and rise.
/// Gaps are allowed and listed by [`gaps`](Self::gaps).
#[derive(Debug, Clone, PartialEq)]
pub struct Candles {
    timeframe_ms: i64,
    ts_ms: Vec<i64>,
    open: Vec<f64>,
    high: Vec<f64>,
    low: Vec<f64>,
    close: Vec<f64>,
    volume: Vec<f64>,
}

impl Candles {
    /// No bars yet, of `timeframe_ms` milliseconds each.
    ///
    /// # Errors
    /// [`Fault::Timeframe`] unless the timeframe lies between 1 ms and 365 days.
    pub fn new(timeframe_ms: i64) -> Result<Self, CandleError> {
        if !(1..=YEAR_MS).contains(&timeframe_ms) {
            return Err(CandleError { index: 0, fault: Fault::Timeframe(timeframe_ms) });
        }
        let empty = Vec::new;
        Ok(Self {
            timeframe_ms,
            ts_ms: Vec::new(),
            open: empty(),
            high: empty(),
            low: empty(),
            close: empty(),
            volume: empty(),
        })
    }

    /// Checks and takes in bars whose timeframe is the smallest distance between two of them.
    ///
    /// # Errors
    /// The first fault with its index; [`Fault::TooFew`] with fewer than two bars.
    pub fn from_bars(bars: &[Candle]) -> Result<Self, CandleError> {
        let distances = bars.windows(2).map(|pair| pair[1].ts_ms.saturating_sub(pair[0].ts_ms));
        let Some(timeframe_ms) = distances.filter(|&distance| distance > 0).min() else {
            return Err(check::without_distance(bars));
        };
        let mut candles = Self::new(timeframe_ms)?;
        bars.iter().try_for_each(|&bar| candles.push(bar))?;
        Ok(candles)
    }

    /// Checks and appends the next bar.
    ///
    /// # Errors
    /// What is wrong with the bar, its index and what to do about it; nothing is appended then.
    pub fn push(&mut self, bar: Candle) -> Result<(), CandleError> {
        let index = self.len();
        check::bar(&bar, self.ts_ms.last().copied(), self.timeframe_ms)
            .map_err(|fault| CandleError { index, fault })?;
        self.ts_ms.push(bar.ts_ms);
        self.open.push(bar.open);
        self.high.push(bar.high);
        self.low.push(bar.low);
        self.close.push(bar.close);
        self.volume.push(bar.volume);
        Ok(())
    }

    /// The bar at `index`.
    ///
    /// # Panics
    /// If there are not that many.
    #[inline]
    #[must_use]
    pub fn bar(&self, index: usize) -> Candle {
        Candle {
            ts_ms: self.ts_ms[index],
            open: self.open[index],
            high: self.high[index],
            low: self.low[index],
            close: self.close[index],
            volume: self.volume[index],
        }
    }

    /// The bars of a range, oldest first.
    ///
    /// # Panics
    /// If there are not that many.
    pub fn bars(&self, range: Range<usize>) -> impl Iterator<Item = Candle> + '_ {
        let times = self.ts_ms[range.clone()].iter();
        let prices = self.open[range.clone()].iter().zip(&self.high[range.clone()]);
        let prices = prices.zip(self.low[range.clone()].iter().zip(&self.close[range.clone()]));
        times.zip(prices.zip(&self.volume[range])).map(
            |(&ts_ms, (((&open, &high), (&low, &close)), &volume))| Candle {
                ts_ms,
                open,
                high,
                low,
                close,
                volume,
            },
        )
    }

    /// How many bars there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ts_ms.len()
    }

    /// Whether there are no bars.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ts_ms.is_empty()
    }

    /// Length of a bar in milliseconds.
    #[must_use]
    pub fn timeframe_ms(&self) -> i64 {
        self.timeframe_ms
    }

    /// Bars in a year of 365 days, for per-bar Sharpe and Sortino ratios.
    #[must_use]
    pub fn bars_per_year(&self) -> f64 {
        YEAR_MS as f64 / self.timeframe_ms as f64
    }

    /// Moments of opening, in milliseconds since the epoch.
    #[must_use]
    pub fn ts_ms(&self) -> &[i64] {
        &self.ts_ms
    }

    /// First prices.
    #[must_use]
    pub fn open(&self) -> Column<'_> {
        Column::trusted(&self.open)
    }

    /// Highest prices.
    #[must_use]
    pub fn high(&self) -> Column<'_> {
        Column::trusted(&self.high)
    }

    /// Lowest prices.
    #[must_use]
    pub fn low(&self) -> Column<'_> {
        Column::trusted(&self.low)
    }

    /// Last prices.
    #[must_use]
    pub fn close(&self) -> Column<'_> {
        Column::trusted(&self.close)
    }

    /// Volumes in base units.
    #[must_use]
    pub fn volume(&self) -> Column<'_> {
        Column::trusted(&self.volume)
    }

    /// Where bars are missing, oldest first.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        let neighbours = self.ts_ms.windows(2).enumerate();
        neighbours.filter_map(|(i, pair)| self.gap(i + 1, pair[0], pair[1])).collect()
    }

    /// # Errors
    /// [`Fault::Gap`] at the first missing bar, for callers that cannot do with gaps.
    pub fn require_no_gaps(&self) -> Result<(), CandleError> {
        match self.gaps().first() {
            Some(gap) => Err(CandleError { index: gap.index, fault: Fault::Gap(gap.bars) }),
            None => Ok(()),
        }
    }

    /// Indices of the bars that open in `[since_ms, until_ms)`.
    #[must_use]
    pub fn between(&self, since_ms: i64, until_ms: i64) -> Range<usize> {
        let from = self.ts_ms.partition_point(|&ts| ts < since_ms);
        let to = self.ts_ms.partition_point(|&ts| ts < until_ms);
        from..to.max(from)
    }

    fn gap(&self, index: usize, before: i64, after: i64) -> Option<Gap> {
        let bars = (after - before) / self.timeframe_ms - 1;
        (bars > 0).then_some(Gap { index, from_ms: before + self.timeframe_ms, bars })
    }
}

#[cfg(test)]
mod tests;
