//! Files: a rehearsal beside the floor on the same file, the rebuild of all projections, verify.

use std::{path::Path, process::Command, process::Stdio, time::Duration};

use anyhow::{Context as _, Result, ensure};

use crate::{
    Options, contender,
    process::{self, Process},
    report::{
        Figure,
        Goal::{self, AtLeast, AtMost},
        OURS, Report,
    },
    trades,
};

static REHEARSE: Figure = Figure { name: "rehearse", unit: "trades/s", places: 0, goal: Goal::None };
static TO_FLOOR: Figure =
    Figure { name: "rehearse, to the floor", unit: "", places: 2, goal: AtLeast(0.6, None) };
static MEMORY: Figure =
    Figure { name: "peak memory of rehearse", unit: "MiB", places: 0, goal: AtMost(120.0, None) };
static REBUILD: Figure = Figure {
    name: "rebuild of all projections",
    unit: "events/s",
    places: 0,
    goal: AtLeast(300_000.0, None),
};
static VERIFY: Figure =
    Figure { name: "verify", unit: "events/s", places: 0, goal: AtLeast(500_000.0, None) };

/// Rehearses a file, then rebuilds and verifies what came of it.
pub(crate) fn measure(binary: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let Options { rehearsed, strategies, runs, .. } = options;
    report.begin(format!("Files: {rehearsed} trades of {strategies} strategies, {runs} runs in turn"));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("trades.jsonl");
    write_file(&file, options)?;
    for run in 0..options.runs {
        let data = folder.path().join(format!("rehearsed-{run}"));
        let floor = timed(
            Command::new(std::env::current_exe()?).arg("--floor-file").arg(&file).current_dir(folder.path()),
        )?;
        report.add(&REHEARSE, contender::Contender::Floor.name(), options.rehearsed as f64 / floor.seconds);
        let arguments = [Path::new("rehearse"), &file, Path::new("--quiet"), Path::new("--data"), &data];
        let ours = timed(Command::new(binary).args(arguments))?;
        report.add(&REHEARSE, OURS, options.rehearsed as f64 / ours.seconds);
        report.add(&TO_FLOOR, OURS, floor.seconds / ours.seconds);
        report.add(&MEMORY, OURS, ours.memory);
        let events = events(binary, &data)?;
        let rebuild = ["projections", "rebuild", "--all", "--quiet", "--data"].map(Path::new);
        report.add(&REBUILD, OURS, events / timed(Command::new(binary).args(rebuild).arg(&data))?.seconds);
        let verify = ["verify", "--quiet", "--data"].map(Path::new);
        report.add(&VERIFY, OURS, events / timed(Command::new(binary).args(verify).arg(&data))?.seconds);
        std::fs::remove_dir_all(&data)?;
    }
    Ok(())
}

fn write_file(path: &Path, options: &Options) -> Result<()> {
    use std::io::Write as _;
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for trade in trades::trades(options.rehearsed, options.strategies) {
        file.write_all(&trades::record(&trade).1)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

/// What a command took.
struct Taken {
    seconds: f64,
    memory: f64,
}

fn timed(command: &mut Command) -> Result<Taken> {
    let mut process = Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()))?;
    let mut memory: f64 = 0.0;
    loop {
        // The largest size so far: what is missed is what it grew by at the very end.
        memory = memory.max(process::memory_mib(process.id(), "VmHWM").unwrap_or_default());
        if let Some(status) = process.ended()? {
            ensure!(status.success(), "{command:?} ended with {status}");
            return Ok(Taken { seconds: process.started.elapsed().as_secs_f64(), memory });
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn events(binary: &Path, data: &Path) -> Result<f64> {
    let output = Command::new(binary).args(["verify", "--json", "--quiet", "--data"]).arg(data).output()?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).context("the report of verify")?;
    report["events"].as_f64().context("events in the report of verify")
}
