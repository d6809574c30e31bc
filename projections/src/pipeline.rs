//! How far everything has come: sources, actors, the publisher, and which runs there were.
//!
//! Only what the log says. How far a topic reaches, how deep a queue is and how old the head is, is asked of the
//! parts themselves.

use events::{
    ActorFailed, Event, Family, FamilySet, Recorded, RecordsMissing, RunStarted, SourceStalled, StallReason,
    Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::{Body, Change, Collection, Key, Keys, Kind, Projection, RestoreError, Saved, table::Table};

/// Progress of each ingest stream, keyed by stream.
pub const STREAMS: &str = "streams";
/// State of each source, keyed by topic.
pub const SOURCES: &str = "sources";
/// State of each actor, keyed by name.
pub const ACTORS: &str = "actors";
/// Progress of the publisher, keyed by cluster.
pub const PUBLISHERS: &str = "publishers";
/// Every run, keyed by position.
pub const RUNS: &str = "runs";

const fn by_name(name: &'static str) -> Collection {
    Collection { name, keys: Keys::Texts, by_time: false, indexes: &[], shown: true }
}

const COLLECTIONS: &[Collection] = &[
    by_name(STREAMS),
    by_name(SOURCES),
    by_name(ACTORS),
    by_name(PUBLISHERS),
    Collection { name: RUNS, keys: Keys::Numbers, by_time: true, indexes: &["run_id"], shown: true },
];

/// How far an ingest stream (one partition, one file) was taken in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StreamProgress {
    /// The stream.
    pub stream: String,
    /// What writes it.
    pub producer: String,
    /// The offset, or row, that is read next.
    pub next_offset: Option<i64>,
    /// Facts and rejections in the stream.
    pub records: u64,
    /// Of those, rejections.
    pub rejected: u64,
    /// Where its last event stands in the log.
    pub last_position: u64,
    /// When its last event happened.
    pub last_occurred_at: Timestamp,
    /// When its last event was taken in.
    pub last_recorded_at: Timestamp,
}

/// Whether a source stands still, and what it lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceView {
    /// The topic.
    pub source: String,
    /// Whether it stands still.
    pub stalled: bool,
    /// Why, when it does.
    pub reason: Option<StallReason>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// In words.
    pub detail: Option<String>,
    /// At most so many records expired before they were read.
    pub records_missing_at_most: u64,
}

/// What an actor did last, and whether it works.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorView {
    /// Its name.
    pub actor: String,
    /// What it decided in all.
    pub decisions: u64,
    /// Its last decision.
    pub last_decision: Option<LastDecision>,
    /// How often it failed.
    pub failures: u64,
    /// Its last failure.
    pub last_failure: Option<ActorFailed>,
    /// Taken out of service.
    pub quarantined: bool,
    /// When it was last taken out of service or came back.
    pub changed_at: Option<Timestamp>,
}

/// An actor's last decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastDecision {
    /// Where it stands in the log.
    pub position: u64,
    /// Up to where the actor had read.
    pub basis_position: Option<u64>,
    /// Its type.
    pub event_type: String,
    /// When it was taken.
    pub occurred_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// How far decisions are published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PublisherView {
    /// The cluster's id.
    pub cluster: String,
    /// Every decision up to here is on its topic.
    pub up_to_position: u64,
    /// When it came so far.
    pub advanced_at: Timestamp,
}

#[derive(Serialize)]
struct RunDocument<'a> {
    position: u64,
    started_at: Timestamp,
    #[serde(flatten)]
    run: &'a RunStarted,
}

/// See the head of the module.
pub struct Pipeline {
    streams: Table<StreamProgress>,
    sources: Table<SourceView>,
    actors: Table<ActorView>,
    publishers: Table<PublisherView>,
    runs: Vec<Change>,
}

impl Default for Pipeline {
    fn default() -> Self {
        Self {
            streams: Table::new(STREAMS),
            sources: Table::new(SOURCES),
            actors: Table::new(ACTORS),
            publishers: Table::new(PUBLISHERS),
            runs: Vec::new(),
        }
    }
}

impl Pipeline {
    /// A fact, a rejection, or an advance over records that append nothing.
    fn advance(&mut self, event: &Recorded, next_offset: Option<i64>, record: bool, rejected: bool) {
        let row = self.streams.row(&event.stream, |stream| StreamProgress {
            stream,
            producer: event.producer.to_string(),
            next_offset: None,
            records: 0,
            rejected: 0,
            last_position: 0,
            last_occurred_at: event.occurred_at,
            last_recorded_at: event.recorded_at,
        });
        row.next_offset = next_offset.or(row.next_offset);
        row.records += u64::from(record);
        row.rejected += u64::from(rejected);
        row.last_position = event.position;
        (row.last_occurred_at, row.last_recorded_at) = (event.occurred_at, event.recorded_at);
    }

    fn source(&mut self, name: &str) -> &mut SourceView {
        self.sources.row(name, |source| SourceView {
            source,
            stalled: false,
            reason: None,
            since: None,
            detail: None,
            records_missing_at_most: 0,
        })
    }

    fn stall(&mut self, stalled: &SourceStalled) {
        let row = self.source(&stalled.source);
        row.stalled = true;
        row.reason = Some(stalled.reason);
        row.since = Some(stalled.since);
        row.detail = Some(stalled.detail.clone());
    }

    fn catch_up(&mut self, source: &str) {
        let row = self.source(source);
        row.stalled = false;
        row.reason = None;
        row.since = None;
        row.detail = None;
    }

    fn miss(&mut self, missing: &RecordsMissing) {
        let row = self.source(&missing.topic);
        row.records_missing_at_most = row.records_missing_at_most.saturating_add(missing.at_most);
    }

    fn actor(&mut self, name: &str) -> &mut ActorView {
        self.actors.row(name, |actor| ActorView {
            actor,
            decisions: 0,
            last_decision: None,
            failures: 0,
            last_failure: None,
            quarantined: false,
            changed_at: None,
        })
    }

    fn decided(&mut self, event: &Recorded) {
        let Some(name) = event.producer.strip_prefix("actor:") else { return };
        let row = self.actor(name);
        row.decisions += 1;
        row.last_decision = Some(LastDecision {
            position: event.position,
            basis_position: event.basis_position,
            event_type: event.event.event_type().to_owned(),
            occurred_at: event.occurred_at,
            recorded_at: event.recorded_at,
        });
    }

    fn failed(&mut self, failure: &ActorFailed) {
        let row = self.actor(&failure.actor);
        row.failures += 1;
        row.last_failure = Some(failure.clone());
    }

    fn quarantine(&mut self, actor: &str, quarantined: bool, at: Timestamp) {
        let row = self.actor(actor);
        (row.quarantined, row.changed_at) = (quarantined, Some(at));
    }

    fn published(&mut self, cluster: &str, up_to_position: u64, at: Timestamp) {
        let new = |cluster| PublisherView { cluster, up_to_position, advanced_at: at };
        let row = self.publishers.row(cluster, new);
        (row.up_to_position, row.advanced_at) = (row.up_to_position.max(up_to_position), at);
    }

    fn run_started(&mut self, event: &Recorded, run: &RunStarted) {
        let document = RunDocument { position: event.position, started_at: event.recorded_at, run };
        let (key, time) = (Key::Number(event.position), Some(event.recorded_at));
        self.runs.push(Change::put(RUNS, key, time, Body::json(&document)));
    }
}

impl Pipeline {
    /// What is known of it without making one.
    pub const KIND: Kind =
        Kind { name: "pipeline", version: 1, collections: COLLECTIONS, new: || Box::new(Self::default()) };
}

impl Projection for Pipeline {
    fn interests(&self) -> FamilySet {
        FamilySet::of(&[Family::Trade, Family::Ingest, Family::Host, Family::Publish])
            .union(FamilySet::DECISIONS)
    }

    fn apply(&mut self, event: &Recorded) {
        let after = event.source_offset.map(|offset| offset.saturating_add(1));
        match &event.event {
            Event::TradeClosed(_) => self.advance(event, after, true, false),
            Event::RecordRejected(_) => self.advance(event, after, true, true),
            Event::IngestAdvanced(e) => self.advance(event, Some(e.next_offset), false, false),
            Event::SourceStalled(e) => self.stall(e),
            Event::SourceCaughtUp(e) => self.catch_up(&e.source),
            Event::RecordsMissing(e) => self.miss(e),
            Event::RunStarted(e) => self.run_started(event, e),
            Event::ActorFailed(e) => self.failed(e),
            Event::ActorQuarantined(e) => self.quarantine(&e.actor, true, event.recorded_at),
            Event::ActorRecovered(e) => self.quarantine(&e.actor, false, event.recorded_at),
            Event::PublishAdvanced(e) => self.published(&e.cluster, e.up_to_position, event.recorded_at),
            decision if decision.is_decision() => self.decided(event),
            _ => {}
        }
    }

    fn has_changes(&self) -> bool {
        self.streams.has_changes()
            || self.sources.has_changes()
            || self.actors.has_changes()
            || self.publishers.has_changes()
            || !self.runs.is_empty()
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.runs);
        self.streams.take_changes(&mut changes);
        self.sources.take_changes(&mut changes);
        self.actors.take_changes(&mut changes);
        self.publishers.take_changes(&mut changes);
        changes
    }

    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        self.streams.restore(saved)?;
        self.sources.restore(saved)?;
        self.actors.restore(saved)?;
        self.publishers.restore(saved)
    }
}

#[cfg(test)]
#[path = "pipeline_tests.rs"]
mod tests;
