use super::*;
use crate::backtest::{Book, Execution, Market, Signal, run};
use crate::candles::{Candle, Candles};
use crate::optimise::{Level, Sensitivity};
use crate::samples;

/// Width, height and how many pixels are not white.
fn decoded(bytes: &[u8]) -> (u32, u32, usize) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels.chunks(3).filter(|pixel| *pixel != [255; 3]).count())
}

fn traded(candles: &Candles) -> Book {
    let mut book = Book::default();
    let mut flip = |i: usize, _: &Candle| if i % 40 < 20 { Signal::Buy } else { Signal::Sell };
    run(&Market::new(candles), &mut flip, &Execution::default(), &mut book);
    book
}

#[test]
fn a_backtest_is_drawn() {
    let closes: Vec<f64> = (0..5000).map(|i| 100.0 + f64::from(i % 300) / 10.0).collect();
    let candles = samples::of_closes(&closes);
    let (width, height, inked) =
        decoded(&backtest(&Market::new(&candles), &traded(&candles), "a title").unwrap());
    assert_eq!((width, height), (1400, 900));
    assert!(inked > 20_000, "{inked} pixels");
}

#[test]
fn a_single_flat_bar_is_drawn_and_none_is_not() {
    let candles = samples::of_closes(&[5.0]);
    assert!(backtest(&Market::new(&candles), &traded(&candles), "").is_ok());
    let none = Market::window(&candles, 1..1);
    assert!(matches!(backtest(&none, &traded(&candles), ""), Err(PictureError::Empty)));
}

#[test]
fn sensitivity_is_drawn() {
    let level = |value: f64| Level { value, trials: 3, mean: value.sin(), best: 2.0, worst: -2.0 };
    let levels: Vec<_> = (0..9).map(|i| level(f64::from(i))).collect();
    let one = |parameter, levels| Sensitivity { parameter, explained: Some(0.4), levels };
    let drawn = sensitivity(&[one("period", levels), one("none", vec![])], "sharpe", "a title").unwrap();
    let (width, height, inked) = decoded(&drawn);
    assert_eq!((width, height), (1200, 360));
    assert!(inked > 10_000, "{inked} pixels");
    assert!(matches!(sensitivity(&[one("x", vec![])], "", ""), Err(PictureError::Empty)));
}

#[test]
fn thinning_keeps_the_ends_and_the_extremes() {
    let times: Vec<i64> = (0..100_000).collect();
    let mut values = vec![1.0; 100_000];
    (values[777], values[88_888]) = (9.0, -9.0);
    let thinned = super::backtest::thinned(&times, &values);
    assert!(thinned.len() < 6000 && thinned.contains(&(777, 9.0)) && thinned.contains(&(88_888, -9.0)));
    assert_eq!((thinned[0], thinned[thinned.len() - 1]), ((0, 1.0), (99_999, 1.0)));
}

#[test]
fn labels_are_short() {
    let labels = [0.0, -0.2, 12.0, 12.345_6, 70_000.0, 12_500.0, 1.5e6, 1e-5]
        .map(|value| super::canvas::label(&value));
    assert_eq!(labels, ["0", "-0.2", "12", "12.346", "70k", "12.5k", "1.5M", "1.0e-5"]);
}
