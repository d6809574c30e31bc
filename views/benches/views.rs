//! What keeping the views costs: events a second, CPU a event for each projection, peak memory.
//!
//! `cargo bench -p views --bench views [-- TRADES]`. The log is the embedded one, written by a process of its own, so
//! that this one's memory is that of reading and folding alone.

use std::{
    env, fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use events::{
    DecidedBy, Decimal, Event, FamilySet, GuardMetrics, LossBasis, NewEvent, StrategyDisabled, StrategyState,
    Timestamp, TradeClosed, id,
};
use projections::{By, PerformanceQuery};
use store::{Duplicates, EmbeddedLog, EventLog, Expected, Options, Prepared, Request};
use views::{Views, ViewsOptions};

const BATCH: u64 = 4096;
/// One decision for so many trades.
const TRADES_A_DECISION: u64 = 100;

fn main() {
    let arguments: Vec<String> = env::args().filter(|argument| argument != "--bench").collect();
    if let [_, fill, folder, trades] = &arguments[..]
        && fill == "fill"
    {
        return write_log(Path::new(folder), trades.parse().expect("a number of trades"));
    }
    let trades: u64 = arguments.get(1).map_or(1_000_000, |text| text.parse().expect("a number of trades"));
    let folder = tempfile::tempdir().expect("a scratch folder");
    let log_folder = folder.path().join("log");
    let program = env::current_exe().expect("the path of this program");
    let filled = Command::new(program).arg("fill").arg(&log_folder).arg(trades.to_string()).status();
    assert!(filled.expect("a process").success());
    let log: Arc<dyn EventLog> =
        Arc::new(EmbeddedLog::open(&log_folder, Options::default()).expect("the log"));
    measure(&log, &folder.path().join("views"));
}

fn measure(log: &Arc<dyn EventLog>, folder: &Path) {
    let head = log.head();
    let reading = cost("reading and decoding alone", head, || read(log));
    let options = ViewsOptions { patience: Duration::from_secs(3600), ..ViewsOptions::default() };
    let mut views = None;
    cost("all, by the thread that follows the log", head, || {
        let opened = Views::open(Arc::clone(log), folder, options.clone()).expect("the views");
        opened.catch_up_all(options.patience).expect("caught up");
        views = Some(opened);
    });
    let views = views.expect("invariant: just opened");
    cost("rebuild of all", head, || views.rebuild(&[], &mut |_| ()).expect("rebuilt"));
    for status in views.list() {
        let alone = cost(status.name, head, || views.rebuild(&[status.name], &mut |_| ()).expect("rebuilt"));
        println!(
            "{:>60} {:6.2} us CPU an event without the reading",
            "",
            (alone - reading) / head as f64 * 1e6
        );
    }
    for (name, by) in [("total", By::Total), ("strategy", By::Strategy), ("day", By::Day)] {
        let query = PerformanceQuery { by, ..PerformanceQuery::default() };
        cost(&format!("query: performance by {name}"), head, || {
            views.performance(&query).expect("figures");
        });
    }
    let bytes: u64 =
        fs::read_dir(folder).expect("views").flatten().map(|f| f.metadata().map_or(0, |m| m.len())).sum();
    println!("views on disk: {:.1} MB; peak memory of this process: {}", bytes as f64 / 1e6, peak());
}

/// Prints what something costs; answers its CPU seconds.
fn cost(what: &str, events: u64, run: impl FnOnce()) -> f64 {
    let (begun, before) = (Instant::now(), cpu_seconds());
    run();
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - before);
    let count = events as f64;
    println!(
        "{what:>60} {:10.0} events/s {:6.2} us CPU an event {wall:7.2} s",
        count / wall,
        cpu / count * 1e6
    );
    cpu
}

fn read(log: &Arc<dyn EventLog>) {
    let mut after = 0;
    while after < log.head() {
        after = log.read_all(after, FamilySet::ALL, 2048).expect("read").read_to;
    }
}

/// CPU seconds of this process; 0 where the system does not tell.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
    (ticks(11) + ticks(12)) / 100.0
}

fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or_else(
        || "not known".to_owned(),
        |line| line.split_whitespace().skip(1).collect::<Vec<_>>().join(" "),
    )
}

fn write_log(folder: &Path, trades: u64) {
    let log = EmbeddedLog::open(folder, Options::default()).expect("a new log");
    for first in (1..=trades).step_by(BATCH as usize) {
        let events = (first..(first + BATCH).min(trades + 1)).flat_map(events_of);
        let events = events.map(|event| Prepared::new(event).expect("JSON")).collect();
        let (expected, duplicates) = (Expected::Any, Duplicates::Refuse);
        log.append(Request { stream: "ingest-bench-0".into(), expected, duplicates, events })
            .expect("appended");
    }
}

/// A trade every 20 seconds, a few of them late, in 12 strategies and 40 symbols; now and then a decision.
fn events_of(n: u64) -> Vec<NewEvent> {
    let late = if n.is_multiple_of(17) { 3600 } else { 0 };
    let closed_at = Timestamp::from_micros(1_600_000_000_000_000 + (n as i64 * 20 - late) * 1_000_000);
    let strategy = format!("strategy-{}", n % 12);
    let profit = Decimal::new((n as i64).wrapping_mul(7_919) % 2_000_003 - 1_000_001, 4);
    let trade = Event::TradeClosed(TradeClosed {
        symbol: format!("COIN{}/USDT", n % 40),
        quantity: Decimal::new(1_234_567, 5),
        entry_price: Decimal::new(4_321_098_765, 5),
        exit_price: Some(Decimal::new(4_325_098_765, 5)),
        profit_pct: Decimal::new(profit.mantissa() as i64, 6),
        opened_at: closed_at.plus_seconds(-600),
        fee: Some(Decimal::new(1234, 6)),
        exit_reason: Some("roi".into()),
        ..events::test_support::trade(&strategy, &n.to_string(), profit, closed_at)
    });
    let source = Arc::from("source:bench");
    let trade = NewEvent::root(
        id::closed_trade(&strategy, &n.to_string()),
        closed_at,
        &source,
        id::derive(&[]),
        trade,
    );
    let decision = n.is_multiple_of(TRADES_A_DECISION).then(|| decision(n, &strategy, closed_at));
    [trade.at_offset(n as i64)].into_iter().chain(decision).collect()
}

fn decision(n: u64, strategy: &str, at: Timestamp) -> NewEvent {
    let event = Event::StrategyDisabled(StrategyDisabled {
        strategy: strategy.to_owned(),
        by: DecidedBy::Rule,
        rules: Vec::new(),
        metrics: GuardMetrics { daily_loss_pct: Some(-12.5), consecutive_losses: 3, win_rate_pct: None },
        from: StrategyState::Active,
        to: StrategyState::Halted,
        loss_basis: LossBasis::SumOfTradePercents,
        trades: None,
        reason: None,
    });
    let id = id::derive(&[b"bench decision", &n.to_le_bytes()]);
    let root = NewEvent::root(id, at, &Arc::from("actor:strategy_guard"), id::derive(&[]), event);
    NewEvent { basis_position: Some(n), ..root }
}
