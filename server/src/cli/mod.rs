//! The command line: one command a file. Results go to standard output, messages to standard error.

mod audit;
mod clock;
mod collections;
mod config;
mod context;
mod dead_letters;
mod decisions;
mod empty;
mod events;
mod examples;
mod follow;
mod logging;
mod moment;
mod output;
mod performance;
mod progress;
mod projections;
mod publish;
mod rehearse;
mod reports;
mod row_notes;
mod run;
mod schedules;
mod seal;
mod shown;
mod strategies;
mod strategy;
mod table;
#[cfg(test)]
mod tests;
mod trade_files;
mod verify;
mod why;
mod words;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::{problem::Problem, version::VERSION};
use context::Context;

pub(crate) use output::NOBODY_READS;
pub(crate) use shown::{shown, shown_lines};

/// Watches over a trading bot: takes its trades, halts strategies that lose, keeps and explains every decision.
#[derive(Debug, Parser)]
#[command(name = "tradewarden", version = VERSION.as_str(), propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(crate) struct Globals {
    /// Configuration file [default: ./tradewarden.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Sets one key of the configuration; may be repeated
    #[arg(long, global = true, value_name = "SECTION.KEY=VALUE")]
    pub set: Vec<String>,
    /// Data folder [default: ./tradewarden-data; rehearse: none]
    #[arg(long, global = true, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// One JSON object a line instead of tables
    #[arg(long, global = true)]
    pub json: bool,
    /// No messages besides errors
    #[arg(long, global = true)]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs everything: sources, actors, projections, server
    #[command(after_help = examples::RUN)]
    Run(run::Run),
    /// Publishes the trades of files as the bot would
    #[command(after_help = examples::PUBLISH)]
    Publish(publish::Publish),
    /// Shows what would have been decided on the trades of files
    #[command(after_help = examples::REHEARSE)]
    Rehearse(rehearse::Rehearse),
    /// The decisions
    #[command(after_help = examples::DECISIONS)]
    Decisions(decisions::Decisions),
    /// Any event
    #[command(subcommand)]
    #[command(after_help = examples::EVENTS)]
    Events(events::Events),
    /// Why an event came about: its causes down to the facts, with the evidence
    #[command(after_help = examples::WHY)]
    Why(why::Why),
    /// State of the strategies; disable and enable them
    #[command(args_conflicts_with_subcommands = true)]
    #[command(after_help = examples::STRATEGIES)]
    Strategies(strategies::Strategies),
    /// When which job is done: list, make, change, pause and run schedules
    #[command(subcommand)]
    #[command(after_help = examples::SCHEDULES)]
    Schedules(schedules::Schedules),
    /// What to do with a clock that stands before what is in the log
    #[command(subcommand)]
    #[command(after_help = examples::CLOCK)]
    Clock(clock::Clock),
    /// The live figures
    #[command(after_help = examples::PERFORMANCE)]
    Performance(performance::Performance),
    /// The audit collections
    #[command(after_help = examples::AUDIT)]
    Audit(audit::Audit),
    /// The views: position, lag, rebuild, verify
    #[command(subcommand)]
    #[command(after_help = examples::PROJECTIONS)]
    Projections(projections::Projections),
    /// Checks the hash chain and takes every decision again
    #[command(after_help = examples::VERIFY)]
    Verify(verify::Verify),
    /// Prints the head of the hash chain, to keep elsewhere: verify --against holds the log to it
    #[command(after_help = examples::SEAL)]
    Seal(seal::Seal),
    /// What could not be taken in
    #[command(subcommand)]
    #[command(after_help = examples::DEAD_LETTERS)]
    DeadLetters(dead_letters::DeadLetters),
    /// The configuration: check it, explain a key, or show the default
    #[command(subcommand)]
    #[command(after_help = examples::CONFIG)]
    Config(config::Config),
}

impl Cli {
    /// Runs the command; answers the exit code, when it is not that of success.
    ///
    /// # Errors
    /// The problem that ended the command, not yet told.
    pub(crate) fn run(self) -> Result<u8, Problem> {
        let context = Context::new(self.globals);
        match self.command {
            Command::Run(command) => command.run(&context),
            Command::Publish(command) => command.run(&context),
            Command::Rehearse(command) => command.run(&context),
            Command::Decisions(command) => command.run(&context),
            Command::Events(command) => command.run(&context),
            Command::Why(command) => command.run(&context),
            Command::Strategies(command) => command.run(&context),
            Command::Schedules(command) => command.run(&context),
            Command::Clock(command) => command.run(&context),
            Command::Performance(command) => command.run(&context),
            Command::Audit(command) => command.run(&context),
            Command::Projections(command) => command.run(&context),
            Command::Verify(command) => command.run(&context),
            Command::Seal(command) => command.run(&context),
            Command::DeadLetters(command) => command.run(&context),
            Command::Config(command) => command.run(&context),
        }
    }
}
