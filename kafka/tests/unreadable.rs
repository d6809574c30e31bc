//! A record that the client cannot unpack costs only itself, and one that it cannot even fetch is told.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::{
    fs::{self, File},
    io::{Seek as _, SeekFrom, Write as _},
    path::Path,
    time::Duration,
};

use events::{Event, Origin, RejectReason};
use kafka::KafkaSettings;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use store::MemoryLog;
use support::{
    begin,
    source::{everything, send, source, trade, trades, wait_until_live},
    wait_for,
};

/// Offsets and words of the dead letters that nobody could unpack.
fn unreadable(log: &MemoryLog) -> Vec<(i64, String)> {
    let all = everything(log);
    let letters = all.iter().filter_map(|recorded| match &recorded.event {
        Event::RecordRejected(letter) if letter.reason == RejectReason::Unreadable => match letter.origin {
            Origin::Kafka { offset, .. } => Some((offset, letter.detail.clone())),
            _ => None,
        },
        _ => None,
    });
    letters.collect()
}

/// Sends records as one batch that is packed.
fn send_packed(settings: &KafkaSettings, codec: &str, records: &[(Vec<u8>, Vec<u8>)]) {
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap_servers).set("compression.codec", codec);
    config.set("linger.ms", "500").set("message.max.bytes", "20000000");
    let producer: BaseProducer = config.create().unwrap();
    for (key, value) in records {
        producer.send(BaseRecord::to(&settings.topics.trade_closed).key(key).payload(value)).unwrap();
    }
    producer.flush(Duration::from_secs(30)).unwrap();
}

/// Damages what was packed with gzip in the records of a partition, as a failing disk would.
fn damage(folder: &Path) {
    let file = folder.join("00000000000000000000.log");
    let bytes = fs::read(&file).unwrap();
    let packed = bytes.windows(3).position(|bytes| bytes == [0x1f, 0x8b, 8]).unwrap();
    let mut file = File::options().write(true).open(file).unwrap();
    file.seek(SeekFrom::Start(packed as u64 + 12)).unwrap();
    file.write_all(&[0xff; 24]).unwrap();
    file.sync_all().unwrap();
}

#[test]
fn a_batch_that_is_damaged_costs_its_records_and_none_behind_it() {
    let Some((mut broker, settings, log)) = begin() else { return };
    let topic = settings.topics.trade_closed.as_str();
    broker.create_topic(topic, 1, &[]).unwrap();
    send(&settings, (0..5).map(trade).collect());
    send_packed(&settings, "gzip", &(5..8).map(trade).collect::<Vec<_>>());
    send(&settings, (8..12).map(trade).collect());
    damage(&broker.node(0).partition_folder(topic, 0));
    let running = source(&log, &settings);
    wait_until_live(&running, 12);
    wait_for("it is ready", || running.status().ready);
    running.stop();
    let ids: Vec<String> = trades(&log).into_iter().map(|(_, id)| id).collect();
    assert_eq!(ids, ["0", "1", "2", "3", "4", "8", "9", "10", "11"]);
    let left_out = unreadable(&log);
    assert_eq!(left_out.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [5, 6, 7]);
    assert!(left_out[0].1.contains("offsets 5 to 7"), "{left_out:?}");
    // Each once, over restarts as well.
    let again = source(&log, &settings);
    wait_until_live(&again, 0);
    again.stop();
    assert_eq!((unreadable(&log).len(), trades(&log).len()), (3, 9));
}

/// A client that takes about a megabyte.
fn with_small_limit(settings: &KafkaSettings) -> KafkaSettings {
    let mut small = settings.clone();
    for (key, value) in [("fetch.max.bytes", "1000000"), ("receive.message.max.bytes", "1100000")] {
        small.properties.insert(key.to_owned(), value.to_owned());
    }
    small.properties.insert("max.partition.fetch.bytes".to_owned(), "1000000".to_owned());
    small
}

#[test]
fn a_record_that_unpacks_to_more_than_the_client_takes_is_left_out_by_name() {
    let Some((broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 1, &[]).unwrap();
    send_packed(&settings, "zstd", &[(b"s".to_vec(), vec![b' '; 9_000_000])]);
    send(&settings, (0..5).map(trade).collect());
    let running = source(&log, &with_small_limit(&settings));
    wait_until_live(&running, 6);
    // One at the end of the topic.
    send_packed(&settings, "zstd", &[(b"s".to_vec(), vec![b' '; 9_000_000])]);
    wait_until_live(&running, 7);
    running.stop();
    let left_out = unreadable(&log);
    assert_eq!(left_out.iter().map(|(offset, _)| *offset).collect::<Vec<_>>(), [0, 6]);
    assert!(left_out[0].1.contains("receive.message.max.bytes"), "{left_out:?}");
    assert_eq!(trades(&log).len(), 5);
}

#[test]
fn a_batch_that_the_client_cannot_fetch_is_told_with_the_setting_that_helps() {
    let Some((broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.trade_closed, 1, &[("max.message.bytes", "4000000")]).unwrap();
    let running = source(&log, &with_small_limit(&settings));
    send(&settings, (0..5).map(trade).collect());
    wait_until_live(&running, 5);
    send_packed(&settings, "none", &[(b"s".to_vec(), vec![b'x'; 2_000_000])]);
    send(&settings, (5..9).map(trade).collect());
    wait_for("it is told", || {
        let status = running.status();
        !status.ready && status.text.contains("raise \"receive.message.max.bytes\"")
    });
    let status = running.status();
    assert!(status.text.contains("[0] cannot be read from offset 5 on"), "{status:?}");
    running.stop();
    // As the words say.
    let running = source(&log, &settings);
    wait_until_live(&running, 5);
    assert!(running.status().ready, "{:?}", running.status());
    assert_eq!(trades(&log).len(), 9);
}
