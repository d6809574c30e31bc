//! How the cluster keeps the trade topic. Where it may delete records before they are read, people are told; what is
//! missing by it is another fact.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use events::{
    AlertCleared, AlertKind, AlertRaised, Event, NewEvent, Severity, TopicSettingsSeen, id,
    stream::TOPIC_SETTINGS,
};
use store::{Expected, append, now, with_consequence};

use super::{
    super::{
        KafkaSettings,
        admin::Admin,
        fault::{FaultKind, KafkaFault},
    },
    source_log::{PRODUCER, SourceLog},
};

/// After an answer that did not come.
const AGAIN_AFTER: Duration = Duration::from_secs(60);
const WAIT: Duration = Duration::from_secs(3);
/// An outage that begins on a Friday evening is found on Monday morning, and its records have to be there still.
const LEAST_MS: i64 = 3 * 24 * 60 * 60 * 1000;
/// The same three days of a trade of 400 bytes every two seconds.
const LEAST_BYTES: i64 = 50 << 20;

/// Looks at the settings of a topic now and then.
pub(super) struct Keeper {
    log: SourceLog,
    topic: String,
    stream: String,
    findings: Mutex<Findings>,
}

/// What was found out so far.
#[derive(Default)]
struct Findings {
    due: Option<Instant>,
    /// What the log has of it: the settings under which records may be lost, if they may.
    noted: Option<TopicSettingsSeen>,
    /// The same in words.
    risk: Option<String>,
    is_compacted: bool,
    /// That it cannot be looked at is told once.
    told_denied: bool,
}

impl Keeper {
    /// As the log has it.
    pub(super) fn open(log: SourceLog, topic: &str) -> Result<Self, KafkaFault> {
        let stream = format!("{TOPIC_SETTINGS}{topic}");
        let last = log.event_log.read_stream_back(&stream, u64::MAX, 2)?;
        let noted = last.iter().find_map(|event| match &event.event {
            Event::TopicSettingsSeen(seen) => Some(seen.clone()),
            _ => None,
        });
        let noted = noted.filter(|seen| risk(seen).is_some());
        let findings = Mutex::new(Findings { noted, ..Findings::default() });
        Ok(Self { log, topic: topic.to_owned(), stream, findings })
    }

    fn findings(&self) -> MutexGuard<'_, Findings> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What may be lost, in words.
    pub(super) fn risk(&self) -> Option<String> {
        self.findings().risk.clone()
    }

    /// Whether records that are followed by another one of their key may be removed from the midst of the topic.
    pub(super) fn is_compacted(&self) -> bool {
        self.findings().is_compacted
    }

    /// To be called often: asks the cluster when it is time to, and notes what changed.
    ///
    /// # Errors
    /// Of the log only. A cluster that does not answer, or does not allow the question, is no fault of the source.
    pub(super) fn look(&self, settings: &KafkaSettings) -> Result<(), KafkaFault> {
        let began = Instant::now();
        if self.findings().due.is_some_and(|due| began < due) {
            return Ok(());
        }
        let answer = Admin::open(settings).and_then(|admin| admin.settings_of(&self.topic, WAIT));
        let pause = if answer.is_ok() { settings.look_every } else { AGAIN_AFTER };
        self.findings().due = Some(began + pause);
        match answer {
            Ok(Some(found)) => self.learn(seen(&self.topic, |name| found.get(name).map(String::as_str))),
            Ok(None) => Ok(()),
            Err(fault) => {
                self.tell_unseen(&fault);
                Ok(())
            }
        }
    }

    fn tell_unseen(&self, fault: &KafkaFault) {
        let mut findings = self.findings();
        if fault.kind != FaultKind::NotAllowed {
            tracing::debug!(topic = self.topic, %fault, "the settings of the topic cannot be looked at now");
        } else if !std::mem::replace(&mut findings.told_denied, true) {
            tracing::warn!(
                topic = self.topic,
                "the settings of the topic cannot be looked at: whether records may be lost unread is not known. Grant \
                 this user DescribeConfigs on the topic"
            );
        }
    }

    /// Notes settings that can lose records and were not noted, and that such settings are gone.
    fn learn(&self, seen: TopicSettingsSeen) -> Result<(), KafkaFault> {
        let risk = risk(&seen);
        if let Some(risk) = &risk {
            tracing::warn!(topic = self.topic, "{risk}");
        }
        let noted = {
            let mut findings = self.findings();
            findings.risk.clone_from(&risk);
            findings.is_compacted = is_compacted(&seen);
            findings.noted.clone()
        };
        let (kind, subject) = (AlertKind::TopicLosesRecords, self.topic.clone());
        let alert = match (noted, risk) {
            (None, None) => return Ok(()),
            (Some(noted), Some(_)) if noted == seen => return Ok(()),
            (_, Some(message)) => {
                Event::AlertRaised(AlertRaised { kind, subject, severity: Severity::Warning, message })
            }
            (Some(_), None) => {
                let message = format!("{} keeps its records for long enough now", self.topic);
                Event::AlertCleared(AlertCleared { kind, subject, message })
            }
        };
        self.note(seen.clone(), alert)?;
        let mut findings = self.findings();
        findings.noted = findings.risk.is_some().then_some(seen);
        Ok(())
    }

    fn note(&self, seen: TopicSettingsSeen, alert: Event) -> Result<(), KafkaFault> {
        let SourceLog { event_log: log, run_id } = &self.log;
        let moment = now();
        let at = moment.micros().to_le_bytes();
        let event_id = id::derive(&[b"topic.settings", run_id.as_bytes(), self.topic.as_bytes(), &at]);
        let event = Event::TopicSettingsSeen(seen);
        let root = NewEvent::root(event_id, moment, &Arc::from(PRODUCER), *run_id, event);
        append(&**log, &self.stream, Expected::Any, with_consequence("topic.alert", root, alert))?;
        Ok(())
    }
}

/// From the names and values of Kafka; what is not told has Kafka's default.
fn seen<'v>(topic: &str, value: impl Fn(&str) -> Option<&'v str>) -> TopicSettingsSeen {
    let number = |name, default| value(name).and_then(|text| text.parse().ok()).unwrap_or(default);
    TopicSettingsSeen {
        topic: topic.to_owned(),
        cleanup_policy: value("cleanup.policy").unwrap_or("delete").to_owned(),
        retention_ms: number("retention.ms", 7 * 24 * 60 * 60 * 1000),
        retention_bytes: number("retention.bytes", -1),
    }
}

fn has_policy(seen: &TopicSettingsSeen, policy: &str) -> bool {
    seen.cleanup_policy.split(',').any(|set| set.trim() == policy)
}

fn is_compacted(seen: &TopicSettingsSeen) -> bool {
    has_policy(seen, "compact")
}

/// How records may be lost unread, with what to do.
fn risk(seen: &TopicSettingsSeen) -> Option<String> {
    let TopicSettingsSeen { topic, retention_ms, retention_bytes, .. } = seen;
    let (mut risks, mut remedies) = (Vec::new(), Vec::new());
    if is_compacted(seen) {
        risks.push("is compacted: of each strategy only the newest trade is sure to be kept".to_owned());
        remedies.push("cleanup.policy=delete".to_owned());
    }
    if has_policy(seen, "delete") {
        if (0..LEAST_MS).contains(retention_ms) {
            let (hours, tenths) = (retention_ms / 3_600_000, retention_ms % 3_600_000 / 360_000);
            risks.push(format!("keeps records for {hours}.{tenths} h only (retention.ms={retention_ms})"));
            remedies.push("retention.ms=604800000".to_owned());
        }
        if (0..LEAST_BYTES).contains(retention_bytes) {
            risks.push(format!("keeps {retention_bytes} bytes of a partition only (retention.bytes)"));
            remedies.push("retention.bytes=-1".to_owned());
        }
    }
    if risks.is_empty() {
        return None;
    }
    Some(format!(
        "topic {topic} {}. Trades that are not read by then are lost. kafka-configs.sh --alter --entity-type topics \
         --entity-name {topic} --add-config {} keeps them",
        risks.join(", and "),
        remedies.join(",")
    ))
}

#[cfg(test)]
mod tests {
    use events::{Family, FamilySet, Uuid};
    use store::{EventLog, MemoryLog};

    use super::*;

    fn with(policy: &str, ms: &str, bytes: &str) -> TopicSettingsSeen {
        let values = [("cleanup.policy", policy), ("retention.ms", ms), ("retention.bytes", bytes)];
        seen("t", |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    fn keeper(log: &Arc<MemoryLog>) -> Keeper {
        let log = Arc::clone(log) as Arc<dyn EventLog>;
        Keeper::open(SourceLog { event_log: log, run_id: Uuid::nil() }, "t").unwrap()
    }

    fn types(log: &MemoryLog) -> Vec<&'static str> {
        let all = log.read_all(0, FamilySet::of(&[Family::Ingest, Family::Alert]), 100).unwrap();
        all.events.iter().map(|event| event.event.event_type()).collect()
    }

    #[test]
    fn what_can_lose_records_is_told_with_its_remedy_and_nothing_else_is() {
        let week = "604800000";
        assert_eq!(risk(&with("delete", week, "-1")), None);
        assert_eq!(risk(&with("delete", "-1", "-1")), None);
        assert_eq!(risk(&with("", "1", "1")), None, "nothing is ever deleted");
        assert_eq!(risk(&with("delete", "259200000", "52428800")), None, "just long enough");
        assert_eq!(risk(&seen("t", |_| None)), None, "Kafka's own defaults");
        for (settings, words, remedy) in [
            (with("compact", "1", "1"), "is compacted", "--add-config cleanup.policy=delete keeps"),
            (with("compact, delete", week, "-1"), "is compacted", "cleanup.policy=delete"),
            (
                with("delete", "3600000", "-1"),
                "for 1.0 h only (retention.ms=3600000)",
                "retention.ms=604800000",
            ),
            (with("delete", "259199999", "-1"), "for 71.9 h only", "retention.ms="),
            (with("delete", week, "1000"), "keeps 1000 bytes", "retention.bytes=-1"),
        ] {
            let told = risk(&settings).unwrap();
            assert!(told.contains(words) && told.contains(remedy), "{told}");
        }
    }

    #[test]
    fn a_change_is_noted_once_over_restarts_and_its_end_as_well() {
        let log = Arc::new(MemoryLog::new());
        let (good, compacted) = (with("delete", "-1", "-1"), with("compact", "-1", "-1"));
        let first = keeper(&log);
        first.learn(good.clone()).unwrap();
        assert_eq!((types(&log), first.risk()), (vec![], None));
        first.learn(compacted.clone()).unwrap();
        first.learn(compacted.clone()).unwrap();
        assert!(first.is_compacted() && first.risk().is_some());
        let again = keeper(&log);
        again.learn(compacted).unwrap();
        assert_eq!(types(&log), ["TopicSettingsSeen", "AlertRaised"]);
        again.learn(with("compact,delete", "1000", "-1")).unwrap();
        again.learn(good.clone()).unwrap();
        again.learn(good.clone()).unwrap();
        let told = ["TopicSettingsSeen", "AlertRaised", "TopicSettingsSeen", "AlertRaised"];
        assert_eq!(types(&log), [&told[..], &["TopicSettingsSeen", "AlertCleared"]].concat());
        keeper(&log).learn(good).unwrap();
        assert_eq!(types(&log).len(), 6);
    }
}
