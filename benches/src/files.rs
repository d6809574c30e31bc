//! Files: a rehearsal, the rebuild of all projections, verify.

use std::{path::Path, process::Command, time::Instant};

use anyhow::{Context as _, Result, ensure};

use crate::{Options, report::Report, work};

/// Rehearses a file, then rebuilds and verifies what came of it.
pub(crate) fn measure(binary: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trades.jsonl");
    work::write_file(&file, options.rehearsed)?;
    for run in 0..options.runs {
        let data = folder.path().join(format!("rehearsed-{run}"));
        let rehearse = [Path::new("rehearse"), &file, Path::new("--data"), &data];
        let seconds = timed(Command::new(binary).args(rehearse))?;
        report.add("rehearse", "trades/s", ">= 0.6 of the floor", options.rehearsed as f64 / seconds);
        let events = events(binary, &data)?;
        let rebuild = ["projections", "rebuild", "--all", "--data"].map(Path::new);
        let seconds = timed(Command::new(binary).args(rebuild).arg(&data))?;
        report.add("rebuild of all projections", "events/s", ">= 300,000", events / seconds);
        let seconds = timed(Command::new(binary).args(["verify", "--data"]).arg(&data))?;
        report.add("verify", "events/s", ">= 500,000", events / seconds);
        std::fs::remove_dir_all(&data)?;
    }
    Ok(())
}

fn timed(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let output = command.arg("--quiet").output()?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(started.elapsed().as_secs_f64())
}

fn events(binary: &Path, data: &Path) -> Result<f64> {
    let output = Command::new(binary).args(["verify", "--json", "--quiet", "--data"]).arg(data).output()?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).context("the report of verify")?;
    report["events"].as_f64().context("events in the report of verify")
}
