//! `events`: any event of the log.

use std::time::Duration;

use clap::{Args, Subcommand};
use events::Timestamp;

use crate::{
    calls::{EventList, EventShow, EventTail, Limit},
    problem::Problem,
};

use super::{
    context::Context,
    decisions::COLUMNS,
    empty::Asked,
    follow::{self, Paged},
    moment::{limit, moment},
    output::Table,
    words,
};

/// What to do with events.
#[derive(Debug, Subcommand)]
pub(super) enum Events {
    /// Lists events in the order of the log
    List(List),
    /// Shows one event
    Show(Show),
    /// Shows the last events
    Tail(Tail),
}

/// Which events.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Only of this type, such as TradeClosed; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only of this stream
    #[arg(long)]
    stream: Option<String>,
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

/// Which event.
#[derive(Debug, Args)]
pub(super) struct Show {
    /// The event's id or its position
    id: String,
}

/// How many of the last events.
#[derive(Debug, Args)]
pub(super) struct Tail {
    /// How many
    #[arg(short = 'n', long, value_parser = clap::value_parser!(u64).range(1..=Limit::MOST as u64), default_value_t = 20)]
    lines: u64,
    /// Goes on as events are appended
    #[arg(long, short)]
    follow: bool,
}

impl Paged for EventList {
    fn page(&mut self, after: u64, limit: Limit, wait: Duration) {
        (self.after, self.limit) = (after, limit);
        self.wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    }
}

impl Events {
    /// Prints them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        match self {
            Self::List(list) => list.run(context),
            Self::Show(show) => show.run(context),
            Self::Tail(tail) => tail.run(context),
        }
    }
}

const NOTHING: &str = "Trades and what is decided on them appear here: tradewarden run takes them \
                       in, tradewarden publish FILE sends some";

impl List {
    fn run(self, context: &Context) -> Result<u8, Problem> {
        let after = self.from.map_or(0, |from| from.saturating_sub(1));
        let asked = Asked {
            types: self.types.clone(),
            strategy: self.strategy.clone(),
            since: self.since,
            until: self.until,
            from: self.from,
        };
        let mut call = EventList {
            types: self.types,
            stream: self.stream,
            strategy: self.strategy,
            since: self.since,
            until: self.until,
            ..EventList::default()
        };
        let access = context.access::<EventList>("events list")?;
        let table = Table::new(&COLUMNS);
        if follow::all(&access, &context.out, &table, &mut call, after, self.limit)? == 0 {
            asked.note_nothing(&access, &context.out, "event", NOTHING)?;
        }
        Ok(0)
    }
}

impl Show {
    fn run(self, context: &Context) -> Result<u8, Problem> {
        let event = context.ask("events show", &EventShow { id: self.id })?;
        context.out.object(&event, |event| {
            let mut lines = words::lines(event);
            lines.retain(|line| !line.starts_with("event "));
            lines.push(String::new());
            lines.extend(words::lines(&event["event"]).iter().map(|line| format!("  {line}")));
            lines
        })?;
        Ok(0)
    }
}

impl Tail {
    fn run(self, context: &Context) -> Result<u8, Problem> {
        let table = Table::new(&COLUMNS);
        let lines = Limit::try_from(self.lines).map_err(Problem::usage)?;
        let page = context.ask("events tail", &EventTail { lines })?;
        context.out.items(&page.items, &table)?;
        if self.follow {
            let after = page.next.unwrap_or(0);
            return follow::follow(context, "events tail", &table, &mut EventList::default(), after);
        }
        if page.items.is_empty() {
            context.out.note(&format!("no event yet. {NOTHING}"));
        }
        Ok(0)
    }
}
