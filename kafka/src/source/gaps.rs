//! Offsets without a record, where a topic is compacted: what was there was removed before it was read.
//!
//! Markers of transactions and what was aborted leave such gaps as well, and the client tells them apart by nothing. So
//! gaps are only held to be missing records where the partition shows no transaction: its last record stands directly
//! before its end, when reading begins and when the end is reached. A transaction would have left its marker there.

use std::time::{Duration, Instant};

use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};

use super::{
    super::{
        KafkaSettings,
        client::ClientEvents,
        cluster::Watermarks,
        fault::{KafkaFault, of_error},
    },
    state::WAIT,
};

const GLANCE: Duration = Duration::from_millis(100);

/// Offsets without a record since the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// The first of them.
    pub(super) from: i64,
    /// How many there are.
    pub(super) offsets: i64,
}

impl Gap {
    /// Two of them, one after the other.
    pub(super) fn and(earlier: Option<Self>, later: Option<Self>) -> Option<Self> {
        match (earlier, later) {
            (Some(a), Some(b)) => Some(Self { from: a.from, offsets: a.offsets + b.offsets }),
            (a, b) => a.or(b),
        }
    }
}

/// Whether the last offset of a partition holds a record, committed or not. One that does not show it in time is taken
/// for one with transactions.
pub(super) fn ends_with_record(
    settings: &KafkaSettings,
    topic: &str,
    partition: i32,
    marks: Watermarks,
) -> Result<bool, KafkaFault> {
    if marks.high <= marks.low {
        return Ok(false);
    }
    let doing = |error| of_error(&format!("looking at the end of {topic}[{partition}]"), &error);
    let mut config = settings.consumer(512);
    config.set("isolation.level", "read_uncommitted");
    let consumer: BaseConsumer<ClientEvents> =
        config.create_with_context(ClientEvents::default()).map_err(doing)?;
    let last = marks.high - 1;
    let mut wanted = TopicPartitionList::new();
    wanted.add_partition_offset(topic, partition, Offset::Offset(last)).map_err(doing)?;
    consumer.assign(&wanted).map_err(doing)?;
    let until = Instant::now() + WAIT;
    while Instant::now() < until {
        match consumer.poll(GLANCE) {
            Some(Ok(record)) => return Ok(record.offset() == last),
            Some(Err(_)) => return Ok(false),
            None => {}
        }
    }
    Ok(false)
}
