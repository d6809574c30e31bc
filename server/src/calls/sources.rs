//! What calls are answered from: the log, the views, the actors.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use runtime::system::System;
use store::{EmbeddedLog, EventLog, Snapshots};
use views::{QueryError, RebuildError, Views};

use super::source::Source;
use crate::problem::Problem;

/// Told how far a long call has come: done, of how many.
pub type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// The log of a folder, with what is kept beside it as far as it is needed.
#[derive(Clone)]
pub struct Sources {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The same log with its chain; nothing for a log in memory.
    pub embedded: Option<Arc<EmbeddedLog>>,
    /// The views.
    pub views: Option<Arc<Views>>,
    /// The actors.
    pub actors: Option<Arc<System>>,
    /// Where snapshots of actors lie.
    pub snapshots: Option<PathBuf>,
    /// How the Kafka source stands.
    pub source: Option<Arc<dyn Fn() -> Source + Send + Sync>>,
    /// Set when the process ends: whoever waits for news stops waiting.
    pub stopping: Arc<AtomicBool>,
    /// Told by long calls.
    pub progress: Progress,
}

impl Sources {
    /// A sources that only has a log.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        let progress: Progress = Arc::new(|_, _| {});
        Self {
            log,
            embedded: None,
            views: None,
            actors: None,
            snapshots: None,
            source: None,
            stopping: Arc::default(),
            progress,
        }
    }

    /// The views.
    ///
    /// # Errors
    /// When this sources has none.
    pub fn views(&self) -> Result<&Arc<Views>, Problem> {
        self.views.as_ref().ok_or_else(|| Problem::internal("this process keeps no views"))
    }

    /// The snapshots of the actors, for reading.
    pub fn saved_states(&self) -> Option<Snapshots> {
        self.snapshots.as_ref().map(|folder| Snapshots::read_only(folder, self.log.log_id()))
    }

    /// The actors.
    ///
    /// # Errors
    /// When this sources has none.
    pub fn actors(&self) -> Result<&Arc<System>, Problem> {
        self.actors.as_ref().ok_or_else(|| Problem::internal("this process runs no actors"))
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::NotCaughtUp(_) => Self::new(503, "view_behind", error.to_string()),
            QueryError::UnknownCollection { .. } => Self::new(404, "unknown_collection", error.to_string()),
            _ if error.is_callers_fault() => Self::usage(error.to_string()),
            _ => Self::new(500, "view_unreadable", error.to_string()),
        }
    }
}

impl From<RebuildError> for Problem {
    fn from(error: RebuildError) -> Self {
        Self::new(500, "view_not_built", error.to_string())
    }
}
