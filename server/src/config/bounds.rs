//! Values that can be read and yet cannot be meant: faults where nothing good can come of them, else warnings.

use events::{Decimal, GuardThresholds, StrategyGuardConfigured};
use intake::nearest;

use super::reader::Reader;

/// The largest loss of a day that can be a limit where percents of trades are added up, which may be of a small part of
/// the account each.
const LARGEST_LOSS: i64 = 10_000;

/// The schedules that an actor reads.
const READ: [&str; 1] = [actors::performance_analyst::SCHEDULE];

/// Keys with a percent of 1 to 100, as a rule.
const PERCENTS: [&str; 5] = [
    "strategy_guard.max_daily_loss_pct",
    "strategy_guard.min_win_rate_pct",
    "performance_analyst.win_rate_warning",
    "performance_analyst.win_rate_critical",
    "performance_analyst.advise_drawdown_pct",
];

/// Checks thresholds and schedules.
pub(super) fn check<'s>(
    reader: &mut Reader,
    guard: &StrategyGuardConfigured,
    schedules: impl Iterator<Item = &'s str>,
) {
    daily_loss(reader, "strategy_guard.", &guard.default);
    for key in PERCENTS {
        small_percent(reader, key);
    }
    for (name, thresholds) in &guard.strategies {
        let prefix = format!("strategy_guard.strategies.{name}.");
        daily_loss(reader, &prefix, thresholds);
        for key in ["max_daily_loss_pct", "min_win_rate_pct"] {
            small_percent(reader, &format!("{prefix}{key}"));
        }
    }
    for name in schedules.filter(|name| !READ.contains(name)) {
        let near = nearest(name, READ).unwrap_or(READ[0]);
        reader.warn(
            &format!("schedules.{name}"),
            format!(
                "no actor reads a schedule of this name, so that nothing comes of it; the nearest is {near}"
            ),
        );
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

/// A ratio where a percent is wanted.
fn small_percent(reader: &mut Reader, key: &str) {
    let Some(value) = reader.decimal(key, "a percent") else { return };
    if value > Decimal::ZERO && value < Decimal::ONE {
        let meant = (value * Decimal::ONE_HUNDRED).normalize();
        reader.warn(key, format!("{value} is {value} %; did you mean {meant}?"));
    }
}

/// The brokers, each as librdkafka reads it.
pub(super) fn servers(reader: &mut Reader) -> Option<String> {
    let key = "kafka.bootstrap_servers";
    let servers = reader.text(key)?;
    if servers.split(',').all(|server| is_server(server.trim())) {
        return Some(servers);
    }
    reader.fault(key, "wanted is host:port, several with commas, such as \"localhost:9092\"");
    None
}

/// librdkafka takes a security protocol in front.
const PROTOCOLS: [&str; 4] = ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"];

fn is_server(server: &str) -> bool {
    let address = match server.split_once("://") {
        Some((protocol, rest)) if PROTOCOLS.contains(&protocol.to_uppercase().as_str()) => rest,
        Some(_) => return false,
        None => server,
    };
    let (host, port) = match address.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("none"))),
        None => address.split_once(':').map_or((address, None), |(host, port)| (host, Some(port))),
    };
    let plain = |letter: char| letter.is_alphanumeric() || matches!(letter, '.' | '-' | '_' | ':' | '%');
    !host.is_empty()
        && host.chars().all(plain)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}
