//! The floor: one thread that consumes, parses, decides (lost trades in a row), appends with one fdatasync a batch,
//! and produces. It keeps no ids, no chain, no views and cannot be asked anything.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    time::{Duration, Instant},
};

use anyhow::Result;
use events::Timestamp;
use intake::TradeFormat;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{process, work::TRADES};

/// Where the floor's decisions go.
pub(crate) const TOPIC: &str = "floor";

/// Trades appended with one flush.
const BATCH: usize = 4000;

/// Works through so many trades, then prints seconds, CPU seconds and MiB.
pub(crate) fn run(bootstrap_servers: &str, trades: u64) -> Result<()> {
    let started = Instant::now();
    let (consumer, producer) = clients(bootstrap_servers)?;
    let folder = tempfile::tempdir_in(std::env::current_dir()?)?;
    let mut file = File::create(folder.path().join("floor"))?;
    let (format, now) = (TradeFormat::default(), Timestamp::from_micros(i64::MAX / 2));
    let mut rows: BTreeMap<String, u32> = BTreeMap::new();
    let (mut seen, mut batch, mut decided) = (0, Vec::with_capacity(BATCH * 300), Vec::new());
    while seen < trades {
        let message = consumer.poll(Duration::from_millis(100)).transpose()?;
        let idle = message.is_none();
        if let Some(value) = message.as_ref().and_then(|message| message.payload()) {
            seen += 1;
            batch.extend_from_slice(value);
            if let Ok(trade) = format.decode(value, None, now) {
                let lost = trade.profit.is_sign_negative();
                let row = rows.entry(trade.strategy.clone()).or_default();
                *row = if lost { *row + 1 } else { 0 };
                if *row == 11 {
                    decided.push(trade.strategy);
                }
            }
        }
        if seen % BATCH as u64 == 0 || seen == trades || idle {
            file.write_all(&batch)?;
            file.sync_data()?;
            batch.clear();
            for strategy in decided.drain(..) {
                let record = BaseRecord::to(TOPIC).key(&strategy).payload(&strategy);
                let _ = producer.send(record);
            }
            producer.poll(Duration::ZERO);
        }
    }
    producer.flush(Duration::from_secs(10))?;
    let pid = std::process::id();
    let (cpu, memory) = (process::cpu_seconds(pid)?, process::memory_mib(pid, "VmHWM")?);
    println!("{} {cpu} {memory}", started.elapsed().as_secs_f64());
    Ok(())
}

fn clients(bootstrap_servers: &str) -> Result<(BaseConsumer, BaseProducer)> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers).set("group.id", "floor");
    config.set("enable.auto.commit", "false").set("fetch.queue.backoff.ms", "2");
    config.set("queued.max.messages.kbytes", "8192");
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(TRADES), Duration::from_secs(10))?;
    let mut assigned = TopicPartitionList::new();
    for partition in metadata.topics().iter().flat_map(|topic| topic.partitions()) {
        assigned.add_partition_offset(TRADES, partition.id(), Offset::Beginning)?;
    }
    consumer.assign(&assigned)?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers);
    Ok((consumer, config.create()?))
}
