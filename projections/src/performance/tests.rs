use super::*;
use crate::testing::{View, at, moment, trade_closed};
use events::Decimal;
use proptest::prelude::*;
use quant::live::LiveFigures;

/// The figures of a query on a saved view, its chunks read as a store reads them.
fn ask(view: &View, query: &PerformanceQuery) -> Vec<PerformanceRow> {
    let mut fold = PerformanceFold::new(query, view).unwrap();
    let (since, until) = fold.window();
    let mut chunks: Vec<_> =
        view.documents().iter().filter(|((name, _), _)| *name == CHUNKS).map(|(_, chunk)| chunk).collect();
    chunks.sort_by_key(|chunk| chunk.time);
    for chunk in chunks.iter().filter(|chunk| chunk.time >= Some(since) && chunk.time < Some(until)) {
        let Body::Blob(bytes) = &chunk.body else { panic!("a chunk is a blob") };
        fold.chunk(chunk.time.unwrap(), bytes).unwrap();
    }
    fold.finish()
}

fn by(by: By) -> PerformanceQuery {
    PerformanceQuery { by, ..PerformanceQuery::default() }
}

fn closed(position: u64, strategy: &str, second: i64, profit: &str) -> Recorded {
    let profit = profit.parse().unwrap();
    at(position, Event::TradeClosed(trade_closed(strategy, moment(second), profit, profit)))
}

#[test]
fn given_no_trades_then_the_total_is_there_and_says_so() {
    let view = View::of(Performance::default, &[]);
    let [total] = &ask(&view, &by(By::Total))[..] else { panic!("one row") };
    assert_eq!((total.figures.trades, total.figures.win_rate_pct), (0, None));
    assert!(ask(&view, &by(By::Strategy)).is_empty());
}

#[test]
fn given_trades_of_two_strategies_then_each_has_its_figures_by_name() {
    let events = [closed(1, "rsi", 5, "2"), closed(2, "macd", 1, "-1"), closed(3, "rsi", 9, "4")];
    let rows = ask(&View::of(Performance::default, &events), &by(By::Strategy));
    let figures: Vec<_> =
        rows.iter().map(|r| (r.strategy.as_deref().unwrap(), r.figures.return_pct)).collect();
    assert_eq!(figures, [("macd", -1.0), ("rsi", 6.0)]);
}

#[test]
fn given_a_window_then_its_start_counts_and_its_end_does_not() {
    let events = [closed(1, "rsi", 1, "1"), closed(2, "rsi", 2, "10"), closed(3, "rsi", 3, "100")];
    let view = View::of(Performance::default, &events);
    let query = PerformanceQuery { since: Some(moment(2)), until: Some(moment(3)), ..by(By::Total) };
    assert_eq!(ask(&view, &query)[0].figures.return_pct, 10.0);
}

#[test]
fn given_trades_of_two_days_then_each_day_is_named() {
    let events = [closed(1, "rsi", 90_000, "1"), closed(2, "rsi", 2, "10")];
    let rows = ask(&View::of(Performance::default, &events), &by(By::Day));
    let days: Vec<_> = rows.iter().map(|r| r.day.as_deref().unwrap()).collect();
    assert_eq!(days, ["2025-11-22", "2025-11-23"]);
}

#[test]
fn given_a_strategy_then_only_its_trades_count_and_an_unknown_one_has_none() {
    let view = View::of(Performance::default, &[closed(1, "rsi", 1, "1"), closed(2, "macd", 2, "10")]);
    let of = |name: &str| PerformanceQuery { strategy: Some(name.into()), ..by(By::Total) };
    assert_eq!(ask(&view, &of("rsi"))[0].figures.return_pct, 1.0);
    assert_eq!(ask(&view, &of("no such"))[0].figures.trades, 0);
}

#[test]
fn given_a_sum_beyond_a_decimal_then_every_trade_counts_to_the_digit() {
    let events = [closed(1, "rsi", 1, "79228162514264337593543950335"), closed(2, "rsi", 2, "0.1")];
    let rows = ask(&View::of(Performance::default, &events), &by(By::Total));
    let figures = &rows[0].figures;
    assert_eq!(
        (figures.trades, figures.profit.to_string()),
        (2, "79228162514264337593543950335.1".to_owned())
    );
}

#[test]
fn given_times_at_both_ends_of_the_range_then_nothing_panics() {
    let event = |position, us| {
        let trade = trade_closed("rsi", Timestamp::from_micros(us), Decimal::ONE, Decimal::ONE);
        at(position, Event::TradeClosed(trade))
    };
    let view = View::of(Performance::default, &[event(1, i64::MIN), event(2, i64::MAX - 1), event(3, 0)]);
    assert_eq!(ask(&view, &by(By::Total))[0].figures.trades, 3);
    let query = PerformanceQuery { since: Some(Timestamp::from_micros(i64::MIN)), ..by(By::Strategy) };
    assert_eq!(ask(&view, &query)[0].figures.trades, 3);
}

#[test]
fn given_a_full_chunk_and_too_many_days_then_chunks_are_sealed_and_memory_stays() {
    let mut events: Vec<_> = (1..=600).map(|n| closed(n, "rsi", n as i64, "1")).collect();
    events.extend((0..40).map(|n| closed(601 + n, "rsi", 86_400 * n as i64, "1")));
    let mut projection = Performance::default();
    events.iter().for_each(|event| projection.apply(event));
    assert_eq!((projection.open.len(), projection.sealed.len()), (OPEN_DAYS, 25));
    let rows = ask(&View::of(Performance::default, &events), &by(By::Total));
    assert_eq!(rows[0].figures.trades, 640);
}

/// Trades over some days, their order of arrival, and where the projection is saved and restored.
fn any_history() -> impl Strategy<Value = (Vec<Recorded>, Vec<usize>)> {
    let one = (0..40i64, 0..5i64, 0..3usize, -999..999i64, 0..3u32);
    let trades = prop::collection::vec(one, 0..120).prop_map(|rows| {
        let build =
            |(index, (day, second, strategy, profit, scale)): (usize, (i64, i64, usize, i64, u32))| {
                let profit = Decimal::new(profit, scale);
                let trade =
                    trade_closed(["a", "b", "c"][strategy], moment(day * 86_400 + second), profit, profit);
                at(index as u64 + 1, Event::TradeClosed(trade))
            };
        rows.into_iter().enumerate().map(build).collect::<Vec<_>>()
    });
    (trades, prop::collection::vec(0..120usize, 0..8))
}

/// The definition: all trades sorted, then folded.
fn naive(events: &[Recorded], strategy: &str, since: Timestamp) -> LiveSummary {
    let trades = events.iter().filter_map(|event| match &event.event {
        Event::TradeClosed(trade) => Some((event.position, trade)),
        _ => None,
    });
    let mut trades: Vec<_> =
        trades.filter(|(_, trade)| trade.strategy == strategy && trade.closed_at >= since).collect();
    trades.sort_by_key(|(position, trade)| (trade.closed_at, *position));
    let mut figures = LiveFigures::new();
    for (position, trade) in trades {
        let (closed_at_us, profit, profit_pct) = (trade.closed_at.micros(), trade.profit, trade.profit_pct);
        figures
            .push(
                &LiveTrade { closed_at_us, position, profit, profit_pct },
                trade.currency.as_deref().unwrap_or("?"),
            )
            .unwrap();
    }
    figures.finish()
}

use quant::live::LiveSummary;

proptest! {
    #[test]
    fn any_order_of_arrival_gives_the_figures_of_the_definition((events, cuts) in any_history(), day in 0..40i64) {
        let since = moment(day * 86_400 + 2);
        let view = View::in_batches(Performance::default, &events, &cuts);
        let rows = ask(&view, &PerformanceQuery { since: Some(since), ..by(By::Strategy) });
        for strategy in ["a", "b", "c"] {
            let want = naive(&events, strategy, since);
            let got = rows.iter().find(|row| row.strategy.as_deref() == Some(strategy));
            prop_assert_eq!(got.map_or(LiveFigures::new().finish(), |row| row.figures.clone()), want);
        }
    }

    #[test]
    fn the_view_does_not_tell_how_often_it_was_saved((events, cuts) in any_history()) {
        let in_one_go = View::of(Performance::default, &events);
        let in_batches = View::in_batches(Performance::default, &events, &cuts);
        prop_assert_eq!(in_batches.documents(), in_one_go.documents());
    }
}
