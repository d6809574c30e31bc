//! A trade topic that may lose records before they are read is told, and holds up nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::{sync::Arc, thread, time::Duration};

use events::{AlertKind, Event};
use kafka::{
    CommittedReader, KafkaSettings, ReadFrom,
    test_support::{Broker, Transaction, need, trade_json},
};
use store::MemoryLog;
use support::{
    begin,
    source::{everything, missing, send, source, trade, wait_until_live},
    wait_for,
};

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
    let Some((broker, settings, log)) = begin() else { return };
    let topic = settings.topics.trade_closed.as_str();
    let risky = [("cleanup.policy", "compact,delete"), ("retention.ms", "3600000")];
    broker.create_topic(topic, 1, &risky).unwrap();
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

#[test]
fn settings_that_change_while_it_reads_are_told_with_the_next_look() {
    let Some((broker, mut settings, log)) = begin() else { return };
    settings.look_every = Duration::from_millis(200);
    let topic = settings.topics.trade_closed.as_str();
    broker.create_topic(topic, 1, &[]).unwrap();
    let running = source(&log, &settings);
    wait_until_live(&running, 0);
    assert_eq!((running.status().warning, alerts(&log)), (None, vec![]));
    broker.set_topic(topic, &[("cleanup.policy", "compact")]).unwrap();
    wait_for("it is told", || running.status().warning.is_some());
    wait_for("the alert is raised", || alerts(&log).len() == 1);
    broker.set_topic(topic, &[("cleanup.policy", "delete")]).unwrap();
    wait_for("the alert ends", || running.status().warning.is_none() && alerts(&log).len() == 2);
    running.stop();
}

/// The cleaner looks often, and at whatever there is.
const EAGER: &str = "log.cleaner.backoff.ms=200\n";
const COMPACTED: [(&str, &str); 4] = [
    ("cleanup.policy", "compact"),
    ("segment.ms", "100"),
    ("min.cleanable.dirty.ratio", "0.01"),
    ("max.compaction.lag.ms", "500"),
];

/// A trade of the only strategy.
fn of_one(n: u64) -> (Vec<u8>, Vec<u8>) {
    (b"one".to_vec(), trade_json("one", n, "-1"))
}

/// How many records are there for whoever begins to read now.
fn there(settings: &KafkaSettings) -> usize {
    let reader = CommittedReader::open(settings, &settings.topics.trade_closed, ReadFrom::Beginning).unwrap();
    std::iter::from_fn(|| reader.next(Duration::from_millis(500)).unwrap()).count()
}

#[test]
fn what_was_compacted_away_unread_is_missing() {
    let Some(broker) = need("kafka", Broker::start_with(EAGER)) else { return };
    let settings = broker.settings();
    broker.create_topic(&settings.topics.trade_closed, 1, &COMPACTED).unwrap();
    // Each in a segment of its own: the newest one is never compacted.
    let mut sent = 0;
    wait_for("records are compacted away", || {
        send(&settings, vec![of_one(sent)]);
        sent += 1;
        thread::sleep(Duration::from_millis(150));
        sent > 10 && there(&settings) + 5 < sent as usize
    });
    let log = Arc::new(MemoryLog::new());
    let running = source(&log, &settings);
    wait_until_live(&running, 1);
    wait_for("it is told", || !missing(&log).is_empty());
    running.stop();
    let [missing] = &missing(&log)[..] else { panic!("{:?}", missing(&log)) };
    assert_eq!((missing.from_offset, missing.to_offset), (0, sent as i64));
    assert_eq!(missing.at_most + everything(&log).iter().filter(|e| is_trade(&e.event)).count() as u64, sent);
}

fn is_trade(event: &Event) -> bool {
    matches!(event, Event::TradeClosed(_))
}

#[test]
fn what_transactions_leave_on_a_compacted_topic_is_no_missing_record() {
    let Some((broker, settings, log)) = begin() else { return };
    let topic = settings.topics.trade_closed.as_str();
    broker.create_topic(topic, 1, &[("cleanup.policy", "compact")]).unwrap();
    let somebody = Transaction::begin(&settings, "somebody").unwrap();
    for n in 0..3 {
        somebody.put(topic, &of_one(n)).unwrap();
        somebody.commit().unwrap();
        somebody.again().unwrap();
    }
    somebody.put(topic, &of_one(9)).unwrap();
    somebody.abort().unwrap();
    let running = source(&log, &settings);
    wait_until_live(&running, 3);
    // A session that begins behind a record in no transaction.
    send(&settings, vec![of_one(3)]);
    wait_until_live(&running, 4);
    running.stop();
    let running = source(&log, &settings);
    wait_until_live(&running, 0);
    somebody.again().unwrap();
    somebody.put(topic, &of_one(4)).unwrap();
    somebody.commit().unwrap();
    wait_for("the marker is passed", || {
        let partition = &running.status().partitions[0];
        running.status().counts.taken == 1 && partition.position == partition.end
    });
    send(&settings, vec![of_one(5)]);
    wait_until_live(&running, 2);
    running.stop();
    assert_eq!(missing(&log), []);
}
