//! `audit`: the audit collections, newest first.

use clap::Args;
use events::Timestamp;

use crate::{
    calls::{self, Limit},
    problem::Problem,
};

use super::{
    collections,
    context::Context,
    empty::Asked,
    follow::Rows,
    moment::{limit, moment},
    output::Table,
};

/// Which documents.
#[derive(Debug, Args)]
pub(super) struct Audit {
    /// The collection, such as performance_metrics
    collection: String,
    /// From this moment on: a time, a day, yesterday, or how long ago (7d); all in UTC
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only documents with this value; may be repeated. The names of the fields are those of --json
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    filters: Vec<String>,
    /// At most so many [default: 1000 rows of a table, all as JSON]
    #[arg(long, value_parser = limit, value_name = "N")]
    limit: Option<usize>,
}

impl Audit {
    /// Prints them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let access = context.access::<calls::Audit>("audit")?;
        let (since, until) = (self.since, self.until);
        let asked = Asked { types: self.filters.clone(), since, until, ..Asked::default() };
        let table = Table::new(collections::columns(&self.collection));
        let mut call = calls::Audit {
            collection: self.collection,
            since,
            until,
            filters: self.filters,
            limit: Limit::default(),
            after: None,
        };
        let mut rows = Rows::new(&context.out, &table, self.limit);
        loop {
            call.limit = rows.wanted();
            let page = access.call(&call)?;
            let goes_on = rows.print(page.items)?;
            call.after = page.next.filter(|_| goes_on);
            if call.after.is_none() {
                break;
            }
        }
        if rows.printed() == 0 {
            let appears = "The collections fill as decisions are taken; performance_metrics gets one with each daily \
                           analysis (01:00 UTC)";
            asked.note_nothing(&access, &context.out, "such document", appears)?;
        }
        Ok(0)
    }
}
