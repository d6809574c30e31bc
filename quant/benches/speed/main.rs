//! `cargo bench -p quant`: median CPU times, beside a plain loop over the same candles and TA-Lib alone.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads clocks and the process's own accounts")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]

mod clock;
mod floor;
mod live;
mod sample;
mod sweep;

use clock::{Row, median_us};
use quant::backtest::{Book, Execution, Market};
use quant::candles::Candles;
use quant::figures::{Figures, Scratch};
use quant::indicators::batch;
use quant::strategies::{Cache, Kind, Preset};
use std::hint::black_box;
use ta_lib::{Core, MAType};

fn main() {
    let hourly = sample::candles(8_760, 3_600_000);
    let minutes = sample::candles(525_600, 60_000);
    floor::must_agree(&hourly);
    println!("| what | median | goal | beside | ratio |\n|---|---|---|---|---|");
    sweep::memory(&hourly, &minutes);
    run(&hourly, "8,760 hourly candles", 200, "0.5 ms (0.15)");
    run(&minutes, "525,600 minute candles", 9, "30 ms (12)");
    indicators(&hourly);
    sweep::variations(&hourly);
    sweep::cores(&hourly);
    live::push();
}

/// One run with all figures, indicator included, against the plain loop.
fn run(candles: &Candles, what: &str, times: usize, goal: &'static str) {
    let (market, execution) = (Market::new(candles), Execution::default());
    let (mut book, mut scratch) = (Book::default(), Scratch::default());
    let plain = median_us(times, || floor::run(candles));
    for kind in Kind::ALL {
        let median = median_us(times, || {
            Preset::new(kind).run(&market, &execution, &mut Cache::default(), &mut book).unwrap();
            Figures::measured(&market, &book, &mut scratch)
        });
        let beside = (kind == Kind::Rsi).then_some(("plain loop", plain));
        Row { what: format!("{kind}, {what}"), median, goal, beside }.print();
    }
}

fn indicators(candles: &Candles) {
    let (high, low, close) = (candles.high(), candles.low(), candles.close());
    let (core, last) = (Core::new(), close.len() - 1);
    let fresh = || vec![0.0; close.len()];
    let ours = median_us(500, || batch::rsi(close, 14).unwrap());
    let alone = median_us(500, || core.rsi(0, last, &close, 14, &mut fresh()).unwrap());
    indicator("RSI", ours, alone);
    let ours = median_us(500, || batch::macd(close, 12, 26, 9).unwrap());
    let alone = median_us(500, || {
        core.macd(0, last, &close, 12, 26, 9, &mut fresh(), &mut fresh(), &mut fresh()).unwrap()
    });
    indicator("MACD", ours, alone);
    let ours = median_us(500, || batch::bollinger(close, 20, 2.0).unwrap());
    let alone = median_us(500, || {
        let (a, b, c) = (&mut fresh(), &mut fresh(), &mut fresh());
        black_box(core.bbands(0, last, &close, 20, 2.0, 2.0, MAType::SMA, a, b, c).unwrap())
    });
    indicator("Bollinger", ours, alone);
    let ours = median_us(500, || batch::atr(high, low, close, 14).unwrap());
    let alone = median_us(500, || core.atr(0, last, &high, &low, &close, 14, &mut fresh()).unwrap());
    indicator("ATR", ours, alone);
}

fn indicator(name: &str, median: f64, alone: f64) {
    let what = format!("{name}, 8,760 values");
    Row { what, median, goal: "1.2 × TA-Lib", beside: Some(("TA-Lib alone", alone)) }.print();
}
