//! `why`: the chain of causes down to the fact, with the evidence.

use clap::Args;
use serde_json::Value;

use crate::{calls, problem::Problem};

use super::{context::Context, words};

/// Which event.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// The event's id or its position
    id: String,
    /// Also the configuration and state that the actor held, folded anew from the log
    #[arg(long)]
    state: bool,
}

/// Trades that are listed for people; the JSON holds all.
const LISTED: usize = 30;

impl Why {
    /// Explains it.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        let explanation = context.ask("why", &calls::Why { id: self.id, state: self.state })?;
        context.out.object(&explanation, explain)?;
        Ok(0)
    }
}

fn explain(explanation: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (depth, event) in explanation["chain"].as_array().into_iter().flatten().enumerate() {
        let because = if depth == 0 { String::new() } else { format!("{}because of ", "  ".repeat(depth)) };
        lines.push(format!(
            "{because}{} {}{} at {} (position {}, {})",
            words::text(&event["event_type"]),
            words::subject(event),
            words::by_operator(event),
            words::moment(&event["occurred_at"]),
            event["position"],
            words::text(&event["event_id"]),
        ));
        lines.push(format!("{}  {}", "  ".repeat(depth), words::what_of(event)));
    }
    lines.push(String::new());
    if !explanation["basis_position"].is_null() {
        lines.push(format!(
            "decided by version {} of the rules, on everything up to position {}",
            explanation["rules_version"], explanation["basis_position"]
        ));
    }
    lines.extend(evidence(&explanation["evidence"]));
    lines.extend(trades(explanation));
    let held = &explanation["held"];
    if !held.is_null() {
        lines.push(String::new());
        lines.push(format!("{} held, when it decided:", words::text(&held["actor"])));
        for part in ["config", "state"] {
            let shown = serde_json::to_string_pretty(&held[part]).unwrap_or_default();
            lines.extend(format!("{part} {shown}").lines().map(str::to_owned));
        }
    }
    lines
}

fn evidence(evidence: &Value) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for rule in evidence["rules"].as_array().into_iter().flatten() {
        lines.push(format!(
            "breached: {}, value {}, threshold {}, window {}, {}",
            words::text(&rule["rule"]),
            words::number(&rule["value"]),
            words::number(&rule["threshold"]),
            words::text(&rule["window"]),
            words::counted(&rule["trades"], "trade")
        ));
    }
    if let Some(metrics) = evidence["metrics"].as_object() {
        let metrics: Vec<String> =
            metrics.iter().map(|(name, value)| format!("{name} {}", words::text(value))).collect();
        lines.push(format!("figures at that moment: {}", metrics.join(", ")));
    }
    for cause in evidence["causes"].as_array().into_iter().flatten() {
        lines.push(format!("cause: {}, {}", words::text(&cause["kind"]), words::text(&cause["detail"])));
    }
    lines
}

fn trades(explanation: &Value) -> Vec<String> {
    let trades: Vec<&Value> = explanation["trades"].as_array().into_iter().flatten().collect();
    if trades.is_empty() {
        return Vec::new();
    }
    let more = if explanation["trades_left_out"] == true { ", older ones left out" } else { "" };
    let mut lines =
        vec![format!("the window rests on {}, newest first{more}:", words::counted(trades.len(), "trade"))];
    lines.extend(trades.iter().take(LISTED).map(|trade| {
        format!("  {} closed {}", words::what_of(trade), words::moment(&trade["event"]["closed_at"]))
    }));
    if trades.len() > LISTED {
        lines.push(format!("  and {} more: see --json", trades.len() - LISTED));
    }
    lines
}
