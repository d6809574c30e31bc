//! Appending single events of the process itself: runs, configuration, failures, timers.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use events::{Event, FamilySet, NewEvent, Timestamp, Uuid, id};
use store::{AppendError, Appended, Duplicates, EventLog, Expected, Prepared, Request};

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// What was seen, and what people are told of it; `kind` makes its id.
pub(crate) fn with_consequence(kind: &str, root: NewEvent, event: Event) -> Vec<NewEvent> {
    let mut told = root.clone();
    told.event_id = id::derive(&[kind.as_bytes(), root.event_id.as_bytes()]);
    told.causation_id = Some(root.event_id);
    told.event = event;
    vec![root, told]
}

/// Who appends: the run and the producer's name.
#[derive(Clone)]
pub(crate) struct Recorder {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) run_id: Uuid,
    pub(crate) producer: Arc<str>,
}

impl Recorder {
    pub(crate) fn new(log: &Arc<dyn EventLog>, run_id: Uuid, producer: &str) -> Self {
        Self { log: Arc::clone(log), run_id, producer: Arc::from(producer) }
    }

    /// A fact that starts its own chain.
    pub(crate) fn root(&self, id: Uuid, occurred_at: Timestamp, event: Event) -> NewEvent {
        NewEvent::root(id, occurred_at, &self.producer, self.run_id, event)
    }

    /// Appends to a stream, whatever is there; an id that is known is skipped.
    pub(crate) fn append(&self, stream: &str, event: NewEvent) -> Result<Appended, AppendError> {
        append(&*self.log, stream, Expected::Any, vec![event])
    }
}

/// When the first event after a position was recorded; nothing where there is none, or it cannot be read.
pub(crate) fn waiting_since(log: &dyn EventLog, position: u64) -> Option<Timestamp> {
    let next = log.read_all(position, FamilySet::ALL, 1).ok()?;
    next.events.first().map(|event| event.recorded_at)
}

/// Encodes and appends.
pub(crate) fn append(
    log: &dyn EventLog,
    stream: &str,
    expected: Expected,
    events: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    let prepared: Result<Vec<_>, _> = events.into_iter().map(prepare).collect();
    append_prepared(log, stream, expected, prepared?)
}

/// Encodes an event.
pub(crate) fn prepare(event: NewEvent) -> Result<Prepared, AppendError> {
    let event_type = event.event.event_type();
    Prepared::new(event)
        .map_err(|error| AppendError::Encode { event_type, message: Arc::from(error.to_string()) })
}

/// Appends what is encoded.
pub(crate) fn append_prepared(
    log: &dyn EventLog,
    stream: &str,
    expected: Expected,
    events: Vec<Prepared>,
) -> Result<Appended, AppendError> {
    log.append(Request { stream: Arc::from(stream), expected, duplicates: Duplicates::Skip, events })
}
