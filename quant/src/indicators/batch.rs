//! Indicators over whole columns. Each takes checked columns and gives lines aligned to their bars.

use super::{Column, IndicatorError, Line, band_width, macd_periods, period, sample_factor};
use ta_lib::{Core, MAType, OutRange, RetCode};

/// MACD, its signal line and the difference of the two.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Macd {
    /// Fast EMA − slow EMA, in price units.
    pub macd: Line,
    /// EMA of `macd`.
    pub signal: Line,
    /// `macd` − `signal`.
    pub histogram: Line,
}

/// Bollinger bands, in price units.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bollinger {
    /// Middle + width · σ.
    pub upper: Line,
    /// SMA of the closes.
    pub middle: Line,
    /// Middle − width · σ.
    pub lower: Line,
}

/// Wilder's RSI, 0 to 100. Seed = mean of the first n gains and losses, then avg = (avg·(n−1)+x)/n. First value at
/// index n; flat prices give 50.
///
/// # Errors
/// A period outside of 2 to 100,000.
pub fn rsi(closes: Column<'_>, bars: usize) -> Result<Line, IndicatorError> {
    let n = period("period", bars, 2)?;
    line(closes.len(), bars, |core, end, out| core.rsi(0, end, &closes, n, out))
}

/// Simple moving average; first value at n−1.
///
/// # Errors
/// A period outside of 1 to 100,000.
pub fn sma(values: Column<'_>, bars: usize) -> Result<Line, IndicatorError> {
    let n = period("period", bars, 1)?;
    line(values.len(), bars - 1, |core, end, out| core.sma(0, end, &values, n, out))
}

/// Exponential moving average with α = 2/(n+1), seeded with the SMA of the first n; first value at n−1.
///
/// # Errors
/// A period outside of 1 to 100,000.
pub fn ema(values: Column<'_>, bars: usize) -> Result<Line, IndicatorError> {
    let n = period("period", bars, 1)?;
    line(values.len(), bars - 1, |core, end, out| core.ema(0, end, &values, n, out))
}

/// MACD: both EMAs start at index slow−1, the fast one seeded with the SMA of the closes that end there; the signal is an
/// EMA seeded with an SMA. First value of all three at slow + signal − 2.
///
/// # Errors
/// Periods outside of 2 (signal: 1) to 100,000, or fast ≥ slow.
pub fn macd(closes: Column<'_>, fast: usize, slow: usize, signal: usize) -> Result<Macd, IndicatorError> {
    let [f, s, g] = macd_periods(fast, slow, signal)?;
    let [macd, signal, histogram] = lines(closes.len(), slow + signal - 2, |core, end, [a, b, c]| {
        core.macd(0, end, &closes, f, s, g, a, b, c)
    })?;
    Ok(Macd { macd, signal, histogram })
}

/// Bollinger bands: SMA ± `width` · population deviation (ddof 0); first value at n−1.
///
/// # Errors
/// A period outside of 2 to 100,000, or a width that is not above 0 and at most 100.
pub fn bollinger(closes: Column<'_>, bars: usize, width: f64) -> Result<Bollinger, IndicatorError> {
    let (n, k) = (period("period", bars, 2)?, band_width(width)?);
    let [upper, middle, lower] = lines(closes.len(), bars - 1, |core, end, [a, b, c]| {
        core.bbands(0, end, &closes, n, k, k, MAType::SMA, a, b, c)
    })?;
    Ok(Bollinger { upper, middle, lower })
}

/// Wilder's average true range, in price units; true range from index 1, first value at n.
///
/// # Errors
/// A period outside of 1 to 100,000, or columns of different lengths.
pub fn atr(
    highs: Column<'_>,
    lows: Column<'_>,
    closes: Column<'_>,
    bars: usize,
) -> Result<Line, IndicatorError> {
    let n = period("period", bars, 1)?;
    same_length(highs, lows)?;
    same_length(highs, closes)?;
    line(closes.len(), bars, |core, end, out| core.atr(0, end, &highs, &lows, &closes, n, out))
}

/// On-balance volume, in units of volume; starts at the first volume.
///
/// # Errors
/// Columns of different lengths.
pub fn obv(closes: Column<'_>, volumes: Column<'_>) -> Result<Line, IndicatorError> {
    same_length(closes, volumes)?;
    line(closes.len(), 0, |core, end, out| core.obv(0, end, &closes, &volumes, out))
}

/// Volume / SMA(volume, n) of the same bar; first value at n−1, none where the average is 0.
///
/// # Errors
/// A period outside of 1 to 100,000.
pub fn volume_ratio(volumes: Column<'_>, bars: usize) -> Result<Line, IndicatorError> {
    let average = sma(volumes, bars)?;
    let first = average.first();
    let pairs = volumes.iter().skip(first).zip(average.values());
    Ok(Line::new(first, pairs.map(|(&volume, &average)| ratio(volume, average)).collect()))
}

/// Simple returns close/previous − 1; first value at index 1.
#[must_use]
pub fn returns(closes: Column<'_>) -> Line {
    Line::new(1, closes.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect())
}

/// Sample deviation (ddof 1) of the last n simple returns, per bar (times √ of the bars in a year for a year); first
/// value at index n.
///
/// # Errors
/// A period outside of 2 to 100,000, or a return that is no number (a price of 0).
pub fn volatility(closes: Column<'_>, bars: usize) -> Result<Line, IndicatorError> {
    let n = period("period", bars, 2)?;
    let returns = returns(closes);
    let returns = Column::new(returns.values())?;
    let factor = sample_factor(bars);
    let deviations =
        line(returns.len(), bars - 1, |core, end, out| core.stddev(0, end, &returns, n, 1.0, out))?;
    let values = deviations.values().iter().map(|deviation| deviation * factor).collect();
    Ok(Line::new(bars, values))
}

/// A ratio that is NaN rather than infinite when there is nothing to divide by.
pub(super) fn ratio(volume: f64, average: f64) -> f64 {
    if average > 0.0 { volume / average } else { f64::NAN }
}

fn same_length(a: Column<'_>, b: Column<'_>) -> Result<(), IndicatorError> {
    if a.len() == b.len() { Ok(()) } else { Err(IndicatorError::Lengths(a.len(), b.len())) }
}

fn line(
    len: usize,
    lookback: usize,
    compute: impl FnOnce(&Core, usize, &mut [f64]) -> Result<OutRange, RetCode>,
) -> Result<Line, IndicatorError> {
    let [line] = lines(len, lookback, |core, end, [out]| compute(core, end, out))?;
    Ok(line)
}

/// Runs a TA-Lib function into `N` lines that begin after `lookback` bars; empty ones when there are no more bars.
fn lines<const N: usize>(
    len: usize,
    lookback: usize,
    compute: impl FnOnce(&Core, usize, [&mut [f64]; N]) -> Result<OutRange, RetCode>,
) -> Result<[Line; N], IndicatorError> {
    let mut outputs = [(); N].map(|()| vec![0.0; len.saturating_sub(lookback)]);
    if len > lookback {
        compute(&Core::new(), len - 1, outputs.each_mut().map(Vec::as_mut_slice))?;
    }
    Ok(outputs.map(|values| Line::new(lookback, values)))
}
