//! Looks after a session while the partitions are read: compares positions with ends, and notices when the topic changes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};

use super::{
    super::{
        client::ClientEvents,
        cluster::{Cluster, TopicView},
        fault::{FaultKind, KafkaFault},
    },
    ending::Session,
    ends::End,
    progress::PartitionProgress,
    state::{Stage, WAIT},
};

const WATCH_EVERY: Duration = Duration::from_secs(1);
/// How long to wait for the client's own events: at the end, and before.
const SERVE_LIVE: Duration = Duration::from_millis(100);
const SERVE_BEHIND: Duration = Duration::from_millis(20);
/// A partition that does not get on for so long is looked into.
const STANDS_AFTER: Duration = Duration::from_secs(4);
const LOOK_EVERY: Duration = Duration::from_secs(5);
const COMMIT_EVERY: Duration = Duration::from_secs(5);

/// Why a session ended well.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was asked to.
    Stopped,
    /// The topic has changed, or more of it may be read: begin anew.
    Changed,
}

/// Since when each partition stands still before its end.
struct Standing(Vec<(i64, Instant)>);

impl Standing {
    fn new(partitions: &[Arc<PartitionProgress>]) -> Self {
        Self(partitions.iter().map(|progress| (progress.position(), Instant::now())).collect())
    }

    /// A partition that has stood still for too long, and where.
    fn observe(&mut self, partitions: &[Arc<PartitionProgress>], ends: &[End]) -> Option<(i32, i64)> {
        let mut found = None;
        for ((progress, end), (at, since)) in partitions.iter().zip(ends).zip(&mut self.0) {
            let position = progress.position();
            let is_before_end = end.stable.is_some_and(|stable| position < stable) && !progress.is_at_end();
            if position != *at || !is_before_end {
                (*at, *since) = (position, Instant::now());
            } else if since.elapsed() > STANDS_AFTER {
                found = found.or(Some((progress.partition, position)));
            }
        }
        found
    }
}

/// Looks after a session while the partitions are read.
pub(super) struct Watch<'w> {
    pub(super) session: &'w Session<'w>,
    /// Sees what is committed.
    pub(super) cluster: &'w Cluster,
    /// Sees what is there.
    pub(super) everything: &'w Cluster,
    pub(super) topic_id: &'w str,
    pub(super) view: &'w TopicView,
    pub(super) stage: &'w Stage,
    pub(super) consumer: &'w BaseConsumer<ClientEvents>,
    pub(super) partitions: &'w [Arc<PartitionProgress>],
}

impl Watch<'_> {
    pub(super) fn run(&self) -> Result<Ended, KafkaFault> {
        let (mut watched, mut looked, mut committed) = (None, Instant::now(), Instant::now());
        let mut standing = Standing::new(self.partitions);
        // Many partitions are asked for their ends one after the other.
        let watch_every = WATCH_EVERY + Duration::from_millis(20) * self.partitions.len() as u32;
        while !self.session.is_ending() {
            // On catching up the end is asked for again as soon as the last one seen is reached: people wait for it.
            let is_due = |at: Instant| at.elapsed() > watch_every;
            if watched.is_none_or(is_due) || self.session.source.wants_end(self.partitions) {
                watched = Some(Instant::now());
                self.watch(&mut standing)?;
                if self.session.source.begins(self.topic_id, self.stage) {
                    return Ok(Ended::Changed);
                }
            }
            if looked.elapsed() > LOOK_EVERY {
                looked = Instant::now();
                if self.has_changed()? {
                    return Ok(Ended::Changed);
                }
            }
            self.session.source.keeper.look(&self.session.source.settings)?;
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
        let step = if self.session.source.is_live() { SERVE_LIVE } else { SERVE_BEHIND };
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
    fn watch(&self, standing: &mut Standing) -> Result<(), KafkaFault> {
        if let Some(fault) = self.session.source.failed() {
            return Err(fault);
        }
        if let Some(why) = self.session.source.log.event_log.stopped() {
            return Err(KafkaFault::new(FaultKind::Log, format!("the event log is stopped: {why}")));
        }
        let asked = Instant::now();
        let ends: Result<Vec<End>, KafkaFault> = self.partitions.iter().map(|p| self.end_of(p)).collect();
        match ends {
            Ok(ends) => {
                let hindrance = self.hindrance(standing.observe(self.partitions, &ends));
                self.session.source.observed(asked, (self.partitions, &ends), hindrance);
            }
            // A broker that starts may take the topic for missing. A client that heard it does not believe for half a minute
            // that the same topic is there: the next session asks with new ones.
            Err(fault) if fault.kind == FaultKind::TopicMissing => return Err(fault),
            Err(fault) => self.session.source.trouble(fault),
        }
        Ok(())
    }

    /// What the client that reads has to say, where a partition stands still though there is more to be read.
    fn hindrance(&self, standing: Option<(i32, i64)>) -> Option<KafkaFault> {
        let client_events = self.consumer.context();
        let Some((partition, offset)) = standing else {
            client_events.forget_trouble();
            return None;
        };
        let trouble = client_events.trouble()?;
        let message = format!(
            "{}[{partition}] cannot be read from offset {offset} on: {trouble}",
            self.session.source.topic()
        );
        Some(KafkaFault::new(FaultKind::Unreachable, message))
    }

    /// Where a partition ends; where that is not reached, also up to where it can be read.
    fn end_of(&self, progress: &PartitionProgress) -> Result<End, KafkaFault> {
        let (topic, partition) = (self.session.source.topic(), progress.partition);
        let high = self.everything.watermarks(topic, partition, WAIT)?.high;
        if progress.position() >= high {
            return Ok(End { high, stable: None });
        }
        let stable = self.cluster.watermarks(topic, partition, WAIT)?.high;
        Ok(End { high, stable: Some(stable) })
    }

    fn has_changed(&self) -> Result<bool, KafkaFault> {
        let topic = self.session.source.topic();
        let now = match self.cluster.topic(topic, WAIT) {
            Ok(now) => now,
            Err(fault) if fault.kind == FaultKind::TopicMissing => return Err(fault),
            // Away for now: the watch tells.
            Err(_) => return Ok(false),
        };
        if self.cluster.topic_id(topic).is_ok_and(|id| id != self.topic_id) {
            tracing::warn!(topic, old = self.topic_id, "the topic was made anew");
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
        let topic = self.session.source.topic();
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
