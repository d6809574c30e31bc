//! Trades that come in transactions: what is aborted does not count, what is hidden is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::{sync::Arc, time::Duration};

use events::{Event, StallReason};
use kafka::test_support::{Broker, Transaction, need};
use store::MemoryLog;
use support::{
    begin,
    source::{everything, send, source, trade, trades, wait_until_live},
    wait_for,
};

#[test]
fn what_an_open_transaction_hides_for_too_long_is_a_source_that_stands_still() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let mut settings = broker.settings();
    settings.stale_after = Duration::from_secs(3);
    broker.create_topic(&settings.topics.trade_closed, 1, &[]).unwrap();
    let log = Arc::new(MemoryLog::new());
    let running = source(&log, &settings);
    send(&settings, vec![trade(0)]);
    wait_until_live(&running, 1);
    let topic = &settings.topics.trade_closed;
    let somebody = Transaction::begin(&settings, "somebody").unwrap();
    somebody.put(topic, &trade(1)).unwrap();
    send(&settings, (2..14).map(trade).collect());
    wait_for("it is stalled", || running.status().stalled.is_some());
    let status = running.status();
    assert_eq!((status.stalled, status.lag()), (Some(StallReason::OpenTransaction), 13), "{status:?}");
    assert!(!status.caught_up && !status.ready, "{status:?}");
    assert!(status.text.contains("find-hanging"), "{status:?}");
    somebody.abort().unwrap();
    wait_until_live(&running, 13);
    wait_for("it has caught up", || running.status().caught_up);
    running.stop();
    let told: Vec<_> = everything(&log)
        .iter()
        .filter_map(|recorded| match &recorded.event {
            Event::SourceStalled(stalled) => {
                Some((stalled.reason, stalled.detail.contains("from offset 1 to 14")))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [(StallReason::OpenTransaction, true)]);
    assert!(!trades(&log).contains(&("s1".to_owned(), "1".to_owned())), "an aborted trade counts");
}

#[test]
fn markers_and_aborted_records_at_the_end_are_passed_and_not_read_again() {
    let Some((broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 1, &[]).unwrap();
    let running = source(&log, &settings);
    let topic = &settings.topics.trade_closed;
    let somebody = Transaction::begin(&settings, "somebody").unwrap();
    somebody.put(topic, &trade(0)).unwrap();
    somebody.commit().unwrap();
    somebody.again().unwrap();
    (1..5).for_each(|n| somebody.put(topic, &trade(n)).unwrap());
    somebody.abort().unwrap();
    wait_until_live(&running, 1);
    // The record, its marker, four that were aborted and their marker.
    wait_for("all is passed", || running.status().partitions[0].position == 7);
    running.stop();
    let again = source(&log, &settings);
    wait_until_live(&again, 0);
    assert_eq!((again.status().partitions[0].position, again.status().counts.duplicate), (7, 0));
    assert_eq!(trades(&log).len(), 1);
}
