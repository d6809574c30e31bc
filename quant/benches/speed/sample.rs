//! Candles that are the same on every machine.

use quant::candles::{Candle, Candles};

/// A seeded walk of `bars` bars.
pub(crate) fn candles(bars: usize, timeframe_ms: i64) -> Candles {
    let mut candles = Candles::new(timeframe_ms).unwrap();
    let (mut state, mut price) = (42u64, 30_000.0f64);
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    for bar in 0..bars as i64 {
        let open = price;
        price *= 1.0 + (uniform() + uniform() + uniform() - 1.5) * 0.006;
        let (high, low) = (open.max(price) * 1.001, open.min(price) * 0.999);
        let ts_ms = 1_672_531_200_000 + bar * timeframe_ms;
        candles.push(Candle { ts_ms, open, high, low, close: price, volume: uniform() * 100.0 }).unwrap();
    }
    candles
}
