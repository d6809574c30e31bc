//! Partitions that are added: a strategy that moves is taken in in its order all the same.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::collections::BTreeMap;

use events::{Event, PartitionsAdded};
use kafka::KafkaSettings;
use store::MemoryLog;
use support::{
    begin,
    source::{everything, send, source, trade, trades, wait_until_live},
    wait_for,
};

/// So many strategies have to move for the order to be wrong by no accident.
const MOVING: u64 = 12;

/// Six trades of each strategy, their numbers from `from` on.
fn six_of_each(from: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let of = |number: u64| {
        let strategy = format!("moving{}", number % MOVING);
        let value = kafka::test_support::trade_json(&strategy, from + number / MOVING, "-1");
        (strategy.into_bytes(), value)
    };
    (0..6 * MOVING).map(of).collect()
}

/// The trades of each strategy came in in the order of their numbers.
#[track_caller]
fn assert_each_in_order(log: &MemoryLog) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    for (strategy, id) in trades(log) {
        let number = id.parse().unwrap();
        let before = last.insert(strategy.clone(), number);
        assert!(before.is_none_or(|before| before < number), "{strategy}: {number} after {before:?}");
    }
}

fn added(log: &MemoryLog) -> Vec<PartitionsAdded> {
    let all = everything(log);
    let added = all.iter().filter_map(|recorded| match &recorded.event {
        Event::PartitionsAdded(added) => Some(added.clone()),
        _ => None,
    });
    added.collect()
}

fn event(settings: &KafkaSettings, from: i32, to: i32, ends: Vec<i64>) -> PartitionsAdded {
    PartitionsAdded { topic: settings.topics.trade_closed.clone(), from, to, ends }
}

#[test]
fn partitions_added_while_nobody_read_begin_when_the_old_ones_are_read() {
    const FILLERS: u64 = 20_000;
    let Some((broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 1, &[]).unwrap();
    send(&settings, (0..10).map(trade).collect());
    let running = source(&log, &settings);
    wait_until_live(&running, 10);
    running.stop();
    send(&settings, (10..FILLERS).map(trade).collect());
    send(&settings, six_of_each(100));
    broker.raise_partitions(&settings.topics.trade_closed, 4).unwrap();
    send(&settings, six_of_each(200));
    // Killed on the way: the order holds over a restart.
    let running = source(&log, &settings);
    wait_for("it got on", || trades(&log).len() > 1000);
    running.stop();
    let running = source(&log, &settings);
    wait_until_live(&running, 0);
    wait_for("all trades are in", || trades(&log).len() as u64 == FILLERS + 12 * MOVING);
    assert_each_in_order(&log);
    let old_end = (FILLERS + 6 * MOVING) as i64;
    // What of the second six stayed in the first partition came before it was seen that there are more.
    let [first, then] = &added(&log)[..] else { panic!("{:?}", added(&log)) };
    assert_eq!(*first, event(&settings, 0, 1, vec![]));
    assert_eq!((then.from, then.to, then.ends.len()), (1, 4, 1));
    assert!(then.ends[0] >= old_end, "{then:?}");
}

#[test]
fn partitions_added_while_it_reads_are_told_and_keep_the_order() {
    let Some((broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 2, &[]).unwrap();
    let running = source(&log, &settings);
    send(&settings, six_of_each(100));
    wait_until_live(&running, 6 * MOVING);
    broker.raise_partitions(&settings.topics.trade_closed, 5).unwrap();
    send(&settings, six_of_each(200));
    wait_until_live(&running, 12 * MOVING);
    assert_eq!(running.status().partitions.len(), 5);
    assert_each_in_order(&log);
    let all = added(&log);
    assert_eq!(all[0], event(&settings, 0, 2, vec![]));
    assert_eq!((all.len(), all[1].from, all[1].to, all[1].ends.len()), (2, 2, 5, 2), "{all:?}");
    // Nothing new on the next start.
    running.stop();
    wait_until_live(&source(&log, &settings), 0);
    assert_eq!(added(&log).len(), 2);
}
