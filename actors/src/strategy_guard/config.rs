//! What a configuration of StrategyGuard may be. The defaults are those of the requirements (SG1) and stand with
//! the event, [`events::GuardThresholds`].

use events::{Decimal, GuardThresholds, StrategyGuardConfigured};

use crate::Fault;

/// The largest window of the win rate: the state keeps that many outcomes of each strategy.
pub(super) const MAX_WIN_RATE_WINDOW: u32 = 1000;

/// The longest silence that can be waited for, one year in seconds.
const MAX_SILENCE_S: u64 = 366 * 86_400;

/// Every fault of a configuration, none when it is good.
#[must_use]
pub fn validate(config: &StrategyGuardConfigured) -> Vec<Fault> {
    let mut faults = Vec::new();
    check(&mut faults, "", &config.default);
    if config.default.capital.is_some() {
        let problem = "capital belongs to one strategy: set it under strategies.NAME";
        faults.push(Fault::new("capital", "set", problem));
    }
    for (name, thresholds) in &config.strategies {
        if name.is_empty() || name.chars().count() > 128 {
            faults.push(Fault::new("strategies", name, "a strategy's name has 1-128 characters"));
        }
        check(&mut faults, &format!("strategies.{name}."), thresholds);
    }
    faults
}

fn check(faults: &mut Vec<Fault>, prefix: &str, t: &GuardThresholds) {
    let mut must = |ok: bool, key: &str, value: String, problem: &str| {
        if !ok {
            faults.push(Fault::new(format!("{prefix}{key}"), value, problem));
        }
    };
    let hundred = Decimal::ONE_HUNDRED;
    let loss = t.max_daily_loss_pct;
    must(loss > Decimal::ZERO, "max_daily_loss_pct", loss.to_string(), "a percent above 0, such as 10");
    must(
        (1..=100_000).contains(&t.max_consecutive_losses),
        "max_consecutive_losses",
        t.max_consecutive_losses.to_string(),
        "a number of trades from 1 to 100000",
    );
    let rate = t.min_win_rate_pct;
    must(
        rate >= Decimal::ZERO && rate <= hundred,
        "min_win_rate_pct",
        rate.to_string(),
        "a percent from 0 to 100",
    );
    must(
        (1..=MAX_WIN_RATE_WINDOW).contains(&t.win_rate_window),
        "win_rate_window",
        t.win_rate_window.to_string(),
        "a number of trades from 1 to 1000",
    );
    let capital = t.capital.unwrap_or(Decimal::ONE);
    must(capital > Decimal::ZERO, "capital", capital.to_string(), "an amount above 0 in the quote currency");
    let currency = t.capital_currency.as_deref();
    must(
        currency.is_none_or(|name| !name.trim().is_empty() && name.chars().count() <= 128),
        "capital_currency",
        currency.unwrap_or_default().to_owned(),
        "a currency as trades name it, such as USDT",
    );
    let silence = t.max_silence_s.unwrap_or(1);
    must(
        (1..=MAX_SILENCE_S).contains(&silence),
        "max_silence",
        format!("{silence}s"),
        "a duration from 1s to 366d",
    );
}
