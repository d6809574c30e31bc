//! What concerns every strategy.

use events::{
    AlertKind, ClockAcceptRequested, ClockCaughtUp, ClockFellBehind, EnableRefusal, Event, Moment,
    ReduceCauseKind, Severity, StrategyState,
};

use super::{StrategyGuard, alert, causes, closed, due, enable, guard, rejected, types};
use crate::testing::{Given, at, trade};

#[test]
fn missing_records_raise_an_alert() {
    let missing = events::RecordsMissing {
        topic: "trades".into(),
        partition: 3,
        from_offset: 10,
        to_offset: 25,
        at_most: 15,
    };
    let decided = guard().when(Event::RecordsMissing(missing));
    let Event::AlertRaised(alert) = &decided[0] else { panic!("{decided:?}") };
    assert_eq!((alert.subject.as_str(), alert.severity), ("trades/3", Severity::Critical));
    assert!(alert.message.contains("at most 15 facts"), "{}", alert.message);
}

/// A letter of nobody that came at a moment.
fn of_nobody(guard: &mut Given<StrategyGuard>, moment: &str) -> Vec<Event> {
    let Event::RecordRejected(mut letter) = rejected(None) else { panic!("no letter") };
    letter.strategy = None;
    guard.when_at(at(moment), Event::RecordRejected(letter))
}

fn two_strategies() -> Given<StrategyGuard> {
    let mut other = trade("o", "1", "2025-01-01T01:00:00Z");
    other.strategy = "macd".into();
    guard().facts([closed("a", "1", "2025-01-01T01:00:00Z"), Event::TradeClosed(other)])
}

#[test]
fn a_record_of_nobody_is_told_and_the_third_within_ten_minutes_reduces_everybody() {
    let mut guard = two_strategies();
    let decided = of_nobody(&mut guard, "2025-01-01T02:00:00Z");
    assert_eq!(alert(&decided), (AlertKind::RecordsUnattributed, Severity::Warning));
    assert_eq!(decided.len(), 1);
    assert!(of_nobody(&mut guard, "2025-01-01T02:09:00Z").is_empty());
    // The third in all, but not within ten minutes of the first.
    assert!(of_nobody(&mut guard, "2025-01-01T02:10:00.000001Z").is_empty());
    let decided = of_nobody(&mut guard, "2025-01-01T02:19:00Z");
    assert_eq!(types(&decided), ["AlertRaised", "StrategyReduced", "StrategyReduced"]);
    assert_eq!(alert(&decided), (AlertKind::RecordsUnattributed, Severity::Critical));
    assert_eq!(causes(&decided), [ReduceCauseKind::RecordsUnattributed]);
    // One that was never seen before may be whose record it was.
    let mut unseen = trade("u", "1", "2025-01-01T02:20:00Z");
    unseen.strategy = "grid".into();
    assert_eq!(types(&guard.when(Event::TradeClosed(unseen))), ["StrategyReduced"]);
}

fn three_of_nobody() -> Given<StrategyGuard> {
    let mut guard = two_strategies();
    for minute in 0..3 {
        of_nobody(&mut guard, &format!("2025-01-01T02:0{minute}:00Z"));
    }
    guard
}

fn sorted(decided: &[Event]) -> Vec<&'static str> {
    let mut types = types(decided);
    types.sort_unstable();
    types
}

#[test]
fn it_is_over_after_ten_minutes_without_one_and_a_good_trade() {
    let mut guard = three_of_nobody();
    assert!(guard.when(closed("b", "1", "2025-01-01T02:03:00Z")).is_empty());
    assert_eq!(guard.fold.next_deadline(), Some(at("2025-01-01T02:12:00Z")));
    let decided = guard.when(due("2025-01-01T02:12:00Z"));
    assert_eq!(sorted(&decided), ["AlertCleared", "StrategyEnabled", "StrategyEnabled"]);
    assert_eq!(guard.fold.next_deadline(), None);
    // It begins anew with the next one.
    let decided = of_nobody(&mut guard, "2025-01-01T02:13:00Z");
    assert_eq!(alert(&decided), (AlertKind::RecordsUnattributed, Severity::Warning));
}

#[test]
fn it_is_not_over_before_a_good_trade_came_after_the_last_one() {
    let mut guard = three_of_nobody();
    assert!(guard.when(due("2025-01-01T02:12:00Z")).is_empty());
    let decided = guard.when(closed("b", "1", "2025-01-01T02:13:00Z"));
    assert_eq!(sorted(&decided), ["AlertCleared", "StrategyEnabled", "StrategyEnabled"]);
}

#[test]
fn another_one_of_nobody_extends_the_wait() {
    let mut guard = three_of_nobody();
    of_nobody(&mut guard, "2025-01-01T02:11:00Z");
    guard.when(closed("b", "1", "2025-01-01T02:11:30Z"));
    assert!(guard.when(due("2025-01-01T02:20:59Z")).is_empty());
    assert!(!guard.when(due("2025-01-01T02:21:00Z")).is_empty());
}

#[test]
fn an_operator_lifts_one_strategy_until_the_next_record_of_nobody() {
    let mut guard = three_of_nobody();
    assert_eq!(types(&guard.when(enable("a test of the bot"))), ["StrategyEnabled"]);
    let states =
        |guard: &Given<StrategyGuard>| ["rsi", "macd"].map(|name| guard.fold.state().strategies[name].state);
    assert_eq!(states(&guard), [StrategyState::Active, StrategyState::Reducing]);
    assert!(guard.when(closed("b", "1", "2025-01-01T02:05:00Z")).is_empty());
    assert_eq!(types(&of_nobody(&mut guard, "2025-01-01T02:06:00Z")), ["StrategyReduced"]);
    assert_eq!(states(&guard), [StrategyState::Reducing; 2]);
}

fn behind() -> Event {
    Event::ClockFellBehind(ClockFellBehind {
        clock: at("2026-11-24T00:00:00Z"),
        newest: at("2035-01-01T11:00:00Z"),
        moment: Moment::ClosedAt,
        position: 10,
        behind_s: 255_000_000,
    })
}

fn accepted() -> Event {
    let clock = at("2026-11-24T00:00:00Z");
    Event::ClockAcceptRequested(ClockAcceptRequested { clock, reason: "the host ran ahead".into() })
}

#[test]
fn a_clock_that_is_behind_reduces_everybody_until_it_has_caught_up() {
    let mut guard = two_strategies();
    let decided = guard.when(behind());
    assert_eq!(types(&decided), ["AlertRaised", "StrategyReduced", "StrategyReduced"]);
    assert_eq!(alert(&decided), (AlertKind::ClockBehind, Severity::Critical));
    assert_eq!(causes(&decided), [ReduceCauseKind::ClockBehind]);
    assert!(guard.when(behind()).is_empty(), "told once");
    let refused = guard.when(enable("go on"));
    let [Event::StrategyEnableRefused(refused)] = &refused[..] else { panic!("{refused:?}") };
    assert_eq!(refused.refusal, EnableRefusal::CauseHolds);
    let caught_up = Event::ClockCaughtUp(ClockCaughtUp { clock: at("2035-01-01T11:00:00Z") });
    assert_eq!(types(&guard.when(caught_up)), ["AlertCleared", "StrategyEnabled", "StrategyEnabled"]);
}

#[test]
fn after_the_clock_was_accepted_a_fact_of_the_future_keeps_no_later_one_from_being_judged() {
    let mut guard = guard().facts([
        closed("before", "-6", "2026-11-24T00:00:00Z"),
        closed("future", "1", "2035-01-01T11:00:00Z"),
        due("2035-01-01T12:00:00Z"),
        behind(),
    ]);
    assert!(guard.when(closed("left out", "-50", "2026-11-24T00:01:00Z")).is_empty());
    assert_eq!(types(&guard.when(accepted())), ["AlertCleared", "StrategyEnabled"]);
    assert_eq!(guard.fold.state().clock, at("2026-11-24T00:00:00Z"));
    // What was lost before counts still.
    let decided = guard.when(closed("judged", "-4.01", "2026-11-24T00:02:00Z"));
    assert_eq!(types(&decided), ["StrategyDisabled", "AlertRaised"]);
}

#[test]
fn after_weeks_of_a_clock_that_ran_ahead_the_loss_of_today_is_counted() {
    let future =
        (1..=20).map(|day| closed(&format!("future {day}"), "1", &format!("2035-01-{day:02}T11:00:00Z")));
    let mut guard = guard().facts(future).facts([behind(), accepted()]);
    assert!(guard.when(closed("kept", "-10", "2026-11-24T00:01:00Z")).is_empty());
    let decided = guard.when(closed("judged", "-0.01", "2026-11-24T00:02:00Z"));
    assert_eq!(types(&decided), ["StrategyDisabled", "AlertRaised"]);
}

#[test]
fn accepting_a_clock_that_nobody_doubted_changes_nothing() {
    let mut guard = two_strategies();
    assert!(guard.when(accepted()).is_empty());
}
