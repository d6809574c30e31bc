//! The envelope around every fact: who said it, when, in which stream and why.

use std::sync::Arc;

use serde::Serialize;
use uuid::Uuid;

use crate::{Event, Timestamp};

/// An event that is to be appended. The log adds position, revision and the time of recording.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEvent {
    /// Derived from what the event is about, so that a retry makes the same id.
    pub event_id: Uuid,
    /// When it happened: the close of a trade, the planned moment of a tick.
    pub occurred_at: Timestamp,
    /// `source:kafka`, `actor:strategy_guard`, `operator:ann`, `host`.
    pub producer: Arc<str>,
    /// The run of the process that appended it; points to its `RunStarted`.
    pub run_id: Uuid,
    /// The first fact of the chain that this event belongs to.
    pub correlation_id: Uuid,
    /// The event that directly caused this one.
    pub causation_id: Option<Uuid>,
    /// For a decision: the position up to which the actor had read.
    pub basis_position: Option<u64>,
    /// For a decision: the version of the actor's rules that took it.
    pub rules_version: Option<u32>,
    /// For a fact from a partition or a file: its offset there.
    pub source_offset: Option<i64>,
    /// What happened.
    pub event: Event,
}

impl NewEvent {
    /// A fact without a cause in the log: it starts its own chain.
    #[must_use]
    pub fn root(
        event_id: Uuid,
        occurred_at: Timestamp,
        producer: &Arc<str>,
        run_id: Uuid,
        event: Event,
    ) -> Self {
        Self {
            event_id,
            occurred_at,
            producer: Arc::clone(producer),
            run_id,
            correlation_id: event_id,
            causation_id: None,
            basis_position: None,
            rules_version: None,
            source_offset: None,
            event,
        }
    }

    /// The event at its place in the log: position, stream and revision there.
    #[must_use]
    pub fn placed(self, place: (u64, Arc<str>, u64), recorded_at: Timestamp) -> Recorded {
        let (position, stream, stream_revision) = place;
        Recorded {
            position,
            event_id: self.event_id,
            schema_version: self.event.schema_version(),
            stream,
            stream_revision,
            occurred_at: self.occurred_at,
            recorded_at,
            producer: self.producer,
            run_id: self.run_id,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            basis_position: self.basis_position,
            rules_version: self.rules_version,
            source_offset: self.source_offset,
            event: self.event,
        }
    }

    /// The same event with its offset in the source.
    #[must_use]
    pub fn at_offset(mut self, offset: i64) -> Self {
        self.source_offset = Some(offset);
        self
    }
}

/// An event as it stands in the log. Position is the only order; times explain.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Place in the whole log: rising, from 1.
    pub position: u64,
    /// See [`NewEvent::event_id`].
    pub event_id: Uuid,
    /// The shape that was written (upcast on reading to the newest).
    pub schema_version: u16,
    /// The stream that it belongs to.
    pub stream: Arc<str>,
    /// Place in its stream, from 1 without gaps.
    pub stream_revision: u64,
    /// See [`NewEvent::occurred_at`].
    pub occurred_at: Timestamp,
    /// When the log took it in: always the wall clock.
    pub recorded_at: Timestamp,
    /// See [`NewEvent::producer`].
    pub producer: Arc<str>,
    /// See [`NewEvent::run_id`].
    pub run_id: Uuid,
    /// See [`NewEvent::correlation_id`].
    pub correlation_id: Uuid,
    /// See [`NewEvent::causation_id`].
    pub causation_id: Option<Uuid>,
    /// See [`NewEvent::basis_position`].
    pub basis_position: Option<u64>,
    /// See [`NewEvent::rules_version`].
    pub rules_version: Option<u32>,
    /// See [`NewEvent::source_offset`].
    pub source_offset: Option<i64>,
    /// What happened.
    pub event: Event,
}

/// The JSON form of an event that every command and endpoint shows.
#[derive(Serialize)]
pub struct RecordedJson<'a> {
    position: u64,
    event_id: Uuid,
    event_type: &'static str,
    schema_version: u16,
    stream: &'a str,
    stream_revision: u64,
    occurred_at: Timestamp,
    recorded_at: Timestamp,
    producer: &'a str,
    run_id: Uuid,
    correlation_id: Uuid,
    causation_id: Option<Uuid>,
    basis_position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rules_version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_offset: Option<i64>,
    event: &'a Event,
}

impl Recorded {
    /// The event as shown to people and programs.
    #[must_use]
    pub fn json(&self) -> RecordedJson<'_> {
        RecordedJson {
            position: self.position,
            event_id: self.event_id,
            event_type: self.event.event_type(),
            schema_version: self.schema_version,
            stream: &self.stream,
            stream_revision: self.stream_revision,
            occurred_at: self.occurred_at,
            recorded_at: self.recorded_at,
            producer: &self.producer,
            run_id: self.run_id,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            basis_position: self.basis_position,
            rules_version: self.rules_version,
            source_offset: self.source_offset,
            event: &self.event,
        }
    }

    /// What an actor or a projection folds.
    #[must_use]
    pub fn fact(&self) -> Fact<'_> {
        Fact {
            position: self.position,
            event_id: self.event_id,
            occurred_at: self.occurred_at,
            event: &self.event,
        }
    }
}

/// What a fold sees of an event: all that may decide, nothing that depends on when or where it was recorded.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// Place in the log; for an actor's own output the place of the input that it was decided on.
    pub position: u64,
    /// The event's id.
    pub event_id: Uuid,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// What happened.
    pub event: &'a Event,
}
