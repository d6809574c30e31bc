//! `verify`: the hash chain, and every decision taken again. Changes no byte.

use std::{fs, path::Path};

use clap::Args;
use serde_json::{Value, json};
use store::{EmbeddedLog, OpenError, embedded::Seal};

use crate::{
    calls::{self, fault, raw},
    problem::Problem,
};

use super::{context::Context, words};

/// Verifies the log.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Also hold the log to a seal that was kept elsewhere, as `tradewarden seal` printed it, or to those in a file, one
    /// a line; may be repeated
    #[arg(long, value_name = "SEAL")]
    against: Vec<String>,
}

/// Differences that are listed for people; the JSON holds all.
const LISTED: usize = 20;

impl Verify {
    /// Verifies it.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let against = seals(self.against)?;
        let report = match context.access::<calls::Verify>("verify") {
            Ok(access) => {
                context.ask_long(&access, "the server verifies its log", &calls::Verify { against })?
            }
            Err(problem) if problem.code == "log_unreadable" => raw(&unreadable(context, problem)?)?,
            Err(problem) => return Err(problem),
        };
        context.out.object(&report, in_words)?;
        let report: Value =
            serde_json::from_str(report.get()).map_err(|error| Problem::internal(error.to_string()))?;
        let differences = report["differences"].as_array().is_none_or(|list| !list.is_empty());
        let whole = report["not_looked_at_from"].is_null();
        Ok(u8::from(report["chain"] != "ok" || differences || !whole))
    }
}

/// Seals as they are given: each a seal, or a file of them.
fn seals(given: Vec<String>) -> Result<Vec<String>, Problem> {
    let mut seals = Vec::new();
    for text in given {
        if text.parse::<Seal>().is_ok() || !Path::new(&text).exists() {
            seals.push(text);
            continue;
        }
        let read = fs::read_to_string(&text).map_err(|error| Problem::usage(format!("{text}: {error}")))?;
        let before = seals.len();
        seals.extend(read.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned));
        if seals.len() == before {
            return Err(Problem::usage(format!("{text} holds no seal; tradewarden seal prints one")));
        }
    }
    Ok(seals)
}

/// The report on a log that does not even open.
fn unreadable(context: &Context, problem: Problem) -> Result<Value, Problem> {
    match EmbeddedLog::open_read_only(&context.folder().log()) {
        Err(OpenError::Read(error)) => Ok(json!({
            "chain": fault(&error, None),
            "events": 0,
            "decisions": 0,
            "reproduced": 0,
            "other_rules": 0,
            "unverifiable": 0,
            "differences": [],
            "not_looked_at_from": 1,
            "notes": [],
            "views": calls::VIEWS,
        })),
        _ => Err(problem),
    }
}

/// What is no difference and yet not to be passed over.
fn asides(report: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let unknown: Vec<&str> =
        report["unknown_actors"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !unknown.is_empty() {
        lines.push(format!(
            "  of {}: this version has no such actor, so nothing says whether its decisions are right",
            unknown.join(", ")
        ));
    }
    if report["pending"].as_u64().is_some_and(|pending| pending > 0) {
        lines.push(format!("pending       {}: the next run decides on them", report["pending"]));
    }
    lines.extend(
        report["notes"].as_array().into_iter().flatten().map(|note| format!("note: {}", words::text(note))),
    );
    lines
}

/// A fault of the chain, and where it is if that is known.
fn broken(fault: &Value) -> String {
    let at =
        fault["position"].as_u64().map_or_else(String::new, |position| format!(" at position {position}"));
    format!("BROKEN{at}: {}", words::text(&fault["message"]))
}

fn in_words(report: &Value) -> Vec<String> {
    let chain = match &report["chain"] {
        Value::String(ok) => ok.clone(),
        fault => broken(fault),
    };
    let mut lines = vec![
        format!("events        {}", report["events"]),
        format!("chain         {chain}"),
        format!("decisions     {}", report["decisions"]),
        format!("reproduced    {}", report["reproduced"]),
        format!("other rules   {}", report["other_rules"]),
        format!("unverifiable  {}", report["unverifiable"]),
    ];
    lines.extend(asides(report));
    let differences: Vec<&Value> = report["differences"].as_array().into_iter().flatten().collect();
    lines.push(format!("differences   {}", differences.len()));
    lines.extend(differences.iter().take(LISTED).map(|difference| {
        format!(
            "  {} at position {}: {}",
            words::text(&difference["actor"]),
            difference["basis_position"],
            words::text(&difference["problem"])
        )
    }));
    if let Some(position) = report["not_looked_at_from"].as_u64() {
        lines.push(format!("not looked at from position {position} on: nothing is said about what is there"));
    }
    lines.push(format!(
        "views         {}: tradewarden projections verify compares them",
        words::text(&report["views"])
    ));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_chain_names_a_position_only_where_one_is_known() {
        assert_eq!(broken(&json!({ "position": 7, "message": "cut" })), "BROKEN at position 7: cut");
        assert_eq!(broken(&json!({ "position": null, "message": "cut" })), "BROKEN: cut");
    }
}
