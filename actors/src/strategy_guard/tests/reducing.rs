//! What the guard cannot know about one strategy.

use events::{
    BreachedRule, Event, GuardThresholds, ReduceCauseKind, RuleName, StrategyGuardConfigured, StrategyState,
};

use super::{
    super::{State, rules, state},
    caught_up, causes, closed, configured, disabled, due, enable, guard, halted, rejected, stalled, types,
};
use crate::testing::{at, recorded, trade};

#[test]
fn a_rejected_trade_reduces_until_it_comes_in() {
    let mut guard = guard().facts([closed("a", "1", "2025-01-01T01:00:00Z")]);
    let decided = guard.when(rejected(Some("b")));
    assert_eq!(types(&decided), ["StrategyReduced", "AlertRaised"]);
    assert_eq!(causes(&decided), [ReduceCauseKind::TradeRejected]);
    assert!(guard.when(rejected(Some("b"))).is_empty(), "told once");
    assert!(guard.when(closed("c", "1", "2025-01-01T02:00:00Z")).is_empty(), "another trade is no answer");
    let decided = guard.when(closed("b", "1", "2025-01-01T03:00:00Z"));
    assert_eq!(types(&decided), ["StrategyEnabled", "AlertCleared"]);
}

#[test]
fn a_rejected_trade_without_an_id_is_cleared_by_an_operator_only() {
    let mut guard = guard().facts([rejected(None), closed("a", "1", "2025-01-01T01:00:00Z")]);
    assert_eq!(guard.fold.state().strategies["rsi"].state, StrategyState::Reducing);
    assert_eq!(types(&guard.when(enable("looked at it"))), ["AlertCleared", "StrategyEnabled"]);
    assert!(guard.when(closed("b", "1", "2025-01-01T02:00:00Z")).is_empty());
}

#[test]
fn a_reducing_strategy_is_still_halted_by_a_rule() {
    let mut guard = guard().facts([rejected(None)]);
    let decided = guard.when(closed("a", "-11", "2025-01-01T01:00:00Z"));
    assert_eq!(types(&decided), ["AlertCleared", "StrategyDisabled", "AlertRaised"]);
    assert_eq!(disabled(&decided).from, StrategyState::Reducing);
}

#[test]
fn a_stalled_source_reduces_every_strategy_and_lifts_them_all() {
    let mut guard = guard().facts([closed("a", "1", "2025-01-01T01:00:00Z")]);
    assert_eq!(types(&guard.when(stalled())), ["AlertRaised", "StrategyReduced"]);
    // Not seen before, and nobody can know about it either.
    let mut other = trade("o", "1", "2025-01-01T02:00:00Z");
    other.strategy = "macd".into();
    assert_eq!(causes(&guard.when(Event::TradeClosed(other))), [ReduceCauseKind::SourceStale]);
    assert_eq!(types(&guard.when(caught_up())), ["AlertCleared", "StrategyEnabled", "StrategyEnabled"]);
}

#[test]
fn enabling_while_the_source_stands_still_leaves_it_reducing() {
    let mut guard = halted().facts([stalled()]);
    assert_eq!(types(&guard.when(enable("checked"))), ["AlertCleared", "StrategyEnabled", "StrategyReduced"]);
    assert_eq!(types(&guard.when(caught_up())), ["AlertCleared", "StrategyEnabled"]);
}

#[test]
fn silence_means_nothing_unless_configured() {
    let mut guard = guard().facts([closed("a", "1", "2025-01-01T01:00:00Z")]);
    assert_eq!(guard.fold.next_deadline(), None);
    assert!(guard.when(due("2026-01-01T00:00:00Z")).is_empty());
}

#[test]
fn silence_for_too_long_reduces_until_the_next_trade() {
    let mut guard = guard()
        .facts([configured(|t| t.max_silence_s = Some(3600)), closed("a", "1", "2025-01-01T01:00:00Z")]);
    assert_eq!(guard.fold.next_deadline(), Some(at("2025-01-01T02:00:00Z")));
    assert!(guard.when(due("2025-01-01T01:59:59Z")).is_empty());
    assert_eq!(causes(&guard.when(due("2025-01-01T02:00:00Z"))), [ReduceCauseKind::Silence]);
    assert_eq!(guard.fold.next_deadline(), None);
    let decided = guard.when(closed("b", "1", "2025-01-01T02:30:00Z"));
    assert_eq!(types(&decided), ["StrategyEnabled", "AlertCleared"]);
}

#[test]
fn a_panic_in_any_rule_fails_closed_and_hides_no_other_rule() {
    fn panics(
        _: &state::Strategy,
        _: &events::TradeClosed,
        _: &GuardThresholds,
    ) -> Result<Option<BreachedRule>, String> {
        panic!("injected")
    }
    for broken in 0..rules::RULES.len() {
        let mut rules = rules::RULES;
        rules[broken].1 = panics;
        let mut guard = guard();
        guard.when(closed("a", "1", "2025-01-01T01:00:00Z"));
        let small = recorded(1000, closed("b", "-1", "2025-01-01T02:00:00Z"));
        let state = guard.fold.state();
        let decided = rules::decide(state, small.fact(), guard.fold.config(), &rules);
        assert_eq!(causes(&decided), [ReduceCauseKind::CheckFailed], "rule {broken}");
    }
    // A breach of another rule still halts.
    let mut rules = rules::RULES;
    rules[1].1 = panics;
    let mut state = State::default();
    let loss = recorded(10, closed("a", "-11", "2025-01-01T01:00:00Z"));
    state.evolve(loss.fact());
    let decided = rules::decide(&state, loss.fact(), &StrategyGuardConfigured::default(), &rules);
    assert_eq!(disabled(&decided).rules[0].rule, RuleName::DailyLoss);
}
