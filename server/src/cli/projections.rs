//! `projections`: how far the views are, rebuilding them, comparing them with the events.

use clap::{Args, Subcommand};
use serde_json::Value;

use crate::{
    calls::{ProjectionList, Rebuild, VerifyViews},
    problem::Problem,
};

use super::{
    context::Context,
    output::{Column, Table, left, right},
    words,
};

/// What to do with views.
#[derive(Debug, Subcommand)]
pub(super) enum Projections {
    /// Position and lag of each
    List,
    /// Builds views anew beside the live ones, and swaps them in
    Rebuild(Which),
    /// Builds copies and compares them with the live ones
    Verify(Names),
}

/// Which views to rebuild.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Their names
    names: Vec<String>,
    /// Every view
    #[arg(long)]
    all: bool,
}

/// Which views to compare.
#[derive(Debug, Args)]
pub(super) struct Names {
    /// Their names [default: every view]
    names: Vec<String>,
}

const COLUMNS: [Column; 7] = [
    left("PROJECTION", |item| words::text(&item["name"])),
    right("VERSION", |item| words::text(&item["version"])),
    left("STATE", |item| words::text(&item["state"])),
    right("POSITION", |item| words::text(&item["position"])),
    right("LAG", |item| words::text(&item["lag_events"])),
    right("LAG S", |item| words::figure(&item["lag_seconds"])),
    left("FAILURE", |item| words::text(&item["failure"]["message"])),
];

const REBUILT: [Column; 2] = [
    left("REBUILT", |item| words::text(&item["projection"])),
    right("POSITION", |item| words::text(&item["position"])),
];

const COMPARED: [Column; 3] = [
    left("PROJECTION", |item| words::text(&item["projection"])),
    left("VERDICT", |item| if item["equal"] == true { "equal".to_owned() } else { "differs".to_owned() }),
    left("FIRST DIFFERENCE", difference),
];

fn difference(item: &Value) -> String {
    let difference = &item["difference"];
    if difference.is_null() {
        return "-".to_owned();
    }
    format!("{} {}", words::text(&difference["collection"]), words::text(&difference["key"]))
}

impl Projections {
    /// Does it.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        match self {
            Self::List => list(context),
            Self::Rebuild(which) => rebuild(context, which.names),
            Self::Verify(Names { names }) => verify(context, names),
        }
    }
}

fn list(context: &Context) -> Result<u8, Problem> {
    let page = context.ask("projections list", &ProjectionList {})?;
    context.out.items(&page.items, &Table::new(&COLUMNS))?;
    Ok(0)
}

fn rebuild(context: &Context, names: Vec<String>) -> Result<u8, Problem> {
    let access = context.access::<Rebuild>("projections rebuild")?;
    let page = context.ask_long(&access, "the server rebuilds its views", &Rebuild { names })?;
    context.out.items(&page.items, &Table::new(&REBUILT))?;
    Ok(0)
}

fn verify(context: &Context, names: Vec<String>) -> Result<u8, Problem> {
    let access = context.access::<VerifyViews>("projections verify")?;
    let page = context.ask_long(&access, "the server compares its views", &VerifyViews { names })?;
    context.out.items(&page.items, &Table::new(&COMPARED))?;
    let differs = page.items.iter().any(|item| {
        let item: Value = serde_json::from_str(item.get()).unwrap_or_default();
        item["equal"] != true
    });
    if differs {
        context.out.note("a view differs from the events: tradewarden projections rebuild NAME mends it");
    }
    Ok(u8::from(differs))
}
