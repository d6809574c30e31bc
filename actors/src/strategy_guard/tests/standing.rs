//! How near each limit is.

use super::*;
use crate::strategy_guard::{Standing, standing};
use events::LossBasis;

fn of(given: &Given<StrategyGuard>, name: &str) -> Standing {
    standing(given.fold.state(), name, given.fold.config())
}

#[test]
fn given_nothing_then_nothing_is_counted_and_the_limits_are_the_defaults() {
    let limits = of(&guard(), "rsi").limits;
    assert_eq!((limits.daily_loss.day, limits.daily_loss.value_pct), (None, None));
    assert_eq!((limits.daily_loss.limit_pct, limits.daily_loss.set_in.as_str()), (-10.0, "default"));
    assert_eq!((limits.win_rate.value_pct, limits.win_rate.trades, limits.win_rate.window), (None, 0, 20));
}

#[test]
fn given_trades_then_each_limit_tells_its_value_and_on_how_many_trades_it_rests() {
    let given = guard().facts([
        closed("1", "2", "2025-01-01T01:00:00Z"),
        closed("2", "-3.5", "2025-01-02T01:00:00Z"),
        closed("3", "-0.25", "2025-01-02T02:00:00Z"),
    ]);
    let limits = of(&given, "rsi").limits;
    let day = limits.daily_loss;
    assert_eq!((day.day.as_deref(), day.value_pct, day.trades), (Some("2025-01-02"), Some(-3.75), 2));
    assert_eq!(day.loss_basis, LossBasis::SumOfTradePercents);
    assert_eq!(day.profits["USDT"].to_string(), "-3.75");
    assert_eq!((limits.consecutive_losses.value, limits.consecutive_losses.limit), (2, 10));
    let rate = limits.win_rate;
    assert_eq!((rate.value_pct, rate.won, rate.trades, rate.window), (None, 1, 3, 20));
}

#[test]
fn given_thresholds_of_its_own_then_each_tells_the_section_that_sets_it() {
    let given = guard().facts([
        Event::StrategyGuardConfigured(StrategyGuardConfigured {
            default: GuardThresholds { max_consecutive_losses: 4, ..GuardThresholds::default() },
            strategies: [(
                "rsi".to_owned(),
                GuardThresholds {
                    max_consecutive_losses: 4,
                    win_rate_window: 2,
                    capital: Some(decimal("200")),
                    ..GuardThresholds::default()
                },
            )]
            .into(),
        }),
        closed("1", "2", "2025-01-01T01:00:00Z"),
        closed("2", "-5", "2025-01-01T02:00:00Z"),
    ]);
    let Standing { limits, .. } = of(&given, "rsi");
    let day = limits.daily_loss;
    assert_eq!((day.value_pct, day.loss_basis), (Some(-1.5), LossBasis::Capital));
    assert_eq!((day.capital, day.capital_currency.as_deref()), (Some(decimal("200")), Some("USDT")));
    assert_eq!(limits.consecutive_losses.set_in, "strategy_guard");
    assert_eq!((limits.win_rate.value_pct, limits.win_rate.set_in.as_str()), (Some(50.0), "default"));
    assert_eq!(limits.win_rate.window_set_in, "strategy_guard.strategies.rsi");
    assert_eq!(of(&given, "macd").limits.consecutive_losses.limit, 4);
}

#[test]
fn given_a_rejected_trade_then_it_tells_which_and_what_lifts_it() {
    let mut given = guard().facts([rejected(Some("7"))]);
    let told = of(&given, "rsi");
    assert!(told.rejected.ids.contains("7"));
    assert_eq!(told.reducing[0].kind, ReduceCauseKind::TradeRejected);
    assert!(told.reducing[0].lifted_by.starts_with("a report of the same trade_id"), "{told:?}");
    given.when(rejected(None));
    assert!(of(&given, "rsi").reducing[0].lifted_by.starts_with("only tradewarden strategies enable rsi"));
    given.when(enable("seen"));
    assert!(of(&given, "rsi").reducing.is_empty());
}
