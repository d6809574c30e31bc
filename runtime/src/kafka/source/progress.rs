//! How far the source is, whether it has reached the end, and since when it has not.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use events::{StallReason, Timestamp};

use crate::intake::admit::Counts;

/// A partition, written by the thread that reads it.
#[derive(Debug)]
pub(crate) struct PartitionProgress {
    /// Its number.
    pub(crate) partition: i32,
    position: AtomicI64,
    end: AtomicI64,
    at_end: AtomicBool,
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

    /// Whether the client told that there is nothing after the last record. Markers use offsets too, so the position
    /// alone does not tell.
    pub(crate) fn set_at_end(&self, at_end: bool) {
        self.at_end.store(at_end, Relaxed);
    }

    /// The next offset to take in.
    pub(crate) fn position(&self) -> i64 {
        self.position.load(Relaxed)
    }

    fn status(&self) -> PartitionStatus {
        let (position, end) = (self.position(), self.end.load(Relaxed));
        let lag = if self.at_end.load(Relaxed) { 0 } else { u64::try_from(end - position).unwrap_or(0) };
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
    /// The offset after its last record, as last seen.
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
    /// Why it stands still, once it has for `stale_after`.
    pub stalled: Option<StallReason>,
    /// The partitions, by number.
    pub partitions: Vec<PartitionStatus>,
    /// Records since the start of this process.
    pub counts: Counts,
}

impl SourceStatus {
    /// Offsets that are not taken in yet, over all partitions.
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

/// Knows when the end was last reached.
///
/// The end moves all the time. What counts is the newest moment whose end has been reached since: a source that is
/// always a little behind a busy topic is not stalled, one whose reading stands still is.
#[derive(Debug)]
pub(crate) struct EndWatch {
    /// The newest moment whose end was reached; before the first one, the start.
    reached: Instant,
    ever: bool,
    target: Option<(Instant, Vec<i64>)>,
    ends_before: Vec<i64>,
}

impl EndWatch {
    pub(crate) fn new(now: Instant) -> Self {
        Self { reached: now, ever: false, target: None, ends_before: Vec::new() }
    }

    /// Compares the partitions with their ends, which were asked for at `asked`.
    pub(crate) fn observe<'p>(
        &mut self,
        asked: Instant,
        partitions: impl IntoIterator<Item = &'p PartitionProgress>,
        ends: &[i64],
    ) {
        let before = std::mem::replace(&mut self.ends_before, ends.to_vec());
        let mut reached = Vec::with_capacity(ends.len());
        for (index, progress) in partitions.into_iter().enumerate() {
            progress.end.store(ends[index], Relaxed);
            // The client's word counts only for an end that has not moved since.
            let told = progress.at_end.load(Relaxed) && before.get(index) == Some(&ends[index]);
            reached.push(if told { i64::MAX } else { progress.position() });
        }
        let covers = |target: &[i64]| {
            target.len() == reached.len() && target.iter().zip(&reached).all(|(end, at)| at >= end)
        };
        if let Some((moment, target)) = &self.target {
            if covers(target) {
                (self.reached, self.ever) = (*moment, true);
                self.target = None;
            } else if target.len() != reached.len() {
                self.target = None;
            }
        }
        if covers(ends) {
            (self.reached, self.ever, self.target) = (asked, true, None);
        } else if self.target.is_none() {
            self.target = Some((asked, ends.to_vec()));
        }
    }

    /// Whether an end that was seen before is reached now, so that it is worth asking for the present one.
    pub(crate) fn is_target_reached<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p PartitionProgress>,
    ) -> bool {
        let Some((_, target)) = &self.target else { return false };
        let reached = |(end, progress): (&i64, &PartitionProgress)| {
            progress.position() >= *end || progress.at_end.load(Relaxed)
        };
        target.iter().zip(partitions).all(reached)
    }

    /// How old the newest end is that has been reached.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.reached)
    }

    /// Whether the end has been reached at all.
    pub(crate) fn ever(&self) -> bool {
        self.ever
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(start: Instant, n: u64) -> Instant {
        start + Duration::from_secs(n)
    }

    #[test]
    fn a_source_that_follows_a_busy_topic_is_never_old() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 0, 0);
        for n in 1..100 {
            // Always half a second of records behind, and never told that it is at the end.
            partition.advance(i64::try_from(n).unwrap() * 1000 - 500, None);
            watch.observe(second(start, n), [&partition], &[i64::try_from(n).unwrap() * 1000]);
            assert!(watch.age(second(start, n)) <= Duration::from_secs(2), "at second {n}: {watch:?}");
        }
        assert!(watch.ever());
    }

    #[test]
    fn a_source_that_stands_still_grows_old_from_the_last_end_it_reached() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 100, 100);
        watch.observe(second(start, 1), [&partition], &[100]);
        for n in 2..=61 {
            watch.observe(second(start, n), [&partition], &[101]);
        }
        assert_eq!(watch.age(second(start, 61)), Duration::from_secs(60));
    }

    #[test]
    fn markers_after_the_last_record_are_not_waited_for() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 100, 101);
        watch.observe(second(start, 1), [&partition], &[101]);
        assert!(!watch.ever());
        partition.set_at_end(true);
        watch.observe(second(start, 2), [&partition], &[101]);
        assert!(watch.ever());
        assert_eq!(watch.age(second(start, 2)), Duration::ZERO);
    }

    #[test]
    fn one_partition_behind_is_enough_to_be_behind() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let (a, b) = (PartitionProgress::new(0, 10, 10), PartitionProgress::new(1, 4, 10));
        watch.observe(second(start, 1), [&a, &b], &[10, 10]);
        assert!(!watch.ever());
        assert!(!watch.is_target_reached([&a, &b]));
        b.advance(10, None);
        assert!(watch.is_target_reached([&a, &b]));
        watch.observe(second(start, 2), [&a, &b], &[10, 10]);
        assert!(watch.ever());
    }
}
