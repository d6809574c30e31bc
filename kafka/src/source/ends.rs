//! When the end was last reached, and what hides it.
//!
//! The end is the high watermark. A reader of committed records sees less while a transaction is open: up to the last
//! stable offset. To have read all that can be seen is not to have reached the end.

use std::time::{Duration, Instant};

use super::progress::PartitionProgress;

/// Where a partition ends at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The offset after its last record.
    pub(crate) high: i64,
    /// The offset after the last one that may be read now, asked for after `high`. Nothing where the position was at
    /// `high` already.
    pub(crate) stable: Option<i64>,
}

/// Records that are there and cannot be read: a transaction is open before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hidden {
    /// The partition.
    pub(crate) partition: i32,
    /// The first hidden offset.
    pub(crate) from: i64,
    /// The end of the partition.
    pub(crate) to: i64,
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
    last: Vec<End>,
    /// Up to where each partition was read when the ends were last asked for, and the ends that were seen before.
    read: Vec<(i64, Option<End>)>,
    hidden: Vec<Hidden>,
}

impl EndWatch {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            reached: now,
            ever: false,
            target: None,
            last: Vec::new(),
            read: Vec::new(),
            hidden: Vec::new(),
        }
    }

    /// The partitions were taken anew, perhaps those of another topic: offsets seen before mean nothing now.
    pub(crate) fn begin(&mut self) {
        self.target = None;
        self.last.clear();
        self.read.clear();
        self.hidden.clear();
    }

    /// Compares the partitions with their ends, which were asked for at `asked`.
    pub(crate) fn observe<'p>(
        &mut self,
        asked: Instant,
        partitions: impl IntoIterator<Item = &'p PartitionProgress>,
        ends: &[End],
    ) {
        let before = std::mem::replace(&mut self.last, ends.to_vec());
        let mut reached = Vec::with_capacity(ends.len());
        self.read.clear();
        self.hidden.clear();
        for (index, (progress, end)) in partitions.into_iter().zip(ends).enumerate() {
            let earlier = before.get(index).copied();
            let at = seen_up_to(progress, *end, earlier);
            self.read.push((at, earlier));
            let hidden = end.stable.filter(|stable| *stable < end.high && at >= *stable);
            if let Some(from) = hidden {
                self.hidden.push(Hidden { partition: progress.partition, from, to: end.high });
            }
            progress.set_end(end.high, hidden.is_some());
            reached.push(at);
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
        let highs: Vec<i64> = ends.iter().map(|end| end.high).collect();
        if covers(&highs) {
            (self.reached, self.ever, self.target) = (asked, true, None);
        } else if self.target.is_none() {
            self.target = Some((asked, highs));
        }
    }

    /// Whether an end that was seen before is reached now, so that it is worth asking for the present one.
    pub(crate) fn is_target_reached<'p>(
        &self,
        partitions: impl IntoIterator<Item = &'p PartitionProgress>,
    ) -> bool {
        let Some((_, target)) = &self.target else { return false };
        target.iter().zip(partitions).enumerate().all(|(index, (end, progress))| {
            let stable = self.last.get(index).and_then(|last| last.stable);
            progress.position() >= *end || progress.is_at_end() && stable.is_none_or(|stable| stable >= *end)
        })
    }

    /// Whether the first partitions are read up to these offsets, and up to where they ended when they were asked before.
    pub(crate) fn has_read(&self, until: &[i64]) -> bool {
        let is_read = |((at, earlier), end): (&(i64, Option<End>), &i64)| {
            earlier.is_some_and(|earlier| *at >= earlier.high.max(*end))
        };
        self.read.len() >= until.len() && self.read.iter().zip(until).all(is_read)
    }

    /// How old the newest end is that has been reached.
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.reached)
    }

    /// Whether the end has been reached at all.
    pub(crate) fn ever(&self) -> bool {
        self.ever
    }

    /// What was hidden when the ends were last asked for: everything before it is read.
    pub(crate) fn hidden(&self) -> &[Hidden] {
        &self.hidden
    }
}

/// Up to where all that can be seen is taken in. The client's word that there is nothing more counts only for an end
/// that has not moved since.
fn seen_up_to(progress: &PartitionProgress, end: End, before: Option<End>) -> i64 {
    let position = progress.position();
    let unmoved = end.stable.filter(|stable| before.and_then(|before| before.stable) == Some(*stable));
    match unmoved {
        Some(stable) if progress.is_at_end() => position.max(stable),
        _ => position,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(start: Instant, n: u64) -> Instant {
        start + Duration::from_secs(n)
    }

    /// An end with nothing open before it.
    fn end(high: i64) -> End {
        End { high, stable: Some(high) }
    }

    #[test]
    fn a_source_that_follows_a_busy_topic_is_never_old() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 0, 0);
        for n in 1..100 {
            // Always half a second of records behind, and never told that it is at the end.
            partition.advance(i64::try_from(n).unwrap() * 1000 - 500, None);
            watch.observe(second(start, n), [&partition], &[end(i64::try_from(n).unwrap() * 1000)]);
            assert!(watch.age(second(start, n)) <= Duration::from_secs(2), "at second {n}: {watch:?}");
        }
        assert!(watch.ever());
    }

    #[test]
    fn a_source_that_stands_still_grows_old_from_the_last_end_it_reached() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 100, 100);
        watch.observe(second(start, 1), [&partition], &[end(100)]);
        for n in 2..=61 {
            watch.observe(second(start, n), [&partition], &[end(101)]);
        }
        assert_eq!(watch.age(second(start, 61)), Duration::from_secs(60));
    }

    #[test]
    fn markers_after_the_last_record_are_not_waited_for() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 100, 101);
        watch.observe(second(start, 1), [&partition], &[end(101)]);
        assert!(!watch.ever());
        partition.set_at_end(true);
        assert!(watch.is_target_reached([&partition]));
        watch.observe(second(start, 2), [&partition], &[end(101)]);
        assert!(watch.ever());
        assert_eq!(watch.age(second(start, 2)), Duration::ZERO);
    }

    #[test]
    fn one_partition_behind_is_enough_to_be_behind() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let (a, b) = (PartitionProgress::new(0, 10, 10), PartitionProgress::new(1, 4, 10));
        watch.observe(second(start, 1), [&a, &b], &[end(10), end(10)]);
        assert!(!watch.ever());
        assert!(!watch.is_target_reached([&a, &b]));
        b.advance(10, None);
        assert!(watch.is_target_reached([&a, &b]));
        watch.observe(second(start, 2), [&a, &b], &[end(10), end(10)]);
        assert!(watch.ever());
    }

    #[test]
    fn what_an_open_transaction_hides_is_not_reached_however_long_nothing_more_can_be_read() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 7, 7);
        watch.observe(second(start, 1), [&partition], &[end(7)]);
        partition.set_at_end(true);
        let hiding = End { high: 20, stable: Some(7) };
        for n in 2..=61 {
            watch.observe(second(start, n), [&partition], &[hiding]);
            // Asking again at once would not help.
            assert!(!watch.is_target_reached([&partition]));
        }
        assert_eq!(watch.age(second(start, 61)), Duration::from_secs(60));
        assert_eq!(watch.hidden(), [Hidden { partition: 0, from: 7, to: 20 }]);
        // The transaction ends, aborted: nothing comes, and the client tells so of an end that stays.
        watch.observe(second(start, 62), [&partition], &[end(21)]);
        watch.observe(second(start, 63), [&partition], &[end(21)]);
        assert_eq!((watch.age(second(start, 63)), watch.hidden()), (Duration::ZERO, &[][..]));
    }

    #[test]
    fn a_source_that_is_behind_is_not_taken_for_one_that_an_open_transaction_holds_up() {
        let mut watch = EndWatch::new(Instant::now());
        let partition = PartitionProgress::new(0, 3, 3);
        watch.observe(Instant::now(), [&partition], &[End { high: 20, stable: Some(7) }]);
        assert_eq!(watch.hidden(), []);
    }

    #[test]
    fn what_is_written_while_the_first_ends_are_read_up_to_is_read_as_well() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        let partition = PartitionProgress::new(0, 10, 30);
        let mut is_read = |position, high| {
            partition.advance(position, None);
            watch.observe(start, [&partition], &[end(high)]);
            watch.has_read(&[10])
        };
        assert!(!is_read(10, 30), "nothing was asked before");
        assert!(!is_read(20, 40));
        assert!(is_read(40, 50), "the end of before is reached");
    }

    #[test]
    fn partitions_that_were_taken_anew_are_not_compared_with_offsets_of_before() {
        let start = Instant::now();
        let mut watch = EndWatch::new(start);
        watch.observe(second(start, 1), [&PartitionProgress::new(0, 0, 9)], &[end(9)]);
        watch.begin();
        let other = PartitionProgress::new(0, 10, 30);
        watch.observe(second(start, 2), [&other], &[end(30)]);
        assert!(!watch.ever());
    }
}
