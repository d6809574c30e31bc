//! One stretch of reading: from taking the partitions to the first reason to begin anew.

use std::{num::NonZero, sync::Arc, thread};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use super::{
    super::{
        client::ClientEvents,
        cluster::{Cluster, Watermarks},
        fault::{FaultKind, KafkaFault, of_error},
    },
    added,
    appender::Appender,
    ending::Session,
    gaps,
    partition::{Opening, Partition},
    progress::PartitionProgress,
    readers::Readers,
    source_log::{Start, Stream, start},
    state::{SourceContext, WAIT},
    unreadable,
    watch::{Ended, Watch},
};

/// More threads do not help.
const MOST_THREADS: usize = 8;
/// What is fetched ahead over all partitions.
const FETCH_AHEAD_KBYTES: usize = 16 << 10;

/// Reads the topic until something changes.
pub(super) fn run(source: &SourceContext) -> Result<Ended, KafkaFault> {
    // What a reader of committed records sees, and what is there: an open transaction is the difference.
    let cluster = Cluster::new(&source.settings, "read_committed")?;
    let everything = Cluster::new(&source.settings, "read_uncommitted")?;
    let topic = source.topic();
    let view = cluster.topic(topic, WAIT)?;
    if let Some(partition) = view.leaderless.first() {
        let message = format!("partition {partition} of {topic} has no leader");
        return Err(KafkaFault::new(FaultKind::Unreachable, message));
    }
    let id = cluster.topic_id(topic)?;
    let cluster_id = everything.id(WAIT)?;
    source.keeper.look(&source.settings)?;
    let openings = open(source, &everything, (&cluster_id, &id), view.partitions)?;
    let stage = added::stage(source, (&cluster_id, &id), &openings)?;
    let progress: Vec<Arc<PartitionProgress>> =
        openings.iter().map(|o| Arc::new(PartitionProgress::new(o.partition, o.from, o.end))).collect();
    let threads = threads();
    let session = Session::new(source, threads);
    let taken = openings.get(..stage.read).unwrap_or(&openings);
    let streams = taken.iter().map(|opening| opening.stream.clone()).collect();
    let (consumer, partitions) = take(&session, taken, &progress)?;
    tracing::info!(topic, id, partitions = partitions.len(), of = progress.len(), "reading from kafka");
    source.reading(&progress, partitions.len());
    let readers =
        Readers::new(&partitions, Appender::new(&partitions, streams, &source.log, &source.tally), &session);
    let watch = Watch {
        session: &session,
        cluster: &cluster,
        everything: &everything,
        topic_id: &id,
        view: &view,
        stage: &stage,
        consumer: &consumer,
        partitions: &progress,
    };
    let ended = thread::scope(|scope| {
        for thread in 0..threads.get() {
            let readers = &readers;
            scope.spawn(move || readers.read(thread));
        }
        let ended = watch.run();
        session.end(None);
        ended
    });
    let noted = readers.finish();
    match session.take_fault().or(noted.err()) {
        Some(fault) if fault.is_passing() && step_over(source, (&cluster_id, &id), &progress)? => {
            Ok(Ended::Changed)
        }
        Some(fault) => Err(fault),
        None => ended,
    }
}

/// Leaves out what the client cannot unpack; answers whether there was anything.
fn step_over(
    source: &SourceContext,
    (cluster_id, topic_id): (&str, &str),
    partitions: &[Arc<PartitionProgress>],
) -> Result<bool, KafkaFault> {
    let mut any = false;
    for progress in partitions.iter().filter(|progress| progress.is_unreadable()) {
        let stream = source.log.stream(cluster_id, topic_id, progress.partition)?;
        any |= unreadable::step_over(source, (progress.partition, progress.position()), stream)?;
    }
    Ok(any)
}

/// Where each partition begins, with what is missing noted in the log.
fn open(
    source: &SourceContext,
    cluster: &Cluster,
    (cluster_id, topic_id): (&str, &str),
    partitions: i32,
) -> Result<Vec<Opening>, KafkaFault> {
    (0..partitions)
        .map(|partition| {
            let marks = cluster.watermarks(source.topic(), partition, WAIT)?;
            let mut stream = source.log.stream(cluster_id, topic_id, partition)?;
            let from = begin(source, &mut stream, partition, marks)?;
            let shows_gaps = source.keeper.is_compacted()
                && gaps::ends_with_record(&source.settings, source.topic(), partition, marks)?;
            Ok(Opening { partition, stream, from, end: marks.high, shows_gaps })
        })
        .collect()
}

fn begin(
    source: &SourceContext,
    stream: &mut Stream,
    partition: i32,
    marks: Watermarks,
) -> Result<i64, KafkaFault> {
    let topic = source.topic();
    match start(stream.next_offset, marks) {
        Start::At(offset) => Ok(offset),
        Start::Missing(from, to) => {
            source.log.missing(stream, topic, partition, (from, to), to - from)?;
            Ok(to)
        }
        // A new leader may not know its true end yet: patience before anything is concluded.
        Start::Beyond(next) if !source.is_beyond_for_good() => {
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
            source.log.advanced(stream, marks.low)?;
            Ok(marks.low)
        }
    }
}

/// Takes the partitions by hand, each with a queue of its own.
fn take(
    session: &Session<'_>,
    openings: &[Opening],
    all_progress: &[Arc<PartitionProgress>],
) -> Result<(Arc<BaseConsumer<ClientEvents>>, Vec<Partition>), KafkaFault> {
    let source = session.source;
    let topic: Arc<str> = Arc::from(source.topic());
    let doing = |error| of_error(&format!("taking the partitions of {topic}"), &error);
    let ahead = (FETCH_AHEAD_KBYTES / openings.len().max(1)).clamp(512, 4096);
    let consumer = source.settings.consumer(ahead).create_with_context(ClientEvents::default());
    let consumer: Arc<BaseConsumer<ClientEvents>> = Arc::new(consumer.map_err(doing)?);
    let (mut wanted, mut partitions) = (TopicPartitionList::new(), Vec::new());
    for (opening, progress) in openings.iter().zip(all_progress) {
        wanted
            .add_partition_offset(&topic, opening.partition, Offset::Offset(opening.from))
            .map_err(doing)?;
        // Before assigning: what is fetched first would go to the common queue otherwise.
        let queue = consumer.split_partition_queue(&topic, opening.partition);
        let queue = queue.ok_or_else(|| KafkaFault::new(FaultKind::Other, "the client gives no queue"))?;
        let stream = (&opening.stream.name, source.log.run_id);
        let mut reading =
            Partition::new(&topic, &source.format, (&consumer, queue), stream, Arc::clone(progress));
        if opening.shows_gaps {
            reading.count_gaps();
        }
        if all_progress.len() > 1 {
            reading.check_keys(&source.keys);
        }
        let wakeup = session.wakeups.first();
        reading.on_fetched(move || wakeup.wake());
        partitions.push(reading);
    }
    consumer.assign(&wanted).map_err(doing)?;
    Ok((consumer, partitions))
}

/// How many threads read: more only keep the broker's client from its work, and more records in memory.
fn threads() -> NonZero<usize> {
    let helpful = thread::available_parallelism().map_or(2, NonZero::get);
    NonZero::new(helpful.min(MOST_THREADS)).unwrap_or(NonZero::<usize>::MIN)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        Endpoint, send_all,
        source::{keeping::Keeper, source_log::SourceLog},
        test_support::trade_json,
    };
    use events::Uuid;
    use intake::TradeFormat;
    use store::MemoryLog;

    /// A queue calls only for what comes in after it was found empty, so whoever found something must look once more
    /// before resting: also where that was the end alone, as records may stand behind it by then. Whether somebody
    /// rests with records unread shows in how long they wait, which depends on the machine; this does not.
    #[test]
    fn the_end_of_a_partition_alone_is_something_behind_which_more_may_have_been_fetched() {
        const LONG: Duration = Duration::from_secs(60);
        let endpoint = Endpoint::start("127.0.0.1:0", &["trading.trade.closed.v1"]).unwrap();
        let settings = endpoint.settings();
        let log = SourceLog { event_log: Arc::new(MemoryLog::new()), run_id: Uuid::nil() };
        let keeper = Keeper::open(log.clone(), &settings.topics.trade_closed).unwrap();
        let source = SourceContext::new(settings.clone(), TradeFormat::default(), log, keeper, None);
        let session = Session::new(&source, NonZero::<usize>::MIN);
        let stream = source.log.stream("cluster", "topic", 0).unwrap();
        let opening = Opening { partition: 0, stream: stream.clone(), from: 0, end: 0, shows_gaps: false };
        let progress = Arc::new(PartitionProgress::new(0, 0, 0));
        let (_consumer, partitions) = take(&session, &[opening], &[Arc::clone(&progress)]).unwrap();
        let appender = Appender::new(&partitions, vec![stream], &source.log, &source.tally);
        let readers = Readers::new(&partitions, appender, &session);
        let until_found = || {
            while !readers.turn(0).unwrap() {
                assert!(session.wakeups.first().wait(LONG), "what was fetched was passed over");
            }
        };
        until_found();
        assert!(progress.is_at_end() && source.tally.counts().taken == 0);
        // Found empty: from here on the queue calls again.
        while readers.turn(0).unwrap() {}
        // Of so many keys some belong to this partition.
        let records = (0..40).map(|n| (format!("s{n}").into_bytes(), trade_json("s", n, "1.5")));
        send_all(&settings, source.topic(), records, None, &mut |_| {}).unwrap();
        while source.tally.counts().taken == 0 {
            until_found();
        }
    }
}
