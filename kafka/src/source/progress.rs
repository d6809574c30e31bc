//! How far the source is, partition by partition, and how it shows itself.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};

use events::{StallReason, Timestamp};

use intake::admit::Counts;

/// A partition, written by the thread that reads it.
#[derive(Debug)]
pub(crate) struct PartitionProgress {
    /// Its number.
    pub(crate) partition: i32,
    position: AtomicI64,
    end: AtomicI64,
    at_end: AtomicBool,
    hides: AtomicBool,
    unreadable: AtomicBool,
    /// In microseconds since 1970; 0 when there was none.
    last_record: AtomicI64,
}

impl PartitionProgress {
    /// Progress of a partition that is read from an offset on.
    pub(crate) fn new(partition: i32, position: i64, end: i64) -> Self {
        Self {
            partition,
            position: AtomicI64::new(position),
            end: AtomicI64::new(end),
            at_end: AtomicBool::new(false),
            hides: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
            last_record: AtomicI64::new(0),
        }
    }

    /// Everything before this offset is in the log.
    pub(crate) fn advance(&self, position: i64, last_record_us: Option<i64>) {
        self.position.store(position, Relaxed);
        if let Some(us) = last_record_us {
            self.last_record.store(us, Relaxed);
        }
    }

    /// Whether the client told that there is nothing to be seen after the last record. What is left out uses offsets
    /// too, so the position alone does not tell.
    pub(crate) fn set_at_end(&self, at_end: bool) {
        self.at_end.store(at_end, Relaxed);
    }

    /// Whether the client told that there is nothing more to be seen.
    pub(crate) fn is_at_end(&self) -> bool {
        self.at_end.load(Relaxed)
    }

    /// The client cannot unpack what comes next.
    pub(crate) fn set_unreadable(&self) {
        self.unreadable.store(true, Relaxed);
    }

    /// Whether the client told that it cannot unpack what comes next.
    pub(crate) fn is_unreadable(&self) -> bool {
        self.unreadable.load(Relaxed)
    }

    /// Its end as it is now, and whether records before it are hidden by an open transaction.
    pub(crate) fn set_end(&self, end: i64, hides: bool) {
        self.end.store(end, Relaxed);
        self.hides.store(hides, Relaxed);
    }

    /// The next offset to take in.
    pub(crate) fn position(&self) -> i64 {
        self.position.load(Relaxed)
    }

    fn status(&self) -> PartitionStatus {
        let (position, end) = (self.position(), self.end.load(Relaxed));
        let reached = self.is_at_end() && !self.hides.load(Relaxed);
        let lag = if reached { 0 } else { u64::try_from(end - position).unwrap_or(0) };
        let us = self.last_record.load(Relaxed);
        let last_record_at = (us > 0).then(|| Timestamp::from_micros(us));
        PartitionStatus { partition: self.partition, position, end, lag, last_record_at }
    }
}

/// How a partition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// Its number.
    pub partition: i32,
    /// The next offset to take in.
    pub position: i64,
    /// The offset after its last record, as last seen, hidden by an open transaction or not.
    pub end: i64,
    /// Offsets between; an upper bound of the records, as markers use offsets too.
    pub lag: u64,
    /// The broker's time of the last record taken in.
    pub last_record_at: Option<Timestamp>,
}

/// What the source is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceState {
    /// Connecting, or waiting to try again: see [`SourceStatus::text`].
    #[default]
    Connecting,
    /// Reading, and the end was not reached yet.
    CatchingUp,
    /// Reading at the end.
    Live,
    /// Ended, by request or for good.
    Stopped,
}

/// How the source stands.
#[derive(Clone, Debug, Default)]
pub struct SourceStatus {
    /// The topic.
    pub topic: String,
    /// What it is doing.
    pub state: SourceState,
    /// The same in words, with the last fault.
    pub text: String,
    /// Whether it had reached the end as it was within the last `stale_after`. Not so: guards do not know.
    pub caught_up: bool,
    /// Whether it gets on: it has caught up, and nothing that is known stands in its way for more than a moment.
    pub ready: bool,
    /// Why it stands still, once it has for `stale_after`.
    pub stalled: Option<StallReason>,
    /// The partitions, by number.
    pub partitions: Vec<PartitionStatus>,
    /// Records since the start of this process.
    pub counts: Counts,
    /// How the cluster may lose records of the topic before they are read, with the remedy.
    pub warning: Option<String>,
}

impl SourceStatus {
    /// Offsets that are not taken in yet, over all partitions.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.partitions.iter().map(|partition| partition.lag).sum()
    }
}

/// The partitions as they stand, with their ends.
pub(crate) fn statuses<'p>(
    partitions: impl IntoIterator<Item = &'p PartitionProgress>,
) -> Vec<PartitionStatus> {
    partitions.into_iter().map(PartitionProgress::status).collect()
}

/// Counters that several threads add to.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    taken: AtomicU64,
    duplicate: AtomicU64,
    rejected: AtomicU64,
}

impl Tally {
    pub(crate) fn add(&self, counts: Counts) {
        self.taken.fetch_add(counts.taken, Relaxed);
        self.duplicate.fetch_add(counts.duplicate, Relaxed);
        self.rejected.fetch_add(counts.rejected, Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            taken: self.taken.load(Relaxed),
            duplicate: self.duplicate.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
        }
    }
}
