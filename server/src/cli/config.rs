//! `config`: check the configuration, explain a key, or show the default one.

use std::sync::Arc;

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    access::{Access, Way},
    calls::{StrategyList, raw},
    config::{self, Config as Configuration, DEFAULT_FILE, Fault},
    problem::Problem,
};

use super::{
    context::Context,
    words::{self, counted},
};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Tells every fault at once, and what is hardly meant
    Check,
    /// Explains a key: its value, where that stands, its default, what it means
    Explain {
        /// The key, such as strategy_guard.max_daily_loss_pct
        key: String,
    },
    /// Prints a complete file with every key, its default and its reason
    Default,
}

impl Config {
    /// Does it.
    pub fn run(self, context: &Context) -> Result<u8, Problem> {
        match self {
            Self::Default => {
                context.out.line(DEFAULT_FILE.trim_end())?;
                Ok(0)
            }
            Self::Check => check(context),
            Self::Explain { key } => explain(context, &key),
        }
    }
}

fn explain(context: &Context, key: &str) -> Result<u8, Problem> {
    let config = context.config()?;
    let key = config::key_of_text(key.trim()).unwrap_or_default();
    let explanation = config::explain(&config, &key).map_err(Problem::usage)?;
    context.out.object(&raw(&explanation)?, words::lines)?;
    Ok(0)
}

fn check(context: &Context) -> Result<u8, Problem> {
    let checked = Configuration::of_process(context.globals.config.as_deref(), &context.globals.set);
    let (faults, warnings) = match checked {
        Err(faults) => (faults, Vec::new()),
        Ok(config) => (config.missing(), [config.warnings.clone(), without_trade(context, &config)].concat()),
    };
    if context.out.is_json() {
        return as_json(context, &faults, &warnings);
    }
    for warning in &warnings {
        context.out.warn(&warning.to_string());
    }
    if !faults.is_empty() {
        return Err(super::context::faulty(&faults));
    }
    let also = if warnings.is_empty() {
        String::new()
    } else {
        format!(", with {}", counted(warnings.len(), "warning"))
    };
    context.out.line(&format!("good{also}"))?;
    Ok(0)
}

/// Faults and warnings one a line, and a line that says so when it is good.
fn as_json(context: &Context, faults: &[Fault], warnings: &[Fault]) -> Result<u8, Problem> {
    for (severity, told) in [("fault", faults), ("warning", warnings)] {
        for fault in told {
            context.out.line(&object(severity, fault).to_string())?;
        }
    }
    if !faults.is_empty() {
        return Ok(2);
    }
    context.out.line(&json!({ "good": true, "warnings": warnings.len() }).to_string())?;
    Ok(0)
}

fn object(severity: &str, fault: &Fault) -> Value {
    json!({
        "severity": severity,
        "origin": fault.origin.to_string(),
        "key": fault.key,
        "value": fault.value,
        "problem": fault.problem,
    })
}

/// Sections of strategies that no trade is known of; asks only when there is such a section, and a folder to ask.
fn without_trade(context: &Context, config: &Configuration) -> Vec<Fault> {
    let folder = context.folder();
    if config.guard.strategies.is_empty() || !folder.log().is_dir() {
        return Vec::new();
    }
    let way = Way {
        folder: &folder,
        config,
        command: "config check",
        new_log: false,
        progress: Arc::new(|_, _| {}),
        waiting: &|_| {},
        slow: context.slow(),
    };
    let asked = Access::find::<StrategyList>(&way).and_then(|access| access.call(&StrategyList {}));
    let page = match asked {
        Ok(page) => page,
        Err(problem) => {
            context
                .out
                .note(&format!("the sections of strategies are not compared with {folder}: {problem}"));
            return Vec::new();
        }
    };
    let items = page.items.iter().filter_map(|item| serde_json::from_str::<Value>(item.get()).ok());
    let seen: Vec<String> = items.filter_map(|item| item["strategy"].as_str().map(str::to_owned)).collect();
    config.sections_without_trade(seen.iter().map(String::as_str))
}
