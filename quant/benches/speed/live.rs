//! The live figures, a trade at a time.

use crate::clock::{median_us, time};
use quant::live::{LiveFigures, LiveTrade};
use rust_decimal::Decimal;

const TRADES: i64 = 100_000;

pub(crate) fn push() {
    let trades: Vec<LiveTrade> = (0..TRADES)
        .map(|i| LiveTrade {
            closed_at_us: i * 120_000_000,
            position: i as u64,
            profit: Decimal::new((i * 7919) % 200_000 - 100_000, 4 + u32::from(i % 5 == 0) * 3),
            profit_pct: Decimal::new((i * 104_729) % 2_000 - 1_000, 2 + (i % 3) as u32),
        })
        .collect();
    let all = median_us(11, || {
        let mut figures = LiveFigures::new();
        trades.iter().for_each(|trade| figures.push(trade, "USDT").unwrap());
        figures
    });
    let each = all * 1000.0 / TRADES as f64;
    println!("| live figures, a trade | {each:.0} ns | 100 ns | {TRADES} trades {} | |", time(all));
}
