//! The numbers of a decision: none of them hides, by being rounded, that a threshold was crossed.

use events::{
    BreachedRule, Decimal, Forgotten, GuardMetrics, GuardThresholds, LossBasis, Measure, RuleName, RuleWindow,
};
use rust_decimal::prelude::ToPrimitive as _;

use super::{
    day::DaySum,
    state::{State, Strategy},
};

/// Decimal places that people are shown where they tell enough.
const PLACES: usize = 2;

/// Decimal places after which no two doubles of a percent look alike.
const MOST_PLACES: usize = 17;

/// A threshold as evidence.
pub(super) fn threshold(limit: Decimal) -> Measure {
    Measure::Number(double(limit))
}

pub(super) fn double(value: Decimal) -> f64 {
    value.to_f64().unwrap_or_default()
}

/// A measured number that lies below a limit, also where the two are the same double.
pub(super) fn below(value: f64, limit: f64) -> Measure {
    Measure::Number(if value < limit { value } else { limit.next_down() })
}

/// The day's loss in percent, with a capital of the trades in its currency.
pub(super) fn daily_loss_pct(strategy: &Strategy, day: &DaySum, limit: &GuardThresholds) -> f64 {
    day.result(limit, strategy.capital_currency(limit)).percent()
}

pub(super) fn metrics(strategy: &Strategy, day: Option<&DaySum>, limit: &GuardThresholds) -> GuardMetrics {
    GuardMetrics {
        daily_loss_pct: day.map(|day| daily_loss_pct(strategy, day, limit)),
        consecutive_losses: strategy.consecutive_losses,
        win_rate_pct: won_in_window(strategy, limit.win_rate_window)
            .map(|won| percent(won, limit.win_rate_window)),
    }
}

pub(super) const fn loss_basis(limit: &GuardThresholds) -> LossBasis {
    if limit.capital.is_some() { LossBasis::Capital } else { LossBasis::SumOfTradePercents }
}

/// Won trades among the last `window`; nothing with fewer trades.
pub(super) fn won_in_window(strategy: &Strategy, window: u32) -> Option<u32> {
    let window = window as usize;
    (strategy.outcomes.len() >= window).then(|| {
        let won = strategy.outcomes.iter().rev().take(window).filter(|won| **won).count();
        u32::try_from(won).unwrap_or(u32::MAX)
    })
}

pub(super) fn percent(part: u32, whole: u32) -> f64 {
    f64::from(part) * 100.0 / f64::from(whole)
}

/// What a strategy's guard counts no longer once it starts afresh.
pub(super) fn forgotten(strategy: &Strategy, limit: &GuardThresholds) -> Forgotten {
    let newest = strategy.days.last_key_value();
    Forgotten {
        day: newest.map(|(day, _)| State::day_name(*day)),
        daily_loss_pct: newest.map(|(_, sum)| daily_loss_pct(strategy, sum, limit)),
        day_trades: newest.map_or(0, |(_, sum)| sum.trades),
        consecutive_losses: strategy.consecutive_losses,
        outcomes: u32::try_from(strategy.outcomes.len()).unwrap_or(u32::MAX),
        rejected: strategy.rejected.count(),
    }
}

/// A breach for people.
pub(super) fn in_words(breach: &BreachedRule) -> String {
    let BreachedRule { value, threshold, trades, .. } = breach;
    match (breach.rule, &breach.window) {
        (RuleName::DailyLoss, RuleWindow::Day(day)) => {
            let loss = rounded(*value, |shown| is_below(shown, *threshold, -1.0));
            let s = if *trades == 1 { "" } else { "s" };
            format!("{loss} % on {day} over {trades} trade{s}, the limit is -{threshold} %")
        }
        (RuleName::ConsecutiveLosses, _) => {
            format!("{trades} lost trades in a row, the limit is {threshold}")
        }
        _ => {
            let rate = rounded(*value, |shown| is_below(shown, *threshold, 1.0));
            format!("{rate} % of the last {trades} trades won, the limit is {threshold} %")
        }
    }
}

fn is_below(shown: f64, threshold: Measure, sign: f64) -> bool {
    matches!(threshold, Measure::Number(limit) if shown < sign * limit)
}

/// A number with as few decimal places as still tell what `tells` asks of it.
fn rounded(value: Measure, tells: impl Fn(f64) -> bool) -> String {
    let Measure::Number(number) = value else { return value.to_string() };
    let with = |places: usize| format!("{number:.places$}");
    let enough = |text: &String| text.parse().is_ok_and(&tells);
    let text = (PLACES..=MOST_PLACES).map(with).find(enough).unwrap_or_else(|| number.to_string());
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_shown_two_places_unless_that_hides_the_breach() {
        let shown = |value: f64, limit: f64| rounded(Measure::Number(value), |shown| shown < limit);
        assert_eq!(shown(23.333_333_333_333_332, 30.0), "23.33");
        assert_eq!(shown(-11.0, -10.0), "-11");
        assert_eq!(shown(-10.5, -10.0), "-10.5");
        assert_eq!(shown(-10.004, -10.0), "-10.004");
        assert_eq!(shown(-10.000_000_1, -10.0), "-10.0000001");
        assert_eq!(shown(-10.0_f64.next_up(), -10.0), "-10.000000000000002");
        assert_eq!(shown(29.999, 30.0), "29.999");
    }
}
