//! What calls are answered from: the log, the views, the actors.

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use runtime::system::System;
use store::{Chained, EventLog, Snapshots};
use views::{QueryError, RebuildError, Views};

use super::{Call, source::Source};
use crate::problem::Problem;

/// Told how far a long call has come: done, of how many.
pub(crate) type Progress = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// A log with what is kept beside it, as far as it is there.
#[derive(Clone)]
pub(crate) struct Log {
    /// The events.
    pub events: Arc<dyn EventLog>,
    /// The chain of the same log; nothing where it has none.
    pub chain: Option<Arc<dyn Chained>>,
    /// The views, for who finds things sooner with them and does without.
    pub views: Option<Arc<Views>>,
    /// Where snapshots of actors lie.
    pub snapshots: Option<PathBuf>,
    /// How the Kafka source stands, where there is one.
    pub source: Option<Arc<dyn Fn() -> Source + Send + Sync>>,
    /// Told by long calls.
    pub progress: Progress,
}

/// A log, and its views.
pub(crate) struct WithViews {
    /// The log.
    pub log: Log,
    /// The views.
    pub views: Arc<Views>,
}

/// A log that is written, and the actors that decide on it.
pub(crate) struct Running {
    /// The log.
    pub log: Log,
    /// The actors.
    pub actors: Arc<System>,
}

/// Everything that calls are answered from in this process.
#[derive(Clone)]
pub(crate) struct Sources {
    /// The log.
    pub log: Log,
    /// The actors.
    pub actors: Option<Arc<System>>,
    /// Set when the process ends: whoever waits for news stops waiting.
    pub stopping: Arc<AtomicBool>,
}

/// What a call needs where no server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Needs {
    /// The log, for reading.
    Log,
    /// The views as well.
    Views,
    /// The actors as well: the log is written.
    Actors,
}

/// What a call is answered from: that, and no more, is opened for it.
pub(crate) trait Given: Sized {
    /// What is opened.
    const NEEDS: Needs;

    /// Out of what this process has.
    ///
    /// # Errors
    /// When it is not there.
    fn of(sources: &Sources) -> Result<Self, Problem>;
}

impl Given for Log {
    const NEEDS: Needs = Needs::Log;

    fn of(sources: &Sources) -> Result<Self, Problem> {
        Ok(sources.log.clone())
    }
}

impl Given for WithViews {
    const NEEDS: Needs = Needs::Views;

    fn of(sources: &Sources) -> Result<Self, Problem> {
        let views = sources.log.views.clone();
        let views = views.ok_or_else(|| Problem::internal("this process keeps no views"))?;
        Ok(Self { log: sources.log.clone(), views })
    }
}

impl Given for Running {
    const NEEDS: Needs = Needs::Actors;

    fn of(sources: &Sources) -> Result<Self, Problem> {
        let actors = sources.actors.clone();
        let actors = actors.ok_or_else(|| Problem::internal("this process runs no actors"))?;
        Ok(Self { log: sources.log.clone(), actors })
    }
}

impl Log {
    /// The snapshots of the actors, for reading.
    pub(crate) fn saved_states(&self) -> Option<Snapshots> {
        self.snapshots.as_ref().map(|folder| Snapshots::read_only(folder, self.events.log_id()))
    }
}

impl Sources {
    /// Only a log.
    pub(crate) fn new(events: Arc<dyn EventLog>) -> Self {
        let progress: Progress = Arc::new(|_, _| {});
        let log = Log { events, chain: None, views: None, snapshots: None, source: None, progress };
        Self { log, actors: None, stopping: Arc::default() }
    }

    /// Answers a call.
    ///
    /// # Errors
    /// When the call cannot be answered; the problem says why.
    pub(crate) fn answer<C: Call>(&self, call: &C) -> Result<C::Answer, Problem> {
        call.answer(&C::Given::of(self)?)
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
