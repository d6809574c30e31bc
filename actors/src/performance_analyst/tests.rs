//! Given / when / then: at, below and above each limit.

use events::{
    AlertKind, ClockAcceptRequested, ClockFellBehind, Event, FigureStatus, Moment, PerformanceAdvice,
    PerformanceAnalystConfigured, PerformanceAnalyzed, ScheduleFired, SkipReason,
};

use super::{PerformanceAnalyst, SCHEDULE, validate};
use crate::testing::{Given, at, given, hourly, trade};

fn tick(planned_at: &str) -> Event {
    Event::ScheduleFired(ScheduleFired::planned(SCHEDULE, at(planned_at)))
}

fn closed(trade_id: &str, profit_pct: &str, closed_at: &str) -> Event {
    Event::TradeClosed(trade(trade_id, profit_pct, closed_at))
}

fn analyst() -> Given<PerformanceAnalyst> {
    given()
}

fn analysed(decided: &[Event]) -> &PerformanceAnalyzed {
    match &decided[0] {
        Event::PerformanceAnalyzed(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn nine_trades_are_skipped_with_the_reason_and_ten_are_judged() {
    let mut nine = analyst().facts(hourly("2025-01-01", "3", 9));
    let decided = nine.when(tick("2025-01-02T01:00:00Z"));
    let Event::PerformanceAnalysisSkipped(skipped) = &decided[0] else { panic!("{decided:?}") };
    assert_eq!((skipped.trades, skipped.reason, decided.len()), (9, SkipReason::TooFewTrades, 1));
    let mut ten = analyst().facts(hourly("2025-01-01", "3", 10));
    assert_eq!(analysed(&ten.when(tick("2025-01-02T01:00:00Z"))).trades, 10);
}

#[test]
fn the_window_is_seven_days_and_open_at_its_end() {
    let facts = hourly("2025-01-05", "3", 10);
    let mut analyst = analyst().facts(facts).facts([
        closed("start", "1", "2025-01-01T01:00:00Z"),
        closed("before", "1", "2025-01-01T00:59:59.999999Z"),
        closed("end", "1", "2025-01-08T01:00:00Z"),
    ]);
    let decided = analyst.when(tick("2025-01-08T01:00:00Z"));
    let found = analysed(&decided);
    assert_eq!((found.trades, found.wins), (11, 11));
    assert_eq!(
        (found.window_start, found.window_end),
        (at("2025-01-01T01:00:00Z"), at("2025-01-08T01:00:00Z"))
    );
}

#[test]
fn a_tick_that_comes_after_newer_trades_still_sees_its_whole_window() {
    let mut facts = hourly("2025-01-01", "3", 10);
    facts.extend((9..=16).flat_map(|day| hourly(&format!("2025-01-{day:02}"), "-1", 1)));
    let mut analyst = analyst().facts(facts);
    assert_eq!(analysed(&analyst.when(tick("2025-01-08T00:00:00Z"))).trades, 10);
}

#[test]
fn a_clock_that_ran_ahead_takes_no_trade_out_of_the_windows_before_and_after() {
    let mut facts = hourly("2026-11-20", "3", 10);
    facts.extend((1..=8).flat_map(|day| hourly(&format!("2035-01-{day:02}"), "-1", 1)));
    facts.push(Event::ClockFellBehind(ClockFellBehind {
        clock: at("2026-11-24T00:00:00Z"),
        newest: at("2035-01-08T00:30:00Z"),
        moment: Moment::ClosedAt,
        position: 180,
        behind_s: 255_000_000,
    }));
    facts.extend((24..=30).flat_map(|day| hourly(&format!("2026-11-{day}"), "1", 1)));
    let clock = at("2026-11-30T00:00:00Z");
    let accepted = ClockAcceptRequested { clock, reason: "it ran ahead".into() };
    facts.push(Event::ClockAcceptRequested(accepted));
    let mut analyst = analyst().facts(facts);
    assert_eq!(analysed(&analyst.when(tick("2026-11-27T00:00:00Z"))).trades, 13);
    let mut analyst = analyst.facts((1..=9).flat_map(|day| hourly(&format!("2026-12-0{day}"), "1", 2)));
    assert_eq!(analysed(&analyst.when(tick("2026-12-10T00:00:00Z"))).trades, 14);
}

#[test]
fn figures_agree_with_a_calculation_by_hand() {
    // Two periods of 24 h: +6 % over four trades, -2 % over eight; five periods without a trade.
    let mut facts: Vec<_> = hourly("2025-01-07", "1.5", 4);
    facts.extend(hourly("2025-01-06", "-0.25", 8));
    let mut analyst = analyst().facts(facts);
    let decided = analyst.when(tick("2025-01-08T00:00:00Z"));
    let found = analysed(&decided);
    assert_eq!((found.trades, found.wins, found.losses), (12, 4, 8));
    assert!((found.win_rate_pct - 100.0 / 3.0).abs() < 1e-12);
    assert!((found.average_profit_pct - 4.0 / 12.0).abs() < 1e-12);
    assert_eq!(found.profit.as_str(), "4");
    assert_eq!((found.profit_factor, found.max_drawdown_pct), (Some(3.0), 2.0));
    // Mean 4/7, sample variance (40 - 16/7) / 6.
    let sharpe = (4.0 / 7.0) / ((40.0 - 16.0 / 7.0) / 6.0_f64).sqrt() * 365.0_f64.sqrt();
    assert!((found.sharpe.unwrap() - sharpe).abs() < 1e-12, "{:?} {sharpe}", found.sharpe);
}

#[test]
fn order_of_arrival_changes_nothing() {
    let mut facts: Vec<_> = hourly("2025-01-06", "-2", 6);
    facts.extend(hourly("2025-01-07", "1.5", 6));
    let mut forwards = analyst().facts(facts.clone());
    facts.reverse();
    let mut backwards = analyst().facts(facts);
    let tick = || tick("2025-01-08T01:00:00Z");
    assert_eq!(analysed(&forwards.when(tick())), analysed(&backwards.when(tick())));
}

/// `wins` of 20 trades won, the rest lost.
fn with_wins(wins: usize) -> PerformanceAnalyzed {
    let mut facts = hourly("2025-01-07", "9", wins);
    facts.extend(hourly("2025-01-06", "-1", 20 - wins));
    analysed(&analyst().facts(facts).when(tick("2025-01-08T01:00:00Z"))).clone()
}

#[test]
fn win_rate_is_judged_at_its_limits() {
    assert_eq!(with_wins(14).statuses.win_rate, FigureStatus::Ok);
    assert_eq!(with_wins(13).statuses.win_rate, FigureStatus::Warning);
    assert_eq!(with_wins(11).statuses.win_rate, FigureStatus::Warning);
    let critical = with_wins(10);
    assert_eq!(critical.statuses.win_rate, FigureStatus::Critical);
    assert!(critical.trigger_ai_analysis);
    assert_eq!(critical.advice, [PerformanceAdvice::OptimizeParameters]);
}

/// Status of the average profit when every trade makes `percent`.
fn average(percent: &str) -> FigureStatus {
    let mut analyst = analyst().facts(hourly("2025-01-07", percent, 10));
    analysed(&analyst.when(tick("2025-01-08T01:00:00Z"))).statuses.average_profit
}

#[test]
fn average_profit_is_judged_at_its_limits() {
    assert_eq!(average("2.6"), FigureStatus::Ok);
    assert_eq!(average("2.59"), FigureStatus::Warning);
    assert_eq!(average("1.5"), FigureStatus::Warning);
    assert_eq!(average("1.49"), FigureStatus::Critical);
}

#[test]
fn an_undefined_sharpe_is_ok() {
    let mut facts = Vec::new();
    for day in 1..=7 {
        facts.extend(hourly(&format!("2025-01-0{day}"), "3", 2));
    }
    let decided = analyst().facts(facts).when(tick("2025-01-08T00:00:00Z"));
    assert_eq!((analysed(&decided).sharpe, analysed(&decided).statuses.sharpe), (None, FigureStatus::Ok));
}

#[test]
fn a_critical_figure_raises_an_alert_that_is_cleared_later() {
    let mut analyst = analyst().facts(hourly("2025-01-01", "-3", 10));
    let decided = analyst.when(tick("2025-01-02T01:00:00Z"));
    let Event::AlertRaised(alert) = &decided[1] else { panic!("{decided:?}") };
    assert_eq!(alert.kind, AlertKind::PerformanceCritical);
    assert!(alert.message.contains("win rate 0.00 % below 55 %"), "{}", alert.message);
    for (day, percent) in [("2025-01-09", "3"), ("2025-01-10", "3.1"), ("2025-01-11", "2.9")] {
        analyst = analyst.facts(hourly(day, percent, 10));
    }
    let decided = analyst.when(tick("2025-01-12T01:00:00Z"));
    assert!(matches!(decided[1], Event::AlertCleared(_)), "{decided:?}");
}

#[test]
fn magnitudes_that_no_decimal_holds_together_are_summed_to_the_digit() {
    let mut facts = hourly("2025-01-07", "1e20", 5);
    facts.extend(hourly("2025-01-06", "1e-20", 5));
    let decided = analyst().facts(facts).when(tick("2025-01-08T01:00:00Z"));
    let figures = analysed(&decided);
    assert_eq!((figures.trades, figures.profit.as_str()), (10, "500000000000000000000.00000000000000000005"));
}

#[test]
fn a_break_even_written_with_places_keeps_the_analysis() {
    let mut facts = hourly("2025-01-06", "0.00", 5);
    facts.extend(hourly("2025-01-07", "-0.3", 5));
    let decided = analyst().facts(facts).when(tick("2025-01-08T01:00:00Z"));
    assert_eq!((analysed(&decided).trades, analysed(&decided).average_profit_pct), (10, -0.15));
}

#[test]
fn other_schedules_are_none_of_its_business() {
    let other = ScheduleFired::planned("backup", at("2025-01-08T01:00:00Z"));
    assert!(analyst().facts(hourly("2025-01-07", "1", 10)).when(Event::ScheduleFired(other)).is_empty());
}

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let mut config = PerformanceAnalystConfigured { min_trades: 0, ..Default::default() };
    config.limits.win_rate_pct.critical = 80.0;
    config.limits.sharpe.warning = f64::NAN;
    config.limits.advise_drawdown_pct = 0.0;
    let keys: Vec<_> = validate(&config).into_iter().map(|fault| fault.key).collect();
    assert_eq!(keys, ["min_trades", "win_rate_critical", "sharpe_warning", "advise_drawdown_pct"]);
    assert!(validate(&PerformanceAnalystConfigured::default()).is_empty());
}
