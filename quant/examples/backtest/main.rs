//! Backtests and parameter searches over candles in a file.
//!
//! `cargo run --release -p quant --example backtest -- run CANDLES.csv --strategy rsi`

#![allow(clippy::disallowed_methods, reason = "a program reads and writes files")]

mod arguments;
mod columns;
mod input;
mod optimise;
mod output;
mod run;
mod table;

use arguments::{Arguments, Command};
use clap::Parser;
use quant::indicators::ParameterError;
use std::fmt;
use std::process::ExitCode;

/// Wrong use is told from what failed by the exit code.
pub enum Failure {
    /// Exit code 2.
    Use(String),
    /// Exit code 1.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Use(text) | Self::Refused(text)) = self;
        f.write_str(text)
    }
}

impl From<ParameterError> for Failure {
    fn from(error: ParameterError) -> Self {
        Self::Use(error.to_string())
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Optimise(arguments) => optimise::optimise(&arguments),
    };
    let Err(failure) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {failure}");
    match failure {
        Failure::Use(_) => ExitCode::from(2),
        Failure::Refused(_) => ExitCode::from(1),
    }
}
