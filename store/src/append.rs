//! Appending single events: what a process records of itself, by whom and when.

use std::{
    any::Any,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{AppendError, Appended, Duplicates, EventLog, Expected, Prepared, Request};
use events::{Event, FamilySet, NewEvent, Timestamp, Uuid, id};

/// The wall clock.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// What was seen, and what people are told of it; `kind` makes its id.
#[must_use]
pub fn with_consequence(kind: &str, root: NewEvent, event: Event) -> Vec<NewEvent> {
    let mut told = root.clone();
    told.event_id = id::derive(&[kind.as_bytes(), root.event_id.as_bytes()]);
    told.causation_id = Some(root.event_id);
    told.event = event;
    vec![root, told]
}

/// Who appends: the run and the producer's name.
#[derive(Clone)]
pub struct Recorder {
    /// Where to.
    pub log: Arc<dyn EventLog>,
    /// The run of the process.
    pub run_id: Uuid,
    /// Stands in every event.
    pub producer: Arc<str>,
}

impl Recorder {
    /// A recorder of a run.
    pub fn new(log: &Arc<dyn EventLog>, run_id: Uuid, producer: &str) -> Self {
        Self { log: Arc::clone(log), run_id, producer: Arc::from(producer) }
    }

    /// A fact that starts its own chain.
    #[must_use]
    pub fn root(&self, id: Uuid, occurred_at: Timestamp, event: Event) -> NewEvent {
        NewEvent::root(id, occurred_at, &self.producer, self.run_id, event)
    }

    /// Appends to a stream, whatever is there; an id that is known is skipped.
    pub fn append(&self, stream: &str, event: NewEvent) -> Result<Appended, AppendError> {
        append(&*self.log, stream, Expected::Any, vec![event])
    }
}

/// When the first event after a position was recorded; nothing where there is none, or it cannot be read.
pub fn waiting_since(log: &dyn EventLog, position: u64) -> Option<Timestamp> {
    let next = log.read_all(position, FamilySet::ALL, 1).ok()?;
    next.events.first().map(|event| event.recorded_at)
}

/// Encodes and appends.
pub fn append(
    log: &dyn EventLog,
    stream: &str,
    expected: Expected,
    events: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    let prepared: Result<Vec<_>, _> = events.into_iter().map(prepare).collect();
    append_prepared(log, stream, expected, prepared?)
}

/// Encodes an event.
pub fn prepare(event: NewEvent) -> Result<Prepared, AppendError> {
    let event_type = event.event.event_type();
    Prepared::new(event)
        .map_err(|error| AppendError::Encode { event_type, message: Arc::from(error.to_string()) })
}

/// Appends what is encoded.
pub fn append_prepared(
    log: &dyn EventLog,
    stream: &str,
    expected: Expected,
    events: Vec<Prepared>,
) -> Result<Appended, AppendError> {
    log.append(Request { stream: Arc::from(stream), expected, duplicates: Duplicates::Skip, events })
}

/// What a panic said.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without a message".to_owned())
}
