//! Moments that actors wait for.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, payload::Payload};

/// A moment that an actor waits for was reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TimerDue {
    /// The actor that waits.
    pub actor: String,
    /// The moment it waits for.
    pub due_at: Timestamp,
    /// When it was noticed; later than `due_at` after a time down.
    pub noticed_at: Timestamp,
}

impl Payload for TimerDue {
    const TYPE: &str = "TimerDue";
    const FAMILY: Family = Family::Timer;
    const WRAP: fn(Self) -> Event = Event::TimerDue;
}
