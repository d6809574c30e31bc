//! Halted strategies, and what operators ask.

use events::{AlertKind, DecidedBy, EnableRefusal, Event, Measure, Severity, StrategyEnabled, StrategyState};

use super::{
    alert, caught_up, causes, closed, configured, disable, disabled, enable, guard, halted, rejected, reset,
    stalled, types,
};
use crate::testing::{at, decimal, hourly, trade};

#[test]
fn a_halted_strategy_is_told_of_once_and_counts_nothing() {
    let mut guard = halted();
    let decided = guard.when(closed("after", "-20", "2025-01-01T02:00:00Z"));
    let Event::TradeAfterHalt(after) = &decided[0] else { panic!("{decided:?}") };
    assert_eq!((decided.len(), after.trade_id.as_str()), (1, "after"));
    assert_eq!(after.disabled_by, guard.decisions[0].1.event_id);
    assert!(guard.when(closed("more", "-20", "2025-01-01T02:00:00Z")).is_empty());
    assert_eq!(guard.fold.state().strategies["rsi"].consecutive_losses, 1);
}

#[test]
fn enabling_starts_the_counters_afresh() {
    let mut guard = halted();
    assert_eq!(types(&guard.when(enable("checked"))), ["AlertCleared", "StrategyEnabled"]);
    assert!(guard.when(closed("next", "-9", "2025-01-01T04:00:00Z")).is_empty());
    let decided = guard.when(closed("again", "-2", "2025-01-01T05:00:00Z"));
    assert_eq!(disabled(&decided).rules[0].trades, 2);
    assert_eq!(types(&guard.when(closed("after", "1", "2025-01-01T06:00:00Z"))), ["TradeAfterHalt"]);
}

#[test]
fn a_position_opened_after_the_halt_is_an_alarm_once() {
    let mut guard = halted();
    let opened = |id: &str, opened_at: &str| {
        let mut trade = trade(id, "1", "2025-01-01T09:00:00Z");
        trade.opened_at = at(opened_at);
        Event::TradeClosed(trade)
    };
    // Opened at the very moment of the halt, it only ran out.
    assert_eq!(types(&guard.when(opened("ran out", "2025-01-01T01:00:00Z"))), ["TradeAfterHalt"]);
    let decided = guard.when(opened("anew", "2025-01-01T01:00:00.000001Z"));
    assert_eq!(alert(&decided), (AlertKind::StrategyContradicted, Severity::Critical));
    assert_eq!(decided.len(), 1);
    assert!(guard.when(opened("again", "2025-01-01T08:00:00Z")).is_empty());
    let cleared = ["AlertCleared", "AlertCleared", "StrategyEnabled"];
    assert_eq!(types(&guard.when(enable("the bot is mended"))), cleared);
    guard.when(closed("bad again", "-11", "2025-01-01T10:00:00Z"));
    let decided = guard.when(opened("and again", "2025-01-01T10:00:01Z"));
    assert_eq!(types(&decided), ["TradeAfterHalt", "AlertRaised"]);
}

#[test]
fn an_operator_halts_with_a_reason_and_without_rules() {
    let mut guard = guard().facts([closed("a", "1", "2025-01-01T01:00:00Z")]);
    let decided = guard.when(disable("maintenance"));
    let halt = disabled(&decided);
    assert_eq!(
        (halt.by, halt.rules.len(), halt.reason.as_deref()),
        (DecidedBy::Operator, 0, Some("maintenance"))
    );
}

#[test]
fn a_reason_to_keep_a_halted_strategy_halted_is_kept() {
    let mut guard = halted();
    let decided = guard.when(disable("until I am back"));
    let [Event::StrategyKeptHalted(kept)] = &decided[..] else { panic!("{decided:?}") };
    assert_eq!(kept.reason, "until I am back");
    assert_eq!(kept.disabled_by, Some(guard.decisions[0].1.event_id));
    assert_eq!(guard.fold.state().strategies["rsi"].state, StrategyState::Halted);
}

fn enabled(decided: &[Event]) -> &StrategyEnabled {
    let found = decided.iter().find_map(|event| match event {
        Event::StrategyEnabled(enabled) => Some(enabled),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no StrategyEnabled among {decided:?}"))
}

fn refusal(decided: &[Event]) -> EnableRefusal {
    let [Event::StrategyEnableRefused(refused)] = decided else { panic!("{decided:?}") };
    refused.refusal
}

#[test]
fn enabling_an_active_strategy_is_refused_and_keeps_its_loss() {
    let mut guard = guard().facts([closed("a", "-9", "2025-01-01T01:00:00Z")]);
    assert_eq!(refusal(&guard.when(enable("at every start"))), EnableRefusal::IsActive);
    assert_eq!(types(&guard.when(closed("b", "-9", "2025-01-01T02:00:00Z")))[0], "StrategyDisabled");
}

#[test]
fn counters_start_afresh_where_that_is_asked_for_and_it_is_told_what_is_forgotten() {
    let mut guard =
        guard().facts([closed("a", "-4", "2025-01-01T01:00:00Z"), closed("b", "-5", "2025-01-01T02:00:00Z")]);
    let decided = guard.when(reset("a test trade"));
    let forgets = enabled(&decided).forgets.clone().unwrap();
    assert_eq!((forgets.day.as_deref(), forgets.daily_loss_pct), (Some("2025-01-01"), Some(-9.0)));
    assert_eq!((forgets.day_trades, forgets.consecutive_losses, forgets.outcomes), (2, 2, 2));
    assert!(guard.when(closed("c", "-9", "2025-01-01T03:00:00Z")).is_empty());
}

#[test]
fn lifting_a_reduction_keeps_the_counters() {
    let mut guard = guard().facts([closed("a", "-9", "2025-01-01T01:00:00Z"), rejected(None)]);
    let decided = guard.when(enable("looked at it"));
    assert_eq!(types(&decided), ["AlertCleared", "StrategyEnabled"]);
    assert_eq!(enabled(&decided).forgets, None);
    assert_eq!(types(&guard.when(closed("b", "-9", "2025-01-01T02:00:00Z")))[0], "StrategyDisabled");
}

#[test]
fn enabling_is_refused_while_only_a_stalled_source_holds_the_strategy() {
    let mut guard = guard().facts([closed("a", "1", "2025-01-01T01:00:00Z"), stalled()]);
    assert_eq!(refusal(&guard.when(enable("go on"))), EnableRefusal::CauseHolds);
    // With a cause of its own that one is lifted and the other stays.
    guard.when(rejected(None));
    let decided = guard.when(enable("looked at it"));
    assert_eq!(types(&decided), ["AlertCleared", "StrategyEnabled", "StrategyReduced"]);
    assert_eq!(causes(&decided), [events::ReduceCauseKind::SourceStale]);
    assert_eq!(types(&guard.when(caught_up())), ["AlertCleared", "StrategyEnabled"]);
}

#[test]
fn enabling_a_halted_strategy_forgets_its_newest_close() {
    let facts =
        [closed("future", "1", "2035-01-01T11:00:00Z"), disable("its clock ran ahead"), enable("mended")];
    let mut guard = guard().facts(facts);
    assert_eq!(types(&guard.when(closed("a", "-11", "2026-11-24T01:00:00Z")))[0], "StrategyDisabled");
}

#[test]
fn what_was_told_of_ten_lost_trades_stays_told_after_an_enable() {
    let mut guard = guard().facts(hourly("2025-01-01", "-0.1", 11));
    let decided = guard.when(enable("checked"));
    assert_eq!(enabled(&decided).forgets.as_ref().map(|forgets| forgets.consecutive_losses), Some(11));
    assert_eq!(enabled(&decided).from, StrategyState::Halted);
}

#[test]
fn thresholds_are_those_that_stood_before_the_trade() {
    let mut guard = guard().facts([
        closed("a", "-6", "2025-01-01T01:00:00Z"),
        configured(|t| t.max_daily_loss_pct = decimal("5")),
    ]);
    // Tightening does not rewrite yesterday; the next trade is judged by it.
    assert_eq!(guard.fold.state().strategies["rsi"].state, StrategyState::Active);
    assert_eq!(
        disabled(&guard.when(closed("b", "0", "2025-01-01T02:00:00Z"))).rules[0].threshold,
        Measure::Number(5.0)
    );
}

#[test]
fn other_strategies_are_left_alone() {
    let mut guard = halted();
    let mut other = trade("o", "-1", "2025-01-01T02:00:00Z");
    other.strategy = "macd".into();
    assert!(guard.when(Event::TradeClosed(other)).is_empty());
    assert_eq!(guard.fold.state().strategies["macd"].state, StrategyState::Active);
}
