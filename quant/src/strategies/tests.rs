use super::*;
use crate::backtest::{Book, Execution, Market, Signal, run};
use crate::candles::Candle;
use crate::samples;
use proptest::prelude::*;

fn with(kind: Kind, settings: &[(&str, f64)]) -> Result<Preset, String> {
    let settings: Vec<_> = settings.iter().map(|&(name, value)| (name.to_owned(), value)).collect();
    Preset::with(kind, &settings).map_err(|error| error.to_string())
}

#[test]
fn defaults_are_the_conventions() {
    assert_eq!(Preset::new(Kind::Rsi).values(), [14.0, 30.0, 70.0]);
    assert_eq!(Preset::new(Kind::Macd).values(), [12.0, 26.0, 9.0]);
    assert_eq!(Preset::new(Kind::Bollinger).values(), [20.0, 2.0]);
    assert_eq!(Preset::new(Kind::Volume).values(), [20.0, 2.0]);
}

#[test]
fn parameters_are_written_by_name_and_whole_ones_as_integers() {
    let json = serde_json::to_string(&with(Kind::Bollinger, &[("width", 2.5)]).unwrap()).unwrap();
    assert_eq!(json, r#"{"period":20,"width":2.5}"#);
}

#[test]
fn every_parameter_has_its_bounds() {
    for kind in Kind::ALL {
        for parameter in kind.parameters() {
            for (bad, good) in
                [(parameter.least - 1.0, parameter.least), (parameter.most + 1.0, parameter.most)]
            {
                assert!(
                    parameter.check(bad).is_err() && parameter.check(good).is_ok(),
                    "{kind} {}",
                    parameter.name
                );
                assert!(with(kind, &[(parameter.name, bad)]).is_err());
            }
            assert!(parameter.check(f64::NAN).is_err());
            assert_eq!(
                parameter.check(parameter.least + 0.5).is_err(),
                parameter.whole,
                "{kind} {}",
                parameter.name
            );
        }
    }
}

#[test]
fn parameters_that_do_not_fit_together_are_refused() {
    assert_eq!(with(Kind::Rsi, &[("low", 70.0)]).unwrap_err(), "low = 70: must be below high = 70");
    assert_eq!(with(Kind::Macd, &[("fast", 30.0)]).unwrap_err(), "fast = 30: must be below slow = 26");
    assert!(with(Kind::Macd, &[("fast", 30.0), ("slow", 31.0)]).is_ok());
    let unknown = with(Kind::Rsi, &[("lenght", 3.0)]).unwrap_err();
    assert_eq!(unknown, "lenght = 3: is no parameter of rsi; there are period, low, high");
    assert!(Preset::from_values(Kind::Rsi, &[14.0]).is_err());
    assert_eq!(
        "sma".parse::<Kind>().unwrap_err(),
        "no strategy \"sma\"; there are rsi, macd, bollinger, volume"
    );
}

#[test]
fn every_value_of_a_search_is_allowed() {
    for kind in Kind::ALL {
        let ends: Vec<Vec<f64>> = kind
            .parameters()
            .iter()
            .map(|p| vec![p.at(0), p.at(p.steps() / 2), p.at(p.steps() - 1)])
            .collect();
        for (parameter, ends) in kind.parameters().iter().zip(&ends) {
            assert_eq!((ends[0], ends[2]), (parameter.from, parameter.to), "{kind} {}", parameter.name);
        }
        for i in 0..3usize.pow(ends.len() as u32) {
            let values: Vec<f64> =
                ends.iter().enumerate().map(|(d, e)| e[i / 3usize.pow(d as u32) % 3]).collect();
            assert!(Preset::from_values(kind, &values).is_ok(), "{kind} {values:?}");
        }
    }
}

#[test]
fn crossing_needs_both_sides_of_the_level() {
    let rsi = Preset::new(Kind::Rsi);
    let signals = |steps: &[(f64, f64)]| -> Vec<Signal> {
        steps.iter().map(|&(a, b)| rules::rsi(&rsi, a, b)).collect()
    };
    assert_eq!(signals(&[(29.0, 31.0), (30.0, 30.1), (29.0, 30.0), (31.0, 32.0)])[..2], [Signal::Buy; 2]);
    assert_eq!(signals(&[(29.0, 30.0), (31.0, 32.0), (71.0, 70.0)]), [Signal::Hold; 3]);
    assert_eq!(signals(&[(71.0, 69.0), (70.0, 69.9)]), [Signal::Sell; 2]);
    assert_eq!(
        [rules::macd(-1.0, 1.0), rules::macd(0.0, 1.0), rules::macd(1.0, -1.0)],
        [Signal::Buy, Signal::Buy, Signal::Sell]
    );
    assert_eq!([rules::macd(1.0, 2.0), rules::macd(-1.0, 0.0)], [Signal::Hold; 2]);
}

#[test]
fn bands_are_entered_from_below_and_left_at_the_middle() {
    let at = |close| rules::InBands { close, lower: 10.0, middle: 20.0 };
    let signal = |before, now| rules::bollinger(at(before), at(now));
    assert_eq!([signal(9.0, 10.0), signal(9.0, 11.0)], [Signal::Buy; 2]);
    assert_eq!([signal(10.0, 11.0), signal(9.0, 9.5)], [Signal::Hold; 2]);
    assert_eq!([signal(15.0, 20.0), signal(25.0, 25.0)], [Signal::Sell; 2]);
    assert_eq!(signal(9.0, 25.0), Signal::Hold);
}

#[test]
fn volume_counts_above_the_factor_only() {
    let preset = Preset::new(Kind::Volume);
    let signal = |open, close, ratio| rules::volume(&preset, &samples::bar(0, open, close, 1.0), ratio);
    assert_eq!([signal(1.0, 2.0, 2.1), signal(2.0, 1.0, 2.1)], [Signal::Buy, Signal::Sell]);
    assert_eq!([signal(1.0, 2.0, 2.0), signal(1.0, 1.0, 3.0)], [Signal::Hold; 2]);
}

proptest! {
    #[test]
    fn live_signals_trade_as_the_backtest_does(bars in samples::walk(60..200), start in 0usize..50) {
        let candles = samples::candles(&bars);
        let market = Market::window(&candles, start..bars.len());
        for kind in Kind::ALL {
            let values: &[f64] = match kind {
                Kind::Rsi => &[4.0, 40.0, 60.0],
                Kind::Macd => &[3.0, 7.0, 3.0],
                Kind::Bollinger => &[6.0, 1.0],
                Kind::Volume => &[6.0, 1.2],
            };
            let preset = Preset::from_values(kind, values).unwrap();
            let (mut columns, mut live) = (Book::default(), Book::default());
            preset.run(&market, &Execution::default(), &mut Cache::default(), &mut columns).unwrap();
            run(&market, &mut LiveSignals::new(preset).unwrap(), &Execution::default(), &mut live);
            prop_assert_eq!(columns, live, "{}", kind);
        }
    }
}

#[test]
fn a_bad_candle_changes_no_live_signal() {
    let mut live = LiveSignals::new(Preset::new(Kind::Rsi)).unwrap();
    let before = format!("{live:?}");
    assert!(live.next(&Candle { close: f64::NAN, ..samples::bar(0, 1.0, 1.0, 1.0) }).is_err());
    assert_eq!(format!("{live:?}"), before);
}
