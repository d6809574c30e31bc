//! Measures tradewarden beside its own floor: one thread that consumes, parses, decides, appends with one fdatasync
//! a batch and produces. Same broker, same trades, same run; ratios count, not seconds.
//!
//! `cargo build --release && cargo run --release -p benches` prints a table. It starts a real broker by itself.

mod backlog;
mod files;
mod floor;
mod idle;
mod latency;
mod process;
mod report;
mod work;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use kafka::test_support::Broker;

use crate::{report::Report, work::Work};

/// What to measure, on how much.
#[derive(Debug, Parser)]
struct Options {
    /// Trades of the backlog.
    #[arg(long, default_value_t = 2_000_000)]
    trades: u64,
    /// Trades of the rehearsal.
    #[arg(long, default_value_t = 1_000_000)]
    rehearsed: u64,
    /// Runs of each; the median is told.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds of the steady load and of idleness.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only these parts: backlog, latency, files, idle.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The floor itself, as a process of its own.
    #[arg(long, hide = true)]
    floor: Option<String>,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(bootstrap_servers) = &options.floor {
        return floor::run(bootstrap_servers, options.trades);
    }
    let binary = binary()?;
    let mut report = Report::default();
    if options.wants("backlog") {
        let broker = Broker::start().map_err(anyhow::Error::msg)?;
        let work = Work { binary: binary.clone(), broker: &broker };
        backlog::measure(&work, &options, &mut report)?;
    }
    if options.wants("latency") {
        let broker = Broker::start().map_err(anyhow::Error::msg)?;
        latency::measure(&Work { binary: binary.clone(), broker: &broker }, &options, &mut report)?;
    }
    if options.wants("files") {
        files::measure(&binary, &options, &mut report)?;
    }
    if options.wants("idle") {
        idle::measure(&binary, &options, &mut report)?;
    }
    report.print();
    Ok(())
}

/// The release binary, beside this one.
fn binary() -> Result<PathBuf> {
    let here = std::env::current_exe().context("where this program lies")?;
    let binary = here.with_file_name("tradewarden");
    if !binary.exists() {
        bail!("{} is missing: run `cargo build --release` first", binary.display());
    }
    Ok(binary)
}
