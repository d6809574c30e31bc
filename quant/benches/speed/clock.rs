//! CPU time, peak memory, medians and the table's rows.

use cpu_time::ThreadTime;
use std::fs;
use std::hint::black_box;

/// Median CPU time of one of `times` calls on this thread, in microseconds: what others do on the machine is not counted.
pub(crate) fn median_us<T>(times: usize, mut call: impl FnMut() -> T) -> f64 {
    black_box(call());
    median((0..times).map(|_| {
        let start = ThreadTime::now();
        black_box(call());
        start.elapsed().as_nanos() as f64 / 1000.0
    }))
}

pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Largest memory of the process since the last reset, in KiB; `None` where the system does not tell.
pub(crate) fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

pub(crate) fn reset_peak() {
    // Without it the peak is the process's own, which is only larger.
    let _ = fs::write("/proc/self/clear_refs", "5");
}

/// A row of the table.
pub(crate) struct Row {
    pub what: String,
    /// In microseconds.
    pub median: f64,
    pub goal: &'static str,
    pub beside: Option<(&'static str, f64)>,
}

impl Row {
    pub(crate) fn print(&self) {
        let (beside, ratio) = match self.beside {
            Some((name, us)) => (format!("{name} {}", time(us)), format!("{:.2}", self.median / us)),
            None => (String::new(), String::new()),
        };
        println!("| {} | {} | {} | {beside} | {ratio} |", self.what, time(self.median), self.goal);
    }
}

pub(crate) fn time(us: f64) -> String {
    if us < 1000.0 { format!("{us:.1} µs") } else { format!("{:.2} ms", us / 1000.0) }
}
