//! What the whole machine did meanwhile: how much of it was idle, and how much went to processes that are none of the
//! measurement's. A figure of a busy machine says little.

use std::fs;

use anyhow::{Context as _, Result};

use crate::process;

/// CPU seconds since boot, of all cores.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Machine {
    all: f64,
    idle: f64,
    /// Of them the measuring process's own.
    own: f64,
}

/// Shares of a span, in percent of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// Nothing to do.
    pub(crate) idle: f64,
    /// Processes that are none of the measurement's.
    pub(crate) others: f64,
}

impl Machine {
    /// As it is now.
    pub(crate) fn now() -> Result<Self> {
        let own = process::cpu_seconds(std::process::id())?;
        let (all, idle) = read(&fs::read_to_string("/proc/stat")?).context("the first line of /proc/stat")?;
        Ok(Self { all, idle, own })
    }

    /// The shares since then; `measured` are the CPU seconds of the processes under measurement.
    pub(crate) fn shares_since(self, before: Self, measured: f64) -> Shares {
        let (all, idle) = (self.all - before.all, self.idle - before.idle);
        let others = (all - idle - measured - (self.own - before.own)).max(0.0);
        let percent = |part: f64| 100.0 * part / all.max(0.01);
        Shares { idle: percent(idle), others: percent(others) }
    }
}

/// All and idle CPU seconds; waiting for a disk is idle, what a host took away is not.
fn read(stat: &str) -> Option<(f64, f64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    // The last two, of guests, are counted in the first two as well.
    let all: f64 = ticks.get(..8)?.iter().sum();
    Some((all / process::TICKS, (ticks[3] + ticks[4]) / process::TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_all_cores_and_leave_out_what_is_measured() {
        let stat = |user, idle| format!("cpu  {user} 0 0 {idle} 50 0 0 0 7 7\ncpu0 1 2\n");
        let machine = |(all, idle), own| Machine { all, idle, own };
        let before = machine(read(&stat(100, 100)).unwrap(), 1.0);
        let after = machine(read(&stat(1_000, 200)).unwrap(), 2.0);
        let shares = after.shares_since(before, 5.0);
        assert_eq!((shares.idle, shares.others), (10.0, 30.0));
        assert_eq!(read("cpu0 1 2"), None);
    }
}
