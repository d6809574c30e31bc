//! A server on a real Kafka whose trade topic may lose records.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "each file of tests needs other parts of it")]
mod support;

use kafka::test_support::{Broker, need};
use support::{Home, losing_trades};

#[test]
fn a_topic_that_may_lose_records_is_named_where_people_and_monitoring_look() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    broker.create_topic("trading.trade.closed.v1", 1, &[("retention.ms", "3600000")]).unwrap();
    let home = Home::new();
    let cluster = format!("kafka.bootstrap_servers={}", broker.bootstrap_servers());
    let (mut server, _) = home.serve_with(&["--set", &cluster]);
    let trades = home.file("trades.jsonl", &losing_trades(3));
    let published = home.run(&["publish", &trades, "--set", &cluster]);
    assert_eq!(published.code, 0, "{published:?}");
    // Ready all the same.
    let ready = server.until_ready(&home, true);
    let remedy = "--entity-name trading.trade.closed.v1 --add-config retention.ms=604800000";
    assert!(ready.contains("keeps records for 1.0 h only") && ready.contains(remedy), "{ready}");
    let metrics = server.get(&home, "/metrics");
    assert!(
        metrics.contains("tradewarden_topic_loses_records{topic=\"trading.trade.closed.v1\"} 1\n"),
        "{metrics}"
    );
    home.until(&["decisions", "--json"], |said| {
        said.json().iter().any(|decision| decision["event"]["kind"] == "topic_loses_records")
    });
    let shown = home.run(&["strategies", "--json"]);
    assert_eq!(shown.json()[0]["state"], "ACTIVE", "it reduces nobody: {shown:?}");
    let (code, words) = server.terminate();
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("keeps records for 1.0 h only"), "{words}");
    let verified = home.run(&["verify", "--json"]);
    assert_eq!(
        (verified.code, &verified.json()[0]["differences"]),
        (0, &serde_json::json!([])),
        "{verified:?}"
    );
}
