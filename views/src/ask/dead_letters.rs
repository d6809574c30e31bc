//! The dead letters.

use events::{RejectReason, Timestamp};
use projections::{DEAD_LETTER_COUNTS, DEAD_LETTERS, DeadLetter, DeadLetterCount, dead_letter_reason};

use super::{QueryError, is};
use crate::{
    Views,
    sqlite::{Cursor, Order, Query},
};

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

impl Views {
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
}
