//! The shared golden values: TA-Lib's indicators, trades and figures of other libraries, on seeded candles.
//! Each test is skipped by name where the folder is not there.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files and fail by panics")]

mod shared;

use quant::backtest::{Book, Execution, Market, Trade};
use quant::candles::Candles;
use quant::figures::Figures;
use quant::indicators::{Column, Line, batch};
use quant::strategies::{Cache, Kind, Preset};
use shared::{Table, close_to, folder};

fn candles(path: &std::path::Path) -> Candles {
    quant::candles::read_csv(std::fs::File::open(path).unwrap()).unwrap()
}

fn backtest(candles: &Candles, kind: Kind) -> (Figures, Vec<Trade>) {
    let (market, mut book) = (Market::new(candles), Book::default());
    Preset::new(kind).run(&market, &Execution::default(), &mut Cache::default(), &mut book).unwrap();
    (Figures::of(&market, &book).unwrap(), book.trades().to_vec())
}

#[test]
fn indicators_are_ta_libs() {
    let Some(folder) = folder("golden/hourly_synthetic", "indicators_are_ta_libs") else { return };
    let candles = candles(&folder.join("input.csv"));
    let golden = Table::read(&folder.join("indicators.csv"));
    let (high, low, close, volume) = (candles.high(), candles.low(), candles.close(), candles.volume());
    let macd = batch::macd(close, 12, 26, 9).unwrap();
    let bands = batch::bollinger(close, 20, 2.0).unwrap();
    let lines = [
        ("rsi14", batch::rsi(close, 14).unwrap(), 14),
        ("macd", macd.macd, 33),
        ("macd_signal", macd.signal, 33),
        ("macd_hist", macd.histogram, 33),
        ("bb_upper", bands.upper, 19),
        ("bb_middle", bands.middle, 19),
        ("bb_lower", bands.lower, 19),
        ("atr14", batch::atr(high, low, close, 14).unwrap(), 14),
        ("sma20", batch::sma(close, 20).unwrap(), 19),
        ("ema20", batch::ema(close, 20).unwrap(), 19),
        ("obv", batch::obv(close, volume).unwrap(), 0),
        ("vol_sma20", batch::sma(volume, 20).unwrap(), 19),
        ("vol_ratio", batch::volume_ratio(volume, 20).unwrap(), 19),
    ];
    for (name, line, first) in lines {
        assert_eq!(line.first(), first, "{name}");
        assert_same_line(name, &line, &golden.optional(name), &close);
    }
}

/// Within 1e-9 of the price, as the golden values' own libraries differ by 6e-9 at a price of 50,000.
fn assert_same_line(name: &str, line: &Line, golden: &[Option<f64>], price: &[f64]) {
    for (bar, wanted) in golden.iter().enumerate() {
        match (line.at(bar), wanted) {
            (Some(got), Some(wanted)) => {
                assert!((got - wanted).abs() <= 1e-9 * price[bar], "{name} at {bar}: {got}, not {wanted}");
            }
            (got, wanted) => assert_eq!(got, *wanted, "{name} at {bar}"),
        }
    }
}

#[test]
fn trades_are_those_of_the_reference() {
    let Some(folder) = folder("golden/hourly_synthetic", "trades_are_those_of_the_reference") else { return };
    let candles = candles(&folder.join("input.csv"));
    for kind in Kind::ALL {
        let golden = Table::read(&folder.join(format!("{kind}_trades.csv")));
        let (_, trades) = backtest(&candles, kind);
        assert_eq!(trades.len(), golden.rows(), "{kind}");
        let same = |name: &str, tolerance: f64, value: fn(&Trade) -> f64| {
            for (i, (trade, wanted)) in trades.iter().zip(golden.numbers(name)).enumerate() {
                close_to(&format!("{kind} {name} of trade {i}"), value(trade), wanted, tolerance);
            }
        };
        same("entry_bar_ts", 0.0, |trade| trade.entry_bar_ms as f64);
        same("exit_bar_ts", 0.0, |trade| trade.exit_bar_ms as f64);
        same("entry_price", 1e-12, |trade| trade.entry_price);
        same("exit_price", 1e-12, |trade| trade.exit_price);
        same("quantity", 1e-10, |trade| trade.quantity);
        same("fees", 1e-10, |trade| trade.fees);
        same("pnl", 1e-9, |trade| trade.profit);
        same("ret", 1e-9, |trade| trade.profit_pct / 100.0);
    }
}

#[test]
fn figures_are_those_of_the_reference() {
    let Some(folder) = folder("golden/hourly_synthetic", "figures_are_those_of_the_reference") else {
        return;
    };
    let candles = candles(&folder.join("input.csv"));
    let golden = shared::json(&folder.join("metrics.json"));
    for kind in Kind::ALL {
        let (figures, _) = backtest(&candles, kind);
        let expected = &golden[kind.name()]["expected"];
        let same = |name: &str, got: f64| {
            let wanted = expected[name].as_f64().unwrap();
            close_to(&format!("{kind} {name}"), got, wanted, 1e-10);
        };
        same("total_return", figures.return_pct / 100.0);
        same("sharpe_bar", figures.sharpe_bar.unwrap());
        same("sortino_bar", figures.sortino_bar.unwrap());
        same("sharpe_day", figures.sharpe.unwrap());
        same("sortino_day", figures.sortino.unwrap());
        same("max_drawdown", -figures.max_drawdown_pct / 100.0);
        same("trades", figures.trades as f64);
        same("win_rate", figures.win_rate_pct.unwrap() / 100.0);
        same("avg_profit", figures.expectancy.unwrap());
        same("avg_return", figures.average_profit_pct.unwrap() / 100.0);
        same("profit_factor", figures.profit_factor.unwrap());
        assert_eq!((figures.bars, figures.days), (8760, 365));
    }
}

#[test]
fn rsi_and_bands_are_skenders() {
    let Some(folder) = folder("golden", "rsi_and_bands_are_skenders") else { return };
    let quotes = Table::read(&folder.join("skender_default.csv")).numbers("close");
    let close = Column::new(&quotes).unwrap();
    let column = |file: &str, name: &str| -> Vec<Option<f64>> {
        shared::json(&folder.join(file)).as_array().unwrap().iter().map(|row| row[name].as_f64()).collect()
    };
    let bands = batch::bollinger(close, 20, 2.0).unwrap();
    let bb = "skender_bb.standard.json";
    assert_same_line(
        "rsi",
        &batch::rsi(close, 14).unwrap(),
        &column("skender_rsi.standard.json", "rsi"),
        &quotes,
    );
    assert_same_line("upper", &bands.upper, &column(bb, "upperBand"), &quotes);
    assert_same_line("middle", &bands.middle, &column(bb, "sma"), &quotes);
    assert_same_line("lower", &bands.lower, &column(bb, "lowerBand"), &quotes);
}
