//! The three rules.

use events::{
    AlertKind, BreachedRule, DecidedBy, Event, GuardThresholds, HaltMissed, LossBasis, Measure,
    ReduceCauseKind, RuleName, RuleWindow, Severity, StrategyDisabled, StrategyState,
};

use super::{alert, causes, closed, configured, disabled, guard, types};
use crate::testing::{decimal, hourly, trade};

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
    assert_eq!((halt.loss_basis, halt.trades), (LossBasis::SumOfTradePercents, Some(4)));
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
fn a_missed_halt_is_made_up_for_with_the_evidence_of_then_and_only_where_none_is_in_force() {
    let mut elsewhere = guard().facts(hourly("2025-01-01", "-2.5", 4));
    let halt = disabled(&elsewhere.when(closed("t", "-2.5", "2025-01-01T20:00:00Z"))).clone();
    let missed = || Event::HaltMissed(HaltMissed::new(halt.clone(), 50));
    assert!(elsewhere.when(missed()).is_empty(), "HALTED already");

    let mut guard = guard().facts(hourly("2025-01-02", "1", 3));
    let decided = guard.when(missed());
    assert_eq!(types(&decided), ["StrategyDisabled", "AlertRaised"]);
    assert_eq!(*disabled(&decided), StrategyDisabled { trades: Some(3), ..halt.clone() });
    let Event::AlertRaised(alert) = &decided[1] else { panic!("{decided:?}") };
    assert!(alert.message.contains("missed at position 50: -12.5 % on 2025-01-01"), "{alert:?}");
    assert!(guard.when(missed()).is_empty(), "once");
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

#[test]
fn zeros_of_every_scale_and_sums_through_zero_hide_no_loss() {
    let days = [
        ["0", "-50", "-40"],
        ["0.00", "-50", "-40"],
        ["0.0000", "-5.5", "-4.51"],
        ["2.18", "-2.18", "-50.5"],
    ];
    for day in days {
        let mut guard = guard();
        let decided: Vec<_> = (0..)
            .zip(day)
            .flat_map(|(n, percent)| {
                guard.when(closed(&n.to_string(), percent, &format!("2025-03-01T00:0{n}:00Z")))
            })
            .collect();
        assert_eq!(types(&decided)[..2], ["StrategyDisabled", "AlertRaised"], "{day:?}");
    }
}

#[test]
fn digits_of_any_length_are_summed_and_nothing_is_reduced() {
    let mut guard = guard().facts([closed("a", "1e20", "2025-01-01T01:00:00Z")]);
    assert!(guard.when(closed("b", "-1e-20", "2025-01-01T02:00:00Z")).is_empty());
    assert!(guard.when(closed("c", "-1e20", "2025-01-01T03:00:00Z")).is_empty());
    assert!(guard.when(closed("d", "-9.99999999999999999999", "2025-01-01T04:00:00Z")).is_empty());
    let decided = guard.when(closed("e", "-1e-28", "2025-01-01T05:00:00Z"));
    // Beyond the limit by the smallest number that there is: neither the value nor the words hide it.
    let Measure::Number(value) = disabled(&decided).rules[0].value else { panic!("{decided:?}") };
    assert!(value < -10.0 && value > -10.000_000_000_001, "{value}");
    let Event::AlertRaised(alert) = &decided[1] else { panic!("{decided:?}") };
    assert!(alert.message.contains("-10.000000000000002 % on 2025-01-01"), "{}", alert.message);
}

#[test]
fn a_tiny_loss_among_large_ones_counts_against_a_capital() {
    let mut guard = guard().facts([configured(|t| t.capital = Some(decimal("1000000")))]);
    let lost = |id: &str, profit: &str| {
        let mut trade = trade(id, "-1", "2025-01-01T02:00:00Z");
        trade.profit = decimal(profit);
        Event::TradeClosed(trade)
    };
    assert!(guard.when(lost("a", "-5000.5")).is_empty());
    assert!(guard.when(lost("b", "-0.000000000026")).is_empty());
    let decided = guard.when(lost("c", "-200000"));
    let Measure::Number(value) = disabled(&decided).rules[0].value else { panic!("{decided:?}") };
    assert!((value + 20.50005).abs() < 1e-12, "{value}");
}

/// A trade whose profit is in a currency.
fn in_currency(id: &str, profit: &str, currency: &str, closed_at: &str) -> Event {
    let mut trade = trade(id, "-0.1", closed_at);
    trade.profit = decimal(profit);
    trade.currency = (!currency.is_empty()).then(|| currency.into());
    Event::TradeClosed(trade)
}

#[test]
fn a_trade_in_another_currency_than_the_capital_is_not_judged_against_it() {
    let mut guard = guard().facts([configured(|t| t.capital = Some(decimal("10000")))]);
    assert!(guard.when(in_currency("a", "-10", "USDT", "2025-01-01T01:00:00Z")).is_empty());
    let decided = guard.when(in_currency("b", "-0.5", "BTC", "2025-01-01T02:00:00Z"));
    assert_eq!(causes(&decided), [ReduceCauseKind::CheckFailed]);
    let Event::StrategyReduced(reduced) = &decided[0] else { panic!("{decided:?}") };
    let words = "trades of 2025-01-01 are in BTC and cannot be measured against a capital in USDT";
    assert_eq!(reduced.causes[0].detail, words);
    // Neither a good trade of that day nor a late one of another day makes the day's loss known.
    assert!(guard.when(in_currency("c", "1", "USDT", "2025-01-01T03:00:00Z")).is_empty());
    assert!(guard.when(in_currency("d", "1", "USDT", "2024-12-31T03:00:00Z")).is_empty());
    let decided = guard.when(in_currency("e", "1", "USDT", "2025-01-02T03:00:00Z"));
    assert_eq!(types(&decided), ["StrategyEnabled", "AlertCleared"]);
}

#[test]
fn a_loss_in_the_capitals_currency_halts_whatever_else_was_traded_that_day() {
    let mut guard = guard().facts([configured(|t| {
        (t.capital, t.capital_currency) = (Some(decimal("10000")), Some("USDT".into()));
    })]);
    assert_eq!(
        causes(&guard.when(in_currency("a", "1", "BTC", "2025-01-01T01:00:00Z"))),
        [ReduceCauseKind::CheckFailed]
    );
    let decided = guard.when(in_currency("b", "-1000.01", "USDT", "2025-01-01T02:00:00Z"));
    assert_eq!(disabled(&decided).rules[0].value, Measure::Number(-10.0001));
}

#[test]
fn a_trade_in_no_known_currency_is_not_judged_against_a_capital() {
    let mut guard = guard().facts([configured(|t| t.capital = Some(decimal("10000")))]);
    let decided = guard.when(in_currency("a", "-0.5", "", "2025-01-01T02:00:00Z"));
    assert_eq!(causes(&decided), [ReduceCauseKind::CheckFailed]);
}

#[test]
fn currencies_mean_nothing_without_a_capital() {
    let mut guard = guard().facts([in_currency("a", "-10", "USDT", "2025-01-01T01:00:00Z")]);
    assert!(guard.when(in_currency("b", "-10", "BTC", "2025-01-01T02:00:00Z")).is_empty());
}

#[test]
fn the_third_trade_in_a_row_that_is_too_old_is_told_once() {
    let mut guard = guard().facts([closed("new", "1", "2025-01-10T00:00:00Z")]);
    let mut old = |n: u32| guard.when(closed(&format!("old {n}"), "-50", "2025-01-02T00:00:00Z"));
    assert!(old(1).is_empty());
    assert!(old(2).is_empty());
    assert_eq!(alert(&old(3)), (AlertKind::TradesTooOld, Severity::Warning));
    assert!(old(4).is_empty());
    assert_eq!(types(&guard.when(closed("judged", "1", "2025-01-09T00:00:00Z"))), ["AlertCleared"]);
    // A judged one ends the row.
    for n in 5..7 {
        assert!(guard.when(closed(&format!("old {n}"), "-50", "2025-01-02T00:00:00Z")).is_empty());
    }
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
