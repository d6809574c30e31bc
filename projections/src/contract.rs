//! What a projection is: a pure fold from events to documents. Who saves the documents, and when, is not known here.

use std::fmt;

use events::{FamilySet, Recorded, Timestamp};
use serde::Serialize;

/// The key of a document in its collection. Numbers sort before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A position in the log, or another number that never has two meanings.
    Number(u64),
    /// A name.
    Text(String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// What a document holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A JSON object, that can be filtered by its fields.
    Json(String),
    /// Bytes that only the projection reads.
    Blob(Vec<u8>),
}

impl Body {
    /// The JSON of a value. A value without a JSON form gives an object that says so: a projection never fails.
    pub fn json(value: &impl Serialize) -> Self {
        Self::Json(
            serde_json::to_string(value)
                .unwrap_or_else(|error| serde_json::json!({ "unreadable": error.to_string() }).to_string()),
        )
    }
}

/// A document as it is to be saved.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What `since` and `until` of a query look at.
    pub time: Option<Timestamp>,
    /// What it holds.
    pub body: Body,
}

/// A change of the view. Of two changes of one key the later one counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// One of the projection's collections.
    pub collection: &'static str,
    /// Which document.
    pub key: Key,
    /// What it is from now on; nothing: it is gone.
    pub document: Option<Document>,
}

impl Change {
    /// A document is there, or replaced.
    #[must_use]
    pub fn put(collection: &'static str, key: Key, time: Option<Timestamp>, body: Body) -> Self {
        Self { collection, key, document: Some(Document { time, body }) }
    }
}

/// What the keys of a collection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// [`Key::Number`].
    Numbers,
    /// [`Key::Text`].
    Texts,
}

/// A set of documents with one kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Letters, digits and `_`.
    pub name: &'static str,
    /// Its keys.
    pub keys: Keys,
    /// Whether queries look at the documents' time.
    pub by_time: bool,
    /// Fields that queries filter by, nested ones with dots. Others can be filtered by as well, slowly.
    pub indexes: &'static [&'static str],
    /// Whether its documents are for people; if not, only the projection reads them.
    pub shown: bool,
}

/// The documents that a projection saved before, for [`Projection::restore`].
pub trait Saved {
    /// One document.
    ///
    /// # Errors
    /// When the store fails.
    fn get(&self, collection: &'static str, key: &Key) -> Result<Option<Body>, RestoreError>;

    /// All documents of a collection, by key.
    ///
    /// # Errors
    /// When the store fails.
    fn all(&self, collection: &'static str) -> Result<Vec<(Key, Body)>, RestoreError>;
}

/// Why a projection could not go on from what it had saved. The view is then rebuilt.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the saved view cannot be read: {0}")]
pub struct RestoreError(pub String);

/// A projection as it is known without being made.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Lower case with `_`; names its file too.
    pub name: &'static str,
    /// Moves when the documents of the same events would be others.
    pub version: u32,
    /// Where its documents belong.
    pub collections: &'static [Collection],
    /// Makes it anew.
    pub new: fn() -> Box<dyn Projection>,
}

/// A fold from events to documents.
///
/// Total: no event makes it fail. The documents depend on the events alone, never on how often it was saved and
/// restored in between.
pub trait Projection: Send {
    /// Families of events that it folds.
    fn interests(&self) -> FamilySet;

    /// Folds an event; they come by position, each once.
    fn apply(&mut self, event: &Recorded);

    /// Whether [`Self::take_changes`] would give anything.
    fn has_changes(&self) -> bool;

    /// The changes since the last call, to be saved in one transaction with the position folded up to.
    fn take_changes(&mut self) -> Vec<Change>;

    /// Goes on from what was saved; called once, on a new projection.
    ///
    /// # Errors
    /// When what was saved cannot be read.
    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError>;
}

/// Reads a saved JSON document.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(key: &Key, body: &Body) -> Result<T, RestoreError> {
    match body {
        Body::Json(text) => {
            serde_json::from_str(text).map_err(|error| RestoreError(format!("document {key}: {error}")))
        }
        Body::Blob(_) => Err(RestoreError(format!("document {key} is not JSON"))),
    }
}
