//! `audit`: the audit collections, newest first.

use clap::Args;
use events::Timestamp;
use serde_json::{Value, value::RawValue};

use crate::{
    calls::{self, Call as _},
    problem::Problem,
};

use super::{context::Context, moment::moment, words};

/// Which documents.
#[derive(Debug, Args)]
pub struct Audit {
    /// The collection, such as performance_metrics
    collection: String,
    /// From this moment on: a time, a day, or how long ago (7d)
    #[arg(long, value_parser = moment, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Before this moment
    #[arg(long, value_parser = moment, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only documents with this value; may be repeated
    #[arg(long = "where", value_name = "FIELD=VALUE")]
    filters: Vec<String>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

impl Audit {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<u8, Problem> {
        let access = context.access("audit", calls::Audit::NEEDS)?;
        let mut call = calls::Audit {
            collection: self.collection,
            since: self.since,
            until: self.until,
            filters: self.filters,
            limit: self.limit,
            after: None,
        };
        let mut printed = 0;
        loop {
            let page = access.call(&call)?;
            for document in &page.items {
                print(context, document, printed)?;
                printed += 1;
            }
            call.limit = self.limit.map(|limit| limit - printed.min(limit));
            if page.next.is_none() || call.limit == Some(0) {
                break;
            }
            call.after = page.next;
        }
        if printed == 0 {
            context.out.note(
                "no such document yet. The collections fill as decisions are taken; performance_metrics gets one with \
                 each daily analysis (01:00 UTC)",
            );
        }
        Ok(0)
    }
}

/// A document; documents differ too much for one table.
fn print(context: &Context, document: &RawValue, before: usize) -> Result<(), Problem> {
    context.out.object(document, |document: &Value| {
        let mut lines = if before == 0 { Vec::new() } else { vec![String::new()] };
        lines.extend(words::lines(document));
        lines
    })
}
