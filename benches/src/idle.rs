//! Nothing to do: what tradewarden costs then.

use std::{path::Path, process::Stdio, thread, time::Duration};

use anyhow::Result;

use crate::{
    Options, contender,
    process::{self, Process},
    ready,
    report::{Figure, Goal::AtMost, OURS, Report},
};

static CPU: Figure = Figure { name: "CPU", unit: "% of a core", places: 2, goal: AtMost(1.0, None) };
static MEMORY: Figure = Figure { name: "memory", unit: "MiB", places: 0, goal: AtMost(60.0, None) };

/// Watches an idle process on embedded parts.
pub(crate) fn measure(binary: &Path, options: &Options, report: &mut Report) -> Result<()> {
    report.begin(format!("Idle for {} s", options.seconds));
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("data");
    let mut command = contender::run(binary, &data);
    let mut process =
        Process::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    ready::wait(&mut process, &data, Duration::from_secs(60))?;
    thread::sleep(Duration::from_secs(2));
    let cpu = process::cpu_seconds(process.id())?;
    thread::sleep(Duration::from_secs(options.seconds));
    let used = process::cpu_seconds(process.id())? - cpu;
    report.add(&CPU, OURS, used / options.seconds as f64 * 100.0);
    report.add(&MEMORY, OURS, process::memory_mib(process.id(), "VmRSS")?);
    process.stop()
}
