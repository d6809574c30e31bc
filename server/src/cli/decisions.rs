//! `decisions`: what was decided, in the order of the log.

use std::time::Duration;

use clap::Args;
use events::Timestamp;

use crate::{
    calls::{self, Limit},
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

/// Which decisions.
#[derive(Debug, Args)]
pub(super) struct Decisions {
    /// Goes on as decisions are taken
    #[arg(long, conflicts_with_all = ["until", "limit"])]
    follow: bool,
    /// Only of this type, such as StrategyDisabled; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only about this strategy
    #[arg(long)]
    strategy: Option<String>,
    /// Only what happened since: a time, a day, yesterday, or how long ago (7d); all in UTC
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only what happened before this moment
    #[arg(long, value_parser = moment, allow_hyphen_values = true, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Only from this position of the log on
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
    /// At most so many [default: 1000 rows of a table, all as JSON]
    #[arg(long, value_parser = limit, value_name = "N")]
    limit: Option<usize>,
}

/// The columns of events.
pub(super) const COLUMNS: [Column; 6] = [
    right("POSITION", |event| event["position"].to_string()),
    left("HAPPENED", |event| words::moment(&event["occurred_at"])),
    left("TYPE", |event| words::text(&event["event_type"])),
    left("ABOUT", words::subject),
    left("ID", |event| words::text(&event["event_id"])),
    left("WHAT", words::what_of),
];

impl Paged for calls::Decisions {
    fn page(&mut self, after: u64, limit: Limit, wait: Duration) {
        (self.after, self.limit) = (after, limit);
        self.wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    }
}

impl Decisions {
    /// Prints them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let after = self.from.map_or(0, |from| from.saturating_sub(1));
        let asked = Asked {
            types: self.types.clone(),
            strategy: self.strategy.clone(),
            since: self.since,
            until: self.until,
            from: self.from,
        };
        let mut call = calls::Decisions {
            types: self.types,
            strategy: self.strategy,
            since: self.since,
            until: self.until,
            ..calls::Decisions::default()
        };
        let table = Table::new(&COLUMNS);
        if self.follow {
            return follow::follow(context, "decisions", &table, &mut call, after);
        }
        let access = context.access::<calls::Decisions>("decisions")?;
        if follow::all(&access, &context.out, &table, &mut call, after, self.limit)? == 0 {
            let appears = "Halts, analyses and alerts appear here once trades are taken in: tradewarden publish FILE sends \
                           some to a running server, tradewarden rehearse FILE shows what would have been decided";
            asked.note_nothing(&access, &context.out, "decision", appears)?;
        }
        Ok(0)
    }
}
