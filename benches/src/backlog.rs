//! A backlog from Kafka: tradewarden beside the floor, then SIGKILL and the first new decision.

use std::{
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use kafka::{CommittedReader, ReadFrom, send_all};

use crate::{
    Options, latency, process,
    report::Report,
    work::{Running, TRADES, Work},
};

const PATIENCE: Duration = Duration::from_secs(600);

/// Fills the topic once, then lets both work through it, in turn.
pub(crate) fn measure(work: &Work<'_>, options: &Options, report: &mut Report) -> Result<()> {
    work.fill(options.trades)?;
    for _ in 0..options.runs {
        let floor = floor(work, options, report)?;
        let folder = tempfile::tempdir()?;
        let mut running = work.start(&folder.path().join("data"))?;
        running.wait_until_ready(PATIENCE)?;
        let rate = options.trades as f64 / running.started.elapsed().as_secs_f64();
        let hundreds = options.trades as f64 / 100_000.0;
        report.add("backlog: rate", "trades/s", "", rate);
        report.add("backlog: rate to floor", "ratio", ">= 0.6", rate / floor);
        report.add("backlog: CPU", "s / 100,000", "<= 0.5", process::cpu_seconds(running.pid())? / hundreds);
        report.add("backlog: memory", "MiB", "<= 150", process::memory_mib(running.pid(), "VmHWM")?);
        restart(work, running, &folder.path().join("data"), report)?;
    }
    Ok(())
}

/// The floor in a process of its own; answers its rate.
fn floor(work: &Work<'_>, options: &Options, report: &mut Report) -> Result<f64> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--floor", &work.broker.bootstrap_servers(), "--trades", &options.trades.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [seconds, cpu, memory] = numbers[..] else {
        anyhow::bail!("the floor said {text:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let rate = options.trades as f64 / seconds;
    report.add("floor: rate", "trades/s", "", rate);
    report.add("floor: CPU", "s / 100,000", "", cpu / (options.trades as f64 / 100_000.0));
    report.add("floor: memory", "MiB", "", memory);
    Ok(rate)
}

/// SIGKILL with the whole backlog in the log, a new losing trade, a new start: how long until its decision is readable.
fn restart(work: &Work<'_>, running: Running, data: &std::path::Path, report: &mut Report) -> Result<()> {
    running.kill();
    let settings = work.broker.settings();
    let decisions = "tradewarden.decisions.v1";
    let reader = CommittedReader::open(&settings, decisions, ReadFrom::End).map_err(anyhow::Error::msg)?;
    // A strategy of its own for each run: the topic keeps those of the runs before.
    let closed_at = latency::now();
    let strategy = format!("restart-{}", closed_at.micros());
    let probe = latency::probe(&strategy, closed_at);
    send_all(&settings, TRADES, [probe], None, &mut |_| {}).map_err(anyhow::Error::msg)?;
    let started = Instant::now();
    let _running = work.start(data)?;
    loop {
        let record = reader.next(PATIENCE).map_err(anyhow::Error::msg)?.context("no decision came")?;
        if record.key.as_deref() == Some(strategy.as_bytes()) {
            break;
        }
    }
    report.add("restart: first new decision after SIGKILL", "s", "<= 1", started.elapsed().as_secs_f64());
    Ok(())
}
