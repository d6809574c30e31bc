//! The section `[strategy_guard]`: its thresholds, those of single strategies standing on those of all.

use std::time::Duration;

use events::{Decimal, Event, GuardThresholds, StrategyGuardConfigured};

use super::super::reader::Reader;

/// The largest loss of a day that can be a limit where percents of trades are added up, which may be of a small part of
/// the account each.
const LARGEST_LOSS: i64 = 10_000;

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Event {
    let prefix = "strategy_guard.";
    let default = thresholds(reader, prefix, &GuardThresholds::default());
    let strategies = reader.names("strategy_guard.strategies.").into_iter().map(|name| {
        let prefix = format!("{prefix}strategies.{name}.");
        let mut single = thresholds(reader, &prefix, &default);
        single.capital = reader
            .decimal(&format!("{prefix}capital"), "an amount above 0 in the quote currency, such as 10000");
        single.capital_currency = reader.text(&format!("{prefix}capital_currency"));
        (name, single)
    });
    let guard = StrategyGuardConfigured { strategies: strategies.collect(), default };
    reader.actor_faults("strategy_guard", own_faults(&guard));
    bounds(reader, prefix, &guard.default);
    for (name, thresholds) in &guard.strategies {
        bounds(reader, &format!("{prefix}strategies.{name}."), thresholds);
    }
    Event::StrategyGuardConfigured(guard)
}

/// What the guard says; a fault of the default thresholds is not told again for each strategy that inherits it.
fn own_faults(guard: &StrategyGuardConfigured) -> Vec<actors::Fault> {
    let faults = actors::strategy_guard::validate(guard);
    let of_default: Vec<(String, String)> = faults
        .iter()
        .filter(|f| !f.key.starts_with("strategies."))
        .map(|f| (f.key.clone(), f.value.clone()))
        .collect();
    let inherited = |fault: &actors::Fault| {
        let name = fault.key.rsplit('.').next().unwrap_or_default();
        fault.key.starts_with("strategies.") && of_default.iter().any(|(k, v)| k == name && *v == fault.value)
    };
    faults.into_iter().filter(|fault| !inherited(fault)).collect()
}

fn thresholds(reader: &mut Reader, prefix: &str, default: &GuardThresholds) -> GuardThresholds {
    let key = |name: &str| format!("{prefix}{name}");
    let (loss, losses, rate) =
        (key("max_daily_loss_pct"), key("max_consecutive_losses"), key("min_win_rate_pct"));
    let (window, silence) = (key("win_rate_window"), key("max_silence"));
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    GuardThresholds {
        max_daily_loss_pct: reader
            .decimal(&loss, "a percent above 0, such as 10")
            .unwrap_or(default.max_daily_loss_pct),
        max_consecutive_losses: reader
            .count(&losses, 1..=100_000, "trades")
            .map_or(default.max_consecutive_losses, small),
        min_win_rate_pct: reader
            .decimal(&rate, "a percent from 0 to 100, such as 30")
            .unwrap_or(default.min_win_rate_pct),
        win_rate_window: reader.count(&window, 1..=1000, "trades").map_or(default.win_rate_window, small),
        capital: None,
        capital_currency: None,
        max_silence_s: reader
            .duration(&silence, Duration::from_secs(1)..=Duration::from_secs(366 * 86_400), "6h")
            .map_or(default.max_silence_s, |silence| Some(silence.as_secs())),
    }
}

/// What can be read and yet cannot be meant.
fn bounds(reader: &mut Reader, prefix: &str, thresholds: &GuardThresholds) {
    daily_loss(reader, prefix, thresholds);
    for key in ["max_daily_loss_pct", "min_win_rate_pct"] {
        reader.doubt_ratio(&format!("{prefix}{key}"));
    }
}

fn daily_loss(reader: &mut Reader, prefix: &str, thresholds: &GuardThresholds) {
    let (key, capital) = (format!("{prefix}max_daily_loss_pct"), format!("{prefix}capital"));
    // What is inherited is told once, where it stands.
    if !reader.is_set(&key) && !reader.is_set(&capital) {
        return;
    }
    let loss = thresholds.max_daily_loss_pct;
    let hundred = Decimal::ONE_HUNDRED;
    if thresholds.capital.is_some() && loss > hundred {
        reader.fault(
            &key,
            "wanted is a percent of the capital, at most 100: more than all of it cannot be lost",
        );
    } else if reader.is_set(&key) && loss > Decimal::from(LARGEST_LOSS) {
        reader.fault(&key, format!("wanted is a percent above 0 and at most {LARGEST_LOSS}, such as 10"));
    } else if reader.is_set(&key) && loss > hundred {
        reader.warn(&key, "above 100 % the rule hardly ever halts anything");
    }
}

/// When a source counts as standing still, which reduces every strategy.
pub(super) fn stale_after(reader: &mut Reader) -> Duration {
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    reader.duration("strategy_guard.stale_after", range, "60s").unwrap_or(Duration::from_secs(60))
}
