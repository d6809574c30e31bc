//! One stretch of reading: from taking the partitions to the first reason to begin anew.

use std::{num::NonZero, sync::Arc, thread, time::Duration};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use super::{
    super::{
        client::Ear,
        cluster::{Cluster, Watermarks},
        fault::{FaultKind, KafkaFault, of_error},
    },
    added,
    desk::Desk,
    ending::Shared,
    gaps,
    lane::Lane,
    ledger::{Start, Stream, start},
    progress::PartitionProgress,
    state::Outside,
    team::Team,
    unreadable,
    watch::{Ended, Watch},
};

pub(super) const WAIT: Duration = Duration::from_secs(5);
/// More threads do not help.
const MOST_THREADS: usize = 8;
/// What is fetched ahead over all partitions.
const FETCH_AHEAD_KBYTES: usize = 16 << 10;

/// A partition that is about to be read.
#[derive(Clone)]
pub(super) struct Opening {
    pub(super) partition: i32,
    pub(super) stream: Stream,
    pub(super) from: i64,
    /// The offset after its last record.
    pub(super) end: i64,
    /// Whether offsets without a record are records that are gone.
    pub(super) shows_gaps: bool,
}

/// Reads the topic until something changes.
pub(super) fn run(outside: &Outside) -> Result<Ended, KafkaFault> {
    // What a reader of committed records sees, and what is there: an open transaction is the difference.
    let cluster = Cluster::new(&outside.settings, "read_committed")?;
    let everything = Cluster::new(&outside.settings, "read_uncommitted")?;
    let topic = outside.topic();
    let view = cluster.topic(topic, WAIT)?;
    if let Some(partition) = view.leaderless.first() {
        let message = format!("partition {partition} of {topic} has no leader");
        return Err(KafkaFault::new(FaultKind::Unreachable, message));
    }
    let id = cluster.topic_id(topic)?;
    let cluster_id = everything.id(WAIT)?;
    outside.keeper.look(&outside.settings)?;
    let openings = open(outside, &everything, (&cluster_id, &id), view.partitions)?;
    let stage = added::stage(outside, (&cluster_id, &id), &openings)?;
    let partitions: Vec<Arc<PartitionProgress>> =
        openings.iter().map(|o| Arc::new(PartitionProgress::new(o.partition, o.from, o.end))).collect();
    let threads = threads();
    let shared = Shared::new(outside, threads);
    let taken = openings.get(..stage.read).unwrap_or(&openings);
    let streams = taken.iter().map(|opening| opening.stream.clone()).collect();
    let (consumer, lanes) = take(&shared, taken, &partitions)?;
    tracing::info!(topic, id, partitions = lanes.len(), of = partitions.len(), "reading from kafka");
    outside.reading(&partitions, lanes.len());
    let team = Team::new(&lanes, Desk::new(&lanes, streams, &outside.ledger, &outside.tally), &shared);
    let watch = Watch {
        shared: &shared,
        cluster: &cluster,
        everything: &everything,
        topic_id: &id,
        view: &view,
        stage: &stage,
        consumer: &consumer,
        partitions: &partitions,
    };
    let ended = thread::scope(|scope| {
        for thread in 0..threads.get() {
            let team = &team;
            scope.spawn(move || team.read(thread));
        }
        let ended = watch.run();
        shared.end(None);
        ended
    });
    let noted = team.finish();
    match shared.take_fault().or(noted.err()) {
        Some(fault) if fault.is_passing() && step_over(outside, (&cluster_id, &id), &partitions)? => {
            Ok(Ended::Changed)
        }
        Some(fault) => Err(fault),
        None => ended,
    }
}

/// Leaves out what the client cannot unpack; answers whether there was anything.
fn step_over(
    outside: &Outside,
    (cluster_id, topic_id): (&str, &str),
    partitions: &[Arc<PartitionProgress>],
) -> Result<bool, KafkaFault> {
    let mut any = false;
    for progress in partitions.iter().filter(|progress| progress.is_unreadable()) {
        let stream = outside.ledger.stream(cluster_id, topic_id, progress.partition)?;
        any |= unreadable::step_over(outside, (progress.partition, progress.position()), stream)?;
    }
    Ok(any)
}

/// Where each partition begins, with what is missing noted in the log.
fn open(
    outside: &Outside,
    cluster: &Cluster,
    (cluster_id, topic_id): (&str, &str),
    partitions: i32,
) -> Result<Vec<Opening>, KafkaFault> {
    (0..partitions)
        .map(|partition| {
            let marks = cluster.watermarks(outside.topic(), partition, WAIT)?;
            let mut stream = outside.ledger.stream(cluster_id, topic_id, partition)?;
            let from = begin(outside, &mut stream, partition, marks)?;
            let shows_gaps = outside.keeper.is_compacted()
                && gaps::ends_with_record(&outside.settings, outside.topic(), partition, marks)?;
            Ok(Opening { partition, stream, from, end: marks.high, shows_gaps })
        })
        .collect()
}

fn begin(
    outside: &Outside,
    stream: &mut Stream,
    partition: i32,
    marks: Watermarks,
) -> Result<i64, KafkaFault> {
    let topic = outside.topic();
    match start(stream.next_offset, marks) {
        Start::At(offset) => Ok(offset),
        Start::Missing(from, to) => {
            outside.ledger.missing(stream, topic, partition, (from, to), to - from)?;
            Ok(to)
        }
        // A new leader may not know its true end yet: patience before anything is concluded.
        Start::Beyond(next) if !outside.is_beyond_for_good() => {
            let end = marks.high;
            let message = format!("{topic}[{partition}] ends at {end}, but was read up to {next} before");
            Err(KafkaFault::new(FaultKind::Other, message))
        }
        Start::Beyond(next) => {
            tracing::error!(
                topic,
                partition,
                read_before = next,
                end = marks.high,
                "the partition was cut or made anew: reading it from its start; known trades are recognised"
            );
            outside.ledger.advanced(stream, marks.low)?;
            Ok(marks.low)
        }
    }
}

/// Takes the partitions by hand, each with a queue of its own.
fn take(
    shared: &Shared<'_>,
    openings: &[Opening],
    partitions: &[Arc<PartitionProgress>],
) -> Result<(Arc<BaseConsumer<Ear>>, Vec<Lane>), KafkaFault> {
    let outside = shared.outside;
    let topic: Arc<str> = Arc::from(outside.topic());
    let doing = |error| of_error(&format!("taking the partitions of {topic}"), &error);
    let ahead = (FETCH_AHEAD_KBYTES / openings.len().max(1)).clamp(512, 4096);
    let consumer = outside.settings.consumer(ahead).create_with_context(Ear::default());
    let consumer: Arc<BaseConsumer<Ear>> = Arc::new(consumer.map_err(doing)?);
    let (mut wanted, mut lanes) = (TopicPartitionList::new(), Vec::new());
    for (opening, progress) in openings.iter().zip(partitions) {
        wanted
            .add_partition_offset(&topic, opening.partition, Offset::Offset(opening.from))
            .map_err(doing)?;
        // Before assigning: what is fetched first would go to the common queue otherwise.
        let queue = consumer.split_partition_queue(&topic, opening.partition);
        let queue = queue.ok_or_else(|| KafkaFault::new(FaultKind::Other, "the client gives no queue"))?;
        let stream = (&opening.stream.name, outside.ledger.run_id);
        let mut lane = Lane::new(&topic, &outside.format, (&consumer, queue), stream, Arc::clone(progress));
        if opening.shows_gaps {
            lane.count_gaps();
        }
        if partitions.len() > 1 {
            lane.check_keys(&outside.keys);
        }
        let bell = shared.bells.first();
        lane.on_fetched(move || bell.ring());
        lanes.push(lane);
    }
    consumer.assign(&wanted).map_err(doing)?;
    Ok((consumer, lanes))
}

/// How many threads read: more only keep the broker's client from its work, and more records in memory.
fn threads() -> NonZero<usize> {
    let helpful = thread::available_parallelism().map_or(2, NonZero::get);
    NonZero::new(helpful.min(MOST_THREADS)).unwrap_or(NonZero::<usize>::MIN)
}
