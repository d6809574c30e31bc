//! Searches: time by variations, cores, memory.

use crate::clock::{Row, median, median_us, peak_kib, reset_peak, wall_ns};
use crate::floor;
use quant::backtest::Execution;
use quant::candles::Candles;
use quant::optimise::{Control, Method, Report, Search, optimise};
use quant::strategies::Kind;
use std::sync::atomic::AtomicBool;

fn search(candles: &Candles, kind: Kind, variations: usize, threads: usize) -> Report {
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_| {} };
    let search = Search { variations, threads, method: Method::Grid, ..Search::default() };
    optimise(&kind, candles, &Execution::default(), &search, control).unwrap()
}

pub fn variations(candles: &Candles) {
    let plain = median_us(50, || floor::run(candles));
    for (variations, times, goal) in [(50, 15, "15 ms (5)"), (500, 5, "150 ms (45)")] {
        for kind in Kind::ALL {
            let report = search(candles, kind, variations, 1);
            let median = median_us(times, || search(candles, kind, variations, 1));
            let beside = Some(("plain loops", plain * report.variations as f64));
            Row { what: format!("{kind}, {} variations hourly", report.variations), median, goal, beside }
                .print();
        }
    }
}

pub fn cores(candles: &Candles) {
    let time = |threads| {
        median((0..5).map(|_| {
            let start = wall_ns();
            search(candles, Kind::Rsi, 2000, threads);
            (wall_ns() - start) as f64 / 1000.0
        }))
    };
    let (one, two) = (time(1), time(2));
    let beside = Some(("one core", one));
    Row { what: "rsi, 2,000 variations, two cores".to_owned(), median: two, goal: "ratio 0.56", beside }
        .print();
}

pub fn memory(hourly: &Candles, minutes: &Candles) {
    let cases = [(hourly, "hourly", 500), (hourly, "hourly", 20_000), (minutes, "minutes", 50)];
    for (candles, what, variations) in cases {
        reset_peak();
        let before = peak_kib();
        search(candles, Kind::Bollinger, variations, 2);
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            let mib = (after - before) as f64 / 1024.0;
            println!(
                "| memory of {variations} variations, {what}, two threads | {mib:.1} MiB | 64 MiB | | |"
            );
        }
    }
}
