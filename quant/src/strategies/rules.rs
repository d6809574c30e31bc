//! The rules, each a pure function of the values at the bar before and at the bar.
//!
//! `&` instead of `&&`: prices are not predictable, so a jump costs more than a comparison.

use super::Preset;
use crate::backtest::Signal;
use crate::candles::Candle;

/// Crossing as in TradingView's `ta.crossover`: at or below before, above now.
fn crosses_up(before: f64, now: f64, level: f64) -> bool {
    (before <= level) & (now > level)
}

fn crosses_down(before: f64, now: f64, level: f64) -> bool {
    (before >= level) & (now < level)
}

#[inline]
pub(super) fn rsi(preset: &Preset, before: f64, now: f64) -> Signal {
    Signal::of(crosses_up(before, now, preset.value(1)), crosses_down(before, now, preset.value(2)))
}

#[inline]
pub(super) fn macd(before: f64, now: f64) -> Signal {
    Signal::of(crosses_up(before, now, 0.0), crosses_down(before, now, 0.0))
}

/// A close with the lower and the middle band of its bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct InBands {
    pub close: f64,
    pub lower: f64,
    pub middle: f64,
}

#[inline]
pub(super) fn bollinger(before: InBands, now: InBands) -> Signal {
    let returns = (before.close < before.lower) & (now.close >= now.lower);
    Signal::of(returns, now.close >= now.middle)
}

#[inline]
pub(super) fn volume(preset: &Preset, bar: &Candle, ratio: f64) -> Signal {
    let much = ratio > preset.value(1);
    Signal::of(much & (bar.close > bar.open), much & (bar.close < bar.open))
}
