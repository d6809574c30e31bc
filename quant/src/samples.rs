//! Random candles for tests.

use crate::candles::{Candle, Candles};
use proptest::prelude::*;

pub(crate) const HOUR_MS: i64 = 3_600_000;

/// 2023-01-01.
pub(crate) const START_MS: i64 = 1_672_531_200_000;

/// A bar with this close, hourly by its index.
pub(crate) fn bar(index: usize, open: f64, close: f64, volume: f64) -> Candle {
    let (high, low) = (open.max(close) * 1.001, open.min(close) * 0.999);
    Candle { ts_ms: START_MS + index as i64 * HOUR_MS, open, high, low, close, volume }
}

pub(crate) fn candles(bars: &[Candle]) -> Candles {
    let mut candles = Candles::new(HOUR_MS).unwrap();
    bars.iter().for_each(|&bar| candles.push(bar).unwrap());
    candles
}

/// Candles whose closes are these, each opening at the close before.
pub(crate) fn of_closes(closes: &[f64]) -> Candles {
    let before = std::iter::once(&closes[0]).chain(closes);
    let bars = closes.iter().zip(before).enumerate();
    candles(&bars.map(|(i, (&close, &open))| bar(i, open, close, 1.0)).collect::<Vec<_>>())
}

/// A walk of `bars` hourly candles with flat stretches and volume spikes.
pub(crate) fn walk(bars: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Candle>> {
    let step = (prop_oneof![Just(0.0), -0.03f64..0.03], -0.004f64..0.004, 0.0f64..50.0);
    prop::collection::vec(step, bars).prop_map(|steps| {
        let mut price = 100.0;
        let steps = steps.into_iter().enumerate();
        let bars = steps.map(|(i, (change, jump, volume))| {
            let open = price * (1.0 + jump);
            price = open * (1.0 + change);
            bar(i, open, price, volume)
        });
        bars.collect()
    })
}
