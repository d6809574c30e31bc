//! The sections of the file, each from its keys to its values.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use events::{
    GuardThresholds, MissedRuns, PerformanceAnalystConfigured, PerformanceLimits, Schedule,
    SchedulerConfigured, StrategyGuardConfigured,
};
use kafka::{KafkaSettings, Topics};

use store::Options;

use super::{Config, KafkaSection, StoreSection, bounds, layers::Raw, reader::Reader};

/// Reads every section. Where a fault is kept the default stands in, so that the other faults are found too.
pub(super) fn read(reader: &mut Reader) -> Config {
    let (guard, kafka) = (guard(reader), kafka(reader));
    let schedules = schedules(reader);
    bounds::check(reader, &guard, schedules.keys().map(String::as_str));
    Config {
        listen: reader.loopback("server.listen").unwrap_or(SocketAddr::from(([127, 0, 0, 1], 7450))),
        trades: super::intake::read(reader, &kafka.topics.trade_closed),
        kafka,
        store: store(reader),
        stale_after: stale_after(reader),
        analyst: analyst(reader),
        schedules,
        digest: reader.digest(),
        given: reader.given(),
        warnings: Vec::new(),
        guard,
    }
}

fn kafka(reader: &mut Reader) -> KafkaSection {
    let default = Topics::default();
    let section = KafkaSection {
        bootstrap_servers: bounds::servers(reader),
        embedded_listen: reader
            .loopback("kafka.embedded_listen")
            .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 19092))),
        topics: Topics {
            trade_closed: topic(reader, "kafka.topics.trade_closed", default.trade_closed),
            decisions: topic(reader, "kafka.topics.decisions", default.decisions),
        },
        properties: reader.texts("kafka.properties.").into_iter().collect(),
    };
    check_kafka(reader, &section);
    section
}

fn topic(reader: &mut Reader, key: &str, default: String) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let wanted = "a topic's name: 1 to 249 of the characters a-z, A-Z, 0-9, dot, - and _";
    let read = reader.read(key, wanted, |raw| match raw {
        Raw::Typed(value) => value.as_str().map(str::to_owned),
        Raw::Text(text) => Some(text.clone()),
    });
    let Some(name) = read else { return default };
    if name.is_empty() || name.len() > 249 || !name.chars().all(allowed) {
        reader.fault(key, format!("wanted is {wanted}"));
        return default;
    }
    name
}

/// librdkafka itself says which of its settings it does not know.
fn check_kafka(reader: &mut Reader, section: &KafkaSection) {
    if section.topics.trade_closed == section.topics.decisions {
        reader.fault(
            "kafka.topics.decisions",
            "the same topic as trade_closed; decisions need one of their own",
        );
    }
    let mut settings = KafkaSettings::new(section.bootstrap_servers.as_deref().unwrap_or("localhost:9092"));
    for (name, value) in &section.properties {
        settings.properties = BTreeMap::from([(name.clone(), value.clone())]);
        if let Err(fault) = settings.check() {
            reader.fault(&format!("kafka.properties.{name}"), fault.to_string());
        }
    }
}

fn store(reader: &mut Reader) -> StoreSection {
    let engine = reader.text("store.engine");
    if engine.is_some_and(|engine| engine != "embedded") {
        reader.fault("store.engine", "the only engine for now is \"embedded\"");
    }
    let after = Duration::from_secs(1)..=Duration::from_secs(36_500 * 86_400);
    let after = reader.duration("store.archive_after", after, "180d");
    let archive = reader.text("store.archive_folder").map(PathBuf::from);
    if archive.as_ref().is_some_and(|folder| folder.is_relative()) {
        reader.fault(
            "store.archive_folder",
            "wanted is a path from the root, such as \"/mnt/archive/tradewarden\"",
        );
    }
    let (default, segment_bytes) =
        (Options::default(), reader.bytes("store.segment_size", 64 << 10..=1 << 30, "256MiB"));
    StoreSection {
        segment_bytes: segment_bytes.unwrap_or(default.segment_bytes),
        uncompressed: reader
            .count("store.uncompressed_segments", 0..=1_000_000, "files")
            .map_or(default.uncompressed, |count| count as usize),
        archive: archive.map(|folder| (folder, after.unwrap_or(Duration::from_secs(180 * 86_400)))),
    }
}

fn guard(reader: &mut Reader) -> StrategyGuardConfigured {
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
    guard
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

fn stale_after(reader: &mut Reader) -> Duration {
    let range = Duration::from_secs(1)..=Duration::from_secs(86_400);
    reader.duration("strategy_guard.stale_after", range, "60s").unwrap_or(Duration::from_secs(60))
}

fn analyst(reader: &mut Reader) -> PerformanceAnalystConfigured {
    let default = PerformanceAnalystConfigured::default();
    let mut limits = PerformanceLimits::default();
    for (key, limit) in [
        ("win_rate_warning", &mut limits.win_rate_pct.warning),
        ("win_rate_critical", &mut limits.win_rate_pct.critical),
        ("average_profit_warning", &mut limits.average_profit_pct.warning),
        ("average_profit_critical", &mut limits.average_profit_pct.critical),
        ("sharpe_warning", &mut limits.sharpe.warning),
        ("sharpe_critical", &mut limits.sharpe.critical),
        ("advise_drawdown_pct", &mut limits.advise_drawdown_pct),
    ] {
        if let Some(value) = reader.number(&format!("performance_analyst.{key}"), "a number") {
            *limit = value;
        }
    }
    let analyst = PerformanceAnalystConfigured {
        min_trades: reader
            .count("performance_analyst.min_trades", 0..=1_000_000, "trades")
            .unwrap_or(default.min_trades),
        limits,
    };
    reader.actor_faults("performance_analyst", actors::performance_analyst::validate(&analyst));
    analyst
}

/// The one schedule that is there without being configured.
const DAILY_ANALYSIS: (&str, &str) = ("performance_analysis", "0 1 * * *");

fn schedules(reader: &mut Reader) -> BTreeMap<String, Schedule> {
    let mut names = reader.names("schedules.");
    names.insert(DAILY_ANALYSIS.0.to_owned());
    let schedules = names.into_iter().filter_map(|name| Some((name.clone(), schedule(reader, &name)?)));
    let config = SchedulerConfigured { schedules: schedules.collect() };
    reader.actor_faults("schedules", actors::scheduler::validate(&config));
    config.schedules
}

fn schedule(reader: &mut Reader, name: &str) -> Option<Schedule> {
    let (cron, missed) = (format!("schedules.{name}.cron"), format!("schedules.{name}.missed"));
    let enabled = reader.flag(&format!("schedules.{name}.enabled")).unwrap_or(true);
    let missed = match reader.text(&missed).as_deref() {
        None | Some("run_once") => MissedRuns::RunOnce,
        Some("skip") => MissedRuns::Skip,
        Some(_) => {
            reader.fault(&missed, "wanted is \"run_once\" or \"skip\"");
            MissedRuns::default()
        }
    };
    let default = (name == DAILY_ANALYSIS.0).then(|| DAILY_ANALYSIS.1.to_owned());
    let cron = reader.text(&cron).or(default).or_else(|| {
        reader.fault(
            &cron,
            "missing: five fields in UTC, minute hour day month weekday, such as \"0 1 * * *\"",
        );
        None
    })?;
    enabled.then_some(Schedule { cron, missed })
}
