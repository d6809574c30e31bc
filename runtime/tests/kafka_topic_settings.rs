//! A trade topic that may lose records before they are read is told, and holds up nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::sync::Arc;

use events::{AlertKind, Event};
use runtime::test_support::{Broker, need};
use store::MemoryLog;
use support::source::{everything, send, source, trade, wait_for, wait_until_live};

/// Alerts about the topic: whether each began, and its words.
fn alerts(log: &MemoryLog) -> Vec<(bool, String)> {
    let all = everything(log);
    let alerts = all.iter().filter_map(|recorded| match &recorded.event {
        Event::AlertRaised(alert) if alert.kind == AlertKind::TopicLosesRecords => {
            Some((true, alert.message.clone()))
        }
        Event::AlertCleared(alert) if alert.kind == AlertKind::TopicLosesRecords => {
            Some((false, alert.message.clone()))
        }
        _ => None,
    });
    alerts.collect()
}

#[test]
fn a_topic_that_may_lose_records_unread_is_told_with_the_remedy_until_it_is_set_right() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let settings = broker.settings();
    let topic = settings.topics.trade_closed.as_str();
    let risky = [("cleanup.policy", "compact,delete"), ("retention.ms", "3600000")];
    broker.create_topic(topic, 1, &risky).unwrap();
    let log = Arc::new(MemoryLog::new());
    let running = source(&log, &settings);
    send(&settings, (0..10).map(trade).collect());
    wait_until_live(&running, 10);
    let status = running.status();
    assert!(status.ready, "a warning holds up nothing: {status:?}");
    let told = status.warning.unwrap();
    let remedy = format!("--entity-name {topic} --add-config cleanup.policy=delete,retention.ms=604800000");
    assert!(told.contains("is compacted") && told.contains("for 1.0 h only"), "{told}");
    assert!(told.contains(&remedy), "{told}");
    running.stop();
    // Known by then.
    let running = source(&log, &settings);
    wait_for("it is told again", || running.status().warning.is_some());
    running.stop();
    assert_eq!(alerts(&log), [(true, told)]);
    broker.set_topic(topic, &[("cleanup.policy", "delete")]).unwrap();
    let running = source(&log, &settings);
    wait_for("the alert ends", || alerts(&log).len() == 2);
    assert_eq!(running.status().warning, None);
    assert!(!alerts(&log)[1].0, "{:?}", alerts(&log));
}
