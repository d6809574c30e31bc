//! The floor: one thread that consumes, parses, decides ([`crate::rule`]), appends with one fdatasync a batch, and
//! produces. It keeps no ids, no chain, no views and cannot be asked anything.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::Result;
use events::Timestamp;
use intake::TradeFormat;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, BaseRecord},
};

use crate::{contender::Contender, rule::Guard, work::TRADES};

/// Trades appended with one flush.
const BATCH: usize = 4000;

struct Floor {
    guard: Guard,
    format: TradeFormat,
    file: File,
    batch: Vec<u8>,
    waiting: usize,
    /// Strategies, once for each decision.
    decided: Vec<String>,
}

impl Floor {
    fn new() -> Result<Self> {
        let file = File::create("floor")?;
        let (guard, format) = (Guard::default(), TradeFormat::default());
        Ok(Self {
            guard,
            format,
            file,
            batch: Vec::with_capacity(BATCH * 300),
            waiting: 0,
            decided: Vec::new(),
        })
    }

    fn take(&mut self, value: &[u8]) {
        self.batch.extend_from_slice(value);
        self.waiting += 1;
        let now = Timestamp::from_micros(i64::MAX / 2);
        if let Ok(trade) = self.format.decode(value, None, now) {
            let decisions = self.guard.decide(&trade);
            self.decided.extend(std::iter::repeat_n(&trade.strategy, decisions).cloned());
        }
    }

    fn is_full(&self) -> bool {
        self.waiting >= BATCH
    }

    fn append(&mut self) -> Result<()> {
        self.file.write_all(&self.batch)?;
        self.batch.clear();
        self.waiting = 0;
        Ok(self.file.sync_data()?)
    }
}

/// Works on the topic until it is killed, in the folder where it runs.
pub(crate) fn run(bootstrap_servers: &str) -> Result<()> {
    let (consumer, producer) = clients(bootstrap_servers)?;
    let mut floor = Floor::new()?;
    loop {
        let message =
            consumer.poll(Duration::from_millis(if floor.waiting > 0 { 2 } else { 100 })).transpose()?;
        if let Some(value) = message.as_ref().and_then(|message| message.payload()) {
            floor.take(value);
        }
        if floor.waiting > 0 && (message.is_none() || floor.is_full()) {
            floor.append()?;
            for strategy in floor.decided.drain(..) {
                let record = BaseRecord::to(Contender::Floor.decisions()).key(&strategy).payload(&strategy);
                producer.send(record).map_err(|(error, _)| error)?;
            }
        }
        producer.poll(Duration::ZERO);
    }
}

/// Works through a file of trades, a line each, and keeps its decisions to itself.
pub(crate) fn run_file(path: &Path) -> Result<()> {
    let mut floor = Floor::new()?;
    for line in BufReader::with_capacity(1 << 20, File::open(path)?).split(b'\n') {
        floor.take(&line?);
        if floor.is_full() {
            floor.append()?;
        }
    }
    floor.append()
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
