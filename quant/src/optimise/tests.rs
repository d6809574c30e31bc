use super::trial::blocks;
use super::walk_forward::ranges;
use super::*;
use crate::backtest::{Book, Execution, Market, Signal, run};
use crate::candles::{Candle, Candles};
use crate::figures::Figures;
use crate::indicators::IndicatorError;
use crate::samples;
use crate::strategies::{Kind, Parameter};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// A walk that is the same every time.
fn candles(bars: usize) -> Candles {
    let mut price = 100.0;
    let bars = (0..bars).map(|i| {
        let open = price;
        price *= 1.0 + ((i * 7919 + i * i * 104_729) % 1000) as f64 / 25_000.0 - 0.02
            + (i as f64 / 40.0).sin() / 200.0;
        samples::bar(i, open, price, ((i * 31) % 17) as f64)
    });
    samples::candles(&bars.collect::<Vec<_>>())
}

fn quietly<T>(search: impl FnOnce(Control<'_>) -> T) -> T {
    search(Control { cancelled: &AtomicBool::new(false), progress: &|_| {} })
}

fn searched(kind: Kind, candles: &Candles, search: &Search) -> Report {
    quietly(|control| optimise(&kind, candles, &Execution::default(), search, control)).unwrap()
}

const WALK: Option<WalkForward> = Some(WalkForward { windows: 3, anchored: false });

#[test]
fn the_same_seed_gives_the_same_report_for_any_number_of_threads() {
    let candles = candles(1500);
    for method in [Method::Grid, Method::Genetic] {
        let search = Search { method, variations: 60, walk_forward: WALK, seed: 7, ..Search::default() };
        let alone = searched(Kind::Rsi, &candles, &search);
        for threads in [2, 5] {
            assert_eq!(searched(Kind::Rsi, &candles, &Search { threads, ..search }), alone);
        }
    }
}

#[test]
fn another_seed_tries_other_points() {
    let candles = candles(400);
    let search = |seed| Search { method: Method::Genetic, seed, min_trades: 0, ..Search::default() };
    let tried = |seed| searched(Kind::Macd, &candles, &search(seed)).trials;
    assert_ne!(tried(1), tried(2));
}

#[test]
fn a_genetic_search_tries_no_point_twice_and_begins_with_the_defaults() {
    let candles = candles(400);
    for kind in Kind::ALL {
        let search = Search { method: Method::Genetic, variations: 120, ..Search::default() };
        let report = searched(kind, &candles, &search);
        let points: BTreeSet<Vec<u64>> = report
            .trials
            .iter()
            .map(|trial| trial.values.iter().map(|value| value.to_bits()).collect())
            .collect();
        assert_eq!((report.variations, points.len()), (120, 120), "{kind}");
        let defaults: Vec<f64> = kind.parameters().iter().map(|parameter| parameter.default).collect();
        assert_eq!(report.trials[0].values, defaults, "{kind}");
    }
}

/// Scores are known in advance: the nearer to (30, 70), the more is earned.
struct Hill;

const HILL: [Parameter; 2] = [hill("x"), hill("y")];

const fn hill(name: &'static str) -> Parameter {
    Parameter {
        name,
        meaning: "",
        default: 0.0,
        least: 0.0,
        most: 99.0,
        from: 0.0,
        to: 99.0,
        step: 1.0,
        whole: true,
    }
}

impl Family for Hill {
    type Shared<'a> = ();

    fn parameters(&self) -> &[Parameter] {
        &HILL
    }

    fn run<'a>(
        &self,
        values: &[f64],
        market: &Market<'a>,
        execution: &Execution,
        (): &mut (),
        book: &mut Book,
    ) -> Result<(), IndicatorError> {
        let distance = (values[0] - 30.0).hypot(values[1] - 70.0);
        let late = (distance * 5.0) as usize;
        let mut buy = |index: usize, _: &Candle| Signal::of(index >= market.range().start + late, false);
        run(market, &mut buy, execution, book);
        Ok(())
    }
}

#[test]
fn a_genetic_search_climbs_where_a_grid_of_as_many_points_cannot() {
    let rising: Vec<f64> = (0..900).map(|i| 100.0 + f64::from(i) * 0.1).collect();
    let candles = samples::of_closes(&rising);
    let best = |method| {
        let search = Search {
            method,
            variations: 250,
            objective: Objective::Return,
            min_trades: 0,
            ..Search::default()
        };
        let report =
            quietly(|control| optimise(&Hill, &candles, &Execution::default(), &search, control)).unwrap();
        (report.top[0].values[0] - 30.0).hypot(report.top[0].values[1] - 70.0)
    };
    let (genetic, grid) = (best(Method::Genetic), best(Method::Grid));
    assert!(genetic < 2.0 && genetic < grid, "{genetic} {grid}");
}

#[test]
fn a_search_that_has_tried_everything_stops() {
    const FEW: [Parameter; 1] = [Parameter { to: 4.0, ..HILL[0] }];
    struct Few;
    impl Family for Few {
        type Shared<'a> = ();
        fn parameters(&self) -> &[Parameter] {
            &FEW
        }
        fn run<'a>(
            &self,
            values: &[f64],
            market: &Market<'a>,
            execution: &Execution,
            shared: &mut (),
            book: &mut Book,
        ) -> Result<(), IndicatorError> {
            Hill.run(&[values[0], 0.0], market, execution, shared, book)
        }
    }
    let candles = candles(600);
    for method in [Method::Grid, Method::Genetic] {
        let search = Search { method, variations: 500, ..Search::default() };
        let report =
            quietly(|control| optimise(&Few, &candles, &Execution::default(), &search, control)).unwrap();
        assert_eq!(report.variations, 5);
    }
}

#[test]
fn a_grid_is_as_large_as_asked_and_even() {
    for (kind, variations, expected) in [(Kind::Rsi, 50, 50), (Kind::Rsi, 500, 500), (Kind::Macd, 27, 27)] {
        assert_eq!(grid(kind.parameters(), variations).len(), expected, "{kind}");
    }
    let points = grid(Kind::Bollinger.parameters(), 100);
    let levels = |place: usize| points.iter().map(|point| point[place]).collect::<BTreeSet<_>>();
    assert_eq!((levels(0).len(), levels(1).len()), (10, 10));
    assert_eq!((levels(0).first(), levels(0).last()), (Some(&0), Some(&75)));
    assert_eq!(grid(Kind::Rsi.parameters(), 1), [[18, 15, 15]]);
}

proptest! {
    #[test]
    fn a_grid_has_distinct_points_in_range(variations in 1usize..700, kind in prop::sample::select(&Kind::ALL[..])) {
        let points = grid(kind.parameters(), variations);
        let distinct: BTreeSet<_> = points.iter().collect();
        prop_assert!(!points.is_empty() && points.len() <= variations);
        prop_assert_eq!(distinct.len(), points.len());
        for point in &points {
            prop_assert!(point.iter().zip(kind.parameters()).all(|(&step, parameter)| step < parameter.steps()));
        }
    }

    #[test]
    fn windows_trade_every_later_bar_once_and_only_after_the_search(
        bars in 10usize..5000, windows in 1usize..9, anchored in any::<bool>()
    ) {
        let ranges = ranges(bars, WalkForward { windows, anchored });
        prop_assert_eq!(ranges.len(), windows);
        prop_assert_eq!(ranges[windows - 1].1.end, bars);
        for (k, (searched, traded)) in ranges.iter().enumerate() {
            prop_assert_eq!(searched.end, traded.start);
            prop_assert!(!anchored || searched.start == 0);
            prop_assert!(k == 0 || ranges[k - 1].1.end == traded.start);
        }
    }
}

#[test]
fn what_was_held_back_changes_nothing_in_sample() {
    let candles = candles(1200);
    let search = Search { walk_forward: WALK, ..Search::default() };
    let report = searched(Kind::Bollinger, &candles, &search);
    assert_eq!((report.searched.clone(), report.held_back.clone()), (0..900, 900..1200));
    let mut shorter = Candles::new(candles.timeframe_ms()).unwrap();
    candles.bars(0..900).for_each(|bar| shorter.push(bar).unwrap());
    let alone = searched(Kind::Bollinger, &shorter, &Search::default());
    assert_eq!(alone.trials, report.trials);
    assert!(alone.top.iter().all(|best| best.out_of_sample.is_none()));
    assert!(report.top.iter().all(|best| best.out_of_sample.is_some_and(|figures| figures.bars == 300)));
}

#[test]
fn the_walk_adds_up_its_windows() {
    let candles = candles(1200);
    let report = searched(Kind::Rsi, &candles, &Search { walk_forward: WALK, ..Search::default() });
    let walk = report.walk_forward.unwrap();
    let compounded = walk.windows.iter().fold(1.0, |all, w| all * (1.0 + w.out_of_sample.return_pct / 100.0));
    assert!(((compounded - 1.0) * 100.0 - walk.out_of_sample.return_pct).abs() < 1e-9);
    assert_eq!(walk.windows.iter().map(|w| w.out_of_sample.trades).sum::<u64>(), walk.out_of_sample.trades);
    assert_eq!(walk.windows.iter().map(|w| w.out_of_sample.days).sum::<u64>(), walk.out_of_sample.days);
}

#[test]
fn the_best_come_first_and_too_few_trades_last() {
    let candles = candles(1500);
    let report = searched(Kind::Rsi, &candles, &Search { top: 50, min_trades: 12, ..Search::default() });
    let keys: Vec<_> = report.top.iter().map(|best| (best.in_sample.trades >= 12, best.score)).collect();
    assert!(keys.is_sorted_by(|a, b| a >= b) && keys[0].0 && !keys[keys.len() - 1].0);
}

#[test]
fn a_search_can_be_stopped_and_tells_how_far_it_was() {
    let candles = candles(400);
    let (cancelled, seen) = (AtomicBool::new(false), Mutex::new(Vec::new()));
    let progress = |progress: Progress| {
        seen.lock().unwrap().push(progress);
        cancelled.store(true, Ordering::Relaxed);
    };
    let control = Control { cancelled: &cancelled, progress: &progress };
    let result = optimise(&Kind::Rsi, &candles, &Execution::default(), &Search::default(), control);
    assert_eq!(result, Err(OptimiseError::Cancelled { done: 8, total: 50 }));
    assert_eq!(*seen.lock().unwrap(), [Progress { done: 8, total: 50 }]);
}

#[test]
fn progress_ends_at_the_total() {
    let candles = candles(800);
    let last = Mutex::new(None);
    let progress = |progress: Progress| *last.lock().unwrap() = Some(progress);
    let control = Control { cancelled: &AtomicBool::new(false), progress: &progress };
    let search = Search { walk_forward: WALK, ..Search::default() };
    optimise(&Kind::Macd, &candles, &Execution::default(), &search, control).unwrap();
    let Progress { done, total } = last.into_inner().unwrap().unwrap();
    assert!(total == 200 && done <= total && done > 150, "{done} of {total}");
}

#[test]
fn bounds_of_a_search_are_checked() {
    let candles = candles(400);
    let bad = [
        Search { variations: 0, ..Search::default() },
        Search { variations: MOST_VARIATIONS + 1, ..Search::default() },
        Search { threads: 0, ..Search::default() },
        Search { top: 0, ..Search::default() },
        Search { walk_forward: Some(WalkForward { windows: 0, anchored: true }), ..Search::default() },
        Search { walk_forward: Some(WalkForward { windows: 4, anchored: true }), ..Search::default() },
    ];
    for search in bad {
        let result =
            quietly(|control| optimise(&Kind::Rsi, &candles, &Execution::default(), &search, control));
        assert!(matches!(result, Err(OptimiseError::Parameter(_))), "{search:?}");
    }
    let none = Candles::new(1).unwrap();
    let result =
        quietly(|control| optimise(&Kind::Rsi, &none, &Execution::default(), &Search::default(), control));
    assert_eq!(result, Err(OptimiseError::NoCandles));
}

/// Trials with these day returns; the figures do not matter.
fn trials(returns: &[Vec<f64>]) -> Vec<Trial> {
    let candles = samples::of_closes(&[1.0, 1.0]);
    let (market, mut book) = (Market::new(&candles), Book::default());
    run(&market, &mut |_, _: &Candle| Signal::Hold, &Execution::default(), &mut book);
    let figures = Figures::of(&market, &book).unwrap();
    let trial = |returns: &Vec<f64>| Trial { values: vec![], figures, score: None, blocks: blocks(returns) };
    returns.iter().map(trial).collect()
}

/// Day returns without any pattern, the same every time.
fn noise(series: usize, days: usize, drift: f64) -> Vec<f64> {
    let mut random = random::Random::new(series as u64, 3);
    (0..days).map(|_| drift + (random.below(2001) as f64 - 1000.0) / 1e5).collect()
}

#[test]
fn skill_is_told_from_luck() {
    let luck: Vec<_> = (0..40).map(|series| noise(series, 240, 0.0)).collect();
    let by_luck = overfitting(&trials(&luck)).unwrap();
    assert_eq!((by_luck.combinations, by_luck.trials), (924, 40));
    assert!((0.2..0.9).contains(&by_luck.probability), "{}", by_luck.probability);
    let mut skill = luck;
    skill[17] = noise(17, 240, 0.005);
    let by_skill = overfitting(&trials(&skill)).unwrap();
    assert_eq!((by_skill.probability, by_skill.loss_probability), (0.0, 0.0));
}

#[test]
fn overfitting_equals_its_definition() {
    // A drift that no sum of the noise cancels, so that the sign of a sum is no matter of rounding.
    let returns: Vec<_> = (0..7).map(|series| noise(series, 61, 1e-7)).collect();
    let sharpe = |returns: &[f64]| crate::live::Periods::of(returns).sharpe(1.0).unwrap();
    let (mut count, mut low, mut loss) = (0.0, 0.0, 0.0);
    for half in (0u32..4096).filter(|half| half.count_ones() == 6) {
        let side = |all: &Vec<f64>, wanted: bool| -> f64 {
            let block = |b: usize| all[b * 61 / 12..(b + 1) * 61 / 12].to_vec();
            sharpe(&(0..12).filter(|b| (half >> b & 1 == 1) == wanted).flat_map(block).collect::<Vec<_>>())
        };
        let inside: Vec<f64> = returns.iter().map(|all| side(all, true)).collect();
        let outside: Vec<f64> = returns.iter().map(|all| side(all, false)).collect();
        let best = (0..7).max_by(|&a, &b| inside[a].total_cmp(&inside[b])).unwrap();
        let rank = outside.iter().filter(|value| **value <= outside[best]).count() as f64;
        let omega = rank / 8.0;
        count += 1.0;
        low += f64::from(u8::from((omega / (1.0 - omega)).ln() <= 0.0));
        loss += f64::from(u8::from(outside[best] < 0.0));
    }
    let got = overfitting(&trials(&returns)).unwrap();
    assert_eq!((got.probability, got.loss_probability), (low / count, loss / count));
}

#[test]
fn too_little_to_compare_gives_nothing() {
    assert_eq!(overfitting(&trials(&[noise(1, 240, 0.0)])), None);
    assert_eq!(overfitting(&trials(&[noise(1, 23, 0.0), noise(2, 23, 0.0)])), None);
    assert!(overfitting(&trials(&[noise(1, 24, 0.0), noise(2, 24, 0.0)])).is_some());
}

#[test]
fn sensitivity_tells_what_matters() {
    let mut points = trials(&vec![vec![]; 6]);
    for (i, trial) in points.iter_mut().enumerate() {
        trial.values = vec![(i / 3) as f64, (i % 3) as f64];
        trial.score = (i != 5).then_some((i / 3) as f64 * 10.0 + if i == 1 { 3.0 } else { 0.0 });
    }
    let [x, y] = &sensitivity(&HILL, &points)[..] else { panic!("two parameters") };
    let level = |value, trials, mean, best, worst| Level { value, trials, mean, best, worst };
    assert_eq!(x.levels, [level(0.0, 3, 1.0, 3.0, 0.0), level(1.0, 2, 10.0, 10.0, 10.0)]);
    assert_eq!(y.levels.iter().map(|level| level.trials).collect::<Vec<_>>(), [2, 2, 1]);
    assert!(x.explained.unwrap() > 0.9 && y.explained.unwrap() < 0.3);
    assert_eq!(sensitivity(&HILL, &points[..1])[0].explained, None);
    assert!(sensitivity(&HILL, &[])[0].levels.is_empty());
}
