//! Admission of what is decoded: one thread at a time, for all partitions together, in one sync of the log.

use std::time::{Duration, Instant};

use store::{Expected, now};

use super::{
    super::fault::KafkaFault,
    gaps::Gap,
    partition::{Decoded, Partition},
    progress::Tally,
    source_log::{SourceLog, Stream},
};
use intake::admit::{Admitted, Answer, Share, admit_all};

/// Offsets without an event after which progress is noted in the log.
const NOTE_OFFSETS: i64 = 10_000;
/// Time after which it is noted though there were fewer.
const NOTE_EVERY: Duration = Duration::from_secs(60);

/// What is known of a partition's stream in the log.
struct Place {
    stream: Stream,
    next_offset: i64,
    noted_at: Instant,
    /// Records that are gone, and are not noted yet.
    gap: Option<Gap>,
    gap_since: Instant,
    /// Markers were seen: offsets without a record say nothing.
    is_marked: bool,
}

impl Place {
    /// Learns from an answer; the last record is told by its offset and time.
    fn learn(&mut self, admitted: &Admitted, last: Option<(i64, Option<i64>)>) {
        self.stream.revision = admitted.revision;
        let appended = |answer: &Answer| !matches!(answer, Answer::Duplicate { .. });
        let Some(trailing) = admitted.answers.iter().rev().position(appended) else { return };
        // Offsets of a compacted topic have gaps, but what lies in a gap needs no second look.
        let trailing = i64::try_from(trailing).unwrap_or(0);
        self.stream.next_offset = last.map(|(offset, _)| offset + 1 - trailing);
        self.noted_at = Instant::now();
    }
}

impl Place {
    /// Learns of records that are gone, where that is so: what is passed behind the last record at the end of the
    /// partition is a marker, and so may those before it be.
    fn miss(&mut self, gap: Option<Gap>, passed: Option<i64>, last: Option<i64>) {
        if self.gap.is_none() {
            self.gap_since = Instant::now();
        }
        self.is_marked |= passed.is_some_and(|passed| passed > last.unwrap_or(self.next_offset));
        self.gap = if self.is_marked { None } else { Gap::and(self.gap, gap) };
    }

    /// Notes what is gone. What lies between is in the log by now.
    fn note_gap(&mut self, partition: &Partition, log: &SourceLog) -> Result<(), KafkaFault> {
        let Some(Gap { from, offsets }) = self.gap.take() else { return Ok(()) };
        let range = (from, self.next_offset);
        log.missing(&mut self.stream, partition.topic(), partition.progress.partition, range, offsets)
    }
}

/// The place where batches become durable.
pub(super) struct Appender<'p> {
    partitions: &'p [Partition],
    log: &'p SourceLog,
    tally: &'p Tally,
    places: Vec<Place>,
    /// After a fault nothing more is admitted: what follows it may have a gap before it.
    failed: bool,
}

impl<'p> Appender<'p> {
    /// The streams are those of the partitions, in their order.
    pub(super) fn new(
        partitions: &'p [Partition],
        streams: Vec<Stream>,
        log: &'p SourceLog,
        tally: &'p Tally,
    ) -> Self {
        let places = partitions.iter().zip(streams).map(|(partition, stream)| Place {
            stream,
            next_offset: partition.progress.position(),
            noted_at: Instant::now(),
            gap: None,
            gap_since: Instant::now(),
            is_marked: false,
        });
        Self { partitions, log, tally, places: places.collect(), failed: false }
    }

    /// Admits batches, at most one of each partition; none after a fault, which ends the session.
    pub(super) fn admit(&mut self, ready: Vec<(usize, Decoded<'p>)>) -> Result<(), KafkaFault> {
        if self.failed {
            return Ok(());
        }
        let admitted = self.admit_ready(ready);
        self.failed = admitted.is_err();
        admitted
    }

    fn admit_ready(&mut self, mut ready: Vec<(usize, Decoded<'p>)>) -> Result<(), KafkaFault> {
        let (mut asked, mut shares) = (Vec::new(), Vec::new());
        for (index, decoded) in ready.iter_mut().filter(|(_, decoded)| !decoded.candidates.is_empty()) {
            let partition = &self.partitions[*index];
            partition.progress.set_at_end(false);
            let expected = Expected::Revision(self.places[*index].stream.revision);
            let candidates = std::mem::take(&mut decoded.candidates);
            shares.push(Share { admission: &partition.admission, expected, candidates });
            asked.push((*index, decoded.last));
        }
        let mut outcome = Ok(());
        admit_all(&*self.log.event_log, now(), shares, |number, admitted| match admitted {
            Ok(admitted) => {
                let (index, last) = asked[number];
                self.tally.add(admitted.counts());
                self.places[index].learn(&admitted, last);
            }
            Err(error) => outcome = Err(error),
        });
        outcome?;
        ready.into_iter().try_for_each(|(index, decoded)| self.progress(index, decoded))
    }

    fn progress(&mut self, index: usize, decoded: Decoded<'_>) -> Result<(), KafkaFault> {
        let partition = &self.partitions[index];
        let last = decoded.last.map(|(offset, _)| offset + 1);
        self.places[index].miss(decoded.gap, decoded.passed, last);
        if let Some(next) = last.max(decoded.passed).filter(|next| *next > self.places[index].next_offset) {
            self.places[index].next_offset = next;
            let at = decoded.last.and_then(|(_, at)| at);
            partition.progress.advance(next, at.map(|ms| ms * 1000));
        }
        if let Some(fault) = decoded.fault {
            return Err(fault);
        }
        if decoded.at_end {
            partition.progress.set_at_end(true);
        }
        self.note_one(index, false)
    }

    /// Notes in the log how far each partition came, where that cannot be seen from the records that were appended.
    pub(super) fn note(&mut self, at_once: bool) -> Result<(), KafkaFault> {
        (0..self.places.len()).try_for_each(|index| self.note_one(index, at_once))
    }

    fn note_one(&mut self, index: usize, at_once: bool) -> Result<(), KafkaFault> {
        let place = &mut self.places[index];
        let partition = &self.partitions[index];
        if at_once || partition.progress.is_at_end() || place.gap_since.elapsed() > NOTE_EVERY {
            place.note_gap(partition, self.log)?;
        }
        let behind = place.next_offset - place.stream.next_offset.unwrap_or(0);
        let due = at_once || behind >= NOTE_OFFSETS || place.noted_at.elapsed() > NOTE_EVERY;
        if behind <= 0 || !due {
            return Ok(());
        }
        place.noted_at = Instant::now();
        self.log.advanced(&mut place.stream, place.next_offset)
    }
}
