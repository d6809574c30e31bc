//! Given / when / then: at, below and above each threshold.

use events::{
    AlertKind, BreachedRule, DecidedBy, Event, GuardThresholds, LossBasis, Measure, Origin, RecordRejected,
    ReduceCauseKind, RejectReason, RuleName, RuleWindow, Severity, SourceCaughtUp, SourceStalled,
    StallReason, StrategyDisableRequested, StrategyDisabled, StrategyEnableRequested,
    StrategyGuardConfigured, StrategyState, TimerDue,
};

use super::{StrategyGuard, rules, validate};
use crate::{
    Decider as _,
    testing::{Given, at, decimal, given, hourly, recorded, trade},
};

fn closed(trade_id: &str, profit_pct: &str, closed_at: &str) -> Event {
    Event::TradeClosed(trade(trade_id, profit_pct, closed_at))
}

fn guard() -> Given<StrategyGuard> {
    given()
}

fn configured(change: impl FnOnce(&mut GuardThresholds)) -> Event {
    let mut thresholds = GuardThresholds::default();
    change(&mut thresholds);
    let strategies = [("rsi".to_owned(), thresholds)].into();
    Event::StrategyGuardConfigured(StrategyGuardConfigured {
        default: GuardThresholds::default(),
        strategies,
    })
}

fn disabled(decided: &[Event]) -> &StrategyDisabled {
    let found = decided.iter().find_map(|event| match event {
        Event::StrategyDisabled(disabled) => Some(disabled),
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no StrategyDisabled among {decided:?}"))
}

fn types(decided: &[Event]) -> Vec<&'static str> {
    decided.iter().map(Event::event_type).collect()
}

fn enable(reason: &str) -> Event {
    Event::StrategyEnableRequested(StrategyEnableRequested {
        strategy: "rsi".into(),
        reason: reason.into(),
        reset_counters: false,
    })
}

fn rejected(trade_id: Option<&str>) -> Event {
    Event::RecordRejected(RecordRejected {
        origin: Origin::Http { digest: "d".into() },
        reason: RejectReason::InvalidField,
        detail: "quantity = -1: above 0".into(),
        strategy: Some("rsi".into()),
        trade_id: trade_id.map(Into::into),
        key: None,
        value: None,
        recorded: None,
    })
}

fn stalled() -> Event {
    Event::SourceStalled(SourceStalled {
        source: "trades".into(),
        reason: StallReason::Unreachable,
        since: at("2025-01-01T00:00:00Z"),
        detail: "connection refused".into(),
    })
}

fn caught_up() -> Event {
    Event::SourceCaughtUp(SourceCaughtUp { source: "trades".into() })
}

fn due(due_at: &str) -> Event {
    let at = at(due_at);
    Event::TimerDue(TimerDue { actor: "strategy_guard".into(), due_at: at, noticed_at: at })
}

// daily loss

#[test]
fn a_loss_of_exactly_the_limit_is_kept() {
    let mut guard = guard().facts(hourly("2025-01-01", "-2.5", 3));
    assert!(guard.when(closed("t", "-2.5", "2025-01-01T20:00:00Z")).is_empty());
}

#[test]
fn a_loss_just_above_the_limit_halts_with_its_evidence() {
    let mut guard = guard().facts(hourly("2025-01-01", "-2.5", 3));
    let decided = guard.when(closed("t", "-2.5000001", "2025-01-01T20:00:00Z"));
    assert_eq!(types(&decided), ["StrategyDisabled", "AlertRaised"]);
    let halt = disabled(&decided);
    assert_eq!(
        (halt.from, halt.to, halt.by),
        (StrategyState::Active, StrategyState::Halted, DecidedBy::Rule)
    );
    assert_eq!(halt.loss_basis, LossBasis::SumOfTradePercents);
    let expected = BreachedRule {
        rule: RuleName::DailyLoss,
        value: Measure::Number(-10.000_000_1),
        threshold: Measure::Number(10.0),
        window: RuleWindow::Day("2025-01-01".into()),
        trades: 4,
    };
    assert_eq!(halt.rules, [expected]);
    let Event::AlertRaised(alert) = &decided[1] else { panic!("{decided:?}") };
    assert_eq!((alert.kind, alert.severity), (AlertKind::StrategyDisabled, Severity::Critical));
}

#[test]
fn a_hundred_small_losses_sum_exactly() {
    // 100 · -0.1 is exactly the limit; a sum of doubles would lie beyond it.
    let change = |t: &mut GuardThresholds| (t.max_consecutive_losses, t.win_rate_window) = (1000, 1000);
    let mut guard = guard().facts([configured(change)]);
    for n in 0..100 {
        assert!(guard.when(closed(&format!("{n}"), "-0.1", "2025-01-01T05:00:00Z")).is_empty());
    }
    assert_eq!(types(&guard.when(closed("t", "-0.1", "2025-01-01T06:00:00Z")))[0], "StrategyDisabled");
}

#[test]
fn the_day_is_that_of_the_close_in_utc() {
    let mut guard = guard().facts([closed("a", "-6", "2025-01-01T23:59:59.999999Z")]);
    assert!(guard.when(closed("b", "-6", "2025-01-02T00:00:00Z")).is_empty());
    // A late report counts on its own day.
    assert_eq!(types(&guard.when(closed("c", "-4.1", "2025-01-01T12:00:00Z")))[0], "StrategyDisabled");
}

#[test]
fn a_win_makes_up_for_a_loss_of_the_same_day() {
    let mut guard =
        guard().facts([closed("a", "-9", "2025-01-01T01:00:00Z"), closed("b", "2", "2025-01-01T02:00:00Z")]);
    assert!(guard.when(closed("c", "-3", "2025-01-01T03:00:00Z")).is_empty());
}

#[test]
fn with_a_capital_the_money_counts_and_not_the_percents() {
    let mut guard = guard().facts([configured(|t| t.capital = Some(decimal("100")))]);
    assert!(guard.when(closed("a", "-10", "2025-01-01T01:00:00Z")).is_empty());
    let mut small = trade("b", "-50", "2025-01-02T02:00:00Z");
    small.profit = decimal("-9.99");
    assert!(guard.when(Event::TradeClosed(small)).is_empty());
    let mut more = trade("c", "-1", "2025-01-02T03:00:00Z");
    more.profit = decimal("-0.02");
    let decided = guard.when(Event::TradeClosed(more));
    assert_eq!(disabled(&decided).loss_basis, LossBasis::Capital);
    assert_eq!(disabled(&decided).rules[0].value, Measure::Number(-10.01));
}

#[test]
fn a_trade_older_than_seven_days_is_not_judged() {
    let mut guard = guard().facts([closed("new", "1", "2025-01-10T00:00:00Z")]);
    assert!(guard.when(closed("old", "-50", "2025-01-02T23:59:59Z")).is_empty());
    assert_eq!(types(&guard.when(closed("week", "-50", "2025-01-03T00:00:00Z")))[0], "StrategyDisabled");
}

// consecutive losses

#[test]
fn ten_losses_in_a_row_are_kept_and_the_eleventh_halts() {
    let mut guard = guard().facts(hourly("2025-01-01", "-0.1", 9));
    assert!(guard.when(closed("ten", "-0.1", "2025-01-01T20:00:00Z")).is_empty());
    let decided = guard.when(closed("eleven", "-0.1", "2025-01-01T21:00:00Z"));
    let rule = &disabled(&decided).rules[0];
    assert_eq!(
        (rule.rule, rule.value, rule.threshold),
        (RuleName::ConsecutiveLosses, Measure::Count(11), Measure::Count(10))
    );
    assert_eq!((&rule.window, rule.trades), (&RuleWindow::Trades(11), 11));
}

#[test]
fn a_win_or_a_draw_ends_the_row() {
    for end in ["0.1", "0"] {
        let mut guard = guard().facts(hourly("2025-01-01", "-0.1", 10));
        assert!(guard.when(closed("end", end, "2025-01-01T20:00:00Z")).is_empty());
        assert!(guard.when(closed("again", "-0.1", "2025-01-01T21:00:00Z")).is_empty());
        assert_eq!(guard.fold.state().strategies["rsi"].consecutive_losses, 1);
    }
}

// win rate

/// Losing pairs broken by draws, so that only the win rate can be breached.
fn mixed(wins: usize, of: usize) -> Vec<Event> {
    let percent = |n: usize| {
        if n < wins {
            "0.1"
        } else if n.is_multiple_of(2) {
            "-0.1"
        } else {
            "0"
        }
    };
    let one = |n| closed(&format!("m{n}"), percent(n), &format!("2025-01-01T{:02}:00:00Z", n));
    (0..of).map(one).collect()
}

#[test]
fn six_wins_of_twenty_are_kept_and_five_halt() {
    assert!(guard().facts(mixed(6, 19)).when(closed("t", "0", "2025-01-01T23:00:00Z")).is_empty());
    let decided = guard().facts(mixed(5, 19)).when(closed("t", "0", "2025-01-01T23:00:00Z"));
    let rule = &disabled(&decided).rules[0];
    assert_eq!(
        (rule.rule, rule.value, rule.threshold),
        (RuleName::WinRate, Measure::Number(25.0), Measure::Number(30.0))
    );
    assert_eq!((&rule.window, rule.trades), (&RuleWindow::Trades(20), 20));
    assert_eq!(disabled(&decided).metrics.win_rate_pct, Some(25.0));
}

#[test]
fn nineteen_trades_are_too_few_for_a_win_rate() {
    let mut guard = guard().facts(mixed(0, 18));
    assert!(guard.when(closed("t", "0", "2025-01-01T23:00:00Z")).is_empty());
}

#[test]
fn all_breached_rules_are_told_in_one_decision_and_in_order() {
    let mut guard = guard().facts([configured(|t| (t.max_consecutive_losses, t.win_rate_window) = (1, 2))]);
    guard = guard.facts([closed("a", "-5", "2025-01-01T01:00:00Z")]);
    let decided = guard.when(closed("b", "-6", "2025-01-01T02:00:00Z"));
    let rules: Vec<_> = disabled(&decided).rules.iter().map(|breach| breach.rule).collect();
    assert_eq!(rules, [RuleName::DailyLoss, RuleName::ConsecutiveLosses, RuleName::WinRate]);
    assert_eq!(types(&decided), ["StrategyDisabled", "AlertRaised"]);
}

// halted, enabled

fn halted() -> Given<StrategyGuard> {
    guard().facts([closed("bad", "-11", "2025-01-01T01:00:00Z")])
}

#[test]
fn a_halted_strategy_is_told_of_once_and_counts_nothing() {
    let mut guard = halted();
    let decided = guard.when(closed("after", "-20", "2025-01-01T02:00:00Z"));
    let Event::TradeAfterHalt(after) = &decided[0] else { panic!("{decided:?}") };
    assert_eq!((decided.len(), after.trade_id.as_str()), (1, "after"));
    assert_eq!(after.disabled_by, guard.decisions[0].1.event_id);
    assert!(guard.when(closed("more", "-20", "2025-01-01T03:00:00Z")).is_empty());
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
fn an_operator_halts_with_a_reason_and_without_rules() {
    let request = StrategyDisableRequested { strategy: "rsi".into(), reason: "maintenance".into() };
    let mut guard = guard().facts([closed("a", "1", "2025-01-01T01:00:00Z")]);
    let decided = guard.when(Event::StrategyDisableRequested(request.clone()));
    let halt = disabled(&decided);
    assert_eq!(
        (halt.by, halt.rules.len(), halt.reason.as_deref()),
        (DecidedBy::Operator, 0, Some("maintenance"))
    );
    assert!(guard.when(Event::StrategyDisableRequested(request)).is_empty(), "already halted");
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

// reducing

fn causes(decided: &[Event]) -> Vec<ReduceCauseKind> {
    let reduced = decided.iter().find_map(|event| match event {
        Event::StrategyReduced(reduced) => Some(reduced),
        _ => None,
    });
    reduced.map_or_else(Vec::new, |reduced| reduced.causes.iter().map(|cause| cause.kind).collect())
}

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
fn a_sum_that_cannot_be_kept_fails_closed_and_recovers_the_next_day() {
    let facts = [closed("a", "1e20", "2025-01-01T01:00:00Z")];
    let mut guard = guard().facts(facts);
    let decided = guard.when(closed("b", "-1e-20", "2025-01-01T02:00:00Z"));
    assert_eq!(causes(&decided), [ReduceCauseKind::CheckFailed]);
    let decided = guard.when(closed("c", "1", "2025-01-02T02:00:00Z"));
    assert_eq!(types(&decided), ["StrategyEnabled", "AlertCleared"]);
}

#[test]
fn a_panic_in_any_rule_fails_closed_and_hides_no_other_rule() {
    fn panics(
        _: &super::state::Strategy,
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
    let mut state = super::State::default();
    let loss = recorded(10, closed("a", "-11", "2025-01-01T01:00:00Z"));
    state.evolve(loss.fact());
    let decided = rules::decide(&state, loss.fact(), &StrategyGuardConfigured::default(), &rules);
    assert_eq!(disabled(&decided).rules[0].rule, RuleName::DailyLoss);
}

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

#[test]
fn every_fault_of_a_configuration_is_told_at_once() {
    let bad = GuardThresholds {
        max_daily_loss_pct: decimal("-1"),
        max_consecutive_losses: 0,
        min_win_rate_pct: decimal("130"),
        win_rate_window: 5000,
        capital: Some(decimal("0")),
        capital_currency: None,
        max_silence_s: Some(0),
    };
    let config = StrategyGuardConfigured {
        default: GuardThresholds::default(),
        strategies: [("rsi".into(), bad)].into(),
    };
    let keys: Vec<_> = validate(&config).into_iter().map(|fault| fault.key).collect();
    let names = [
        "max_daily_loss_pct",
        "max_consecutive_losses",
        "min_win_rate_pct",
        "win_rate_window",
        "capital",
        "max_silence",
    ];
    assert_eq!(keys, names.map(|name| format!("strategies.rsi.{name}")));
    assert!(validate(&StrategyGuardConfigured::default()).is_empty());
}

#[test]
fn the_name_is_the_stream() {
    assert_eq!(StrategyGuard::stream(), "actor-strategy_guard");
}
