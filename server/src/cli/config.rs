//! `config`: check the configuration, explain a key, or show the default one.

use std::sync::Arc;

use clap::Subcommand;
use intake::RatioHint;
use serde_json::{Value, json};

use crate::{
    access::{Access, Way},
    calls::{Call, EventTail, Limit, StrategyList, raw},
    config::{self, Config as Configuration, DEFAULT_FILE, Fault, Origin},
    problem::Problem,
};

use super::{
    context::Context,
    words::{self, counted},
};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
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
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
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
        Ok(config) => {
            (config.missing(), [config.warnings.clone(), beside_the_log(context, &config)].concat())
        }
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

/// What only the data folder tells of: sections that guard nobody, and percents that look like ratios.
fn beside_the_log(context: &Context, config: &Configuration) -> Vec<Fault> {
    if !context.folder().log().is_dir() {
        return Vec::new();
    }
    [without_trade(context, config), ratios(context, config)].concat()
}

/// Sections of strategies that no trade is known of; asks only when there is such a section.
fn without_trade(context: &Context, config: &Configuration) -> Vec<Fault> {
    if config.named_strategies().is_empty() {
        return Vec::new();
    }
    let Some(page) = asked(context, config, &StrategyList {}, "the sections of strategies") else {
        return Vec::new();
    };
    let items = page.items.iter().filter_map(|item| serde_json::from_str::<Value>(item.get()).ok());
    let seen: Vec<String> = items.filter_map(|item| item["strategy"].as_str().map(str::to_owned)).collect();
    config.sections_without_trade(seen.iter().map(String::as_str))
}

/// The hint that percents may be ratios, by the newest trades: it tells of the bot that publishes now.
fn ratios(context: &Context, config: &Configuration) -> Vec<Fault> {
    let newest = EventTail { lines: Limit::up_to(Limit::MOST) };
    let Some(page) = asked(context, config, &newest, "the names of fields") else { return Vec::new() };
    let mut hint = RatioHint::default();
    for item in &page.items {
        let Ok(mut event) = serde_json::from_str::<Value>(item.get()) else { continue };
        if event["event_type"] == "TradeClosed"
            && let Ok(trade) = serde_json::from_value(event["event"].take())
        {
            hint.look(&trade);
        }
    }
    let warning =
        |problem| Fault { origin: Origin::Default, key: "intake.fields".to_owned(), value: None, problem };
    hint.told().map(warning).into_iter().collect()
}

/// An answer of the data folder, or of its server; without one it is told what is not compared with it.
fn asked<C: Call>(context: &Context, config: &Configuration, call: &C, what: &str) -> Option<C::Answer> {
    let folder = context.folder();
    let way = Way {
        folder: &folder,
        config,
        command: "config check",
        new_log: false,
        progress: Arc::new(|_, _| {}),
        waiting: &|_| {},
        slow: context.slow(),
    };
    let answer = Access::find::<C>(&way).and_then(|access| access.call(call));
    let tell = |problem: &Problem| {
        context.out.note(&format!("{what} are not compared with {folder}: {problem}"));
    };
    answer.inspect_err(tell).ok()
}
