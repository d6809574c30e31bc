//! Partitions that are added to a topic that is being read.
//!
//! A key that moves to another partition leaves its older records where they were. So the partitions that were there
//! are read to their ends before those that were added begin. How many there were is kept in the log.

use std::sync::Arc;

use events::{Event, PartitionsAdded, id};

use super::{
    super::fault::KafkaFault,
    partition::Opening,
    source_log::SourceLog,
    state::{SourceContext, Stage},
};

/// Notes in the log what was added, and says how far the topic may be read now.
pub(super) fn stage(
    source: &SourceContext,
    (cluster, topic_id): (&str, &str),
    openings: &[Opening],
) -> Result<Stage, KafkaFault> {
    let mut history = History::open(&source.log, cluster, topic_id)?;
    let known = match history.added.last() {
        Some(last) => count(last.to),
        // Read before this was kept.
        None => openings.iter().rposition(|o| o.stream.next_offset.is_some()).map_or(0, |last| last + 1),
    };
    if openings.len() > known {
        let ends = openings[..known].iter().map(|opening| opening.end).collect();
        history.add(source, known, openings.len(), ends)?;
        tell(source.topic(), known, openings);
    }
    let waiting = |added: &&PartitionsAdded| {
        !source.has_begun(topic_id, count(added.to)) && is_to_wait(added, openings)
    };
    let whole = Stage { read: openings.len(), until: Vec::new(), then: openings.len() };
    Ok(history.added.iter().find(waiting).map_or(whole, |added| Stage {
        read: count(added.from),
        until: added.ends.clone(),
        then: count(added.to),
    }))
}

fn count(partitions: i32) -> usize {
    usize::try_from(partitions).unwrap_or(0)
}

/// Whether those that were there have records that come before all of those that were added.
fn is_to_wait(added: &PartitionsAdded, openings: &[Opening]) -> bool {
    let (from, to) = (count(added.from).min(openings.len()), count(added.to).min(openings.len()));
    let is_unread = openings[from..to].iter().all(|opening| opening.stream.next_offset.is_none());
    // Until they have begun, what is still being written to the old ones comes first as well.
    openings[..from]
        .iter()
        .zip(&added.ends)
        .any(|(old, end)| old.from < if is_unread { old.end.max(*end) } else { *end })
}

fn tell(topic: &str, before: usize, openings: &[Opening]) {
    let partitions = openings.len();
    if before > 0 {
        tracing::warn!(
            topic,
            before,
            partitions,
            "partitions were added: those that were there are read to their ends first, as a strategy may have moved"
        );
        return;
    }
    let waiting: i64 = openings.iter().map(|opening| opening.end - opening.from).sum();
    if partitions > 1 && waiting > 0 {
        tracing::warn!(
            topic,
            partitions,
            waiting,
            "the topic has records already: they are taken in in the order of each partition. Where a strategy has \
             records in several partitions, as after partitions were added, their order is not known"
        );
    }
}

/// What was added to a topic, as the log has it.
struct History {
    name: Arc<str>,
    added: Vec<PartitionsAdded>,
}

impl History {
    fn open(log: &SourceLog, cluster: &str, topic_id: &str) -> Result<Self, KafkaFault> {
        let name: Arc<str> = format!("topic-{cluster}-{topic_id}").into();
        let added = log.event_log.read_stream(&name, 0, usize::MAX)?;
        let added = added.iter().filter_map(|recorded| match &recorded.event {
            Event::PartitionsAdded(added) => Some(added.clone()),
            _ => None,
        });
        Ok(Self { added: added.collect(), name })
    }

    fn add(
        &mut self,
        source: &SourceContext,
        from: usize,
        to: usize,
        ends: Vec<i64>,
    ) -> Result<(), KafkaFault> {
        let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
        let added =
            PartitionsAdded { topic: source.topic().to_owned(), from: number(from), to: number(to), ends };
        let event_id = id::derive(&[b"partitions.added", self.name.as_bytes(), &added.to.to_le_bytes()]);
        let revision = self.added.len() as u64;
        source.log.append(&self.name, revision, event_id, Event::PartitionsAdded(added.clone()))?;
        self.added.push(added);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::source_log::Stream, *};

    fn opening(partition: i32, from: i64, end: i64, next_offset: Option<i64>) -> Opening {
        let stream = Stream { name: Arc::from("s"), revision: 0, next_offset };
        Opening { partition, stream, from, end, shows_gaps: false }
    }

    #[test]
    fn the_old_partitions_come_first_until_they_are_read() {
        let added = PartitionsAdded { topic: "t".to_owned(), from: 1, to: 2, ends: vec![10] };
        let new = opening(1, 0, 5, None);
        assert!(is_to_wait(&added, &[opening(0, 9, 10, Some(9)), new.clone()]));
        // More was written to the old one meanwhile, and the new one has not begun.
        assert!(is_to_wait(&added, &[opening(0, 10, 12, Some(10)), new.clone()]));
        assert!(!is_to_wait(&added, &[opening(0, 12, 12, Some(12)), new]));
        // Both are being read: no order is known of what is written to both.
        assert!(!is_to_wait(&added, &[opening(0, 10, 12, Some(10)), opening(1, 3, 5, Some(3))]));
    }

    #[test]
    fn at_the_first_start_nothing_is_waited_for() {
        let first = PartitionsAdded { topic: "t".to_owned(), from: 0, to: 2, ends: vec![] };
        assert!(!is_to_wait(&first, &[opening(0, 0, 9, None), opening(1, 0, 9, None)]));
    }
}
