//! What can be asked of the views, one file for each. Each answer sees everything up to the head of the log at the time
//! of the question.

mod audit;
mod dead_letters;
mod decisions;
mod performance;
mod pipeline;
mod schedules;
mod strategies;

use projections::RestoreError;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

pub use audit::{AuditPage, AuditQuery};
pub use dead_letters::DeadLetterQuery;
pub use decisions::DecisionQuery;
pub use pipeline::{PipelineView, PublisherProgress};

use super::{Views, progress::NotCaughtUp};
use crate::sqlite::{Filter, Found, Query, ViewBody, ViewError, ViewReader};

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
    #[must_use]
    pub const fn is_callers_fault(&self) -> bool {
        matches!(self, Self::UnknownCollection { .. } | Self::View(ViewError::Query(_)))
    }
}

impl Views {
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
