//! What is appended, and how it is measured.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Event, NewEvent, Timestamp, TradeClosed, Uuid, id};
use store::{Duplicates, Expected, Prepared, Request};

pub(crate) const ROUNDS: usize = 5;
const STREAMS: u64 = 8;

/// What the process holds in memory, in MiB.
pub(crate) fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub(crate) fn row(what: &str, measured: &str, beside: &str) {
    println!("| {what} | {measured} | {beside} |");
}

pub(crate) fn trade(n: u64) -> NewEvent {
    let decimal = |text: &str| text.parse().unwrap();
    let closed_at = Timestamp::from_micros(1_767_225_600_000_000 + n as i64 * 1_000_000);
    let strategy = format!("strategy-{}", n % STREAMS);
    let trade_id = n.to_string();
    let event_id = id::closed_trade(&strategy, &trade_id);
    let event = Event::TradeClosed(TradeClosed {
        quantity: decimal("0.015"),
        entry_price: decimal("64250.5"),
        profit_pct: decimal("-0.8"),
        opened_at: closed_at.plus_seconds(-300),
        ..events::test_support::trade(&strategy, &trade_id, decimal("-1.25"), closed_at)
    });
    NewEvent::root(event_id, closed_at, &Arc::from("source:kafka"), Uuid::from_u128(7), event)
}

pub(crate) fn request(stream: &str, expected: Expected, numbers: std::ops::Range<u64>) -> Request {
    let events = numbers.map(|n| Prepared::new(trade(n)).unwrap()).collect();
    Request { stream: Arc::from(stream), expected, duplicates: Duplicates::Skip, events }
}

pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

pub(crate) fn log_bytes(dir: &Path, ending: &str) -> u64 {
    files_of(dir, &[ending]).iter().map(|file| file.metadata().unwrap().len()).sum()
}

/// CPU time of this thread in nanoseconds.
pub(crate) fn thread_cpu_ns(work: impl FnOnce()) -> f64 {
    let used = || {
        let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    let before = used();
    work();
    used() - before
}

/// CPU time of the whole process, as far as the system counts it (100 ticks a second), and wall time.
pub(crate) fn cpu_and_time(work: impl FnOnce()) -> (Duration, Duration) {
    let (cpu, started) = (cpu_time(), Instant::now());
    work();
    (cpu_time() - cpu, started.elapsed())
}

pub(crate) fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

/// Events a second, by the clock and by the CPU time that all threads took together.
pub(crate) fn rate_of(events: u64, mut work: impl FnMut()) -> String {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| cpu_and_time(&mut work)).collect();
    let rate = |time: fn(&(Duration, Duration)) -> Duration| {
        median(rounds.iter().map(|round| events as f64 / time(round).as_secs_f64()).collect())
    };
    format!("{:.0} events/s, {:.0} a CPU second", rate(|round| round.1), rate(|round| round.0))
}

/// The log's files with one of these endings.
pub(crate) fn files_of(dir: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        paths.filter(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending))).collect();
    files.sort();
    files
}

/// Lets the system forget what it has read of files. `dd` asks it to: that takes a call without a safe wrapper in std.
pub(crate) fn drop_from_cache(files: &[PathBuf]) {
    for file in files {
        let mut input = std::ffi::OsString::from("if=");
        input.push(file);
        let forgot = Command::new("dd").arg(input).args(["iflag=nocache", "count=0", "status=none"]).status();
        assert!(forgot.unwrap().success(), "dd of GNU coreutils is needed");
    }
}
