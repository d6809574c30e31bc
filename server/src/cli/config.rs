//! `config`: check the configuration, or show the default one.

use clap::Subcommand;
use serde_json::json;

use crate::{
    config::{Config as Configuration, DEFAULT_FILE},
    problem::Problem,
};

use super::context::Context;

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Tells every fault at once, or that it is good
    Check,
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
        }
    }
}

fn check(context: &Context) -> Result<u8, Problem> {
    if !context.out.is_json() {
        context.config()?;
        context.out.line("good")?;
        return Ok(0);
    }
    let checked = Configuration::of_process(context.globals.config.as_deref(), &context.globals.set);
    let faults = checked.err().unwrap_or_default();
    for fault in &faults {
        let fault = json!({
            "origin": fault.origin.to_string(),
            "key": fault.key,
            "value": fault.value,
            "problem": fault.problem,
        });
        context.out.line(&fault.to_string())?;
    }
    Ok(if faults.is_empty() { 0 } else { 2 })
}
