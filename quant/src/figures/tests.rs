use super::*;
use crate::backtest::{Book, Execution, Signal, run};
use crate::candles::Candle;
use crate::samples::{self, of_closes};
use proptest::prelude::*;

const FREE: Execution = Execution {
    cash: 1000.0,
    fee_rate: 0.0,
    slippage_bps: 0.0,
    latency_ms: 0,
    direction: crate::backtest::Direction::Long,
};

/// Buys at the first chance and holds.
fn holding(closes: &[f64]) -> Figures {
    let candles = of_closes(closes);
    let (market, mut book) = (Market::new(&candles), Book::default());
    run(&market, &mut |_, _: &Candle| Signal::Buy, &FREE, &mut book);
    Figures::of(&market, &book).unwrap()
}

#[test]
fn without_trades_nothing_is_claimed() {
    let candles = of_closes(&[5.0; 72]);
    let (market, mut book) = (Market::new(&candles), Book::default());
    run(&market, &mut |_, _: &Candle| Signal::Hold, &FREE, &mut book);
    let json = serde_json::to_value(Figures::of(&market, &book).unwrap()).unwrap();
    let undefined =
        ["win_rate_pct", "average_profit_pct", "profit_factor", "expectancy", "average_duration_s"];
    for name in undefined.iter().chain(&["sharpe", "sortino", "sharpe_bar", "sortino_bar"]) {
        assert!(json[name].is_null(), "{name} is {}", json[name]);
    }
    assert_eq!((&json["trades"], &json["days"], &json["bars"]), (&0.into(), &3.into(), &72.into()));
    assert_eq!((&json["return_pct"], &json["final_equity"]), (&0.0.into(), &"1000".into()));
}

#[test]
fn without_bars_there_are_no_figures() {
    let candles = of_closes(&[5.0; 3]);
    let (market, mut book) = (Market::window(&candles, 1..1), Book::default());
    run(&market, &mut |_, _: &Candle| Signal::Buy, &FREE, &mut book);
    assert_eq!(Figures::of(&market, &book), None);
}

#[test]
fn drawdown_starts_from_the_starting_capital() {
    assert_eq!(max_drawdown(&[100.0, 80.0, 90.0]), 1.0 - 0.8);
    assert_eq!(max_drawdown(&[100.0, 200.0, 150.0, 120.0, 300.0, 290.0]), 0.4);
    assert_eq!(max_drawdown(&[1.0, 2.0, 3.0]), 0.0);
    assert_eq!(max_drawdown(&[1.0, 0.0]), 1.0);
}

#[test]
fn the_sharpe_ratio_of_three_days_by_hand() {
    // Bought at 100 on the second bar; days end at 110, 99 and 110.
    let mut closes = vec![100.0; 24];
    closes[23] = 110.0;
    closes.extend([99.0; 24]);
    closes.extend([110.0; 24]);
    let figures = holding(&closes);
    let close = |got: Option<f64>, wanted: f64| (got.unwrap() - wanted).abs() < 1e-9;
    assert!((figures.return_pct - 10.0).abs() < 1e-9 && figures.days == 3);
    assert!((figures.max_drawdown_pct - 10.0).abs() < 1e-9);
    // Returns 0.1, −0.1, 1/9: mean 1/27, and one losing day of 10 % in three.
    let mean = 1.0 / 27.0f64;
    let squares = (0.1 - mean).powi(2) + (-0.1 - mean).powi(2) + (1.0 / 9.0 - mean).powi(2);
    assert!(close(figures.sharpe, mean / (squares / 2.0).sqrt() * 365f64.sqrt()));
    assert!(close(figures.sortino, mean / (0.01f64 / 3.0).sqrt() * 365f64.sqrt()));
    assert!((figures.buy_and_hold_pct - 10.0).abs() < 1e-12 && figures.trades == 0);
}

#[test]
fn figures_read_back_the_same() {
    let closes: Vec<f64> = (0..99).map(|i| 100.0 + f64::from(i % 7) / 3.0).collect();
    let figures = holding(&closes);
    let text = serde_json::to_string(&figures).unwrap();
    assert_eq!(serde_json::from_str::<Figures>(&text).unwrap(), figures);
}

proptest! {
    #[test]
    fn the_figures_equal_their_definitions(bars in samples::walk(60..300)) {
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
        let candles = of_closes(&closes);
        let (market, mut book) = (Market::new(&candles), Book::default());
        let mut flip = |i: usize, _: &Candle| if i.is_multiple_of(7) { Signal::Buy } else { Signal::of(false, i % 7 == 4) };
        run(&market, &mut flip, &Execution::default(), &mut book);
        let figures = Figures::of(&market, &book).unwrap();
        let profits: Vec<f64> = book.trades().iter().map(|trade| trade.profit).collect();
        let won: f64 = profits.iter().filter(|profit| **profit > 0.0).sum();
        let lost: f64 = profits.iter().filter(|profit| **profit < 0.0).sum();
        let n = profits.len() as f64;
        prop_assert!((figures.expectancy.unwrap() - profits.iter().sum::<f64>() / n).abs() < 1e-9);
        if let Some(factor) = figures.profit_factor {
            prop_assert!((factor - won / -lost).abs() < 1e-9 * factor.max(1.0));
        }
        prop_assert_eq!(figures.wins + figures.losses + figures.draws, figures.trades);
        let days: Vec<f64> = closes.chunks(24).enumerate().map(|(i, day)| book.equity()[i * 24 + day.len()]).collect();
        let before = std::iter::once(&100_000.0).chain(&days);
        let returns: Vec<f64> = days.iter().zip(before).map(|(now, before)| now / before - 1.0).collect();
        let mean = returns.iter().sum::<f64>() / returns.len() as f64;
        let std = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (returns.len() as f64 - 1.0)).sqrt();
        prop_assert!((figures.sharpe.unwrap() - mean / std * 365f64.sqrt()).abs() < 1e-7);
        prop_assert_eq!(figures.days, returns.len() as u64);
    }
}
