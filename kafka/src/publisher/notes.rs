//! What the publisher notes in the log beside its checkpoints: topics that it made, dead letters that nobody takes,
//! and other logs on the decisions topic.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use events::{
    AlertCleared, AlertKind, AlertRaised, DeadLetterLeftOut, Event, NewEvent, OtherPublisherGone,
    OtherPublisherSeen, PublishTopicMade, Severity, Uuid, id, stream::PUBLISHER_NOTES,
};
use store::{EventLog, Expected, append, now, with_consequence};

use super::super::fault::KafkaFault;

/// Another log that publishes nothing for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
const PAGE: usize = 256;

/// See above.
pub(crate) struct Notes {
    log: Arc<dyn EventLog>,
    run_id: Uuid,
    /// Other logs that an alert stands for, with the moment of their last record that we know.
    others: BTreeMap<String, Instant>,
}

impl Notes {
    /// As the log has it.
    pub(crate) fn open(log: Arc<dyn EventLog>, run_id: Uuid) -> Result<Self, KafkaFault> {
        let (mut others, mut after) = (BTreeMap::new(), 0);
        loop {
            let page = log.read_stream(PUBLISHER_NOTES, after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.stream_revision;
            for event in &page {
                match &event.event {
                    Event::OtherPublisherSeen(seen) => drop(others.insert(seen.log.clone(), Instant::now())),
                    Event::OtherPublisherGone(gone) => drop(others.remove(&gone.log)),
                    _ => {}
                }
            }
        }
        Ok(Self { log, run_id, others })
    }

    /// A topic was missing.
    pub(crate) fn made(&self, cluster: &str, topic: &str) -> Result<(), KafkaFault> {
        let made = PublishTopicMade { cluster: cluster.to_owned(), topic: topic.to_owned() };
        let root = self.root("publish.topic_made", topic, Event::PublishTopicMade(made));
        self.append(vec![root])
    }

    /// A dead letter is not taken in any form.
    pub(crate) fn left_out(&self, topic: &str, position: u64, detail: &str) -> Result<(), KafkaFault> {
        tracing::error!(
            topic,
            position,
            detail,
            "a dead letter is not published; the record stays in the log"
        );
        let id = id::derive(&[b"publish.left_out", topic.as_bytes(), &position.to_le_bytes()]);
        let (topic, detail) = (topic.to_owned(), detail.to_owned());
        let event = Event::DeadLetterLeftOut(DeadLetterLeftOut { topic, position, detail });
        self.append(vec![NewEvent::root(id, now(), &Arc::from(super::PRODUCER), self.run_id, event)])
    }

    /// Other logs published to a topic; an alert is raised for each that is new.
    pub(crate) fn seen(&mut self, topic: &str, logs: &BTreeSet<String>) -> Result<(), KafkaFault> {
        for log in logs {
            if self.others.insert(log.clone(), Instant::now()).is_none() {
                let message = format!(
                    "another log, {log}, publishes to {topic} as well: whoever reads it gets the decisions of both, which \
                     may contradict each other. Stop one of the two, or give each a decisions topic of its own \
                     (kafka.topics.decisions)"
                );
                tracing::warn!("{message}");
                let seen = OtherPublisherSeen { topic: topic.to_owned(), log: log.clone() };
                let root = self.root("publish.other_seen", log, Event::OtherPublisherSeen(seen));
                let (kind, severity, subject) = (AlertKind::OtherPublisher, Severity::Warning, log.clone());
                let alert = Event::AlertRaised(AlertRaised { kind, subject, severity, message });
                self.append(with_consequence("publish.alert", root, alert))?;
            }
        }
        Ok(())
    }

    /// Ends the alerts for those that were not seen when the end of the topic was read anew.
    pub(crate) fn seen_at_start(&mut self, topic: &str, logs: &BTreeSet<String>) -> Result<(), KafkaFault> {
        let gone: Vec<String> = self.others.keys().filter(|log| !logs.contains(*log)).cloned().collect();
        self.gone(topic, &gone)?;
        self.seen(topic, logs)
    }

    /// Ends the alerts for those that have been silent for long.
    pub(crate) fn forget_the_silent(&mut self, topic: &str) -> Result<(), KafkaFault> {
        let silent = self.others.iter().filter(|(_, last)| last.elapsed() > GONE_AFTER);
        let gone: Vec<String> = silent.map(|(log, _)| log.clone()).collect();
        self.gone(topic, &gone)
    }

    fn gone(&mut self, topic: &str, logs: &[String]) -> Result<(), KafkaFault> {
        for log in logs {
            let gone = OtherPublisherGone { topic: topic.to_owned(), log: log.clone() };
            let root = self.root("publish.other_gone", log, Event::OtherPublisherGone(gone));
            let message = format!("log {log} publishes to {topic} no longer");
            let alert = AlertCleared { kind: AlertKind::OtherPublisher, subject: log.clone(), message };
            self.append(with_consequence("publish.alert", root, Event::AlertCleared(alert)))?;
            self.others.remove(log);
        }
        Ok(())
    }

    fn root(&self, kind: &str, subject: &str, event: Event) -> NewEvent {
        let moment = now();
        let id = id::derive(&[
            kind.as_bytes(),
            self.run_id.as_bytes(),
            subject.as_bytes(),
            &moment.micros().to_le_bytes(),
        ]);
        NewEvent::root(id, moment, &Arc::from(super::PRODUCER), self.run_id, event)
    }

    fn append(&self, events: Vec<NewEvent>) -> Result<(), KafkaFault> {
        append(&*self.log, PUBLISHER_NOTES, Expected::Any, events)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use events::{Family, FamilySet};
    use store::MemoryLog;

    use super::*;

    fn types(log: &dyn EventLog) -> Vec<&'static str> {
        let all = log.read_all(0, FamilySet::of(&[Family::Publish, Family::Alert]), 100).unwrap();
        all.events.iter().map(|event| event.event.event_type()).collect()
    }

    #[test]
    fn another_log_on_the_topic_is_told_once_over_restarts_and_cleared_when_it_is_gone() {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let other = BTreeSet::from(["other".to_owned()]);
        let mut notes = Notes::open(Arc::clone(&log), Uuid::nil()).unwrap();
        notes.seen("t", &other).unwrap();
        notes.seen("t", &other).unwrap();
        let mut again = Notes::open(Arc::clone(&log), Uuid::nil()).unwrap();
        again.seen_at_start("t", &other).unwrap();
        assert_eq!(types(&*log), ["OtherPublisherSeen", "AlertRaised"]);
        again.seen_at_start("t", &BTreeSet::new()).unwrap();
        again.forget_the_silent("t").unwrap();
        let ended = ["OtherPublisherSeen", "AlertRaised", "OtherPublisherGone", "AlertCleared"];
        assert_eq!(types(&*log), ended);
    }
}
