use super::stream;
use super::*;
use crate::samples::{self, of_closes};
use proptest::prelude::*;

fn bits(line: &Line, bars: usize) -> Vec<Option<u64>> {
    (0..bars).map(|bar| line.at(bar).map(f64::to_bits)).collect()
}

fn streamed<T: Copy, V>(
    inputs: &[T],
    mut next: impl FnMut(T) -> Result<Option<V>, IndicatorError>,
    value: impl Fn(V) -> f64,
) -> Vec<Option<u64>> {
    inputs.iter().map(|&input| next(input).unwrap().map(&value).map(f64::to_bits)).collect()
}

proptest! {
    #[test]
    fn a_candle_at_a_time_gives_the_same_bits(
        bars in samples::walk(1..120), n in 2usize..30, fast in 2usize..10, longer in 1usize..20, signal in 1usize..10
    ) {
        let candles = samples::candles(&bars);
        let (close, volume) = (candles.close(), candles.volume());
        let len = bars.len();
        let (closes, volumes) = (close.values(), volume.values());

        let mut rsi = stream::Rsi::new(n).unwrap();
        prop_assert_eq!(streamed(closes, |c| rsi.next(c), |v| v), bits(&batch::rsi(close, n).unwrap(), len));
        let mut sma = stream::Sma::new(n).unwrap();
        prop_assert_eq!(streamed(closes, |c| sma.next(c), |v| v), bits(&batch::sma(close, n).unwrap(), len));
        let mut ema = stream::Ema::new(n).unwrap();
        prop_assert_eq!(streamed(closes, |c| ema.next(c), |v| v), bits(&batch::ema(close, n).unwrap(), len));
        let mut returns = stream::Returns::default();
        prop_assert_eq!(streamed(closes, |c| returns.next(c), |v| v), bits(&batch::returns(close), len));
        let mut volatility = stream::Volatility::new(n).unwrap();
        let expected = bits(&batch::volatility(close, n).unwrap(), len);
        prop_assert_eq!(streamed(closes, |c| volatility.next(c), |v| v), expected);
        let mut ratio = stream::VolumeRatio::new(n).unwrap();
        let expected = bits(&batch::volume_ratio(volume, n).unwrap(), len);
        prop_assert_eq!(streamed(volumes, |v| ratio.next(v), |v| v), expected);
        let mut obv = stream::Obv::default();
        let expected = bits(&batch::obv(close, volume).unwrap(), len);
        prop_assert_eq!(streamed(&bars, |b| obv.next(b.close, b.volume), |v| v), expected);
        let mut atr = stream::Atr::new(n).unwrap();
        let expected = bits(&batch::atr(candles.high(), candles.low(), close, n).unwrap(), len);
        prop_assert_eq!(streamed(&bars, |b| atr.next(b.high, b.low, b.close), |v| v), expected);

        let expected = batch::bollinger(close, n, 2.0).unwrap();
        let mut bands = stream::Bollinger::new(n, 2.0).unwrap();
        prop_assert_eq!(streamed(closes, |c| bands.next(c), |v| v.lower), bits(&expected.lower, len));
        let mut bands = stream::Bollinger::new(n, 2.0).unwrap();
        prop_assert_eq!(streamed(closes, |c| bands.next(c), |v| v.upper), bits(&expected.upper, len));

        let expected = batch::macd(close, fast, fast + longer, signal).unwrap();
        let mut macd = stream::Macd::new(fast, fast + longer, signal).unwrap();
        prop_assert_eq!(streamed(closes, |c| macd.next(c), |v| v.histogram), bits(&expected.histogram, len));
        let mut macd = stream::Macd::new(fast, fast + longer, signal).unwrap();
        prop_assert_eq!(streamed(closes, |c| macd.next(c), |v| v.signal), bits(&expected.signal, len));
    }

    #[test]
    fn scaling_prices_changes_no_rsi_and_scales_the_rest(bars in samples::walk(60..120), scale in 1e-6f64..1e6) {
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
        let scaled: Vec<f64> = closes.iter().map(|close| close * scale).collect();
        let (close, scaled) = (Column::new(&closes).unwrap(), Column::new(&scaled).unwrap());
        let lines = |close| (batch::rsi(close, 14).unwrap(), batch::macd(close, 12, 26, 9).unwrap().macd);
        let ((rsi, macd), (rsi_scaled, macd_scaled)) = (lines(close), lines(scaled));
        for (a, b) in rsi.values().iter().zip(rsi_scaled.values()) {
            prop_assert!((a - b).abs() < 1e-6, "{} {}", a, b);
        }
        for (a, b) in macd.values().iter().zip(macd_scaled.values()) {
            prop_assert!((a * scale - b).abs() < 1e-9 * scale * 100.0);
        }
    }

    #[test]
    fn volatility_is_the_sample_deviation_of_returns(bars in samples::walk(12..60)) {
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close).collect();
        let line = batch::volatility(Column::new(&closes).unwrap(), 10).unwrap();
        for bar in 10..closes.len() {
            let returns: Vec<f64> = (bar - 9..=bar).map(|i| closes[i] / closes[i - 1] - 1.0).collect();
            let mean = returns.iter().sum::<f64>() / 10.0;
            let variance = returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / 9.0;
            prop_assert!((line.at(bar).unwrap() - variance.sqrt()).abs() < 1e-8);
        }
    }
}

#[test]
fn flat_prices_have_an_rsi_of_50() {
    let candles = of_closes(&[7.0; 40]);
    let line = batch::rsi(candles.close(), 14).unwrap();
    assert!(line.values().len() == 26 && line.values().iter().all(|&rsi| rsi == 50.0));
}

#[test]
fn no_volume_has_no_ratio() {
    let volumes = [0.0, 0.0, 4.0, 0.0];
    let line = batch::volume_ratio(Column::new(&volumes).unwrap(), 2).unwrap();
    let all: Vec<_> = (0..4).map(|bar| line.at(bar)).collect();
    assert_eq!(all, [None, None, Some(2.0), Some(0.0)]);
    let mut stream = stream::VolumeRatio::new(2).unwrap();
    let streamed: Vec<_> = volumes.iter().map(|&volume| stream.next(volume).unwrap()).collect();
    assert_eq!(streamed, all);
}

#[test]
fn too_few_values_give_an_empty_line() {
    for len in 0..3 {
        let closes = vec![1.0; len];
        let column = Column::new(&closes).unwrap();
        assert!(batch::rsi(column, 3).unwrap().values().is_empty());
        assert!(batch::macd(column, 2, 3, 2).unwrap().signal.values().is_empty());
        assert!(batch::volatility(column, 3).unwrap().values().is_empty());
        assert_eq!(batch::obv(column, column).unwrap().values().len(), len);
    }
}

#[test]
fn every_period_has_its_bounds() {
    let closes = vec![1.0; 10];
    let column = Column::new(&closes).unwrap();
    type Allowed = fn(Column<'_>, usize) -> bool;
    let bounds: [(usize, Allowed); 5] = [
        (2, |c, n| batch::rsi(c, n).is_ok() && stream::Rsi::new(n).is_ok()),
        (1, |c, n| batch::sma(c, n).is_ok() && stream::Sma::new(n).is_ok()),
        (1, |c, n| batch::ema(c, n).is_ok() && stream::Ema::new(n).is_ok()),
        (2, |c, n| batch::bollinger(c, n, 2.0).is_ok() && stream::Bollinger::new(n, 2.0).is_ok()),
        (2, |c, n| batch::volatility(c, n).is_ok() && stream::Volatility::new(n).is_ok()),
    ];
    for (least, allowed) in bounds {
        assert!(!allowed(column, least - 1) && allowed(column, least));
        assert!(allowed(column, LONGEST_PERIOD) && !allowed(column, LONGEST_PERIOD + 1));
    }
    assert!(batch::atr(column, column, column, 0).is_err() && stream::Atr::new(0).is_err());
    for width in [0.0, -1.0, 100.1, f64::NAN, f64::INFINITY] {
        assert!(batch::bollinger(column, 5, width).is_err() && stream::Bollinger::new(5, width).is_err());
    }
    for (fast, slow, signal) in [(1, 5, 3), (5, 5, 3), (6, 5, 3), (2, 5, 0), (2, LONGEST_PERIOD + 1, 3)] {
        assert!(
            batch::macd(column, fast, slow, signal).is_err()
                && stream::Macd::new(fast, slow, signal).is_err()
        );
    }
}

#[test]
fn a_value_that_would_spoil_the_rest_is_refused_with_its_index() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e100] {
        let error = Column::new(&[1.0, 2.0, bad]).unwrap_err();
        assert_eq!((error.index, error.value.to_bits()), (2, bad.to_bits()));
    }
    let mut sma = stream::Sma::new(2).unwrap();
    sma.next(1.0).unwrap();
    assert!(matches!(sma.next(f64::NAN), Err(IndicatorError::NotUsable(NotUsable { index: 1, .. }))));
    assert_eq!(sma.next(3.0).unwrap(), Some(2.0));
}

#[test]
fn columns_of_different_lengths_are_refused() {
    let (long, short) = ([1.0; 5], [1.0; 4]);
    let (long, short) = (Column::new(&long).unwrap(), Column::new(&short).unwrap());
    assert_eq!(batch::obv(long, short), Err(IndicatorError::Lengths(5, 4)));
    assert_eq!(batch::atr(long, short, long, 2), Err(IndicatorError::Lengths(5, 4)));
    assert_eq!(batch::atr(long, long, short, 2), Err(IndicatorError::Lengths(5, 4)));
}
