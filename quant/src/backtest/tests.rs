use super::*;
use crate::candles::{Candles, DAY_MS};
use crate::figures::Figures;
use crate::samples::{self, HOUR_MS, START_MS};
use crate::strategies::{Cache, Kind, Preset};
use proptest::prelude::*;
use proptest::strategy::Strategy as _;

const FREE: Execution =
    Execution { cash: 1000.0, fee_rate: 0.0, slippage_bps: 0.0, latency_ms: 0, direction: Direction::Long };

/// Runs signals that are given by bar.
fn signals(candles: &Candles, given: &[(usize, Signal)], execution: &Execution) -> Book {
    let mut book = Book::default();
    let mut scripted = |index: usize, _: &Candle| {
        given.iter().find(|(bar, _)| *bar == index).map_or(Signal::Hold, |(_, signal)| *signal)
    };
    run(&Market::new(candles), &mut scripted, execution, &mut book);
    book
}

/// Bars that open and close at these prices.
fn bars(prices: &[(f64, f64)]) -> Candles {
    let bars = prices.iter().enumerate().map(|(i, &(open, close))| samples::bar(i, open, close, 1.0));
    samples::candles(&bars.collect::<Vec<_>>())
}

#[test]
fn a_signal_is_filled_at_the_next_open() {
    let candles = bars(&[(1.0, 9.0), (10.0, 11.0), (12.0, 15.0), (20.0, 5.0)]);
    let book = signals(&candles, &[(0, Signal::Buy), (2, Signal::Sell)], &FREE);
    assert_eq!(book.equity(), [1000.0, 1000.0, 1100.0, 1500.0, 2000.0]);
    let [trade] = book.trades() else { panic!("one trade") };
    assert_eq!((trade.entry_price, trade.exit_price, trade.quantity), (10.0, 20.0, 100.0));
    assert_eq!((trade.entry_bar_ms, trade.exit_bar_ms), (START_MS + HOUR_MS, START_MS + 3 * HOUR_MS));
    assert_eq!((trade.profit, trade.profit_pct, book.held_bars()), (1000.0, 100.0, 2));
}

#[test]
fn fees_and_slippage_are_paid_on_both_sides() {
    let candles = bars(&[(1.0, 1.0), (100.0, 100.0), (100.0, 100.0), (100.0, 100.0)]);
    let execution = Execution { fee_rate: 0.01, slippage_bps: 100.0, ..FREE };
    let book = signals(&candles, &[(0, Signal::Buy), (1, Signal::Sell)], &execution);
    let trade = book.trades()[0];
    let quantity = 1000.0 / (101.0 * 1.01);
    assert_eq!((trade.entry_price, trade.exit_price, trade.quantity), (101.0, 99.0, quantity));
    let fees = quantity * 101.0 * 0.01 + quantity * 99.0 * 0.01;
    assert!((trade.fees - fees).abs() < 1e-12);
    assert!((trade.profit - (quantity * 99.0 * 0.99 - 1000.0)).abs() < 1e-9);
}

#[test]
fn latency_moves_the_fill_into_the_bar_that_holds_the_moment() {
    let candles = bars(&[(1.0, 1.0), (10.0, 14.0), (20.0, 40.0), (50.0, 50.0)]);
    let entry = |latency_ms| {
        let execution = Execution { latency_ms, ..FREE };
        signals(&candles, &[(0, Signal::Buy), (2, Signal::Sell)], &execution)
    };
    let filled = |latency_ms: i64| entry(latency_ms).trades().first().map(|trade| trade.entry_price);
    assert_eq!(filled(HOUR_MS / 4), Some(11.0));
    assert_eq!(filled(HOUR_MS - 1), Some(10.0 + 4.0 * (HOUR_MS - 1) as f64 / HOUR_MS as f64));
    // Later than any bar that is left: the exit, then the entry too, are never filled.
    assert_eq!((filled(HOUR_MS), entry(HOUR_MS).open()), (None, Some(Side::Long)));
    assert_eq!(entry(HOUR_MS).equity(), [1000.0, 1000.0, 1000.0, 2000.0, 2500.0]);
    assert_eq!(entry(5 * HOUR_MS).open(), None);
}

#[test]
fn an_order_that_falls_into_a_gap_waits_for_the_next_open() {
    let mut candles = Candles::new(HOUR_MS).unwrap();
    for (hour, price) in [(0, 1.0), (1, 10.0), (9, 40.0), (10, 40.0)] {
        candles.push(samples::bar(hour, price, price, 1.0)).unwrap();
    }
    let execution = Execution { latency_ms: 2 * HOUR_MS, ..FREE };
    let book = signals(&candles, &[(0, Signal::Buy)], &execution);
    assert_eq!(book.equity(), [1000.0, 1000.0, 1000.0, 1000.0, 1000.0]);
    assert_eq!((book.open(), book.held_bars()), (Some(Side::Long), 2));
}

#[test]
fn a_signal_for_the_state_already_held_or_ordered_is_ignored() {
    let candles = bars(&[(10.0, 10.0); 8]);
    let given = [(0, Signal::Sell), (1, Signal::Buy), (2, Signal::Buy), (3, Signal::Sell), (4, Signal::Sell)];
    assert_eq!(signals(&candles, &given, &FREE).trades().len(), 1);
    let late = Execution { latency_ms: 2 * HOUR_MS, ..FREE };
    assert_eq!(signals(&candles, &given, &late).trades().len(), 1);
}

#[test]
fn enter_and_leave_on_the_same_bar_cancel_each_other() {
    assert_eq!(Signal::of(true, true), Signal::Hold);
    assert_eq!(Signal::of(false, false), Signal::Hold);
    assert_eq!((Signal::of(true, false), Signal::of(false, true)), (Signal::Buy, Signal::Sell));
}

#[test]
fn a_position_open_at_the_end_is_marked_and_no_trade() {
    let candles = bars(&[(10.0, 10.0), (10.0, 12.0), (12.0, 15.0)]);
    let book = signals(&candles, &[(0, Signal::Buy)], &FREE);
    assert_eq!((book.trades().len(), book.open(), book.equity()[3]), (0, Some(Side::Long), 1500.0));
    let last = signals(&candles, &[(2, Signal::Buy)], &FREE);
    assert_eq!((last.open(), last.equity()[3]), (None, 1000.0));
}

#[test]
fn a_short_earns_what_the_price_loses() {
    let candles = bars(&[(10.0, 10.0), (10.0, 9.0), (9.0, 6.0), (5.0, 5.0)]);
    let given = [(0, Signal::Sell), (2, Signal::Buy)];
    let book = signals(&candles, &given, &Execution { direction: Direction::Short, ..FREE });
    assert_eq!(book.equity(), [1000.0, 1000.0, 1100.0, 1400.0, 1500.0]);
    assert_eq!((book.trades()[0].side, book.trades()[0].profit_pct), (Side::Short, 50.0));
    assert!(signals(&candles, &given, &FREE).trades().is_empty());
}

#[test]
fn both_directions_turn_the_position_around() {
    let candles = bars(&[(10.0, 10.0), (10.0, 10.0), (20.0, 20.0), (10.0, 10.0)]);
    let given = [(0, Signal::Buy), (1, Signal::Sell)];
    let book = signals(&candles, &given, &Execution { direction: Direction::Both, ..FREE });
    assert_eq!(book.equity(), [1000.0, 1000.0, 1000.0, 2000.0, 3000.0]);
    assert_eq!((book.trades().len(), book.open()), (1, Some(Side::Short)));
}

#[test]
fn a_short_that_eats_the_capital_is_liquidated_and_ends_the_run() {
    let candles = bars(&[(10.0, 10.0), (10.0, 15.0), (15.0, 25.0), (5.0, 5.0), (5.0, 4.0)]);
    let given = [(0, Signal::Sell), (2, Signal::Buy), (3, Signal::Sell)];
    let book = signals(&candles, &given, &Execution { direction: Direction::Both, ..FREE });
    assert_eq!(book.equity(), [1000.0, 1000.0, 500.0, 0.0, 0.0, 0.0]);
    let [trade] = book.trades() else { panic!("one trade") };
    assert_eq!((trade.profit, trade.profit_pct, book.open()), (-1000.0, -100.0, None));
    let figures = Figures::of(&Market::new(&candles), &book).unwrap();
    assert_eq!((figures.return_pct, figures.max_drawdown_pct), (-100.0, 100.0));
}

#[test]
fn days_end_at_the_close_that_midnight_stamps() {
    let mut candles = Candles::new(12 * HOUR_MS).unwrap();
    for half_day in [0, 1, 2, 7] {
        let bar = samples::bar(0, 1.0, 1.0, 1.0);
        candles.push(Candle { ts_ms: START_MS + half_day * DAY_MS / 2, ..bar }).unwrap();
    }
    // Day 0 has rows 1 and 2, day 1 row 3, day 2 nothing, day 3 row 4.
    assert_eq!(Market::new(&candles).day_ends(), [2, 3, 3, 4]);
    assert_eq!(Market::window(&candles, 1..99).range(), 1..4);
    assert_eq!(Market::window(&candles, 1..4).day_ends(), [1, 2, 2, 3]);
    assert!(Market::window(&candles, 9..12).day_ends().is_empty());
}

#[test]
fn every_cost_has_its_bounds() {
    let allowed = |change: fn(&mut Execution)| {
        let mut execution = Execution::default();
        change(&mut execution);
        execution.check().is_ok()
    };
    assert!(allowed(|e| e.cash = 1e15) && !allowed(|e| e.cash = 1.1e15));
    assert!(!allowed(|e| e.cash = 0.0) && !allowed(|e| e.cash = f64::NAN));
    assert!(
        allowed(|e| e.fee_rate = 0.0) && !allowed(|e| e.fee_rate = 0.5) && !allowed(|e| e.fee_rate = -0.1)
    );
    assert!(allowed(|e| e.slippage_bps = 0.0) && !allowed(|e| e.slippage_bps = 5000.0));
    assert!(!allowed(|e| e.slippage_bps = f64::INFINITY) && !allowed(|e| e.fee_rate = f64::NAN));
    assert!(allowed(|e| e.latency_ms = 0) && !allowed(|e| e.latency_ms = -1));
    assert!(!allowed(|e| e.latency_ms = i64::MAX));
}

fn preset() -> impl proptest::strategy::Strategy<Value = Preset> {
    let presets = vec![
        Preset::from_values(Kind::Rsi, &[3.0, 40.0, 60.0]).unwrap(),
        Preset::from_values(Kind::Macd, &[3.0, 6.0, 3.0]).unwrap(),
        Preset::from_values(Kind::Bollinger, &[5.0, 1.0]).unwrap(),
        Preset::from_values(Kind::Volume, &[5.0, 1.2]).unwrap(),
    ];
    prop::sample::select(presets)
}

fn execution() -> impl proptest::strategy::Strategy<Value = Execution> {
    let direction = prop_oneof![Just(Direction::Long), Just(Direction::Short), Just(Direction::Both)];
    (0i64..4 * HOUR_MS, direction).prop_map(|(latency, direction)| {
        let latency_ms = if latency < HOUR_MS { 0 } else { latency - HOUR_MS };
        Execution { latency_ms, direction, ..Execution::default() }
    })
}

fn run_preset(candles: &Candles, preset: &Preset, execution: &Execution) -> Book {
    let mut book = Book::default();
    preset.run(&Market::new(candles), execution, &mut Cache::default(), &mut book).unwrap();
    book
}

proptest! {
    #[test]
    fn no_future_candle_changes_an_earlier_trade(
        bars in samples::walk(40..160), cut in 0.2f64..0.9, preset in preset(), execution in execution(),
        factor in 0.5f64..2.0
    ) {
        let cut = (bars.len() as f64 * cut) as usize;
        let mut changed = bars.clone();
        for bar in &mut changed[cut..] {
            let volume = bar.volume * 3.0 + 1.0;
            *bar = Candle { ts_ms: bar.ts_ms, ..samples::bar(0, bar.open * factor, bar.close / factor, volume) };
        }
        let (a, b) = (samples::candles(&bars), samples::candles(&changed));
        let (a, b) = (run_preset(&a, &preset, &execution), run_preset(&b, &preset, &execution));
        prop_assert_eq!(&a.equity()[..=cut], &b.equity()[..=cut]);
        let earlier = |book: &Book| -> Vec<Trade> {
            let before = bars[cut].ts_ms;
            book.trades().iter().filter(|trade| trade.exit_bar_ms < before).copied().collect()
        };
        prop_assert_eq!(earlier(&a), earlier(&b));
    }

    #[test]
    fn the_curve_ends_where_the_trades_lead(
        bars in samples::walk(40..160), preset in preset(), execution in execution()
    ) {
        let candles = samples::candles(&bars);
        let book = run_preset(&candles, &preset, &execution);
        let profit: f64 = book.trades().iter().map(|trade| trade.profit).sum();
        if book.open().is_none() {
            let end = book.equity()[bars.len()];
            prop_assert!((end - execution.cash - profit).abs() < 1e-6, "{} {}", end, profit);
        }
        for trade in book.trades() {
            prop_assert!(trade.entry_ms <= trade.exit_ms && trade.quantity > 0.0);
        }
    }

    #[test]
    fn a_book_used_again_holds_nothing_of_the_run_before(
        bars in samples::walk(40..120), first in preset(), second in preset()
    ) {
        let (candles, execution) = (samples::candles(&bars), Execution::default());
        let (mut book, mut cache) = (Book::default(), Cache::default());
        first.run(&Market::new(&candles), &execution, &mut cache, &mut book).unwrap();
        second.run(&Market::new(&candles), &execution, &mut cache, &mut book).unwrap();
        prop_assert_eq!(book, run_preset(&candles, &second, &execution));
    }
}
