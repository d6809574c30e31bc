//! Events as records: decisions as CloudEvents, dead letters with key and value as they came.

use events::{Event, Origin, RecordRejected, Recorded, Timestamp, Uuid};
use serde::Serialize;

use super::super::client::dead_letter_topic;

/// The header that names the log that a record was published from.
pub(crate) const LOG_HEADER: &str = "tradewarden_log";
/// The header with the position in that log.
pub(crate) const POSITION_HEADER: &str = "tradewarden_position";
/// The header with the id of the event.
pub(crate) const EVENT_HEADER: &str = "tradewarden_event";
/// The header that says that the key is not the one that came: `none` was, or its size.
pub(crate) const KEY_HEADER: &str = "tradewarden_key";
/// The header with the original size of a value that was cut.
pub(crate) const TRUNCATED_HEADER: &str = "tradewarden_truncated";

/// A record to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Where to.
    pub(crate) topic: String,
    /// Its key.
    pub(crate) key: Option<Vec<u8>>,
    /// Its value.
    pub(crate) value: Option<Vec<u8>>,
    /// Its headers.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The event's position in the log.
    pub(crate) position: u64,
    /// Where in the topic, when it is not for the key to say.
    pub(crate) partition: Option<i32>,
    /// Whether the value may be cut when the broker does not take it whole.
    pub(crate) may_be_cut: bool,
}

/// The structured JSON mode of CloudEvents 1.0.
#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: Uuid,
    #[serde(rename = "type")]
    event_type: &'static str,
    source: String,
    subject: &'a str,
    time: Timestamp,
    datacontenttype: &'static str,
    data: &'a Event,
    position: String,
    correlationid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    causationid: Option<Uuid>,
}

/// The record of an event; nothing when it is not published on Kafka.
///
/// # Errors
/// When the event has no JSON form.
pub(crate) fn outgoing(
    event: &Recorded,
    log: Uuid,
    decisions: &str,
) -> Result<Option<Outgoing>, serde_json::Error> {
    match &event.event {
        Event::RecordRejected(rejected) => Ok(dead_letter(event, rejected, log)),
        other if other.is_decision() => decision(event, log, decisions).map(Some),
        _ => Ok(None),
    }
}

fn decision(event: &Recorded, log: Uuid, topic: &str) -> Result<Outgoing, serde_json::Error> {
    let subject = subject(event);
    let value = serde_json::to_vec(&CloudEvent {
        specversion: "1.0",
        id: event.event_id,
        event_type: event.event.event_type(),
        source: format!("tradewarden:{}", event.producer),
        subject,
        time: event.occurred_at,
        datacontenttype: "application/json",
        data: &event.event,
        position: event.position.to_string(),
        correlationid: event.correlation_id,
        causationid: event.causation_id,
    })?;
    let mut headers = vec![("content-type", "application/cloudevents+json".to_owned())];
    headers.extend(origin_headers(log, event));
    let key = Some(subject.as_bytes().to_vec());
    let topic = topic.to_owned();
    Ok(Outgoing {
        topic,
        key,
        value: Some(value),
        headers,
        position: event.position,
        partition: None,
        may_be_cut: false,
    })
}

/// Whom a decision is about: the strategy, else the alert's subject, else what its stream is about.
fn subject(event: &Recorded) -> &str {
    match &event.event {
        Event::AlertRaised(alert) => &alert.subject,
        Event::AlertCleared(alert) => &alert.subject,
        other => other
            .strategy()
            .unwrap_or_else(|| event.stream.split_once('-').map_or(&*event.stream, |(_, subject)| subject)),
    }
}

fn dead_letter(event: &Recorded, rejected: &RecordRejected, log: Uuid) -> Option<Outgoing> {
    // What came from a file or over HTTP has no topic to go back to.
    let Origin::Kafka { topic, partition, offset } = &rejected.origin else { return None };
    let reason = serde_json::to_value(rejected.reason).ok()?;
    let mut headers = vec![
        ("tradewarden_reason", reason.as_str()?.to_owned()),
        ("tradewarden_detail", rejected.detail.clone()),
        ("tradewarden_topic", topic.clone()),
        ("tradewarden_partition", partition.to_string()),
        ("tradewarden_offset", offset.to_string()),
    ];
    headers.extend(origin_headers(log, event));
    Some(Outgoing {
        topic: dead_letter_topic(topic),
        key: rejected.key.as_ref().map(|key| key.0.clone()),
        value: rejected.value.as_ref().map(|value| value.0.clone()),
        headers,
        position: event.position,
        partition: None,
        may_be_cut: true,
    })
}

fn origin_headers(log: Uuid, event: &Recorded) -> [(&'static str, String); 3] {
    [
        (LOG_HEADER, log.to_string()),
        (POSITION_HEADER, event.position.to_string()),
        (EVENT_HEADER, event.event_id.to_string()),
    ]
}

/// To how many bytes the value of a dead letter is cut, step by step, until the broker takes it.
const CUTS: [usize; 3] = [64 << 10, 1 << 10, 0];
/// To how many bytes its key and what is said of it are cut after that.
const SHORT: usize = 1 << 10;

impl Outgoing {
    /// A record that is never committed.
    pub(crate) fn marker(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            key: Some(b"tradewarden".to_vec()),
            value: Some(Vec::new()),
            headers: Vec::new(),
            position: 0,
            partition: Some(partition),
            may_be_cut: false,
        }
    }

    /// The same dead letter in a form that the broker may take, after it refused this one for good; nothing when
    /// there is none left.
    pub(crate) fn eased(mut self, keyless_refused: bool) -> Option<Self> {
        if keyless_refused {
            if self.key.is_some() {
                return None;
            }
            self.key = Some(self.place().into_bytes());
            self.headers.push((KEY_HEADER, "none".to_owned()));
            return Some(self);
        }
        let size = self.value.as_ref().map_or(0, Vec::len);
        if let Some(cut) = CUTS.into_iter().find(|cut| *cut < size) {
            self.cut_to(cut);
            return Some(self);
        }
        let key = self.key.as_mut().filter(|key| key.len() > SHORT)?;
        self.headers.push((KEY_HEADER, key.len().to_string()));
        key.truncate(SHORT);
        for (_, text) in self.headers.iter_mut().filter(|(_, text)| text.len() > SHORT) {
            let end = (0..=SHORT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        Some(self)
    }

    /// Where a dead letter came from.
    fn place(&self) -> String {
        let header = |name: &str| self.headers.iter().find(|(key, _)| *key == name).map_or("", |(_, v)| v);
        let [topic, partition, offset] =
            ["tradewarden_topic", "tradewarden_partition", "tradewarden_offset"].map(header);
        format!("{topic}[{partition}]@{offset}")
    }

    /// Cuts the value to at most so many bytes and says in a header how many it had at first.
    fn cut_to(&mut self, bytes: usize) {
        let Some(value) = self.value.as_mut().filter(|value| value.len() > bytes) else { return };
        if !self.headers.iter().any(|(key, _)| *key == TRUNCATED_HEADER) {
            self.headers.push((TRUNCATED_HEADER, value.len().to_string()));
        }
        value.truncate(bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use events::{AlertKind, AlertRaised, Bytes, RejectReason, Severity, TradeAfterHalt};

    use super::*;

    fn recorded(stream: &str, event: Event) -> Recorded {
        Recorded {
            position: 7,
            event_id: Uuid::from_u128(1),
            schema_version: 1,
            stream: Arc::from(stream),
            stream_revision: 1,
            occurred_at: Timestamp::from_micros(0),
            recorded_at: Timestamp::from_micros(1),
            producer: Arc::from("actor:strategy_guard"),
            run_id: Uuid::from_u128(2),
            correlation_id: Uuid::from_u128(3),
            causation_id: Some(Uuid::from_u128(4)),
            basis_position: Some(6),
            rules_version: Some(1),
            source_offset: None,
            event,
        }
    }

    fn halted() -> Event {
        Event::TradeAfterHalt(TradeAfterHalt {
            strategy: "rsi".to_owned(),
            trade_id: "9".to_owned(),
            opened_at: Timestamp::from_micros(0),
            disabled_by: Uuid::from_u128(5),
        })
    }

    fn rejected(origin: Origin) -> Event {
        Event::RecordRejected(RecordRejected {
            origin,
            reason: RejectReason::NotUtf8,
            detail: "byte 3".to_owned(),
            strategy: None,
            trade_id: None,
            key: None,
            value: Some(Bytes(vec![1, 2, 3, 4])),
            recorded: None,
        })
    }

    #[test]
    fn a_decision_is_a_cloud_event_keyed_by_its_strategy() {
        let event = recorded("strategy_guard-rsi", halted());
        let record = outgoing(&event, Uuid::from_u128(9), "d").unwrap().unwrap();
        assert_eq!(record.key.as_deref(), Some(&b"rsi"[..]));
        let value: serde_json::Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(value["type"], "TradeAfterHalt");
        assert_eq!(value["position"], "7");
        assert_eq!(value["subject"], "rsi");
        assert_eq!(value["specversion"], "1.0");
        assert_eq!(value["time"], event.occurred_at.to_string());
        assert_eq!(value["correlationid"], Uuid::from_u128(3).to_string());
        let own: serde_json::Value = serde_json::from_slice(&event.event.to_json().unwrap()).unwrap();
        assert_eq!(value["data"], own);
        let header = |name: &str| record.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(header("content-type"), Some("application/cloudevents+json"));
        assert_eq!(header("tradewarden_position"), Some("7"));
        assert_eq!(header("tradewarden_event"), Some(Uuid::from_u128(1).to_string().as_str()));
        assert_eq!(header("tradewarden_log"), Some(Uuid::from_u128(9).to_string().as_str()));
    }

    #[test]
    fn what_is_about_no_strategy_is_keyed_by_its_subject() {
        let alert = AlertRaised {
            kind: AlertKind::RecordsMissing,
            subject: "trading.trade.closed.v1".to_owned(),
            severity: Severity::Error,
            message: "3 at most".to_owned(),
        };
        let record =
            outgoing(&recorded("alerts", Event::AlertRaised(alert)), Uuid::nil(), "d").unwrap().unwrap();
        assert_eq!(record.key.as_deref(), Some(&b"trading.trade.closed.v1"[..]));
    }

    #[test]
    fn a_dead_letter_goes_back_beside_its_topic_and_says_when_it_was_cut() {
        let origin = Origin::Kafka { topic: "t".to_owned(), partition: 2, offset: 40 };
        let mut record =
            outgoing(&recorded("ingest-x", rejected(origin)), Uuid::nil(), "d").unwrap().unwrap();
        assert_eq!((record.topic.as_str(), record.key.clone()), ("t.tradewarden.dlq", None));
        record.cut_to(4);
        assert_eq!(record.value.as_deref(), Some(&[1, 2, 3, 4][..]));
        record.cut_to(3);
        assert_eq!(record.value.as_deref(), Some(&[1, 2, 3][..]));
        assert!(record.headers.contains(&(TRUNCATED_HEADER, "4".to_owned())));
        assert!(record.headers.contains(&("tradewarden_reason", "not_utf8".to_owned())));
        assert!(record.headers.contains(&("tradewarden_offset", "40".to_owned())));
    }

    #[test]
    fn a_dead_letter_that_is_refused_becomes_smaller_until_nothing_is_left_to_cut() {
        let origin = Origin::Kafka { topic: "t".to_owned(), partition: 2, offset: 40 };
        let mut next = outgoing(&recorded("ingest-x", rejected(origin)), Uuid::nil(), "d").unwrap().unwrap();
        (next.key, next.value) = (Some(vec![b'k'; 900_000]), Some(vec![b'v'; 100_000]));
        let mut sizes = Vec::new();
        while let Some(eased) = next.clone().eased(false) {
            let size = |part: &Option<Vec<u8>>| part.as_ref().map_or(0, Vec::len);
            sizes.push((size(&eased.key), size(&eased.value)));
            next = eased;
        }
        assert_eq!(sizes, [(900_000, 65_536), (900_000, 1024), (900_000, 0), (1024, 0)]);
        assert!(next.headers.contains(&(TRUNCATED_HEADER, "100000".to_owned())));
        assert!(next.headers.contains(&(KEY_HEADER, "900000".to_owned())));
    }

    #[test]
    fn a_dead_letter_without_a_key_gets_one_where_the_topic_asks_for_it() {
        let origin = Origin::Kafka { topic: "t".to_owned(), partition: 2, offset: 40 };
        let letter = outgoing(&recorded("ingest-x", rejected(origin)), Uuid::nil(), "d").unwrap().unwrap();
        let eased = letter.eased(true).unwrap();
        assert_eq!(eased.key.as_deref(), Some(&b"t[2]@40"[..]));
        assert_eq!(eased.eased(true), None);
    }

    #[test]
    fn a_dead_letter_of_a_file_is_not_published() {
        let origin = Origin::File { file: "f.csv".to_owned(), row: 1 };
        assert_eq!(outgoing(&recorded("file-f", rejected(origin)), Uuid::nil(), "d").unwrap(), None);
    }
}
