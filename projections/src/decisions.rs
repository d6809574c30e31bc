//! Which decisions there are: enough to find them by type, strategy, time and position. The decision itself, with
//! its evidence, stays in the log and is read there by its position.

use events::{FamilySet, Recorded, Timestamp, Uuid};
use serde::{Deserialize, Serialize};

use crate::{Body, Change, Collection, Key, Keys, Kind, Projection, RestoreError, Saved};

/// The collection, keyed by position.
pub const DECISIONS: &str = "decisions";

const COLLECTIONS: &[Collection] = &[Collection {
    name: DECISIONS,
    keys: Keys::Numbers,
    by_time: true,
    indexes: &["type", "strategy"],
    shown: true,
}];

/// A decision in the index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionEntry {
    /// Where it stands in the log.
    pub position: u64,
    /// Its id.
    pub event_id: Uuid,
    /// Its event type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// The strategy that it is about.
    pub strategy: Option<String>,
    /// When it was taken.
    pub occurred_at: Timestamp,
}

/// See the head of the module.
#[derive(Default)]
pub struct Decisions {
    changes: Vec<Change>,
}

impl Decisions {
    /// What is known of it without making one.
    pub const KIND: Kind =
        Kind { name: "decisions", version: 1, collections: COLLECTIONS, new: || Box::new(Self::default()) };
}

impl Projection for Decisions {
    fn interests(&self) -> FamilySet {
        FamilySet::DECISIONS
    }

    fn apply(&mut self, event: &Recorded) {
        if !event.event.is_decision() {
            return;
        }
        let entry = DecisionEntry {
            position: event.position,
            event_id: event.event_id,
            event_type: event.event.event_type().to_owned(),
            strategy: event.event.strategy().map(str::to_owned),
            occurred_at: event.occurred_at,
        };
        let key = Key::Number(event.position);
        self.changes.push(Change::put(DECISIONS, key, Some(event.occurred_at), Body::json(&entry)));
    }

    fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    fn restore(&mut self, _: &dyn Saved) -> Result<(), RestoreError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{View, at, disabled, trade};
    use serde_json::json;

    #[test]
    fn given_trades_and_decisions_then_only_the_decisions_are_listed() {
        let view = View::of(Decisions::default, &[at(1, trade("rsi", "1")), at(2, disabled("rsi"))]);
        assert_eq!(
            view.json(DECISIONS),
            [json!({
                "position": 2,
                "event_id": crate::testing::id(2),
                "type": "StrategyDisabled",
                "strategy": "rsi",
                "occurred_at": crate::testing::moment(2),
            })]
        );
    }
}
