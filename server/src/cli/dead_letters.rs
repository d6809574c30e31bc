//! `dead-letters`: what could not be taken in, with its reason and its bytes.

use std::time::Duration;

use ::projections::dead_letter_reason;
use clap::{Args, Subcommand};
use events::{RejectReason, Timestamp};
use serde_json::Value;

use crate::{
    calls::{DeadLetterList, DeadLetterShow, Limit},
    problem::Problem,
};

use super::{
    context::Context,
    empty::Asked,
    follow::{self, Paged},
    moment::{limit, moment},
    output::{Column, Table, left, right},
    words,
};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    /// Lists them, newest first
    List(List),
    /// Shows one with its bytes
    Show {
        /// Its id or its position
        id: String,
    },
}

/// Which dead letters.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this reason, such as malformed
    #[arg(long, value_parser = reason)]
    reason: Option<RejectReason>,
    /// Only of this strategy
    #[arg(long)]
    strategy: Option<String>,
    /// Only what was rejected since: a time, a day, yesterday, or how long ago (7d); all in UTC
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
    since: Option<Timestamp>,
    /// At most so many [default: 1000 rows of a table, all as JSON]
    #[arg(long, value_parser = limit, value_name = "N")]
    limit: Option<usize>,
}

pub(super) const COLUMNS: [Column; 6] = [
    right("POSITION", |item| words::text(&item["position"])),
    left("REJECTED", |item| words::moment(&item["recorded_at"])),
    left("REASON", |item| words::text(&item["reason"])),
    left("FROM", origin),
    left("STRATEGY", |item| words::text(&item["strategy"])),
    left("DETAIL", |item| words::shortened(&words::text(&item["detail"]))),
];

fn origin(item: &Value) -> String {
    let origin = &item["origin"];
    match origin["kind"].as_str() {
        Some("kafka") => {
            format!("{} [{}] @{}", words::text(&origin["topic"]), origin["partition"], origin["offset"])
        }
        Some("file") => format!("{} row {}", words::text(&origin["file"]), origin["row"]),
        _ => "http".to_owned(),
    }
}

impl Paged for DeadLetterList {
    fn page(&mut self, after: u64, limit: Limit, _wait: Duration) {
        // They come newest first: what comes after stands before.
        (self.after, self.limit) = ((after > 0).then_some(after), limit);
    }
}

fn reason(text: &str) -> Result<RejectReason, String> {
    serde_json::from_value(Value::from(text)).map_err(|error| error.to_string())
}

impl DeadLetters {
    /// Prints them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        match self {
            Self::List(list) => list.run(context),
            Self::Show { id } => {
                let letter = context.ask("dead-letters show", &DeadLetterShow { id })?;
                context.out.object(&letter, words::lines)?;
                Ok(0)
            }
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<u8, Problem> {
        let List { reason, strategy, since, limit } = self;
        let types = reason.iter().map(|reason| dead_letter_reason(*reason)).collect();
        let asked = Asked { types, strategy: strategy.clone(), since, ..Asked::default() };
        let mut call = DeadLetterList { reason, strategy, since, ..DeadLetterList::default() };
        let access = context.access::<DeadLetterList>("dead-letters list")?;
        if follow::all(&access, &context.out, &Table::new(&COLUMNS), &mut call, 0, limit)? == 0 {
            let appears = "Records that cannot be read, or that tell a known trade differently, appear here; tradewarden \
                           publish FILE sends records";
            asked.note_nothing(&access, &context.out, "dead letter", appears)?;
        }
        Ok(0)
    }
}
