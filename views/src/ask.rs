//! What can be asked of the views. Each answer sees everything up to the head of the log at the time of the question.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use events::{Event, Family, FamilySet, Recorded, RejectReason, Timestamp, Uuid};
use projections::{
    ACTORS, ActorView, CHUNKS, Collection, DEAD_LETTER_COUNTS, DEAD_LETTERS, DECISIONS, DeadLetter,
    DeadLetterCount, DecisionEntry, Halt, PUBLISHERS, PerformanceFold, PerformanceQuery, PerformanceRow,
    PublisherView, RUNS, RestoreError, SOURCES, STRATEGIES, STREAMS, SourceView, StrategyView,
    StreamProgress, dead_letter_reason,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;
use store::ReadError;

use crate::sqlite::{Cursor, Filter, Found, Order, Query, Sort, ViewBody, ViewError, ViewKey, ViewReader};

use super::{Views, board::NotCaughtUp, saved::SeenByReader};

/// Events read at a time where a few are looked for.
const SLICE: usize = 4096;
/// Runs that the pipeline view shows.
const RUNS_SHOWN: usize = 20;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// The view does not show everything that it should.
    #[error(transparent)]
    NotCaughtUp(#[from] NotCaughtUp),
    /// The view cannot be read, or not be asked that.
    #[error(transparent)]
    View(#[from] ViewError),
    /// What the view holds is no document of ours.
    #[error(transparent)]
    Document(#[from] RestoreError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// No collection has this name.
    #[error("there is no collection {name}: there are {known}")]
    UnknownCollection {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
}

impl QueryError {
    /// Whether what was asked is at fault, not the state of the views.
    pub const fn is_callers_fault(&self) -> bool {
        matches!(self, Self::UnknownCollection { .. } | Self::View(ViewError::Query(_)))
    }
}

/// Which documents of a collection, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Fields (nested ones with dots) and the values that they have.
    pub filters: Vec<(String, String)>,
    /// At most so many; 0: all.
    pub limit: usize,
    /// Oldest first.
    pub oldest_first: bool,
    /// [`AuditPage::next`] of the page before.
    pub after: Option<String>,
}

/// Documents of a collection.
#[derive(Clone, Debug, Serialize)]
pub struct AuditPage {
    /// As they are saved.
    pub documents: Vec<Box<RawValue>>,
    /// Where the next page begins; null: there is none.
    pub next: Option<String>,
}

/// Which decisions, by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DecisionQuery {
    /// Of these event types; empty: all.
    pub types: Vec<String>,
    /// About this strategy.
    pub strategy: Option<String>,
    /// Not before this moment.
    pub since: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// From this position on.
    pub from_position: Option<u64>,
    /// At most so many; 0: all.
    pub limit: usize,
    /// The last ones, newest first.
    pub newest_first: bool,
}

/// Which dead letters, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterQuery {
    /// Of this reason.
    pub reason: Option<RejectReason>,
    /// Of this strategy.
    pub strategy: Option<String>,
    /// Rejected not before this moment.
    pub since: Option<Timestamp>,
    /// Before this position.
    pub before: Option<u64>,
    /// At most so many; 0: all.
    pub limit: usize,
}

/// How far everything has come.
#[derive(Clone, Debug, Serialize)]
pub struct PipelineView {
    /// The log's last event.
    pub head: u64,
    /// Ingest streams.
    pub streams: Vec<StreamProgress>,
    /// Sources that stood still or lost records at some time.
    pub sources: Vec<SourceView>,
    /// Actors.
    pub actors: Vec<ActorView>,
    /// Clusters that decisions are published to.
    pub publishers: Vec<PublisherProgress>,
    /// The last runs, newest first.
    pub runs: Vec<Box<RawValue>>,
}

/// How far decisions are published to a cluster.
#[derive(Clone, Debug, Serialize)]
pub struct PublisherProgress {
    /// As the log says.
    #[serde(flatten)]
    pub publisher: PublisherView,
    /// Decisions after it.
    pub unpublished: u64,
}

/// For each halt, the trades that were recorded before the decision and closed after it. They never change.
#[derive(Default)]
pub(super) struct HaltCounts(Mutex<BTreeMap<Uuid, u64>>);

impl Views {
    /// Every strategy, by name.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn strategies(&self) -> Result<Vec<StrategyView>, QueryError> {
        let found = self.ask("strategies", |reader| Ok(reader.find(&Query::all_of(STRATEGIES))?))?;
        found.iter().map(|found| self.with_halt(document(&found.body)?)).collect()
    }

    /// One strategy, if it is known.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn strategy(&self, name: &str) -> Result<Option<StrategyView>, QueryError> {
        let key = ViewKey::Text(name.to_owned());
        let found = self.ask("strategies", |reader| Ok(reader.get(STRATEGIES, &key)?))?;
        found.map(|body| self.with_halt(document(&body)?)).transpose()
    }

    /// Adds the trades that stand before the halting decision in the log but came after it for the guard.
    fn with_halt(&self, mut view: StrategyView) -> Result<StrategyView, QueryError> {
        if let Some(halt) = view.halt {
            view.trades_since_halt += self.trades_before_decision(&view.strategy, &halt)?;
        }
        Ok(view)
    }

    fn trades_before_decision(&self, strategy: &str, halt: &Halt) -> Result<u64, QueryError> {
        let known = || self.halts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known().get(&halt.event_id) {
            return Ok(*count);
        }
        let is_one = |event: &&Arc<Recorded>| {
            let of_strategy = matches!(&event.event, Event::TradeClosed(t) if t.strategy == strategy);
            of_strategy && event.position < halt.position
        };
        let (mut count, mut after) = (0, halt.basis);
        while after + 1 < halt.position {
            let batch = self.log.read_all(after, FamilySet::of(&[Family::Trade]), SLICE)?;
            if batch.read_to <= after {
                break;
            }
            count += batch.events.iter().filter(is_one).count() as u64;
            after = batch.read_to;
        }
        known().insert(halt.event_id, count);
        Ok(count)
    }

    /// The live figures of a window.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn performance(&self, query: &PerformanceQuery) -> Result<Vec<PerformanceRow>, QueryError> {
        self.ask("performance", |reader| {
            // One moment for names and chunks.
            reader.pin()?;
            let mut fold = PerformanceFold::new(query, &SeenByReader(reader))?;
            let (since, until) = fold.window();
            let chunks = Query {
                since: Some(since.micros()),
                until: Some(until.micros()),
                sort: Sort::Time,
                ..Query::all_of(CHUNKS)
            };
            reader.each(&chunks, |found| -> Result<(), QueryError> {
                let time = Timestamp::from_micros(found.time.unwrap_or_default());
                match &found.body {
                    ViewBody::Blob(bytes) => Ok(fold.chunk(time, bytes)?),
                    ViewBody::Json(_) => Err(RestoreError(format!("chunk {} is no chunk", found.key)).into()),
                }
            })?;
            Ok(fold.finish())
        })
    }

    /// Documents of a collection, such as `performance_metrics`.
    ///
    /// # Errors
    /// See [`QueryError`]; also when there is no such collection, or a field is no name.
    pub fn audit(&self, collection: &str, query: &AuditQuery) -> Result<AuditPage, QueryError> {
        let (projection, known) = self.collection(collection)?;
        let one_more = if query.limit == 0 { 0 } else { query.limit.saturating_add(1) };
        let filter = |(field, value): &(String, String)| is(field, value);
        let asked = Query {
            since: query.since.map(Timestamp::micros),
            until: query.until.map(Timestamp::micros),
            filters: query.filters.iter().map(filter).collect(),
            sort: if known.by_time { Sort::Time } else { Sort::Key },
            order: if query.oldest_first { Order::Ascending } else { Order::Descending },
            limit: one_more,
            after: query.after.as_deref().map(Cursor::parse).transpose()?,
            ..Query::all_of(collection)
        };
        let mut found = self.ask(projection, |reader| Ok(reader.find(&asked)?))?;
        let more = query.limit > 0 && found.len() > query.limit;
        found.truncate(if more { query.limit } else { found.len() });
        let next = found.last().filter(|_| more).map(|last| last.cursor().to_string());
        Ok(AuditPage { documents: documents(&found)?, next })
    }

    /// The collections that [`Self::audit`] knows.
    pub fn collections(&self) -> Vec<&'static str> {
        self.shown_collections().map(|(_, collection)| collection.name).collect()
    }

    fn shown_collections(&self) -> impl Iterator<Item = (&'static str, &'static Collection)> {
        let projections = self.options.factories.iter().map(|factory| factory());
        let all = projections.flat_map(|p| p.collections().iter().map(move |c| (p.name(), c)));
        all.filter(|(_, collection)| collection.shown)
    }

    fn collection(&self, name: &str) -> Result<(&'static str, &'static Collection), QueryError> {
        let found = self.shown_collections().find(|(_, collection)| collection.name == name);
        found.ok_or_else(|| QueryError::UnknownCollection {
            name: name.to_owned(),
            known: self.collections().join(", "),
        })
    }

    /// Decisions; the events themselves are read with [`Self::event_at`].
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn decisions(&self, query: &DecisionQuery) -> Result<Vec<DecisionEntry>, QueryError> {
        let types = Filter { field: "type".into(), any_of: query.types.clone() };
        let types = (!query.types.is_empty()).then_some(types);
        let strategy = query.strategy.as_ref().map(|strategy| is("strategy", strategy));
        let asked = Query {
            since: query.since.map(Timestamp::micros),
            until: query.until.map(Timestamp::micros),
            from_key: query.from_position,
            filters: types.into_iter().chain(strategy).collect(),
            order: if query.newest_first { Order::Descending } else { Order::Ascending },
            limit: query.limit,
            ..Query::all_of(DECISIONS)
        };
        self.all_that("decisions", &asked)
    }

    /// Dead letters; their bytes are in the event.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn dead_letters(&self, query: &DeadLetterQuery) -> Result<Vec<DeadLetter>, QueryError> {
        let reason = query.reason.map(|reason| is("reason", &dead_letter_reason(reason)));
        let strategy = query.strategy.as_ref().map(|strategy| is("strategy", strategy));
        let asked = Query {
            since: query.since.map(Timestamp::micros),
            filters: reason.into_iter().chain(strategy).collect(),
            order: Order::Descending,
            limit: query.limit,
            after: query.before.map(Cursor::of_number),
            ..Query::all_of(DEAD_LETTERS)
        };
        self.all_that("dead_letters", &asked)
    }

    /// How many dead letters there are for each reason.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn dead_letter_counts(&self) -> Result<Vec<DeadLetterCount>, QueryError> {
        self.all_that("dead_letters", &Query::all_of(DEAD_LETTER_COUNTS))
    }

    /// How far sources, actors and the publisher are.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn pipeline(&self) -> Result<PipelineView, QueryError> {
        let head = self.log.head();
        let runs = Query { order: Order::Descending, limit: RUNS_SHOWN, ..Query::all_of(RUNS) };
        let published: Vec<PublisherView> = self.all_that("pipeline", &Query::all_of(PUBLISHERS))?;
        Ok(PipelineView {
            head,
            streams: self.all_that("pipeline", &Query::all_of(STREAMS))?,
            sources: self.all_that("pipeline", &Query::all_of(SOURCES))?,
            actors: self.all_that("pipeline", &Query::all_of(ACTORS))?,
            publishers: published.into_iter().map(|view| self.unpublished(view)).collect::<Result<_, _>>()?,
            runs: documents(&self.ask("pipeline", |reader| Ok(reader.find(&runs)?))?)?,
        })
    }

    fn unpublished(&self, publisher: PublisherView) -> Result<PublisherProgress, QueryError> {
        let after =
            Query { from_key: Some(publisher.up_to_position.saturating_add(1)), ..Query::all_of(DECISIONS) };
        let unpublished = self.ask("decisions", |reader| Ok(reader.count(&after)?))?;
        Ok(PublisherProgress { publisher, unpublished })
    }

    fn all_that<T: DeserializeOwned>(&self, name: &'static str, query: &Query) -> Result<Vec<T>, QueryError> {
        let found = self.ask(name, |reader| Ok(reader.find(query)?))?;
        found.iter().map(|found| document(&found.body)).collect()
    }

    /// Asks a view that has caught up. One that turns out to be damaged is built again.
    fn ask<T>(
        &self,
        name: &'static str,
        question: impl FnOnce(&ViewReader) -> Result<T, QueryError>,
    ) -> Result<T, QueryError> {
        self.catch_up(name, self.log.head(), self.options.patience)?;
        let answer = self.reader(name).map_err(QueryError::from).and_then(|reader| question(&reader));
        if matches!(&answer, Err(QueryError::View(error)) if error.is_unusable()) {
            self.discard(name);
        }
        answer
    }
}

fn is(field: &str, value: &str) -> Filter {
    Filter { field: field.to_owned(), any_of: vec![value.to_owned()] }
}

fn document<T: DeserializeOwned>(body: &ViewBody) -> Result<T, QueryError> {
    let unreadable = |why: String| QueryError::Document(RestoreError(why));
    match body {
        ViewBody::Json(text) => serde_json::from_str(text).map_err(|error| unreadable(error.to_string())),
        ViewBody::Blob(_) => Err(unreadable("a document is not JSON".to_owned())),
    }
}

fn documents(found: &[Found]) -> Result<Vec<Box<RawValue>>, QueryError> {
    found.iter().map(|found| document(&found.body)).collect()
}
