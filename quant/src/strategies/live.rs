//! The strategies a candle at a time, for signals on a live market.

use super::rules::{self, InBands};
use super::{Kind, Preset};
use crate::backtest::{Signal, Strategy};
use crate::candles::Candle;
use crate::indicators::{IndicatorError, stream};

/// Signals of a [`Preset`] a candle at a time: the same as in a backtest over the same candles.
#[derive(Debug, Clone)]
pub struct LiveSignals {
    preset: Preset,
    indicator: Indicator,
}

#[derive(Debug, Clone)]
enum Indicator {
    Rsi(stream::Rsi, Option<f64>),
    Macd(stream::Macd, Option<f64>),
    Bollinger(stream::Bollinger, Option<InBands>),
    Volume(stream::VolumeRatio),
}

impl LiveSignals {
    /// # Errors
    /// What the indicator refuses; nothing that a preset allows.
    pub fn new(preset: Preset) -> Result<Self, IndicatorError> {
        let indicator = match preset.kind() {
            Kind::Rsi => Indicator::Rsi(stream::Rsi::new(preset.bars(0))?, None),
            Kind::Macd => {
                Indicator::Macd(stream::Macd::new(preset.bars(0), preset.bars(1), preset.bars(2))?, None)
            }
            Kind::Bollinger => {
                Indicator::Bollinger(stream::Bollinger::new(preset.bars(0), preset.value(1))?, None)
            }
            Kind::Volume => Indicator::Volume(stream::VolumeRatio::new(preset.bars(0))?),
        };
        Ok(Self { preset, indicator })
    }

    /// The signal on the close of the next bar.
    ///
    /// # Errors
    /// A value that is not usable; nothing is changed then.
    pub fn next(&mut self, bar: &Candle) -> Result<Signal, IndicatorError> {
        let signal = match &mut self.indicator {
            Indicator::Rsi(rsi, before) => {
                step(before, rsi.next(bar.close)?, |before, now| rules::rsi(&self.preset, before, now))
            }
            Indicator::Macd(macd, before) => {
                step(before, macd.next(bar.close)?.map(|point| point.histogram), rules::macd)
            }
            Indicator::Bollinger(bands, before) => {
                let bands = bands.next(bar.close)?;
                let now = bands.map(|at| InBands { close: bar.close, lower: at.lower, middle: at.middle });
                step(before, now, rules::bollinger)
            }
            Indicator::Volume(ratio) => {
                let ratio = ratio.next(bar.volume)?;
                ratio.map_or(Signal::Hold, |ratio| rules::volume(&self.preset, bar, ratio))
            }
        };
        Ok(signal)
    }
}

/// A value that is not usable gives no signal; [`Candles`](crate::candles::Candles) have none.
impl Strategy for LiveSignals {
    fn on_bar(&mut self, _index: usize, bar: &Candle) -> Signal {
        self.next(bar).unwrap_or_default()
    }

    /// Everything there is: averages remember all they have seen.
    fn warm_up(&self) -> usize {
        usize::MAX
    }
}

fn step<T: Copy>(before: &mut Option<T>, now: Option<T>, rule: impl FnOnce(T, T) -> Signal) -> Signal {
    match (std::mem::replace(before, now), now) {
        (Some(before), Some(now)) => rule(before, now),
        _ => Signal::Hold,
    }
}
