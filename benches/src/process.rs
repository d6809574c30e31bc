//! A process under measurement, and what the system says about it: CPU time and memory.

use std::{
    fs,
    process::{Child, Command, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// Clock ticks a second in `/proc`: fixed at 100 for user space on Linux.
pub(crate) const TICKS: f64 = 100.0;

/// How long an end in good order may take.
const ENDED_WITHIN: Duration = Duration::from_secs(30);

/// A process, ended when dropped.
pub(crate) struct Process {
    child: Child,
    /// When it was started.
    pub(crate) started: Instant,
}

impl Process {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let started = Instant::now();
        let child =
            command.spawn().with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Self { child, started })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Fails when it has ended.
    pub(crate) fn ensure_alive(&mut self) -> Result<()> {
        match self.ended()? {
            Some(status) => bail!("process {} ended ({status})", self.id()),
            None => Ok(()),
        }
    }

    /// Ends it at once with SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends it in good order: a transaction that it left open would hold up who reads what is committed.
    pub(crate) fn stop(mut self) -> Result<()> {
        Command::new("kill").args(["-TERM", &self.id().to_string()]).status()?;
        let until = Instant::now() + ENDED_WITHIN;
        while self.ended()?.is_none() {
            if Instant::now() > until {
                bail!("process {} does not end", self.id());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

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
