//! `strategies`: state, since when, why; disable and enable.

use clap::{Args, Subcommand};
use events::Forgotten;
use serde::Deserialize as _;
use serde_json::{Value, value::RawValue};
use store::now;

use crate::{
    calls::{Asked, Call, Disable, Enable, Outcome, StrategyList, StrategyShow},
    problem::Problem,
};

use super::{
    context::Context,
    output::{Column, Table, left, right},
    run::NewLog,
    strategy::in_words,
    words,
};

/// What to do with strategies; without a word: list them.
#[derive(Debug, Args)]
pub(super) struct Strategies {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists all strategies with their state
    List,
    /// Shows one strategy: how near each limit is, who had a hand in its state, what lifts a reduction
    Show {
        /// Its name
        name: String,
    },
    /// Halts a strategy: no new positions until it is enabled
    Disable(Change),
    /// Lets a strategy trade again: of a HALTED one the counters start afresh, of a REDUCING one they stay
    Enable {
        #[command(flatten)]
        change: Change,
        /// Starts the counters afresh also where the strategy is ACTIVE or REDUCING: the loss of today is forgotten
        #[arg(long)]
        reset_counters: bool,
    },
}

/// A change of a strategy's state.
#[derive(Debug, Args)]
pub(super) struct Change {
    /// Its name
    #[arg(value_parser = name_of)]
    name: String,
    /// Why; kept with the decision
    #[arg(long)]
    reason: String,
    /// Also for a strategy that has not traded yet
    #[arg(long)]
    new: bool,
    #[command(flatten)]
    log: NewLog,
}

fn name_of(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("wanted is the name of a strategy".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

pub(super) const COLUMNS: [Column; 6] = [
    left("STRATEGY", |item| words::text(&item["strategy"])),
    left("STATE", |item| words::text(&item["state"])),
    left("SINCE", |item| words::moment(&item["since"])),
    right("TRADES", |item| words::text(&item["trades"])),
    right("AFTER HALT", |item| words::text(&item["trades_since_halt"])),
    left("WHY", why),
];

/// The decision behind a state, and why an operator keeps it.
pub(super) fn why(item: &Value) -> String {
    let why = &item["why"];
    if why.is_null() {
        return "-".to_owned();
    }
    let rules: Vec<String> = why["rules"].as_array().into_iter().flatten().map(words::rule).collect();
    let causes = words::causes(why);
    let reason = why["reason"].as_str().unwrap_or_default();
    let kept = item["kept_halted"]["reason"].as_str().map(|reason| format!("kept halted: {reason}"));
    let parts = [rules.join("; "), causes, reason.to_owned(), kept.unwrap_or_default()];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

impl Strategies {
    /// Shows or changes them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        match self.action {
            None | Some(Action::List) => list(context),
            Some(Action::Show { name }) => show(context, name),
            Some(Action::Disable(change)) => {
                let call =
                    Disable { name: change.name.clone(), asked: asked(change.reason.clone(), change.new) };
                request(context, "strategies disable", &call, &change.name, change.log)
            }
            Some(Action::Enable { change, reset_counters }) => {
                let call = Enable {
                    name: change.name.clone(),
                    reset_counters,
                    asked: asked(change.reason.clone(), change.new),
                };
                request(context, "strategies enable", &call, &change.name, change.log)
            }
        }
    }
}

fn list(context: &Context) -> Result<u8, Problem> {
    let page = context.ask("strategies list", &StrategyList {})?;
    context.out.items(&page.items, &Table::new(&COLUMNS))?;
    if page.items.is_empty() {
        context.out.note(
            "no strategy yet. Each appears with its first trade: tradewarden publish FILE sends trades to a running \
             server",
        );
    }
    Ok(0)
}

fn show(context: &Context, name: String) -> Result<u8, Problem> {
    let strategy = context.ask("strategies show", &StrategyShow { name })?;
    context.out.object(&strategy, |strategy| in_words(strategy, &now().to_string()))?;
    Ok(0)
}

/// What an operator of this machine asks, as a request that is new.
pub(super) fn asked(reason: String, new: bool) -> Asked {
    let operator = std::env::var("USER").ok().filter(|user| !user.trim().is_empty());
    let key = format!("{}-{}", std::process::id(), now().micros());
    Asked { reason, operator: operator.unwrap_or_else(|| "unknown".to_owned()), key, new }
}

fn request<C: Call<Answer = Outcome>>(
    context: &Context,
    command: &'static str,
    call: &C,
    name: &str,
    log: NewLog,
) -> Result<u8, Problem> {
    let outcome = context.access_to::<C>(command, log.new_log)?.call(call)?;
    let decisions: &[Box<RawValue>] = &outcome.decisions;
    if decisions.is_empty() {
        context.out.note(&format!(
            "nothing changes: {name} is in that state already. Your request is kept with its reason"
        ));
        if context.out.is_json() {
            context.out.items(std::slice::from_ref(&outcome.request), &Table::new(&[]))?;
        }
        return Ok(0);
    }
    context.out.items(decisions, &Table::new(&super::decisions::COLUMNS))?;
    for decision in decisions {
        let decision: Value = serde_json::from_str(decision.get()).unwrap_or_default();
        if decision["event_type"] == "StrategyKeptHalted" {
            context.out.note(&format!("{name} was HALTED already and stays so; your reason is kept with it"));
        }
        let forgotten = Forgotten::deserialize(&decision["event"]["forgets"]).ok();
        if let Some(forgets) = forgotten.and_then(|forgotten| words::forgets(&forgotten, &now().to_string()))
        {
            context.out.note(&format!("{name} {forgets}"));
        }
    }
    Ok(0)
}
