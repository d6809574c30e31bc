//! Events as records: decisions as CloudEvents, dead letters with key and value as they came.

use events::{Event, Origin, RecordRejected, Recorded, Timestamp, Uuid};
use serde::Serialize;

use super::super::client::dead_letter_topic;

/// The header that names the log that a record was published from.
pub(crate) const LOG_HEADER: &str = "tradewarden_log";
/// The header with the position in that log.
pub(crate) const POSITION_HEADER: &str = "tradewarden_position";
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
    headers.extend(origin_headers(log, event.position));
    let key = Some(subject.as_bytes().to_vec());
    let topic = topic.to_owned();
    Ok(Outgoing { topic, key, value: Some(value), headers, position: event.position, may_be_cut: false })
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
    headers.extend(origin_headers(log, event.position));
    Some(Outgoing {
        topic: dead_letter_topic(topic),
        key: rejected.key.as_ref().map(|key| key.0.clone()),
        value: rejected.value.as_ref().map(|value| value.0.clone()),
        headers,
        position: event.position,
        may_be_cut: true,
    })
}

fn origin_headers(log: Uuid, position: u64) -> [(&'static str, String); 2] {
    [(LOG_HEADER, log.to_string()), (POSITION_HEADER, position.to_string())]
}

impl Outgoing {
    /// Cuts the value to at most so many bytes and says in a header how many it had.
    pub(crate) fn cut_to(&mut self, bytes: usize) {
        let Some(value) = self.value.as_mut().filter(|value| value.len() > bytes) else { return };
        self.headers.push((TRUNCATED_HEADER, value.len().to_string()));
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
    fn a_dead_letter_of_a_file_is_not_published() {
        let origin = Origin::File { file: "f.csv".to_owned(), row: 1 };
        assert_eq!(outgoing(&recorded("file-f", rejected(origin)), Uuid::nil(), "d").unwrap(), None);
    }
}
