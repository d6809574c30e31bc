//! What could not be taken in, and how much of it for which reason. The raw bytes stay in the log's event and are
//! read there by its position.

use std::collections::BTreeMap;

use events::{Event, Family, FamilySet, Origin, RecordRejected, Recorded, RejectReason, Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use crate::{Body, Change, Collection, Key, Keys, Kind, Projection, RestoreError, Saved, from_json};

/// One document a dead letter, keyed by position.
pub const DEAD_LETTERS: &str = "dead_letters";
/// One document a reason.
pub const DEAD_LETTER_COUNTS: &str = "dead_letter_counts";

const COLLECTIONS: &[Collection] = &[
    Collection {
        name: DEAD_LETTERS,
        keys: Keys::Numbers,
        by_time: true,
        indexes: &["id", "reason", "strategy"],
        shown: true,
    },
    Collection { name: DEAD_LETTER_COUNTS, keys: Keys::Texts, by_time: false, indexes: &[], shown: true },
];

/// A record that could not be taken in, without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The id of the event that holds it.
    pub id: Uuid,
    /// Where it stands in the log.
    pub position: u64,
    /// When it was rejected.
    pub recorded_at: Timestamp,
    /// The kind of fault.
    pub reason: RejectReason,
    /// The fault in words.
    pub detail: String,
    /// Where it came from.
    pub origin: Origin,
    /// The strategy, where it could still be read.
    pub strategy: Option<String>,
    /// The trade's id, where it could still be read.
    pub trade_id: Option<String>,
    /// Bytes of the key and the value.
    pub size: u64,
}

/// How many records were rejected for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterCount {
    /// The reason.
    pub reason: RejectReason,
    /// How many.
    pub count: u64,
    /// When the last of them was rejected.
    pub last_at: Timestamp,
}

/// See the head of the module.
#[derive(Default)]
pub struct DeadLetters {
    counts: BTreeMap<String, DeadLetterCount>,
    changes: Vec<Change>,
}

/// The word of a reason, as on the wire.
pub fn word(reason: RejectReason) -> String {
    let json = serde_json::to_value(reason).unwrap_or_default();
    json.as_str().map_or_else(|| format!("{reason:?}"), str::to_owned)
}

fn size(rejected: &RecordRejected) -> u64 {
    let bytes = |raw: &Option<events::Bytes>| raw.as_ref().map_or(0, |bytes| bytes.0.len() as u64);
    bytes(&rejected.key) + bytes(&rejected.value)
}

impl DeadLetters {
    fn reject(&mut self, event: &Recorded, rejected: &RecordRejected) {
        let letter = DeadLetter {
            id: event.event_id,
            position: event.position,
            recorded_at: event.recorded_at,
            reason: rejected.reason,
            detail: rejected.detail.clone(),
            origin: rejected.origin.clone(),
            strategy: rejected.strategy.clone(),
            trade_id: rejected.trade_id.clone(),
            size: size(rejected),
        };
        let key = Key::Number(event.position);
        self.changes.push(Change::put(DEAD_LETTERS, key, Some(event.recorded_at), Body::json(&letter)));
        self.count(rejected.reason, event.recorded_at);
    }

    fn count(&mut self, reason: RejectReason, at: Timestamp) {
        let name = word(reason);
        let fresh = DeadLetterCount { reason, count: 0, last_at: at };
        let count = self.counts.entry(name.clone()).or_insert(fresh);
        (count.count, count.last_at) = (count.count + 1, at);
        self.changes.push(Change::put(DEAD_LETTER_COUNTS, Key::Text(name), None, Body::json(count)));
    }
}

impl DeadLetters {
    /// What is known of it without making one.
    pub const KIND: Kind = Kind {
        name: "dead_letters",
        version: 1,
        collections: COLLECTIONS,
        new: || Box::new(Self::default()),
    };
}

impl Projection for DeadLetters {
    fn interests(&self) -> FamilySet {
        FamilySet::of(&[Family::Ingest])
    }

    fn apply(&mut self, event: &Recorded) {
        if let Event::RecordRejected(rejected) = &event.event {
            self.reject(event, rejected);
        }
    }

    fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        for (key, body) in saved.all(DEAD_LETTER_COUNTS)? {
            self.counts.insert(key.to_string(), from_json(&key, &body)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, at, id, moment, rejected};
    use serde_json::json;

    #[test]
    fn given_rejections_then_each_is_listed_without_its_bytes_and_counted_by_reason() {
        let events = [
            at(3, rejected(RejectReason::Malformed, None)),
            at(4, rejected(RejectReason::Empty, Some("rsi"))),
            at(5, rejected(RejectReason::Malformed, None)),
        ];
        let view = View::of(DeadLetters::default, &events);
        assert_eq!(
            view.json(DEAD_LETTERS)[1],
            json!({
                "id": id(4),
                "position": 4,
                "recorded_at": moment(4),
                "reason": "empty",
                "detail": "as the test says",
                "origin": { "kind": "kafka", "topic": "trades", "partition": 0, "offset": 7 },
                "strategy": "rsi",
                "trade_id": null,
                "size": 5,
            })
        );
        assert_eq!(
            view.json(DEAD_LETTER_COUNTS),
            [
                json!({ "reason": "empty", "count": 1, "last_at": moment(4) }),
                json!({ "reason": "malformed", "count": 2, "last_at": moment(5) }),
            ]
        );
    }
}
