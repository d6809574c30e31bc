//! Small golden values that are kept in the repository, made by `golden/make.py` from the definitions alone.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests read files and fail by panics")]

mod shared;

use quant::backtest::{Book, Execution, Market, Trade};
use quant::candles::Candles;
use quant::figures::Figures;
use quant::indicators::{Line, batch};
use quant::live::{LiveFigures, LiveTrade};
use quant::strategies::{Cache, Preset};
use rust_decimal::Decimal;
use serde_json::Value;
use shared::close_to;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn expected() -> Value {
    shared::json(&file("expected.json"))
}

fn candles() -> Candles {
    quant::candles::read_csv(std::fs::File::open(file("candles.csv")).unwrap()).unwrap()
}

#[test]
fn every_indicator_follows_its_definition() {
    let (candles, expected) = (candles(), expected());
    let (close, volume) = (candles.close(), candles.volume());
    let macd = batch::macd(close, 12, 26, 9).unwrap();
    let bands = batch::bollinger(close, 20, 2.0).unwrap();
    let lines = [
        ("rsi14", batch::rsi(close, 14).unwrap()),
        ("macd", macd.macd),
        ("macd_signal", macd.signal),
        ("macd_hist", macd.histogram),
        ("bb_upper", bands.upper),
        ("bb_middle", bands.middle),
        ("bb_lower", bands.lower),
        ("atr14", batch::atr(candles.high(), candles.low(), close, 14).unwrap()),
        ("sma20", batch::sma(close, 20).unwrap()),
        ("ema20", batch::ema(close, 20).unwrap()),
        ("obv", batch::obv(close, volume).unwrap()),
        ("vol_ratio", batch::volume_ratio(volume, 20).unwrap()),
        ("volatility20", batch::volatility(close, 20).unwrap()),
    ];
    assert_eq!(lines.len(), expected["lines"].as_object().unwrap().len());
    for (name, line) in lines {
        assert_eq!(line.first() as u64, expected["first"][name].as_u64().unwrap(), "{name}");
        assert_line(name, &line, &expected["lines"][name]);
    }
}

fn assert_line(name: &str, line: &Line, golden: &Value) {
    let golden = golden.as_object().unwrap();
    assert!(golden.len() > 30, "{name}");
    for (bar, wanted) in golden {
        let (got, wanted) = (line.at(bar.parse().unwrap()).unwrap(), wanted.as_f64().unwrap());
        assert!((got - wanted).abs() <= 1e-9 * wanted.abs().max(1.0), "{name} at {bar}: {got}, not {wanted}");
    }
}

#[test]
fn every_run_has_the_trades_and_figures_of_its_definition() {
    let (candles, expected) = (candles(), expected());
    assert_eq!((candles.gaps().len(), expected["runs"].as_array().unwrap().len()), (1, 5));
    for golden in expected["runs"].as_array().unwrap() {
        let values: Vec<f64> =
            golden["values"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        let kind = golden["strategy"].as_str().unwrap().parse().unwrap();
        let execution = Execution {
            cash: 10_000.0,
            fee_rate: golden["fee_rate"].as_f64().unwrap(),
            slippage_bps: golden["slippage_bps"].as_f64().unwrap(),
            latency_ms: golden["latency_ms"].as_i64().unwrap(),
            ..Execution::default()
        };
        let (market, mut book) = (Market::new(&candles), Book::default());
        let preset = Preset::from_values(kind, &values).unwrap();
        preset.run(&market, &execution, &mut Cache::default(), &mut book).unwrap();
        assert_trades(kind.name(), book.trades(), golden["trades"].as_array().unwrap());
        assert_figures(kind.name(), &Figures::of(&market, &book).unwrap(), &golden["figures"]);
    }
}

fn assert_trades(run: &str, trades: &[Trade], golden: &[Value]) {
    assert_eq!(trades.len(), golden.len(), "{run}");
    for (i, (trade, golden)) in trades.iter().zip(golden).enumerate() {
        let got = [
            trade.entry_bar_ms as f64,
            trade.exit_bar_ms as f64,
            trade.entry_price,
            trade.exit_price,
            trade.quantity,
            trade.fees,
            trade.profit,
            trade.profit_pct / 100.0,
        ];
        for (column, (got, wanted)) in got.into_iter().zip(golden.as_array().unwrap()).enumerate() {
            close_to(&format!("{run}: trade {i}, column {column}"), got, wanted.as_f64().unwrap(), 1e-9);
        }
    }
}

fn assert_figures(run: &str, figures: &Figures, golden: &Value) {
    let got = serde_json::to_value(figures).unwrap();
    for (name, wanted) in golden.as_object().unwrap() {
        let number = match &got[name] {
            Value::String(money) => money.parse().unwrap(),
            other => other.as_f64().unwrap(),
        };
        close_to(&format!("{run}: {name}"), number, wanted.as_f64().unwrap(), 1e-9);
    }
}

#[test]
fn live_figures_follow_their_definition() {
    let (mut figures, expected) = (LiveFigures::new(), expected());
    let golden = &expected["live"];
    let mut reader = csv::Reader::from_path(file("live.csv")).unwrap();
    for record in reader.records().map(Result::unwrap) {
        let trade = LiveTrade {
            closed_at_us: record[0].parse().unwrap(),
            position: record[1].parse().unwrap(),
            profit: record[2].parse().unwrap(),
            profit_pct: record[3].parse().unwrap(),
        };
        figures.push(&trade, "USDT").unwrap();
    }
    let summary = figures.finish();
    assert_eq!(
        summary.profit.times(100_000_000),
        Decimal::from(golden["profit_e8"].as_i64().unwrap()).into()
    );
    let got = serde_json::to_value(&summary).unwrap();
    for (name, wanted) in golden.as_object().unwrap().iter().filter(|(name, _)| *name != "profit_e8") {
        let number = match &got[name] {
            Value::String(money) => money.parse().unwrap(),
            other => other.as_f64().unwrap(),
        };
        close_to(name, number, wanted.as_f64().unwrap(), 1e-12);
    }
}
