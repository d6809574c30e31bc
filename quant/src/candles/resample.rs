//! Longer bars out of shorter ones.

use super::{Candle, CandleError, Candles, DAY_MS, Fault};

const WEEK_MS: i64 = 7 * DAY_MS;

/// 1970-01-05: weeks begin on Monday.
const FIRST_MONDAY_MS: i64 = 4 * DAY_MS;

impl Candles {
    /// The same market in bars of `timeframe_ms`: first open, highest high, lowest low, last close, summed volume.
    ///
    /// Bars begin at multiples of the timeframe since the Unix epoch, whole weeks on Monday. A bar at either end that
    /// is not covered in full is left out, as its close is not known; one with gaps inside is kept.
    ///
    /// # Errors
    /// [`Fault::NoMultiple`] unless the timeframe is a multiple of the present one.
    pub fn resample(&self, timeframe_ms: i64) -> Result<Self, CandleError> {
        if timeframe_ms < self.timeframe_ms || timeframe_ms % self.timeframe_ms != 0 {
            let fault = Fault::NoMultiple { from: self.timeframe_ms, to: timeframe_ms };
            return Err(CandleError { index: 0, fault });
        }
        let mut longer = Self::new(timeframe_ms)?;
        let starts: Vec<i64> = self.ts_ms.iter().map(|&ts| start_of(ts, timeframe_ms)).collect();
        let mut from = 0;
        for bars in starts.chunk_by(|a, b| a == b) {
            let range = from..from + bars.len();
            from = range.end;
            if self.covers_ends(range.clone(), bars[0], timeframe_ms) {
                longer.push(self.merged(range, bars[0]))?;
            }
        }
        Ok(longer)
    }

    /// Whether the part's ends are known: only the first and the last bar of the series can miss something unseen.
    fn covers_ends(&self, range: std::ops::Range<usize>, start: i64, timeframe_ms: i64) -> bool {
        let whole_start = range.start > 0 || self.ts_ms[0] == start;
        let end = self.ts_ms[range.end - 1] + self.timeframe_ms;
        whole_start && (range.end < self.len() || end == start + timeframe_ms)
    }

    fn merged(&self, range: std::ops::Range<usize>, ts_ms: i64) -> Candle {
        let (first, last) = (range.start, range.end - 1);
        Candle {
            ts_ms,
            open: self.open[first],
            high: self.high[range.clone()].iter().copied().fold(f64::MIN, f64::max),
            low: self.low[range.clone()].iter().copied().fold(f64::MAX, f64::min),
            close: self.close[last],
            volume: self.volume[range].iter().sum(),
        }
    }
}

fn start_of(ts_ms: i64, timeframe_ms: i64) -> i64 {
    let origin = if timeframe_ms % WEEK_MS == 0 { FIRST_MONDAY_MS } else { 0 };
    (ts_ms - origin).div_euclid(timeframe_ms) * timeframe_ms + origin
}
