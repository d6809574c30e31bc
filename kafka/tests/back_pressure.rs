//! A log that takes its time: what waits stays in the cluster, and memory stays bounded. A process of its own, as it
//! looks at what the process holds.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::{
    fs,
    sync::{Arc, atomic::Ordering},
    thread,
    time::{Duration, Instant},
};

use events::Uuid;
use intake::TradeFormat;
use kafka::{
    KafkaSource, send_all,
    test_support::{Broker, need, trade_json},
};
use store::EventLog;
use support::{BadDisk, source::wait_until_live};

const PATIENCE: Duration = Duration::from_secs(60);
const RECORDS: u64 = 150_000;
/// Bytes of a record, most of them in a field that nobody reads.
const RECORD_BYTES: usize = 2048;
/// What the source may hold of what it fetched, with what its client takes for each record.
const BOUND_MIB: u64 = 128;

/// What the process holds in memory, in MiB; nothing where the system does not tell.
fn resident_mib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
}

fn record(n: u64) -> (Vec<u8>, Vec<u8>) {
    let strategy = format!("s{}", n % 16);
    let mut value = trade_json(&strategy, n, "1.5");
    let filling = RECORD_BYTES.saturating_sub(value.len());
    value.pop();
    value.extend_from_slice(format!(r#","note":"{}"}}"#, "x".repeat(filling)).as_bytes());
    (strategy.into_bytes(), value)
}

#[test]
fn what_the_log_does_not_take_stays_in_the_cluster_and_nothing_is_lost() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let settings = broker.settings();
    let topic = settings.topics.trade_closed.clone();
    broker.create_topic(&topic, 4, &[]).unwrap();
    // What the log has to know of the topic is in it before it becomes slow: nothing would be fetched otherwise.
    let slow = Arc::new(BadDisk::default());
    let log = Arc::clone(&slow) as Arc<dyn EventLog>;
    let start = |log| KafkaSource::start(log, settings.clone(), TradeFormat::default(), Uuid::nil()).unwrap();
    let first = start(Arc::clone(&log));
    wait_until_live(&first, 0);
    first.stop();
    let known = slow.log.head();
    slow.waits.store(true, Ordering::Relaxed);
    send_all(&settings, &topic, (0..RECORDS).map(record), None, &mut |_| {}).unwrap();
    let before = resident_mib();
    let source = start(log);
    // Time for several times what it may hold.
    thread::sleep(Duration::from_secs(4));
    if let Some((before, now)) = before.zip(resident_mib()) {
        assert!(
            now < before + BOUND_MIB,
            "{before} MiB grew to {now} MiB, of {} MiB that wait",
            RECORDS * 2 / 1024
        );
    }
    assert_eq!(slow.log.head(), known);
    slow.waits.store(false, Ordering::Relaxed);
    let until = Instant::now() + PATIENCE;
    while slow.log.head() < known + RECORDS {
        assert!(Instant::now() < until, "{} of {RECORDS} records came", slow.log.head());
        thread::sleep(Duration::from_millis(20));
    }
    source.stop();
    assert_eq!(slow.log.head(), known + RECORDS);
}
