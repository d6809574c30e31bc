//! Indicators a candle at a time: the same numbers as [`batch`](super::batch), in memory of the period's order.
//!
//! Each `next` gives `None` until there are enough candles. A value that is not usable is refused and changes nothing.

use super::batch::ratio;
use super::{IndicatorError, NotUsable, band_width, macd_periods, period, sample_factor, usable};
use ta_lib::{
    AtrStream, BbandsStream, Core, EmaStream, MAType, MacdStream, ObvStream, RetCode, RsiStream, SmaStream,
    StddevStream,
};

/// TA-Lib opens a stream with as many values as the first output needs; until then they are collected.
#[derive(Debug, Clone)]
enum Stage<S, const N: usize> {
    Warming(Box<[Vec<f64>; N]>),
    Running(Box<S>),
}

/// A TA-Lib stream of `N` inputs with what it needs to be opened.
#[derive(Debug, Clone)]
struct Feed<S, const N: usize> {
    seen: usize,
    needed: usize,
    stage: Stage<S, N>,
}

impl<S, const N: usize> Feed<S, N> {
    /// A stream whose first output needs `needed` values.
    fn new(needed: usize) -> Self {
        Self { seen: 0, needed, stage: Stage::Warming(Box::new([(); N].map(|()| Vec::new()))) }
    }

    fn next<T>(
        &mut self,
        values: [f64; N],
        open: impl FnOnce(&Core, &[Vec<f64>; N]) -> Result<(S, T), RetCode>,
        update: impl FnOnce(&mut S, [f64; N]) -> Result<T, RetCode>,
    ) -> Result<Option<T>, IndicatorError> {
        if let Some(&value) = values.iter().find(|&&value| !usable(value)) {
            return Err(NotUsable { index: self.seen, value }.into());
        }
        let output = match &mut self.stage {
            Stage::Running(stream) => Some(update(stream, values)?),
            Stage::Warming(columns) => {
                columns.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                if columns[0].len() < self.needed {
                    None
                } else {
                    let (stream, output) = open(&Core::new(), columns)?;
                    self.stage = Stage::Running(Box::new(stream));
                    Some(output)
                }
            }
        };
        self.seen += 1;
        Ok(output)
    }
}

/// [`batch::rsi`](super::batch::rsi) a close at a time.
#[derive(Debug, Clone)]
pub struct Rsi(i32, Feed<RsiStream, 1>);

impl Rsi {
    /// # Errors
    /// A period outside of 2 to 100,000.
    pub fn new(bars: usize) -> Result<Self, IndicatorError> {
        Ok(Self(period("period", bars, 2)?, Feed::new(bars + 1)))
    }

    /// # Errors
    /// A close that is not usable.
    pub fn next(&mut self, close: f64) -> Result<Option<f64>, IndicatorError> {
        let n = self.0;
        self.1.next([close], |core, [closes]| core.rsi_open(closes, n), |rsi, [close]| rsi.update(close))
    }
}

/// [`batch::sma`](super::batch::sma) a value at a time.
#[derive(Debug, Clone)]
pub struct Sma(i32, Feed<SmaStream, 1>);

impl Sma {
    /// # Errors
    /// A period outside of 1 to 100,000.
    pub fn new(bars: usize) -> Result<Self, IndicatorError> {
        Ok(Self(period("period", bars, 1)?, Feed::new(bars)))
    }

    /// # Errors
    /// A value that is not usable.
    pub fn next(&mut self, value: f64) -> Result<Option<f64>, IndicatorError> {
        let n = self.0;
        self.1.next([value], |core, [values]| core.sma_open(values, n), |sma, [value]| sma.update(value))
    }
}

/// [`batch::ema`](super::batch::ema) a value at a time.
#[derive(Debug, Clone)]
pub struct Ema(i32, Feed<EmaStream, 1>);

impl Ema {
    /// # Errors
    /// A period outside of 1 to 100,000.
    pub fn new(bars: usize) -> Result<Self, IndicatorError> {
        Ok(Self(period("period", bars, 1)?, Feed::new(bars)))
    }

    /// # Errors
    /// A value that is not usable.
    pub fn next(&mut self, value: f64) -> Result<Option<f64>, IndicatorError> {
        let n = self.0;
        self.1.next([value], |core, [values]| core.ema_open(values, n), |ema, [value]| ema.update(value))
    }
}

/// Values of [`Macd`] at one bar, in price units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacdPoint {
    /// Fast EMA − slow EMA.
    pub macd: f64,
    /// EMA of `macd`.
    pub signal: f64,
    /// `macd` − `signal`.
    pub histogram: f64,
}

/// [`batch::macd`](super::batch::macd) a close at a time.
#[derive(Debug, Clone)]
pub struct Macd([i32; 3], Feed<MacdStream, 1>);

impl Macd {
    /// # Errors
    /// Periods outside of 2 (signal: 1) to 100,000, or fast ≥ slow.
    pub fn new(fast: usize, slow: usize, signal: usize) -> Result<Self, IndicatorError> {
        Ok(Self(macd_periods(fast, slow, signal)?, Feed::new(slow + signal - 1)))
    }

    /// # Errors
    /// A close that is not usable.
    pub fn next(&mut self, close: f64) -> Result<Option<MacdPoint>, IndicatorError> {
        let [f, s, g] = self.0;
        let open = |core: &Core, [closes]: &[Vec<f64>; 1]| core.macd_open(closes, f, s, g);
        let point = self.1.next([close], open, |macd, [close]| macd.update(close))?;
        Ok(point.map(|(macd, signal, histogram)| MacdPoint { macd, signal, histogram }))
    }
}

/// Values of [`Bollinger`] at one bar, in price units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bands {
    /// Middle + width · σ.
    pub upper: f64,
    /// SMA of the closes.
    pub middle: f64,
    /// Middle − width · σ.
    pub lower: f64,
}

/// [`batch::bollinger`](super::batch::bollinger) a close at a time.
#[derive(Debug, Clone)]
pub struct Bollinger(i32, f64, Feed<BbandsStream, 1>);

impl Bollinger {
    /// # Errors
    /// A period outside of 2 to 100,000, or a width that is not above 0 and at most 100.
    pub fn new(bars: usize, width: f64) -> Result<Self, IndicatorError> {
        Ok(Self(period("period", bars, 2)?, band_width(width)?, Feed::new(bars)))
    }

    /// # Errors
    /// A close that is not usable.
    pub fn next(&mut self, close: f64) -> Result<Option<Bands>, IndicatorError> {
        let (n, k) = (self.0, self.1);
        let open = |core: &Core, [closes]: &[Vec<f64>; 1]| core.bbands_open(closes, n, k, k, MAType::SMA);
        let bands = self.2.next([close], open, |bands, [close]| bands.update(close))?;
        Ok(bands.map(|(upper, middle, lower)| Bands { upper, middle, lower }))
    }
}

/// [`batch::atr`](super::batch::atr) a candle at a time.
#[derive(Debug, Clone)]
pub struct Atr(i32, Feed<AtrStream, 3>);

impl Atr {
    /// # Errors
    /// A period outside of 1 to 100,000.
    pub fn new(bars: usize) -> Result<Self, IndicatorError> {
        Ok(Self(period("period", bars, 1)?, Feed::new(bars + 1)))
    }

    /// # Errors
    /// A price that is not usable.
    pub fn next(&mut self, high: f64, low: f64, close: f64) -> Result<Option<f64>, IndicatorError> {
        let n = self.0;
        let open = |core: &Core, [highs, lows, closes]: &[Vec<f64>; 3]| core.atr_open(highs, lows, closes, n);
        self.1.next([high, low, close], open, |atr, [high, low, close]| atr.update(high, low, close))
    }
}

/// [`batch::obv`](super::batch::obv) a candle at a time.
#[derive(Debug, Clone)]
pub struct Obv(Feed<ObvStream, 2>);

impl Default for Obv {
    fn default() -> Self {
        Self(Feed::new(1))
    }
}

impl Obv {
    /// # Errors
    /// A close or volume that is not usable.
    pub fn next(&mut self, close: f64, volume: f64) -> Result<Option<f64>, IndicatorError> {
        let open = |core: &Core, [closes, volumes]: &[Vec<f64>; 2]| core.obv_open(closes, volumes);
        self.0.next([close, volume], open, |obv, [close, volume]| obv.update(close, volume))
    }
}

/// [`batch::volume_ratio`](super::batch::volume_ratio) a volume at a time.
#[derive(Debug, Clone)]
pub struct VolumeRatio(Sma);

impl VolumeRatio {
    /// # Errors
    /// A period outside of 1 to 100,000.
    pub fn new(bars: usize) -> Result<Self, IndicatorError> {
        Sma::new(bars).map(Self)
    }

    /// `None` also where the average volume is 0.
    ///
    /// # Errors
    /// A volume that is not usable.
    pub fn next(&mut self, volume: f64) -> Result<Option<f64>, IndicatorError> {
        let ratio = self.0.next(volume)?.map(|average| ratio(volume, average));
        Ok(ratio.filter(|ratio| !ratio.is_nan()))
    }
}

/// [`batch::returns`](super::batch::returns) a close at a time.
#[derive(Debug, Clone, Default)]
pub struct Returns {
    seen: usize,
    before: Option<f64>,
}

impl Returns {
    /// # Errors
    /// A close that is not usable.
    pub fn next(&mut self, close: f64) -> Result<Option<f64>, IndicatorError> {
        if !usable(close) {
            return Err(NotUsable { index: self.seen, value: close }.into());
        }
        self.seen += 1;
        Ok(self.before.replace(close).map(|before| close / before - 1.0))
    }
}

/// [`batch::volatility`](super::batch::volatility) a close at a time.
#[derive(Debug, Clone)]
pub struct Volatility(usize, Returns, Feed<StddevStream, 1>);

impl Volatility {
    /// # Errors
    /// A period outside of 2 to 100,000.
    pub fn new(bars: usize) -> Result<Self, IndicatorError> {
        period("period", bars, 2)?;
        Ok(Self(bars, Returns::default(), Feed::new(bars)))
    }

    /// # Errors
    /// A close or return that is not usable.
    pub fn next(&mut self, close: f64) -> Result<Option<f64>, IndicatorError> {
        let n = self.0 as i32;
        let mut returns = self.1.clone();
        let Some(change) = returns.next(close)? else {
            self.1 = returns;
            return Ok(None);
        };
        let open = |core: &Core, [changes]: &[Vec<f64>; 1]| core.stddev_open(changes, n, 1.0);
        let deviation = self.2.next([change], open, |stddev, [change]| stddev.update(change))?;
        self.1 = returns;
        Ok(deviation.map(|deviation| deviation * sample_factor(self.0)))
    }
}
