use super::*;
use crate::ReadError;
use crate::samples::{self, HOUR_MS, START_MS};
use proptest::prelude::*;

fn push_all(bars: &[Candle]) -> Result<Candles, CandleError> {
    let mut candles = Candles::new(HOUR_MS)?;
    bars.iter().try_for_each(|&bar| candles.push(bar))?;
    Ok(candles)
}

/// The fault of the second of two bars after a change.
fn fault(change: impl FnOnce(&mut Candle)) -> Fault {
    let (first, mut second) = (samples::bar(0, 100.0, 101.0, 5.0), samples::bar(1, 101.0, 99.0, 5.0));
    change(&mut second);
    let error = push_all(&[first, second]).unwrap_err();
    assert_eq!(error.index, 1);
    error.fault
}

#[test]
fn a_bar_that_is_no_market_is_refused_with_its_index() {
    assert!(matches!(fault(|bar| bar.close = f64::NAN), Fault::NotFinite { column: "close", .. }));
    assert!(matches!(fault(|bar| bar.high = f64::INFINITY), Fault::NotFinite { column: "high", .. }));
    assert!(matches!(fault(|bar| bar.volume = 1e100), Fault::NotFinite { column: "volume", .. }));
    assert!(matches!(fault(|bar| bar.open = 0.0), Fault::NotPositive { column: "open", .. }));
    assert!(matches!(fault(|bar| bar.low = -1.0), Fault::NotPositive { column: "low", .. }));
    assert!(matches!(fault(|bar| bar.high = bar.low / 2.0), Fault::HighBelowLow { .. }));
    assert_eq!(fault(|bar| bar.volume = -1e-9), Fault::NegativeVolume(-1e-9));
}

#[test]
fn a_bar_out_of_time_is_refused_with_its_index() {
    assert_eq!(fault(|bar| bar.ts_ms = START_MS), Fault::Duplicate(START_MS));
    let before = START_MS;
    assert_eq!(fault(|bar| bar.ts_ms -= 2 * HOUR_MS), Fault::OutOfOrder { ts_ms: before - HOUR_MS, before });
    assert!(matches!(fault(|bar| bar.ts_ms += 1), Fault::OffGrid { distance: 3_600_001, .. }));
    assert_eq!(fault(|bar| bar.ts_ms /= 1000), Fault::Time(1_672_534_800));
    assert_eq!(fault(|bar| bar.ts_ms = i64::MIN), Fault::Time(i64::MIN));
}

#[test]
fn a_fault_tells_bar_value_and_remedy() {
    let bars = [samples::bar(0, 1.0, 1.0, 1.0), samples::bar(0, 1.0, 1.0, 1.0)];
    let text = push_all(&bars).unwrap_err().to_string();
    assert_eq!(text, "bar 1: time 1672531200000 was there already; keep one of the two");
}

#[test]
fn a_refused_bar_leaves_the_candles_as_they_were() {
    let mut candles = push_all(&[samples::bar(0, 1.0, 2.0, 3.0)]).unwrap();
    let before = candles.clone();
    assert!(candles.push(samples::bar(0, 1.0, 1.0, 1.0)).is_err());
    assert_eq!(candles, before);
}

#[test]
fn a_timeframe_lies_between_a_millisecond_and_a_year() {
    for bad in [i64::MIN, -1, 0, YEAR_MS + 1] {
        assert_eq!(Candles::new(bad).unwrap_err().fault, Fault::Timeframe(bad));
    }
    assert!(Candles::new(1).is_ok() && Candles::new(YEAR_MS).is_ok());
}

#[test]
fn gaps_are_listed() {
    let bars: Vec<_> = [0, 1, 4, 5, 7].iter().map(|&i| samples::bar(i, 1.0, 1.0, 1.0)).collect();
    let candles = Candles::from_bars(&bars).unwrap();
    let hour = |n: i64| START_MS + n * HOUR_MS;
    let gaps = [Gap { index: 2, from_ms: hour(2), bars: 2 }, Gap { index: 4, from_ms: hour(6), bars: 1 }];
    assert_eq!(candles.gaps(), gaps);
    assert_eq!(candles.require_no_gaps().unwrap_err(), CandleError { index: 2, fault: Fault::Gap(2) });
}

#[test]
fn the_timeframe_is_the_smallest_distance() {
    let bars: Vec<_> = [0, 2, 3].iter().map(|&i| samples::bar(i, 1.0, 1.0, 1.0)).collect();
    assert_eq!(Candles::from_bars(&bars).unwrap().timeframe_ms(), HOUR_MS);
    assert_eq!(Candles::from_bars(&bars[..1]).unwrap_err().fault, Fault::TooFew(1));
    assert_eq!(Candles::from_bars(&[]).unwrap_err().fault, Fault::TooFew(0));
    let same = [bars[0], bars[0]];
    assert_eq!(Candles::from_bars(&same).unwrap_err().fault, Fault::Duplicate(START_MS));
}

#[test]
fn dates_cut_out_the_bars_that_open_between_them() {
    let candles = samples::of_closes(&[1.0; 10]);
    let hour = |n: i64| START_MS + n * HOUR_MS;
    assert_eq!(candles.between(hour(2), hour(5)), 2..5);
    assert_eq!(candles.between(hour(2) + 1, hour(5) + 1), 3..6);
    assert_eq!(candles.between(hour(5), hour(2)), 5..5);
}

#[test]
fn only_bars_known_in_full_are_resampled() {
    // Bars 1 to 8 of a day in fours: 0..4 lacks its first bar, 4..8 is whole, 8..12 lacks its last three.
    let bars: Vec<_> = (1..=8).map(|i| samples::bar(i, i as f64, i as f64 + 0.5, i as f64)).collect();
    let longer = Candles::from_bars(&bars).unwrap().resample(4 * HOUR_MS).unwrap();
    assert_eq!(longer.len(), 1);
    let high = bars[6].high;
    let expected =
        Candle { ts_ms: START_MS + 4 * HOUR_MS, open: 4.0, high, low: 4.0 * 0.999, close: 7.5, volume: 22.0 };
    assert_eq!(longer.bar(0), expected);
}

#[test]
fn weeks_begin_on_monday() {
    // 2023-01-01 is a Sunday, so the first whole week begins a day later.
    let bars: Vec<_> = (0..24 * 15).map(|i| samples::bar(i, 1.0, 1.0, 1.0)).collect();
    let weeks = Candles::from_bars(&bars).unwrap().resample(7 * DAY_MS).unwrap();
    assert_eq!(weeks.ts_ms(), [START_MS + DAY_MS, START_MS + 8 * DAY_MS]);
}

#[test]
fn only_multiples_can_be_resampled_to() {
    let candles = samples::of_closes(&[1.0; 4]);
    for bad in [0, -HOUR_MS, HOUR_MS / 2, HOUR_MS * 3 / 2] {
        assert!(matches!(candles.resample(bad).unwrap_err().fault, Fault::NoMultiple { .. }));
    }
    assert_eq!(candles.resample(HOUR_MS).unwrap(), candles);
}

fn read(text: &str) -> Result<Candles, ReadError> {
    read_csv(text.as_bytes())
}

#[test]
fn csv_columns_come_in_any_order_with_others_between() {
    let text = "\u{feff}volume,ts_ms,close,note,high,low,open\r\n5,1672531200000,2,x,3,1,1.5\r\n0,1672534800000,2, ,3e0,1,2\r\n";
    let candles = read(text).unwrap();
    assert_eq!((candles.len(), candles.timeframe_ms()), (2, HOUR_MS));
    let first = Candle { ts_ms: START_MS, open: 1.5, high: 3.0, low: 1.0, close: 2.0, volume: 5.0 };
    assert_eq!(candles.bar(0), first);
}

#[test]
fn a_bad_line_is_named() {
    let text = |error: Result<Candles, ReadError>| error.unwrap_err().to_string();
    let header = "ts_ms,open,high,low,close,volume\n1672531200000,1,1,1,1,1\n";
    assert_eq!(
        text(read("a,b\n")),
        "no column ts_ms; the columns ts_ms,open,high,low,close,volume are needed"
    );
    assert_eq!(text(read(&format!("{header}1672534800000,x,1,1,1,1\n"))), "line 3: open is \"x\", no number");
    assert_eq!(text(read(&format!("{header}1672534800000,1,1\n"))), "line 3: low is \"\", no number");
    let duplicate = text(read(&format!("{header}1672531200000,1,1,1,1,1\n")));
    assert_eq!(duplicate, "line 3: bar 1: time 1672531200000 was there already; keep one of the two");
    assert_eq!(text(read("")), "no column ts_ms; the columns ts_ms,open,high,low,close,volume are needed");
}

/// Inputs that once were interesting, kept so that each run of the tests tries them again.
#[test]
fn the_kept_corpus_gives_candles_or_an_error() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/csv");
    let files: Vec<_> = std::fs::read_dir(corpus).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 8);
    for file in files {
        let good = file.file_name().unwrap().to_str().unwrap().starts_with("good");
        assert_eq!(read_csv(std::fs::File::open(&file).unwrap()).is_ok(), good, "{}", file.display());
    }
}

fn csv_like() -> impl Strategy<Value = String> {
    let field = prop_oneof!["-?[0-9]{0,14}", "[0-9]{1,3}\\.[0-9]{0,3}", "NaN|inf|-0|1e308|\"|\"1\"| |\u{e9}"];
    let row = prop::collection::vec(field, 0..8).prop_map(|fields| fields.join(","));
    let rows = prop::collection::vec(row, 0..6).prop_map(|rows| rows.join("\n"));
    rows.prop_map(|rows| format!("ts_ms,open,high,low,close,volume\n{rows}"))
}

proptest! {
    #[test]
    fn any_bytes_give_candles_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_csv(bytes.as_slice());
    }

    #[test]
    fn what_is_read_is_usable(text in csv_like()) {
        if let Ok(candles) = read(&text) {
            prop_assert!(candles.ts_ms().is_sorted());
            prop_assert!(candles.close().iter().all(|close| close.is_finite() && *close > 0.0));
        }
    }

    #[test]
    fn written_candles_read_back_the_same(bars in samples::walk(2..30)) {
        let rows = bars.iter().map(|b| format!("{},{},{},{},{},{}\n", b.ts_ms, b.open, b.high, b.low, b.close, b.volume));
        let text = format!("ts_ms,open,high,low,close,volume\n{}", rows.collect::<String>());
        prop_assert_eq!(read(&text).unwrap(), samples::candles(&bars));
    }

    #[test]
    fn resampling_twice_equals_resampling_once(bars in samples::walk(48..200), a in 2i64..5, b in 2i64..4) {
        let candles = samples::candles(&bars);
        let once = candles.resample(a * b * HOUR_MS).unwrap();
        let twice = candles.resample(a * HOUR_MS).unwrap().resample(a * b * HOUR_MS).unwrap();
        prop_assert_eq!(once.ts_ms(), twice.ts_ms());
        prop_assert_eq!(once.open(), twice.open());
        prop_assert_eq!(once.high(), twice.high());
        prop_assert_eq!(once.low(), twice.low());
        prop_assert_eq!(once.close(), twice.close());
        for (a, b) in once.volume().iter().zip(twice.volume().iter()) {
            prop_assert!((a - b).abs() <= 1e-9 * b.max(1.0));
        }
    }
}
