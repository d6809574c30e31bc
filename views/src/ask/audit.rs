//! Documents of any collection.

use events::Timestamp;
use projections::Collection;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{QueryError, documents, is};
use crate::{
    Views,
    sqlite::{Cursor, Order, Query, Sort},
};

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

impl Views {
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
        let all = self.options.kinds.iter().flat_map(|kind| kind.collections.iter().map(|c| (kind.name, c)));
        all.filter(|(_, collection)| collection.shown)
    }

    fn collection(&self, name: &str) -> Result<(&'static str, &'static Collection), QueryError> {
        let found = self.shown_collections().find(|(_, collection)| collection.name == name);
        found.ok_or_else(|| QueryError::UnknownCollection {
            name: name.to_owned(),
            known: self.collections().join(", "),
        })
    }
}
