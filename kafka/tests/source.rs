//! Trades come in exactly once, on a real broker, whatever dies or changes.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::{
    collections::{BTreeMap, HashSet},
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use events::{Event, Origin, RecordsMissing, RejectReason, StallReason, Uuid};
use intake::TradeFormat;
use kafka::{
    Endpoint, KafkaSource, SourceState, send_all,
    test_support::{Broker, need, trade_json},
};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use store::{EventLog, MemoryLog};
use support::{
    BadDisk, begin,
    source::{everything, missing, send, source, strategy, trade, trades, wait_until_live},
    wait_for,
};

/// Offsets never go back within a stream: the order of a partition is kept.
#[track_caller]
fn assert_order_of_partitions(log: &MemoryLog) {
    let mut last: BTreeMap<Arc<str>, i64> = BTreeMap::new();
    for event in everything(log) {
        if let Some(offset) = event.source_offset {
            let before = last.insert(Arc::clone(&event.stream), offset).unwrap_or(-1);
            assert!(before < offset, "{}: {offset} after {before}", event.stream);
        }
    }
}

/// Trades by number; with every hundredth one comes an earlier one again, and something that is no trade: always
/// the same bytes.
fn spoiled(from: u64, to: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records = Vec::new();
    for n in from..to {
        records.push(trade(n));
        if n % 100 == 99 {
            records.push(trade(n - 50));
            records.push((strategy(n).into_bytes(), b"{garbage".to_vec()));
        }
    }
    records
}

#[test]
fn every_trade_is_taken_once_though_broker_and_source_are_killed() {
    const TRADES: u64 = 20_000;
    let Some((mut broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 4, &[]).unwrap();
    for round in 0..5 {
        let running = source(&log, &settings);
        let before = trades(&log).len();
        let sending = {
            let (settings, records) =
                (settings.clone(), spoiled(round * TRADES / 5, (round + 1) * TRADES / 5));
            let topic = settings.topics.trade_closed.clone();
            thread::spawn(move || send_all(&settings, &topic, records, Some(4000.0), &mut |_| {}).unwrap())
        };
        wait_for("it got on", || trades(&log).len() > before + 500);
        if round == 2 {
            broker.kill();
            thread::sleep(Duration::from_millis(300));
            broker.restart().unwrap();
            wait_for("it got on after the broker died", || trades(&log).len() > before + 2000);
        }
        drop(running);
        assert_eq!(sending.join().unwrap(), TRADES / 5 * 102 / 100);
    }
    let last = source(&log, &settings);
    wait_for("all trades are in", || trades(&log).len() as u64 >= TRADES);
    wait_for("it is live", || last.status().state == SourceState::Live && last.status().lag() == 0);
    assert!(last.status().caught_up, "{:?}", last.status());
    last.stop();
    let taken = trades(&log);
    assert_eq!(taken.len() as u64, TRADES);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len() as u64, TRADES);
    let mut rejected = HashSet::new();
    for event in everything(&log) {
        if let Event::RecordRejected(letter) = &event.event {
            let Origin::Kafka { partition, offset, .. } = letter.origin else { panic!("{letter:?}") };
            assert!(rejected.insert((partition, offset)), "twice: {letter:?}");
            assert_eq!(letter.value.as_ref().unwrap().0, b"{garbage");
        }
    }
    assert_eq!(rejected.len() as u64, TRADES / 100);
    assert_order_of_partitions(&log);
    // A restart goes on at the end, although the last records may have been known ones.
    let began = Instant::now();
    let again = source(&log, &settings);
    wait_for("it is live", || again.status().state == SourceState::Live);
    eprintln!("started to live: {:?}", began.elapsed());
    assert_eq!(again.status().counts.duplicate, 0);
}

#[test]
fn a_topic_that_was_made_anew_is_read_from_its_start() {
    let Some((broker, settings, log)) = begin() else { return };
    let topic = settings.topics.trade_closed.as_str();
    broker.create_topic(topic, 1, &[]).unwrap();
    send(&settings, (0..100).map(trade).collect());
    let running = source(&log, &settings);
    wait_until_live(&running, 100);
    broker.delete_topic(topic).unwrap();
    wait_for("the loss is told", || running.status().text.contains("does not exist"));
    broker.create_topic(topic, 1, &[]).unwrap();
    // More than before, so that the old offset exists in the new topic too.
    send(&settings, (1000..1150).map(trade).collect());
    wait_until_live(&running, 250);
    running.stop();
    assert_eq!(trades(&log).into_iter().collect::<HashSet<_>>().len(), 250);
    assert_eq!(missing(&log), []);
    // And the same while nobody was looking.
    broker.delete_topic(topic).unwrap();
    wait_for("it can be made again", || broker.create_topic(topic, 1, &[]).is_ok());
    send(&settings, (2000..2300).map(trade).collect());
    let running = source(&log, &settings);
    wait_until_live(&running, 300);
    assert_eq!(trades(&log).len(), 550);
}

#[test]
fn records_that_expired_unread_are_told_with_their_number() {
    let Some((broker, settings, log)) = begin() else { return };
    let topic = settings.topics.trade_closed.as_str();
    broker.create_topic(topic, 1, &[]).unwrap();
    send(&settings, (0..100).map(trade).collect());
    let running = source(&log, &settings);
    wait_until_live(&running, 100);
    running.stop();
    send(&settings, (100..200).map(trade).collect());
    broker.delete_records(topic, 0, Some(140)).unwrap();
    let running = source(&log, &settings);
    wait_until_live(&running, 60);
    let expected = RecordsMissing {
        topic: topic.to_owned(),
        partition: 0,
        from_offset: 100,
        to_offset: 140,
        at_most: 40,
    };
    assert_eq!(missing(&log), std::slice::from_ref(&expected));
    assert_eq!(trades(&log).len(), 160);
    // Nothing new happens on the next start.
    running.stop();
    wait_until_live(&source(&log, &settings), 0);
    assert_eq!(missing(&log), [expected]);
}

#[test]
fn partitions_that_are_added_are_read_too() {
    let Some((broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 1, &[]).unwrap();
    let running = source(&log, &settings);
    send(&settings, (0..70).map(trade).collect());
    wait_until_live(&running, 70);
    broker.raise_partitions(&settings.topics.trade_closed, 3).unwrap();
    send(&settings, (70..700).map(trade).collect());
    wait_until_live(&running, 700);
    assert_eq!(running.status().partitions.len(), 3);
    assert_eq!(trades(&log).len(), 700);
    assert_order_of_partitions(&log);
}

#[test]
fn standing_still_is_an_event_and_so_is_catching_up() {
    let Some((mut broker, mut settings, log)) = begin() else { return };
    settings.stale_after = Duration::from_secs(3);
    let running = source(&log, &settings);
    // The topic is missing at first: told, waited for, and after a while a fact for the guards.
    wait_for("the missing topic is told", || running.status().text.contains("does not exist"));
    wait_for("it is stalled", || running.status().stalled == Some(StallReason::Unreachable));
    broker.create_topic(&settings.topics.trade_closed, 2, &[]).unwrap();
    wait_for("it has caught up", || running.status().caught_up);
    broker.kill();
    wait_for("it is stalled", || running.status().stalled == Some(StallReason::Unreachable));
    assert!(!running.status().caught_up);
    broker.restart().unwrap();
    wait_for("it has caught up", || running.status().caught_up);
    running.stop();
    let mut changes = Vec::new();
    for event in everything(&log).iter().filter(|event| event.stream.starts_with("source-")) {
        changes.push(event.event.event_type());
    }
    assert_eq!(changes, ["SourceStalled", "SourceCaughtUp", "SourceStalled", "SourceCaughtUp"]);
}

#[test]
fn two_sources_on_one_log_are_noticed() {
    let endpoint = Endpoint::start("127.0.0.1:0", &["trading.trade.closed.v1"]).unwrap();
    let settings = endpoint.settings();
    let log = Arc::new(MemoryLog::new());
    let (one, other) = (source(&log, &settings), source(&log, &settings));
    for source in [&one, &other] {
        wait_for("it is live", || source.status().state == SourceState::Live);
    }
    let mut n = 0;
    wait_for("one of them stops", || {
        send(&settings, (n..n + 10).map(trade).collect());
        n += 10;
        [&one, &other].iter().any(|source| source.status().state == SourceState::Stopped)
    });
    let stopped = [&one, &other].into_iter().find(|s| s.status().state == SourceState::Stopped).unwrap();
    assert!(
        stopped.status().text.contains("somebody else reads the same partition"),
        "{:?}",
        stopped.status()
    );
}

#[test]
fn cloud_events_of_binary_mode_tombstones_and_bad_bytes_are_told_apart() {
    let endpoint = Endpoint::start("127.0.0.1:0", &["trading.trade.closed.v1"]).unwrap();
    let settings = endpoint.settings();
    let mut config = rdkafka::ClientConfig::new();
    let producer: BaseProducer =
        config.set("bootstrap.servers", &settings.bootstrap_servers).create().unwrap();
    let topic = settings.topics.trade_closed.as_str();
    let headers = OwnedHeaders::new()
        .insert(Header { key: "ce_specversion", value: Some("1.0") })
        .insert(Header { key: "ce_id", value: Some("from-the-header") })
        .insert(Header { key: "content-type", value: Some("application/json") });
    let value = trade_json("a", 1, "-2");
    producer.send(BaseRecord::to(topic).key("a").payload(&value).headers(headers)).unwrap();
    producer.send(BaseRecord::<str, [u8]>::to(topic).key("a")).unwrap();
    producer.send(BaseRecord::to(topic).key("a").payload(&[0xffu8, 0xfe][..])).unwrap();
    producer.send(BaseRecord::to(topic).key("a").payload(&[0u8, 0, 0, 0, 7, b'x'][..])).unwrap();
    producer.flush(Duration::from_secs(10)).unwrap();
    let log = Arc::new(MemoryLog::new());
    let running = source(&log, &settings);
    wait_until_live(&running, 4);
    running.stop();
    let (mut reasons, mut ids) = (Vec::new(), Vec::new());
    for event in everything(&log) {
        match &event.event {
            Event::RecordRejected(letter) => reasons.push(letter.reason),
            Event::TradeClosed(trade) => ids.push(trade.source_event_id.clone()),
            _ => {}
        }
    }
    assert_eq!(reasons, [RejectReason::Empty, RejectReason::NotUtf8, RejectReason::SchemaRegistry]);
    assert_eq!(ids, [Some("from-the-header".to_owned())]);
}

#[test]
fn a_full_disk_stops_the_intake_and_says_so_even_when_nothing_comes() {
    let endpoint = Endpoint::start("127.0.0.1:0", &["trading.trade.closed.v1"]).unwrap();
    let settings = endpoint.settings();
    let log = Arc::new(BadDisk::default());
    let shared = Arc::clone(&log) as Arc<dyn EventLog>;
    let running = KafkaSource::start(shared, settings.clone(), TradeFormat::default(), Uuid::nil()).unwrap();
    send(&settings, (0..10).map(trade).collect());
    wait_until_live(&running, 10);
    log.fails.store(true, Ordering::Relaxed);
    wait_for("it stops", || running.status().state == SourceState::Stopped);
    assert!(running.status().text.contains("No space left on device"), "{:?}", running.status());
    assert!(!running.status().caught_up, "a stopped source no longer knows: {:?}", running.status());
}

#[test]
fn records_that_expire_while_it_reads_are_told_with_their_number() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let settings = broker.settings();
    let topic = settings.topics.trade_closed.as_str();
    broker.create_topic(topic, 1, &[]).unwrap();
    // More than is fetched ahead.
    const SENT: usize = 400_000;
    let log = Arc::new(BadDisk::default());
    let shared = Arc::clone(&log) as Arc<dyn EventLog>;
    let running = KafkaSource::start(shared, settings.clone(), TradeFormat::default(), Uuid::nil()).unwrap();
    wait_until_live(&running, 0);
    log.waits.store(true, Ordering::Relaxed);
    send(&settings, (0..SENT as u64).map(trade).collect());
    thread::sleep(Duration::from_secs(2));
    let kept_from = SENT as i64 - 1000;
    broker.delete_records(topic, 0, Some(kept_from)).unwrap();
    log.waits.store(false, Ordering::Relaxed);
    wait_for("the rest is in", || {
        trades(&log.log).last().is_some_and(|(_, id)| *id == (SENT - 1).to_string())
    });
    running.stop();
    let [lost] = &missing(&log.log)[..] else { panic!("{:?}", missing(&log.log)) };
    assert_eq!((lost.to_offset, lost.at_most), (kept_from, (kept_from - lost.from_offset) as u64));
    // Each is there or told to be missing.
    assert_eq!(trades(&log.log).len() as u64 + lost.at_most, SENT as u64);
}
