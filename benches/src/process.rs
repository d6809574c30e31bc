//! What the system says about a process: CPU time and memory.

use std::fs;

use anyhow::{Context as _, Result};

/// Clock ticks a second in `/proc`: fixed at 100 for user space on Linux.
const TICKS: f64 = 100.0;

/// CPU seconds that a process has used, user and system.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name may hold spaces; it ends with the last bracket.
    let (_, fields) = stat.rsplit_once(')').context("a line of /proc/PID/stat")?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok((ticks(11) + ticks(12)) / TICKS)
}

/// MiB of memory: the largest resident size so far (`VmHWM`), or the present one (`VmRSS`).
pub(crate) fn memory_mib(pid: u32, field: &str) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(field)).context("a field of /proc/PID/status")?;
    let kib = line.split_whitespace().nth(1).and_then(|text| text.parse::<f64>().ok());
    Ok(kib.context("a number of /proc/PID/status")? / 1024.0)
}
