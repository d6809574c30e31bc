//! The source's side: batches of a partition into its stream, through the admission that the true sources use. Where
//! it goes on is read from the stream, as nothing else survives a crash.

use std::sync::Arc;

use events::{Event, IngestAdvanced, NewEvent, Timestamp, Uuid, id};
use intake::{
    TradeFormat,
    admit::{Admission, AdmitError, Admitted, Answer, Candidate, Incoming, Place, RawBytes},
};
use store::{AppendError, Duplicates, EventLog, Expected, Prepared, ReadError, Request};

use super::bot::{Record, TOPIC};

/// A partition that is being read.
pub(super) struct Lane {
    admission: Admission,
    partition: usize,
    next: usize,
    revision: u64,
}

/// The stream of a partition.
pub(super) fn stream(partition: usize) -> String {
    format!("ingest-simulated-{partition}")
}

impl Lane {
    /// Goes on where the stream ends.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(super) fn resume(log: &dyn EventLog, run_id: Uuid, partition: usize) -> Result<Self, ReadError> {
        let stream = stream(partition);
        let last = log.read_stream_back(&stream, u64::MAX, 1)?;
        let next = last.first().map_or(0, |last| match &last.event {
            Event::IngestAdvanced(advanced) => advanced.next_offset,
            _ => last.source_offset.map_or(0, |offset| offset + 1),
        });
        let revision = last.first().map_or(0, |last| last.stream_revision);
        let admission = Admission { stream: stream.into(), producer: Arc::from("source:kafka"), run_id };
        Ok(Self { admission, partition, next: usize::try_from(next).unwrap_or_default(), revision })
    }

    /// The offset that is read next.
    pub(super) const fn next(&self) -> usize {
        self.next
    }

    /// Reads on from another offset: records are delivered again, or (backwards only is honest) never.
    pub(super) const fn seek(&mut self, offset: usize) {
        self.next = offset;
    }

    /// Admits the next records, at most `most`.
    ///
    /// # Errors
    /// When the log takes nothing; the lane then no longer knows where its stream ends.
    pub(super) fn turn(
        &mut self,
        log: &dyn EventLog,
        records: &[Record],
        most: usize,
        now: Timestamp,
    ) -> Result<(), AdmitError> {
        let upto = records.len().min(self.next.saturating_add(most));
        let batch = records.get(self.next..upto).unwrap_or_default();
        let candidates: Result<Vec<_>, _> = batch
            .iter()
            .zip(self.next..)
            .map(|(record, offset)| self.candidate(record, offset, now))
            .collect();
        let admitted = self.admission.admit(log, Expected::Revision(self.revision), now, candidates?)?;
        self.revision = admitted.revision;
        self.next = upto;
        if !batch.is_empty() && adds_nothing(&admitted) { Ok(self.note(log, now)?) } else { Ok(()) }
    }

    fn candidate<'r>(
        &self,
        record: &'r Record,
        offset: usize,
        now: Timestamp,
    ) -> Result<Candidate<'r, RawBytes<'r>>, AdmitError> {
        let (partition, offset) = (self.partition as i32, offset as i64);
        let decoded = TradeFormat::default().decode(&record.value, None, now);
        let place = Place::Kafka { topic: TOPIC, partition, offset };
        self.admission.prepare(Incoming { place, raw: RawBytes { key: None, value: &record.value }, decoded })
    }

    /// Notes how far it came where that cannot be seen from what was appended.
    fn note(&mut self, log: &dyn EventLog, now: Timestamp) -> Result<(), AppendError> {
        let next_offset = self.next as i64;
        let stream = &self.admission.stream;
        let event_id = id::derive(&[
            b"ingest.advanced",
            stream.as_bytes(),
            &next_offset.to_le_bytes(),
            &self.revision.to_le_bytes(),
        ]);
        let event = Event::IngestAdvanced(IngestAdvanced { next_offset });
        let event = NewEvent::root(event_id, now, &self.admission.producer, self.admission.run_id, event);
        let events = vec![Prepared::new(event).expect("invariant: an offset has a JSON form")];
        let expected = Expected::Revision(self.revision);
        let stream = Arc::clone(stream);
        self.revision =
            log.append(Request { stream, expected, duplicates: Duplicates::Skip, events })?.revision;
        Ok(())
    }
}

fn adds_nothing(admitted: &Admitted) -> bool {
    admitted.answers.iter().all(|answer| matches!(answer, Answer::Duplicate { .. }))
}
