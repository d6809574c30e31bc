//! What the log says of the source: where each partition goes on.

use std::sync::Arc;

use events::{Event, IngestAdvanced, NewEvent, RecordsMissing, Uuid, id};
use store::{EventLog, Expected, ReadError, append, now};

use super::super::{cluster::Watermarks, fault::KafkaFault};

/// The name under which the source appends.
pub(crate) const PRODUCER: &str = "source:kafka";

/// The log as the source writes it: appends what the source itself has to say.
#[derive(Clone)]
pub(crate) struct SourceLog {
    pub(crate) event_log: Arc<dyn EventLog>,
    pub(crate) run_id: Uuid,
}

/// A partition's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    /// Its name.
    pub(crate) name: Arc<str>,
    /// The revision of its last event.
    pub(crate) revision: u64,
    /// The next offset by the log; nothing when the partition was never read.
    pub(crate) next_offset: Option<i64>,
}

/// Where to begin to read a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At this offset; nothing is missing.
    At(i64),
    /// Records expired unread: from the first to the second.
    Missing(i64, i64),
    /// The log is ahead of the partition, which was cut: by a broker that lost its last records, or as the topic was
    /// made anew on a cluster that has no ids for topics.
    Beyond(i64),
}

/// Where to begin, by what the log and the cluster say.
pub(crate) fn start(next_offset: Option<i64>, marks: Watermarks) -> Start {
    match next_offset {
        None => Start::At(marks.low),
        Some(next) if next < marks.low => Start::Missing(next, marks.low),
        Some(next) if next > marks.high => Start::Beyond(next),
        Some(next) => Start::At(next),
    }
}

impl SourceLog {
    pub(super) fn append(
        &self,
        stream: &str,
        revision: u64,
        event_id: Uuid,
        event: Event,
    ) -> Result<u64, KafkaFault> {
        let event = NewEvent::root(event_id, now(), &Arc::from(PRODUCER), self.run_id, event);
        Ok(append(&*self.event_log, stream, Expected::Revision(revision), vec![event])?.revision)
    }

    /// The stream of a partition.
    pub(crate) fn stream(&self, cluster: &str, topic_id: &str, partition: i32) -> Result<Stream, ReadError> {
        let name: Arc<str> = format!("ingest-{cluster}-{topic_id}-{partition}").into();
        let revision = self.event_log.revision(&name)?;
        let (mut before, mut next_offset) = (u64::MAX, None);
        while next_offset.is_none() {
            let page = self.event_log.read_stream_back(&name, before, 16)?;
            let Some(oldest) = page.last() else { break };
            before = oldest.stream_revision;
            next_offset = page.iter().find_map(|event| match &event.event {
                Event::IngestAdvanced(advanced) => Some(advanced.next_offset),
                Event::RecordsMissing(missing) => Some(missing.to_offset),
                _ => event.source_offset.map(|offset| offset + 1),
            });
        }
        Ok(Stream { name, revision, next_offset })
    }

    /// Notes how far a partition was read where records appended nothing.
    pub(crate) fn advanced(&self, stream: &mut Stream, next_offset: i64) -> Result<(), KafkaFault> {
        let (name, revision) = (Arc::clone(&stream.name), stream.revision);
        // The revision is part of the id: after a cut the same offset can come again.
        let event_id = id::derive(&[
            b"ingest.advanced",
            name.as_bytes(),
            &next_offset.to_le_bytes(),
            &revision.to_le_bytes(),
        ]);
        let event = Event::IngestAdvanced(IngestAdvanced { next_offset });
        stream.revision = self.append(&name, revision, event_id, event)?;
        stream.next_offset = Some(next_offset);
        Ok(())
    }

    /// Notes that records are gone unread, of so many offsets at most, and says so.
    pub(crate) fn missing(
        &self,
        stream: &mut Stream,
        topic: &str,
        partition: i32,
        (from, to): (i64, i64),
        offsets: i64,
    ) -> Result<(), KafkaFault> {
        let at_most = u64::try_from(offsets).unwrap_or(0);
        tracing::error!(
            topic,
            partition,
            from,
            to,
            "records are gone that were not read: at most {at_most} facts are missing"
        );
        let event_id =
            id::derive(&[b"records.missing", stream.name.as_bytes(), &from.to_le_bytes(), &to.to_le_bytes()]);
        let event = Event::RecordsMissing(RecordsMissing {
            topic: topic.to_owned(),
            partition,
            from_offset: from,
            to_offset: to,
            at_most,
        });
        stream.revision = self.append(&stream.name, stream.revision, event_id, event)?;
        stream.next_offset = Some(to);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryLog;

    use super::*;

    fn source_log() -> SourceLog {
        SourceLog { event_log: Arc::new(MemoryLog::new()), run_id: Uuid::nil() }
    }

    #[test]
    fn a_partition_goes_on_where_the_log_says_unless_that_is_gone() {
        let marks = Watermarks { low: 10, high: 20 };
        assert_eq!(start(None, marks), Start::At(10));
        assert_eq!(start(Some(10), marks), Start::At(10));
        assert_eq!(start(Some(9), marks), Start::Missing(9, 10));
        assert_eq!(start(Some(20), marks), Start::At(20));
        assert_eq!(start(Some(21), marks), Start::Beyond(21));
    }

    #[test]
    fn what_the_source_notes_is_where_it_goes_on() {
        let log = source_log();
        let mut stream = log.stream("c", "t", 3).unwrap();
        assert_eq!((&*stream.name, stream.revision, stream.next_offset), ("ingest-c-t-3", 0, None));
        log.advanced(&mut stream, 7).unwrap();
        assert_eq!(log.stream("c", "t", 3).unwrap(), stream);
        log.missing(&mut stream, "topic", 3, (7, 12), 5).unwrap();
        let again = log.stream("c", "t", 3).unwrap();
        assert_eq!((again.next_offset, again.revision), (Some(12), 2));
    }

    #[test]
    fn somebody_else_in_the_stream_is_an_error() {
        let log = source_log();
        let mut ours = log.stream("c", "t", 0).unwrap();
        let mut theirs = ours.clone();
        log.advanced(&mut theirs, 5).unwrap();
        let fault = log.advanced(&mut ours, 6).unwrap_err();
        assert_eq!(fault.kind, super::super::super::FaultKind::Superseded);
    }
}
