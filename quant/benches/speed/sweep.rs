//! Searches: time by variations, cores, memory.

use crate::clock::{Row, median, median_us, peak_kib, reset_peak};
use crate::floor;
use cpu_time::ProcessTime;
use quant::backtest::Execution;
use quant::candles::Candles;
use quant::optimise::{Control, Method, Report, Search, optimise};
use quant::strategies::Kind;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

fn search(candles: &Candles, kind: Kind, variations: usize, threads: usize) -> Report {
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_| {} };
    let search = Search { variations, threads, method: Method::Grid, ..Search::default() };
    optimise(&kind, candles, &Execution::default(), &search, control).unwrap()
}

pub(crate) fn variations(candles: &Candles) {
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

/// The clock on the wall, which only a quiet machine makes comparable, and the CPU time of all threads, which shows what
/// sharing the work out costs.
pub(crate) fn cores(candles: &Candles) {
    let time = |threads| {
        let times = (0..5).map(|_| {
            let (wall, cpu) = (Instant::now(), ProcessTime::now());
            search(candles, Kind::Rsi, 2000, threads);
            (wall.elapsed().as_secs_f64() * 1e6, cpu.elapsed().as_secs_f64() * 1e6)
        });
        let times: Vec<(f64, f64)> = times.collect();
        (median(times.iter().map(|time| time.0)), median(times.iter().map(|time| time.1)))
    };
    let (one, two) = (time(1), time(2));
    let what = |how: &str| format!("rsi, 2,000 variations, two cores, {how}");
    Row { what: what("wall"), median: two.0, goal: "ratio 0.56", beside: Some(("one core", one.0)) }.print();
    Row { what: what("CPU of both"), median: two.1, goal: "", beside: Some(("one core", one.1)) }.print();
}

/// Beyond what the process has before any search, the candles included: run it first, as memory is not given back.
pub(crate) fn memory(hourly: &Candles, minutes: &Candles) {
    reset_peak();
    let before = peak_kib();
    let cases = [
        (hourly, "hourly", Kind::Bollinger, 500),
        (hourly, "hourly", Kind::Rsi, 20_000),
        (minutes, "minutes", Kind::Bollinger, 50),
    ];
    for (candles, what, kind, variations) in cases {
        let variations = search(candles, kind, variations, 2).variations;
        if let (Some(before), Some(after)) = (before, peak_kib()) {
            let mib = (after - before) as f64 / 1024.0;
            println!(
                "| memory of {kind}, {variations} variations, {what}, two threads | {mib:.1} MiB | 64 MiB | | |"
            );
        }
    }
}
