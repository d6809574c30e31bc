//! What a type of event knows of itself, beside its struct.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Event, Family, FamilySet, compact::Misfit};

/// The fields of one type of event.
pub(crate) trait Payload: Serialize + DeserializeOwned {
    /// The stable name, never a path of the code.
    const TYPE: &str;
    const FAMILY: Family;
    /// The newest shape. Raise it together with a step in `upcast`.
    const VERSION: u16 = 1;
    /// Whether it is published.
    const IS_DECISION: bool = FamilySet::DECISIONS.contains(Self::FAMILY);
    /// Its place among the events.
    const WRAP: fn(Self) -> Event;

    /// The strategy that it is about.
    fn strategy(&self) -> Option<&str> {
        None
    }

    /// The fields in few bytes, where the type has such a form and the values fit it.
    fn to_compact(&self) -> Option<Vec<u8>> {
        None
    }

    /// Reads that form.
    fn from_compact(_fields: &[u8]) -> Result<Self, Misfit> {
        Err(Misfit { field: "", what: "this type has no compact form" })
    }
}

/// A [`Payload`] whose type is not known where it is asked.
pub(crate) trait About {
    fn event_type(&self) -> &'static str;
    fn family(&self) -> Family;
    fn version(&self) -> u16;
    fn is_decision(&self) -> bool;
    fn strategy(&self) -> Option<&str>;
    fn to_compact(&self) -> Option<Vec<u8>>;
}

impl<P: Payload> About for P {
    fn event_type(&self) -> &'static str {
        P::TYPE
    }

    fn family(&self) -> Family {
        P::FAMILY
    }

    fn version(&self) -> u16 {
        P::VERSION
    }

    fn is_decision(&self) -> bool {
        P::IS_DECISION
    }

    fn strategy(&self) -> Option<&str> {
        Payload::strategy(self)
    }

    fn to_compact(&self) -> Option<Vec<u8>> {
        Payload::to_compact(self)
    }
}

/// A type, for who has its stored name.
pub(crate) struct Type {
    pub(crate) name: &'static str,
    pub(crate) version: u16,
    pub(crate) family: Family,
    pub(crate) is_decision: bool,
    /// Reads fields of the newest shape.
    pub(crate) decode: fn(&[u8]) -> Result<Event, serde_json::Error>,
    /// The same from their compact form.
    pub(crate) decode_compact: fn(&[u8]) -> Result<Event, Misfit>,
}

impl Type {
    pub(crate) const fn of<P: Payload>() -> Self {
        Self {
            name: P::TYPE,
            version: P::VERSION,
            family: P::FAMILY,
            is_decision: P::IS_DECISION,
            decode: |fields| serde_json::from_slice(fields).map(P::WRAP),
            decode_compact: |fields| P::from_compact(fields).map(P::WRAP),
        }
    }
}
