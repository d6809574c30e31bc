//! Facts and events with as little as a test has to say about them.

use events::{
    AlertKind, AlertRaised, Bytes, Event, NewEvent, Origin, RecordRejected, RejectReason, Severity,
    Timestamp, Uuid, id,
};
use std::sync::Arc;

/// A closed trade as the bot publishes it.
#[must_use]
pub fn trade_json(strategy: &str, trade_id: u64, profit: &str) -> Vec<u8> {
    // One trade a minute from the first day of 2025 on.
    let opened = Timestamp::from_micros(1_735_689_600_000_000).plus_seconds(60 * (trade_id % 400_000) as i64);
    format!(
        r#"{{"trade_id":"{trade_id}","strategy":"{strategy}","symbol":"BTC/USDT","side":"long","quantity":"0.01","entry_price":"50000","exit_price":"50100","profit":"{profit}","profit_pct":"0.2","opened_at":"{opened}","closed_at":"{}"}}"#,
        opened.plus_seconds(30)
    )
    .into_bytes()
}

/// An alert about a subject: the simplest decision. Its id follows from subject and number.
#[must_use]
pub fn alert(subject: &str, number: u64) -> NewEvent {
    let event_id = id::derive(&[b"test.alert", subject.as_bytes(), &number.to_le_bytes()]);
    let event = Event::AlertRaised(AlertRaised {
        kind: AlertKind::ActorQuarantined,
        subject: subject.to_owned(),
        severity: Severity::Info,
        message: number.to_string(),
    });
    root(event_id, event)
}

/// A dead letter of a topic.
#[must_use]
pub fn dead_letter(topic: &str, offset: i64, value: &[u8]) -> NewEvent {
    let event_id = id::derive(&[b"test.dead_letter", topic.as_bytes(), &offset.to_le_bytes()]);
    let event = Event::RecordRejected(RecordRejected {
        origin: Origin::Kafka { topic: topic.to_owned(), partition: 0, offset },
        reason: RejectReason::Malformed,
        detail: "not a JSON object".to_owned(),
        strategy: None,
        trade_id: None,
        key: None,
        value: Some(Bytes(value.to_vec())),
        recorded: None,
    });
    root(event_id, event)
}

fn root(event_id: Uuid, event: Event) -> NewEvent {
    NewEvent::root(event_id, Timestamp::from_micros(0), &Arc::from("test"), Uuid::nil(), event)
}
