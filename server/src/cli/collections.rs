//! What a table shows of the documents of each audit collection; JSON has all of it.

use serde_json::Value;

use super::{
    dead_letters,
    output::{Column, left, right},
    strategies, words,
};

/// The columns of a collection.
pub(super) fn columns(collection: &str) -> &'static [Column] {
    match collection {
        "strategies" => &strategies::COLUMNS,
        "performance_metrics" => &METRICS,
        "performance_skips" => &SKIPS,
        "decisions" => &DECISIONS,
        "dead_letters" => &dead_letters::COLUMNS,
        "dead_letter_counts" => &COUNTS,
        "streams" => &STREAMS,
        "sources" => &SOURCES,
        "actors" => &ACTORS,
        "publishers" => &PUBLISHERS,
        "runs" => &RUNS,
        "schedules" => &SCHEDULES,
        "maintenance" => &MAINTENANCE,
        _ => &ANY,
    }
}

const METRICS: [Column; 7] = [
    left("TIMESTAMP", |item| words::moment(&item["timestamp"])),
    right("TRADES", |item| words::text(&item["total_trades"])),
    right("WIN %", |item| words::figure(&item["win_rate"])),
    right("AVERAGE %", |item| words::figure(&item["avg_profit_per_trade"])),
    right("SHARPE", |item| words::figure(&item["sharpe_ratio"])),
    left("STATUS", status),
    left("AI", |item| if item["trigger_ai_analysis"] == true { "asked".to_owned() } else { "-".to_owned() }),
];

/// The worst of the three.
fn status(item: &Value) -> String {
    let statuses = item["performance_status"].as_object();
    let has = |status: &str| statuses.into_iter().flatten().any(|(_, value)| value == status);
    let worst = ["critical", "warning"].into_iter().find(|status| has(status));
    worst.unwrap_or("ok").to_owned()
}

const SKIPS: [Column; 4] = [
    left("TIMESTAMP", |item| words::moment(&item["timestamp"])),
    right("TRADES", |item| words::text(&item["total_trades"])),
    right("WANTED", |item| words::text(&item["min_trades"])),
    left("REASON", |item| words::text(&item["reason"])),
];

const DECISIONS: [Column; 5] = [
    right("POSITION", |item| words::text(&item["position"])),
    left("HAPPENED", |item| words::moment(&item["occurred_at"])),
    left("TYPE", |item| words::text(&item["type"])),
    left("STRATEGY", |item| words::text(&item["strategy"])),
    left("ID", |item| words::text(&item["event_id"])),
];

const COUNTS: [Column; 3] = [
    left("REASON", |item| words::text(&item["reason"])),
    right("COUNT", |item| words::text(&item["count"])),
    left("LAST", |item| words::moment(&item["last_at"])),
];

const STREAMS: [Column; 5] = [
    left("STREAM", |item| words::text(&item["stream"])),
    right("RECORDS", |item| words::text(&item["records"])),
    right("REJECTED", |item| words::text(&item["rejected"])),
    right("POSITION", |item| words::text(&item["last_position"])),
    left("HAPPENED", |item| words::moment(&item["last_occurred_at"])),
];

const SOURCES: [Column; 4] = [
    left("SOURCE", |item| words::text(&item["source"])),
    left("STALLED", |item| words::moment(&item["since"])),
    right("MISSING", |item| words::text(&item["records_missing_at_most"])),
    left("DETAIL", |item| words::text(&item["detail"])),
];

const ACTORS: [Column; 5] = [
    left("ACTOR", |item| words::text(&item["actor"])),
    right("DECISIONS", |item| words::text(&item["decisions"])),
    right("POSITION", |item| words::text(&item["last_decision"]["position"])),
    right("FAILURES", |item| words::text(&item["failures"])),
    left("QUARANTINED", |item| words::text(&item["quarantined"])),
];

const PUBLISHERS: [Column; 3] = [
    left("CLUSTER", |item| words::text(&item["cluster"])),
    right("UP TO", |item| words::text(&item["up_to_position"])),
    left("SINCE", |item| words::moment(&item["advanced_at"])),
];

const RUNS: [Column; 5] = [
    right("POSITION", |item| words::text(&item["position"])),
    left("STARTED", |item| words::moment(&item["started_at"])),
    left("COMMAND", |item| words::text(&item["command"])),
    left("VERSION", |item| words::text(&item["version"])),
    left("CONFIG", |item| words::text(&item["config_digest"])),
];

const SCHEDULES: [Column; 5] = [
    left("SCHEDULE", |item| words::text(&item["schedule"])),
    left("MADE BY", |item| words::text(&item["source"])),
    left("PAUSED", |item| words::text(&item["is_paused"])),
    right("FIRED", |item| words::text(&item["fired"])),
    left("LAST", |item| words::moment(&item["last"]["planned_at"])),
];

const MAINTENANCE: [Column; 2] = [
    left("MAINTENANCE", |item| words::text(&item["is_on"])),
    left("SINCE", |item| words::moment(&item["since"])),
];

/// Of a collection that has no columns of its own yet.
const ANY: [Column; 1] = [left("DOCUMENT", |item| words::shortened(&item.to_string()))];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use store::MemoryLog;
    use views::{Views, ViewsOptions};

    use super::*;

    #[test]
    fn every_collection_has_columns_of_its_own() {
        let views = Views::open_elsewhere(Arc::new(MemoryLog::new()), ViewsOptions::default()).unwrap();
        for collection in views.collections() {
            assert_ne!(columns(collection)[0].head, ANY[0].head, "{collection}");
        }
    }
}
