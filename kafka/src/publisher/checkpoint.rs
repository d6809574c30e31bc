//! The publisher's place in the log: everything up to it is visible to readers of committed records.
//!
//! That a commit was answered is not enough (see `tail`): a checkpoint is taken when the committed end of every
//! partition has passed the last record of ours in it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Event, NewEvent, PublishAdvanced, Uuid, id};
use store::{EventLog, Expected, ReadError, append, now};

use super::{
    super::fault::KafkaFault,
    port::{Brokers, Ends},
    transactional_producer::TransactionalProducer,
};

/// Between two checkpoints.
pub(crate) const EVERY: Duration = Duration::from_secs(10);
/// Positions without anything to publish after which a checkpoint saves looking at them again.
const POSITIONS: u64 = 50_000;
/// Records after which a checkpoint bounds what a start has to read back.
const RECORDS: u64 = 20_000;
/// Pause between looks whether what was sent is visible.
const LOOK: Duration = Duration::from_millis(100);
/// What is not visible by then is hidden by something.
const PATIENCE: Duration = Duration::from_secs(4);

/// A checkpoint that is taken as soon as all up to it is visible.
struct Settling {
    position: u64,
    ends: Ends,
    since: Instant,
    looked: Instant,
}

/// Our place in the log's record of what is published.
pub(crate) struct Checkpoint {
    stream: Arc<str>,
    cluster: String,
    run_id: Uuid,
    revision: u64,
    position: u64,
    every: Duration,
    taken: Instant,
    /// Records published since.
    published: u64,
    settling: Option<Settling>,
}

/// The stream of the checkpoints of a cluster.
pub(crate) fn stream(cluster: &str) -> String {
    format!("publisher-{cluster}")
}

/// Everything up to here is visible on a cluster.
pub(crate) fn position(log: &dyn EventLog, cluster: &str) -> Result<u64, ReadError> {
    let last = log.read_stream_back(&stream(cluster), u64::MAX, 1)?;
    Ok(last.first().map_or(0, |event| up_to(&event.event)))
}

fn up_to(event: &Event) -> u64 {
    if let Event::PublishAdvanced(advanced) = event { advanced.up_to_position } else { 0 }
}

impl Checkpoint {
    /// The last one that was taken for a cluster.
    pub(crate) fn last(
        log: &dyn EventLog,
        cluster: String,
        run_id: Uuid,
        every: Duration,
    ) -> Result<Self, KafkaFault> {
        let stream: Arc<str> = stream(&cluster).into();
        let last = log.read_stream_back(&stream, u64::MAX, 1)?;
        Ok(Self {
            stream,
            cluster,
            run_id,
            revision: last.first().map_or(0, |event| event.stream_revision),
            position: last.first().map_or(0, |event| up_to(&event.event)),
            every,
            taken: Instant::now(),
            published: 0,
            settling: None,
        })
    }

    /// Everything up to here is visible.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Counts what was published.
    pub(crate) fn published(&mut self, records: usize) {
        self.published += records as u64;
    }

    /// Takes a checkpoint when it is time and what was published up to `position` is visible. The answer is the topic
    /// in which it has been hidden for too long.
    pub(crate) fn follow(
        &mut self,
        log: &dyn EventLog,
        producer: &TransactionalProducer,
        brokers: &dyn Brokers,
        position: u64,
    ) -> Result<Option<String>, KafkaFault> {
        let due = self.published >= RECORDS || self.taken.elapsed() > self.every;
        if self.settling.is_none() && due {
            self.taken = Instant::now();
            self.settle(producer, position);
        }
        match &self.settling {
            Some(settling) if settling.looked.elapsed() > LOOK => self.look(log, brokers),
            _ => Ok(None),
        }
    }

    /// Takes a last checkpoint, if what was published becomes visible before `gives_up`.
    pub(crate) fn finish(
        &mut self,
        log: &dyn EventLog,
        producer: &TransactionalProducer,
        brokers: &dyn Brokers,
        position: u64,
        gives_up: &dyn Fn() -> bool,
    ) -> Result<(), KafkaFault> {
        self.settle(producer, position);
        while self.settling.is_some() && !gives_up() {
            if self.look(log, brokers)?.is_some() {
                // The next start looks at what is visible by then.
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn settle(&mut self, producer: &TransactionalProducer, position: u64) {
        let unfinished = self.settling.take();
        let worth = self.published > 0 || unfinished.is_some() || position > self.position + POSITIONS;
        if !worth || position <= self.position {
            return;
        }
        let mut ends = unfinished.map(|settling| settling.ends).unwrap_or_default();
        for (topic, partitions) in producer.take_ends() {
            ends.entry(topic).or_default().extend(partitions);
        }
        self.published = 0;
        let now = Instant::now();
        let looked = now.checked_sub(LOOK * 2).unwrap_or(now);
        self.settling = Some(Settling { position, ends, since: now, looked });
    }

    /// Writes the checkpoint when all up to it is visible.
    fn look(&mut self, log: &dyn EventLog, brokers: &dyn Brokers) -> Result<Option<String>, KafkaFault> {
        let Some(settling) = &mut self.settling else { return Ok(None) };
        settling.looked = Instant::now();
        for (topic, partitions) in &settling.ends {
            for (partition, end) in partitions {
                if brokers.committed_end(topic, *partition)? < *end {
                    let hidden = settling.since.elapsed() > PATIENCE;
                    return Ok(hidden.then(|| topic.clone()));
                }
            }
        }
        let position = settling.position;
        self.settling = None;
        self.write(log, position)?;
        Ok(None)
    }

    fn write(&mut self, log: &dyn EventLog, position: u64) -> Result<(), KafkaFault> {
        let advanced = PublishAdvanced { cluster: self.cluster.clone(), up_to_position: position };
        let event_id =
            id::derive(&[b"publish.advanced", self.stream.as_bytes(), &self.revision.to_le_bytes()]);
        let event = Event::PublishAdvanced(advanced);
        let event = NewEvent::root(event_id, now(), &Arc::from(super::PRODUCER), self.run_id, event);
        let appended = append(log, &self.stream, Expected::Revision(self.revision), vec![event])?;
        self.revision = appended.revision;
        self.position = position;
        Ok(())
    }
}
