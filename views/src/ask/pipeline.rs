//! How far everything is.

use projections::{
    ACTORS, ActorView, DECISIONS, PUBLISHERS, PublisherView, RUNS, SOURCES, STREAMS, SourceView,
    StreamProgress,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{QueryError, documents};
use crate::{
    Views,
    sqlite::{Order, Query},
};

/// Runs that the pipeline view shows.
const RUNS_SHOWN: usize = 20;

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

impl Views {
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
}
