//! The strategies over indicator columns that are computed once and shared by runs.

use super::rules::{self, InBands};
use super::{Kind, Preset};
use crate::backtest::{self, Book, Execution, Market, Signal};
use crate::candles::{Candle, Candles};
use crate::indicators::{IndicatorError, Line, batch};

/// The indicator columns of the last run, for the next one that needs the same.
#[derive(Debug, Clone, Default)]
pub struct Cache<'a> {
    of: Option<(&'a Candles, Kind, [u64; 3])>,
    lines: [Line; 2],
}

impl Preset {
    /// Runs the strategy on `market` into `book`. The columns in `cache` are used again when they are of the same candles
    /// and indicator parameters.
    ///
    /// # Errors
    /// [`IndicatorError`] when there are more candles than TA-Lib takes.
    pub fn run<'a>(
        &self,
        market: &Market<'a>,
        execution: &Execution,
        cache: &mut Cache<'a>,
        book: &mut Book,
    ) -> Result<(), IndicatorError> {
        let [first, second] = cache.lines_for(self, market.candles())?;
        match self.kind() {
            Kind::Rsi => backtest::run(market, &mut |i, _: &Candle| self.rsi(first, i), execution, book),
            Kind::Macd => backtest::run(market, &mut |i, _: &Candle| macd(first, i), execution, book),
            Kind::Bollinger => {
                let mut signal = bollinger(market.candles(), first, second);
                backtest::run(market, &mut signal, execution, book);
            }
            Kind::Volume => {
                let mut signal =
                    |i, bar: &Candle| first.at(i).map_or(Signal::Hold, |r| rules::volume(self, bar, r));
                backtest::run(market, &mut signal, execution, book);
            }
        }
        Ok(())
    }

    /// What decides whether two runs share their columns.
    #[must_use]
    pub fn indicator_key(&self) -> [u64; 3] {
        let shared = match self.kind() {
            Kind::Rsi | Kind::Volume => 1,
            Kind::Macd => 3,
            Kind::Bollinger => 2,
        };
        let mut key = [0; 3];
        key.iter_mut().zip(self.values()).take(shared).for_each(|(key, value)| *key = value.to_bits());
        key
    }

    fn rsi(&self, line: &Line, index: usize) -> Signal {
        line.step(index).map_or(Signal::Hold, |(before, now)| rules::rsi(self, before, now))
    }

    fn lines(&self, candles: &Candles) -> Result<[Line; 2], IndicatorError> {
        let close = candles.close();
        Ok(match self.kind() {
            Kind::Rsi => [batch::rsi(close, self.bars(0))?, Line::default()],
            Kind::Macd => {
                let macd = batch::macd(close, self.bars(0), self.bars(1), self.bars(2))?;
                [macd.histogram, Line::default()]
            }
            Kind::Bollinger => {
                let bands = batch::bollinger(close, self.bars(0), self.value(1))?;
                [bands.lower, bands.middle]
            }
            Kind::Volume => [batch::volume_ratio(candles.volume(), self.bars(0))?, Line::default()],
        })
    }
}

impl<'a> Cache<'a> {
    fn lines_for(&mut self, preset: &Preset, candles: &'a Candles) -> Result<&[Line; 2], IndicatorError> {
        let (kind, key) = (preset.kind(), preset.indicator_key());
        let same = |of: &(&Candles, _, _)| std::ptr::eq(of.0, candles) && (of.1, of.2) == (kind, key);
        if !self.of.as_ref().is_some_and(same) {
            // The old columns make room before the new ones come.
            (self.of, self.lines) = (None, Default::default());
            self.lines = preset.lines(candles)?;
            self.of = Some((candles, kind, key));
        }
        Ok(&self.lines)
    }
}

#[inline]
fn macd(histogram: &Line, index: usize) -> Signal {
    histogram.step(index).map_or(Signal::Hold, |(before, now)| rules::macd(before, now))
}

fn bollinger<'a>(
    candles: &'a Candles,
    lower: &'a Line,
    middle: &'a Line,
) -> impl FnMut(usize, &Candle) -> Signal + 'a {
    let close = candles.close();
    let at = move |bar: usize| {
        let (lower, middle) = (lower.at(bar)?, middle.at(bar)?);
        Some(InBands { close: close[bar], lower, middle })
    };
    move |index, _| match (at(index.wrapping_sub(1)), at(index)) {
        (Some(before), Some(now)) => rules::bollinger(before, now),
        _ => Signal::Hold,
    }
}
