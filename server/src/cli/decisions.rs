//! `decisions`: what was decided, in the order of the log.

use std::time::Duration;

use clap::Args;
use events::Timestamp;

use crate::{
    calls::{self, Call as _},
    problem::Problem,
};

use super::{
    context::Context,
    follow::{self, Paged},
    moment::moment,
    output::{Column, Table, left, right},
    words,
};

/// Which decisions.
#[derive(Debug, Args)]
pub struct Decisions {
    /// Goes on as decisions are taken
    #[arg(long)]
    follow: bool,
    /// Only of this type, such as StrategyDisabled; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only about this strategy
    #[arg(long)]
    strategy: Option<String>,
    /// Only what happened since: a time, a day, or how long ago (7d)
    #[arg(long, value_parser = moment, value_name = "TIME")]
    since: Option<Timestamp>,
    /// Only from this position of the log on
    #[arg(long, value_name = "POSITION")]
    from: Option<u64>,
}

/// The columns of events.
pub const COLUMNS: [Column; 6] = [
    right("POSITION", |event| event["position"].to_string()),
    left("HAPPENED", |event| words::moment(&event["occurred_at"])),
    left("TYPE", |event| words::text(&event["event_type"])),
    left("ABOUT", words::subject),
    left("ID", |event| words::text(&event["event_id"])),
    left("WHAT", words::what),
];

impl Paged for calls::Decisions {
    fn page(&mut self, after: u64, wait: Duration) {
        self.after = after;
        self.wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    }
}

impl Decisions {
    /// Prints them.
    pub fn run(self, context: &Context) -> Result<u8, Problem> {
        let after = self.from.map_or(0, |from| from.saturating_sub(1));
        let mut call = calls::Decisions {
            types: self.types,
            strategy: self.strategy,
            since: self.since,
            ..calls::Decisions::default()
        };
        let table = Table::new(&COLUMNS);
        if self.follow {
            return follow::follow(context, "decisions", &table, &mut call, after);
        }
        let access = context.access("decisions", calls::Decisions::NEEDS)?;
        if follow::all(&access, &context.out, &table, &mut call, after, None)? == 0 {
            context.out.note(
                "no such decision yet. Halts, analyses and alerts appear here once trades are taken in: \
                 tradewarden publish FILE sends some to a running server, tradewarden rehearse FILE shows what would \
                 have been decided",
            );
        }
        Ok(0)
    }
}
