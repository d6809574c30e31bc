//! Nothing to do: what tradewarden costs then.

use std::{path::Path, thread, time::Duration};

use anyhow::Result;

use crate::{Options, process, report::Report, work::Running};

/// Watches an idle process on embedded parts.
pub(crate) fn measure(binary: &Path, options: &Options, report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut running = Running::start(binary, &folder.path().join("data"), &[])?;
    running.wait_until_ready(Duration::from_secs(60))?;
    thread::sleep(Duration::from_secs(2));
    let cpu = process::cpu_seconds(running.pid())?;
    thread::sleep(Duration::from_secs(options.seconds));
    let used = process::cpu_seconds(running.pid())? - cpu;
    report.add("idle: CPU", "% of a core", "<= 1", used / options.seconds as f64 * 100.0);
    report.add("idle: memory", "MiB", "<= 60", process::memory_mib(running.pid(), "VmRSS")?);
    Ok(())
}
