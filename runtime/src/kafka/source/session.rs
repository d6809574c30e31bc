//! One stretch of reading: from taking the partitions to the first reason to begin anew.

use std::{
    num::NonZero,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

use super::{
    super::{
        client::Ear,
        cluster::{Cluster, TopicView, Watermarks},
        fault::{FaultKind, KafkaFault, of_error},
    },
    Outside,
    desk::Desk,
    lane::Lane,
    ledger::{Start, Stream, start},
    progress::PartitionProgress,
    team::{Bells, Team},
};

const WAIT: Duration = Duration::from_secs(5);
/// More threads do not help.
const MOST_THREADS: usize = 8;
/// What is fetched ahead over all partitions.
const FETCH_AHEAD_KBYTES: usize = 16 << 10;
const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for the client's own events: at the end, and before.
const SERVE_LIVE: Duration = Duration::from_millis(100);
const SERVE_BEHIND: Duration = Duration::from_millis(20);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// Why a session ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was asked to.
    Stopped,
    /// The topic has changed: begin anew.
    Changed,
}

/// A partition that is about to be read.
struct Opening {
    partition: i32,
    stream: Stream,
    from: i64,
    end: i64,
}

/// What the reading threads and the watching one share.
pub(super) struct Shared<'o> {
    outside: &'o Outside,
    ending: AtomicBool,
    fault: Mutex<Option<KafkaFault>>,
    pub(super) bells: Bells,
}

impl Shared<'_> {
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Relaxed) || self.outside.is_stopping()
    }

    pub(super) fn end(&self, fault: Option<KafkaFault>) {
        if let Some(fault) = fault {
            self.fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
        }
        self.ending.store(true, Ordering::Relaxed);
        self.bells.ring_all();
    }
}

/// Reads the topic until something changes.
pub(super) fn run(outside: &Outside) -> Result<Ended, KafkaFault> {
    let cluster = Cluster::new(&outside.settings, "read_committed")?;
    let topic = &outside.settings.topics.trade_closed;
    let view = cluster.topic(topic, WAIT)?;
    if let Some(partition) = view.leaderless.first() {
        let message = format!("partition {partition} of {topic} has no leader");
        return Err(KafkaFault::new(FaultKind::Unreachable, message));
    }
    let openings = open(outside, &cluster, &view)?;
    let partitions: Vec<Arc<PartitionProgress>> =
        openings.iter().map(|o| Arc::new(PartitionProgress::new(o.partition, o.from, o.end))).collect();
    let threads = threads();
    let shared = Shared {
        outside,
        ending: AtomicBool::new(false),
        fault: Mutex::new(None),
        bells: Bells::new(threads),
    };
    let streams = openings.iter().map(|opening| opening.stream.clone()).collect();
    let (consumer, lanes) = take(&shared, &openings, &partitions)?;
    tracing::info!(topic, id = view.id, partitions = lanes.len(), "reading from kafka");
    outside.reading(&partitions);
    let team = Team::new(&lanes, Desk::new(&lanes, streams, &outside.ledger, &outside.tally), &shared);
    let ended = thread::scope(|scope| {
        for thread in 0..threads.get() {
            let team = &team;
            scope.spawn(move || team.read(thread));
        }
        let ended = Watch {
            shared: &shared,
            cluster: &cluster,
            view: &view,
            consumer: &consumer,
            partitions: &partitions,
        }
        .run();
        shared.end(None);
        ended
    });
    let noted = team.finish();
    let fault = shared.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
    fault.or(noted.err()).map_or(ended, Err)
}

/// Where each partition begins, with what is missing noted in the log.
fn open(outside: &Outside, cluster: &Cluster, view: &TopicView) -> Result<Vec<Opening>, KafkaFault> {
    let cluster_id = cluster.id(WAIT)?;
    (0..view.partitions)
        .map(|partition| {
            let marks = cluster.watermarks(&outside.settings.topics.trade_closed, partition, WAIT)?;
            let mut stream = outside.ledger.stream(&cluster_id, &view.id, partition)?;
            let from = begin(outside, &mut stream, partition, marks)?;
            Ok(Opening { partition, stream, from, end: marks.high })
        })
        .collect()
}

fn begin(
    outside: &Outside,
    stream: &mut Stream,
    partition: i32,
    marks: Watermarks,
) -> Result<i64, KafkaFault> {
    let topic = &outside.settings.topics.trade_closed;
    match start(stream.next_offset, marks) {
        Start::At(offset) => Ok(offset),
        Start::Missing(from, to) => {
            outside.ledger.missing(stream, topic, partition, (from, to))?;
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
    let topic: Arc<str> = Arc::from(outside.settings.topics.trade_closed.as_str());
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
        let mut lane = Lane::new(&topic, &outside.format, queue, stream, Arc::clone(progress));
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

/// Looks after a session while the lanes read.
struct Watch<'w> {
    shared: &'w Shared<'w>,
    cluster: &'w Cluster,
    view: &'w TopicView,
    consumer: &'w BaseConsumer<Ear>,
    partitions: &'w [Arc<PartitionProgress>],
}

impl Watch<'_> {
    fn run(&self) -> Result<Ended, KafkaFault> {
        let (mut watched, mut looked, mut committed) = (None, Instant::now(), Instant::now());
        // Many partitions are asked for their ends one after the other.
        let watch_every = WATCH_EVERY + Duration::from_millis(20) * self.partitions.len() as u32;
        while !self.shared.is_ending() {
            // On catching up the end is asked for again as soon as the last one seen is reached: people wait for it.
            let is_due = |at: Instant| at.elapsed() > watch_every;
            if watched.is_none_or(is_due) || self.shared.outside.wants_end(self.partitions) {
                watched = Some(Instant::now());
                self.watch()?;
            }
            if looked.elapsed() > LOOK_EVERY {
                looked = Instant::now();
                if self.has_changed()? {
                    return Ok(Ended::Changed);
                }
            }
            if committed.elapsed() > COMMIT_EVERY {
                committed = Instant::now();
                self.commit(CommitMode::Async);
            }
            self.serve()?;
        }
        self.commit(CommitMode::Async);
        Ok(Ended::Stopped)
    }

    /// Serves the client's own events. Records never come this way.
    fn serve(&self) -> Result<(), KafkaFault> {
        let step = if self.shared.outside.is_live() { SERVE_LIVE } else { SERVE_BEHIND };
        match self.consumer.poll(step) {
            Some(Ok(message)) => {
                let offset = rdkafka::Message::offset(&message);
                let message = format!("a record (offset {offset}) came outside its partition's queue");
                Err(KafkaFault::new(FaultKind::Other, message))
            }
            // Faults of connections: the client goes on by itself, and the watch sees what follows from them.
            Some(Err(_)) | None => Ok(()),
        }
    }

    /// Compares positions with ends.
    fn watch(&self) -> Result<(), KafkaFault> {
        if let Some(why) = self.shared.outside.ledger.log.stopped() {
            return Err(KafkaFault::new(FaultKind::Log, format!("the event log is stopped: {why}")));
        }
        let asked = Instant::now();
        let topic = &self.shared.outside.settings.topics.trade_closed;
        let ends: Result<Vec<i64>, KafkaFault> = self
            .partitions
            .iter()
            .map(|p| self.cluster.watermarks(topic, p.partition, WAIT).map(|marks| marks.high))
            .collect();
        match ends {
            Ok(ends) => self.shared.outside.observed(asked, self.partitions, &ends),
            Err(fault) => self.shared.outside.trouble(&fault),
        }
    }

    fn has_changed(&self) -> Result<bool, KafkaFault> {
        let topic = &self.shared.outside.settings.topics.trade_closed;
        let now = match self.cluster.topic(topic, WAIT) {
            Ok(now) => now,
            Err(fault) if fault.kind == FaultKind::TopicMissing => return Err(fault),
            // Away for now: the watch tells.
            Err(_) => return Ok(false),
        };
        if now.id != self.view.id {
            tracing::warn!(topic, old = self.view.id, new = now.id, "the topic was made anew");
            return Ok(true);
        }
        if now.partitions != self.view.partitions {
            tracing::info!(topic, partitions = now.partitions, "the topic has more partitions now");
            return Ok(true);
        }
        Ok(false)
    }

    /// Tells the cluster how far we are, for monitoring tools; the log alone decides where we go on.
    fn commit(&self, mode: CommitMode) {
        let topic = &self.shared.outside.settings.topics.trade_closed;
        let mut offsets = TopicPartitionList::new();
        for progress in self.partitions {
            let offset = Offset::Offset(progress.position());
            if offsets.add_partition_offset(topic, progress.partition, offset).is_err() {
                return;
            }
        }
        if let Err(error) = self.consumer.commit(&offsets, mode) {
            tracing::debug!(%error, "group offsets not committed");
        }
    }
}
