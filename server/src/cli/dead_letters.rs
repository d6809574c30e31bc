//! `dead-letters`: what could not be taken in, with its reason and its bytes.

use clap::{Args, Subcommand};
use events::Timestamp;
use serde_json::Value;

use crate::{
    calls::{Call as _, DeadLetterList, DeadLetterShow},
    problem::Problem,
};

use super::{
    context::Context,
    moment::moment,
    output::{Column, Table, left, right},
    words,
};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadLetters {
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
pub struct List {
    /// Only of this reason, such as malformed
    #[arg(long)]
    reason: Option<String>,
    /// Only of this strategy
    #[arg(long)]
    strategy: Option<String>,
    /// Only what was rejected since: a time, a day, or how long ago (7d)
    #[arg(long, value_parser = moment, value_name = "TIME")]
    since: Option<Timestamp>,
    /// At most so many
    #[arg(long)]
    limit: Option<usize>,
}

const COLUMNS: [Column; 6] = [
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

impl DeadLetters {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<u8, Problem> {
        match self {
            Self::List(list) => list.run(context),
            Self::Show { id } => {
                let letter = context
                    .access("dead-letters show", DeadLetterShow::NEEDS)?
                    .call(&DeadLetterShow { id })?;
                context.out.object(&letter, words::lines)?;
                Ok(0)
            }
        }
    }
}

impl List {
    fn run(self, context: &Context) -> Result<u8, Problem> {
        let List { reason, strategy, since, limit } = self;
        let call = DeadLetterList { reason, strategy, since, limit: limit.unwrap_or(0) };
        let page = context.access("dead-letters list", DeadLetterList::NEEDS)?.call(&call)?;
        context.out.items(&page.items, &Table::new(&COLUMNS))?;
        if page.items.is_empty() {
            context.out.note(
                "no such dead letter. Records that cannot be read, or that tell a known trade differently, appear \
                 here; tradewarden publish FILE sends records",
            );
        }
        Ok(0)
    }
}
