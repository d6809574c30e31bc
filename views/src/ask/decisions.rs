//! The index of decisions.

use events::Timestamp;
use projections::{DECISIONS, DecisionEntry};

use super::{QueryError, is};
use crate::{
    Views,
    sqlite::{Filter, Order, Query},
};

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

impl Views {
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
}
