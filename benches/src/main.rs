//! Measures tradewarden beside Kafka Streams and beside its own floor: one thread that consumes, parses, decides, appends
//! with one fdatasync a batch and produces. Same broker, same trades, in turn in the same run; ratios count, not seconds.
//!
//! `cargo build --release && cargo run --release -p benches` prints tables in Markdown. It starts a real broker by
//! itself.

mod backlog;
mod bare;
mod contender;
mod course;
mod files;
mod floor;
mod idle;
mod latency;
mod load;
mod machine;
mod process;
mod ready;
mod report;
mod rule;
mod trades;
mod work;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use kafka::test_support::Broker;

use crate::{contender::Contender, report::Report, work::Work};

/// What to measure, on how much.
#[derive(Debug, Parser)]
struct Options {
    /// Trades of the backlog.
    #[arg(long, default_value_t = 2_000_000)]
    trades: u64,
    /// Strategies of the trades, rounded up to a multiple of five: 3000 halt all the time, 64 hardly ever.
    #[arg(long, default_value_t = 3_000)]
    strategies: u64,
    /// Trades of the rehearsal.
    #[arg(long, default_value_t = 1_000_000)]
    rehearsed: u64,
    /// Runs of each; the median is told.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Seconds of each steady load and of idleness.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Only these parts: backlog, latency, files, idle.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Without Kafka Streams.
    #[arg(long)]
    without_peers: bool,
    /// The floor on the topic of this broker, as a process of its own.
    #[arg(long, hide = true)]
    floor: Option<String>,
    /// The floor on a file.
    #[arg(long, hide = true)]
    floor_file: Option<PathBuf>,
}

impl Options {
    fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }
}

fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(bootstrap_servers) = &options.floor {
        return floor::run(bootstrap_servers);
    }
    if let Some(file) = &options.floor_file {
        return floor::run_file(file);
    }
    let binary = binary()?;
    let mut report = Report::default();
    let contenders = contenders(&options);
    let parts = [("backlog", backlog::measure as Measure), ("latency", latency::measure)];
    for (_, measure) in parts.into_iter().filter(|(part, _)| options.wants(part)) {
        let broker = Broker::start().map_err(anyhow::Error::msg)?;
        let work = Work { binary: binary.clone(), broker: &broker, contenders: contenders.clone() };
        measure(&work, &options, &mut report)?;
    }
    if options.wants("files") {
        files::measure(&binary, &options, &mut report)?;
    }
    if options.wants("idle") {
        idle::measure(&binary, &options, &mut report)?;
    }
    print!("{}", report.to_markdown());
    Ok(())
}

type Measure = fn(&Work<'_>, &Options, &mut Report) -> Result<()>;

/// Who takes part. A peer that is not to be had is left out, by name and with the reason.
fn contenders(options: &Options) -> Vec<Contender> {
    let mut contenders = vec![Contender::Tradewarden];
    if !options.without_peers {
        match contender::install_streams(&[]) {
            Ok(()) => contenders.push(Contender::KafkaStreams),
            Err(why) => eprintln!("{}", contender::skipped(&why)),
        }
    }
    contenders.push(Contender::Floor);
    contenders
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
