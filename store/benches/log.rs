//! The log beside what it cannot beat: writing the same bytes to one file and syncing it as often. One command,
//! `cargo bench -p store`, prints one table; figures are medians of five, ratios are of the same run.
//!
//! `cargo bench -p store -- --events N --only append|cpu|long` takes another number of events than 2,000,000 for the
//! long rows, or only some rows. `--only scale --events 20000000` (7 GB, some minutes) looks at a long history.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a benchmark stops at the first failure")]

use std::{
    fs::{self, File},
    io::Write,
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use events::{Event, FamilySet, NewEvent, Side, Timestamp, TradeClosed, Uuid, id};
use store::{Duplicates, EmbeddedLog, EventLog, Expected, Options, Prepared, Request};

const ROUNDS: usize = 5;
const STREAMS: u64 = 8;

fn main() {
    let events = argument("--events").map_or(2_000_000, |number| number.parse().unwrap());
    let only = argument("--only");
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    println!("| what | measured | beside it |\n|---|---|---|");
    if wanted("append") {
        [(1, 200), (100, 100), (1000, 60)].into_iter().for_each(|(batch, count)| beside_raw(batch, count));
        [(100, 150), (1, 250)].into_iter().for_each(|(batch, count)| producers(batch, count));
    }
    if wanted("cpu") {
        cpu_of_an_append();
        chain_cost();
    }
    if only.as_deref() == Some("scale") {
        scale(folder().path(), events);
    }
    if wanted("long") {
        let dir = folder();
        sustained(dir.path(), events);
        reading(dir.path(), events);
    }
}

/// A long history: what opening it and reading a little of it cost.
fn scale(dir: &Path, events: u64) {
    let log = EmbeddedLog::open(dir, Options::default()).unwrap();
    let started = Instant::now();
    for n in 0..events / 1000 {
        // A quarter of all in one stream; three events of another at the start, the middle and the end.
        let stream = if n % 4 == 0 { "long".to_owned() } else { format!("other-{}", n % 7) };
        log.append(request(&stream, Expected::Any, n * 1000..(n + 1) * 1000)).unwrap();
        if [0, events / 2000, events / 1000 - 1].contains(&n) {
            log.append(request("short", Expected::Any, events + n..events + n + 1)).unwrap();
        }
    }
    let rate = events as f64 / started.elapsed().as_secs_f64();
    row(&format!("{events} events, making them included"), &format!("{rate:.0} events/s"), "one appender");
    drop(log);
    let (memory, started) = (resident_mib(), Instant::now());
    let log = EmbeddedLog::open(dir, Options::default()).unwrap();
    let ms = |started: Instant| format!("{:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    let grown = |memory: f64| format!("{:.0} MiB more in memory", resident_mib() - memory);
    row("opening it", &ms(started), &format!("{}; goal 1 s", grown(memory)));
    let started = Instant::now();
    assert_eq!(log.read_stream("short", 0, 10).unwrap().len(), 3);
    row("a stream of three events in it", &ms(started), "from start, middle and end");
    let ids: Vec<_> = (0..1000).map(|n| trade(n * (events / 1000)).event_id).collect();
    let started = Instant::now();
    ids.iter().for_each(|id| assert!(log.position_of(*id).unwrap().is_some()));
    row(
        "the position of an id anywhere in it",
        &format!("{:.1} µs", started.elapsed().as_secs_f64() * 1e3),
        "",
    );
    let (memory, started, mut before, mut pages) = (resident_mib(), Instant::now(), u64::MAX, 0);
    let mut slowest = Duration::ZERO;
    loop {
        let page_started = Instant::now();
        let page = log.read_stream_back("long", before, 1000).unwrap();
        slowest = slowest.max(page_started.elapsed());
        let Some(last) = page.last() else { break };
        (before, pages) = (last.stream_revision, pages + 1);
    }
    let page = started.elapsed().as_secs_f64() * 1e3 / f64::from(pages);
    let beside =
        format!("{pages} pages, the slowest {:.1} ms; {}", slowest.as_secs_f64() * 1e3, grown(memory));
    row("a page of 1,000 of the long stream, backwards", &format!("{page:.2} ms"), &beside);
}

/// What the process holds in memory, in MiB.
fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

/// What follows a word on the command line.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn row(what: &str, measured: &str, beside: &str) {
    println!("| {what} | {measured} | {beside} |");
}

fn trade(n: u64) -> NewEvent {
    let decimal = |text: &str| text.parse().unwrap();
    let closed_at = Timestamp::from_micros(1_767_225_600_000_000 + n as i64 * 1_000_000);
    let strategy = format!("strategy-{}", n % STREAMS);
    let trade_id = n.to_string();
    let event_id = id::closed_trade(&strategy, &trade_id);
    let event = Event::TradeClosed(TradeClosed {
        trade_id,
        strategy,
        symbol: "BTC/USDT".into(),
        side: Side::Long,
        quantity: decimal("0.015"),
        entry_price: decimal("64250.5"),
        exit_price: None,
        profit: decimal("-1.25"),
        profit_pct: decimal("-0.8"),
        opened_at: closed_at.plus_seconds(-300),
        closed_at,
        currency: "USDT".into(),
        fee: None,
        leverage: None,
        exit_reason: None,
        model: None,
        account: None,
        source_event_id: None,
    });
    NewEvent::root(event_id, closed_at, &Arc::from("source:kafka"), Uuid::from_u128(7), event)
}

fn request(stream: &str, expected: Expected, numbers: std::ops::Range<u64>) -> Request {
    let events = numbers.map(|n| Prepared::new(trade(n)).unwrap()).collect();
    Request { stream: Arc::from(stream), expected, duplicates: Duplicates::Skip, events }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn log_bytes(dir: &Path, ending: &str) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    let wanted = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(ending));
    wanted.map(|entry| entry.metadata().unwrap().len()).sum()
}

/// One appender with the expected revision, and as many bytes written raw, batch by batch in turns: whatever else
/// the disk has to do meets both.
fn beside_raw(batch: u64, count: u64) {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| in_turns(batch, count)).collect();
    let log = median(rounds.iter().map(|round| round.0).collect());
    let raw = median(rounds.iter().map(|round| round.1).collect());
    let beside = format!("{:.2} of raw write + fdatasync ({:.0}/s)", raw / log, batch as f64 / raw);
    let measured = format!("{:.0} events/s, {:.2} ms a batch", batch as f64 / log, log * 1e3);
    row(&format!("one appender, {batch} a batch"), &measured, &beside);
}

/// Median seconds of a batch through the log, and raw.
fn in_turns(batch: u64, count: u64) -> (f64, f64) {
    let dir = folder();
    let log = EmbeddedLog::open(dir.path(), Options::default()).unwrap();
    let mut raw = File::create(dir.path().join("raw")).unwrap();
    let bytes = vec![b'x'; (batch * 366 + 32) as usize];
    let (mut of_log, mut of_raw) = (Vec::new(), Vec::new());
    for n in 0..count {
        let request = request("trades", Expected::Revision(n * batch), n * batch..(n + 1) * batch);
        let started = Instant::now();
        log.append(request).unwrap();
        of_log.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        raw.write_all(&bytes).and_then(|()| raw.sync_data()).unwrap();
        of_raw.push(started.elapsed().as_secs_f64());
    }
    (median(of_log), median(of_raw))
}

fn producers(batch: u64, count: u64) {
    let rates = (0..ROUNDS).map(|_| {
        let dir = folder();
        let log = Arc::new(EmbeddedLog::open(dir.path(), Options::default()).unwrap());
        let work: Vec<Vec<_>> = (0..8).map(|p| producer_requests(p, batch, count)).collect();
        let started = Instant::now();
        let threads: Vec<_> = work
            .into_iter()
            .map(|requests| {
                let log = Arc::clone(&log);
                thread::spawn(move || requests.into_iter().for_each(|r| drop(log.append(r).unwrap())))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        (8 * batch * count) as f64 / started.elapsed().as_secs_f64()
    });
    let rate = median(rates.collect());
    row(&format!("8 producers, {batch} a request, group commit"), &format!("{rate:.0} events/s"), "");
}

fn producer_requests(producer: u64, batch: u64, count: u64) -> Vec<Request> {
    let first = producer * 10_000_000;
    let stream = format!("producer-{producer}");
    let of = |n| request(&stream, Expected::Revision(n * batch), first + n * batch..first + (n + 1) * batch);
    (0..count).map(of).collect()
}

/// CPU time of the appending thread, which writes its batches itself; the kernel's part of it is in the raw figure.
fn cpu_of_an_append() {
    let dir = folder();
    let log = EmbeddedLog::open(dir.path(), Options::default()).unwrap();
    let (mut of_log, mut of_raw) = (Vec::new(), Vec::new());
    let raw = File::create(dir.path().join("raw.log")).unwrap();
    let bytes = vec![b'x'; 1000 * 365];
    for n in 0..300 {
        let request = request("trades", Expected::Revision(n * 1000), n * 1000..(n + 1) * 1000);
        of_log.push(thread_cpu_ns(|| drop(log.append(request).unwrap())) / 1e6);
        of_raw.push(thread_cpu_ns(|| (&raw).write_all(&bytes).and_then(|()| raw.sync_data()).unwrap()) / 1e6);
    }
    let (log, raw) = (median(of_log), median(of_raw));
    let beside = format!("of which write + fdatasync in the kernel {raw:.2} µs");
    row("CPU of appending an event, 1,000 a batch", &format!("{log:.2} µs"), &beside);
}

/// CPU time of this thread in nanoseconds.
fn thread_cpu_ns(work: impl FnOnce()) -> f64 {
    let used = || {
        let stat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        stat.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    };
    let before = used();
    work();
    used() - before
}

/// Two appenders of 1,000 a request, as long as it takes.
fn sustained(dir: &Path, events: u64) {
    let log = Arc::new(EmbeddedLog::open(dir, Options::default()).unwrap());
    let slowest = std::sync::Mutex::new(Duration::ZERO);
    let (used, took) = cpu_and_time(|| {
        thread::scope(|scope| {
            for half in 0..2 {
                let (log, slowest) = (&log, &slowest);
                scope.spawn(move || append_half(log, half, events, slowest));
            }
        });
    });
    let slowest = slowest.into_inner().unwrap();
    let rate = events as f64 / took.as_secs_f64();
    let cpu = format!("{:.2} µs CPU an event", used.as_secs_f64() * 1e6 / events as f64);
    row(&format!("sustained, {events} events, making them included"), &format!("{rate:.0} events/s"), &cpu);
    row(
        "slowest append of 1,000 meanwhile",
        &format!("{:.0} ms", slowest.as_secs_f64() * 1e3),
        "goal 250 ms",
    );
    drop(log);
    let (frames, sidecars) = (log_bytes(dir, ".log"), log_bytes(dir, ".idx"));
    let records = frames - events * 16;
    let ratio = (frames + sidecars) as f64 / records as f64;
    let segments = fs::read_dir(dir)
        .unwrap()
        .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "log"));
    let shape = format!("{} bytes a record, {} segments", records / events, segments.count());
    row("disk over record bytes", &format!("{ratio:.3}"), &shape);
}

fn append_half(log: &EmbeddedLog, half: u64, events: u64, slowest: &std::sync::Mutex<Duration>) {
    let mut worst = Duration::ZERO;
    for n in (half..events / 1000).step_by(2) {
        let request = request(&format!("half-{half}"), Expected::Any, n * 1000..(n + 1) * 1000);
        let started = Instant::now();
        log.append(request).unwrap();
        worst = worst.max(started.elapsed());
    }
    let mut slowest = slowest.lock().unwrap();
    *slowest = worst.max(*slowest);
}

/// CPU time of the whole process, as far as the system counts it (100 ticks a second), and wall time.
fn cpu_and_time(work: impl FnOnce()) -> (Duration, Duration) {
    let (cpu, started) = (cpu_time(), Instant::now());
    work();
    (cpu_time() - cpu, started.elapsed())
}

fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn reading(dir: &Path, events: u64) {
    let opened = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        drop(EmbeddedLog::open_read_only(dir).unwrap());
        started.elapsed().as_secs_f64() * 1e3
    });
    row(
        &format!("opening with {events} events"),
        &format!("{:.0} ms", median(opened.collect())),
        "goal 500 ms",
    );
    let log = EmbeddedLog::open_read_only(dir).unwrap();
    assert_eq!(log.head(), events);
    let skipping = rate_of(events, || scan(&log, FamilySet::of(&[])));
    row("scan of everything, warm, not decoded", &skipping, "CRC of every frame checked");
    row("scan of everything, warm, decoded", &rate_of(events, || scan(&log, FamilySet::ALL)), "one thread");
    let verify = || assert!(log.verify_chain(&mut |_| ControlFlow::Continue(())).is_ok());
    row("verify: CRC, leaves, chain, sidecars, decoded", &rate_of(events, verify), "two threads");
    let lookups = (0..ROUNDS as u64).map(|round| {
        let ids: Vec<_> = (0..2000).map(|n| trade((round + n * 997) % events).event_id).collect();
        let started = Instant::now();
        ids.iter().for_each(|id| assert!(log.position_of(*id).unwrap().is_some()));
        started.elapsed().as_secs_f64() * 1e6 / 2000.0
    });
    row("position of a random old id", &format!("{:.1} µs", median(lookups.collect())), "");
}

fn scan(log: &EmbeddedLog, families: FamilySet) {
    let mut subscription = log.subscribe(0, families);
    while subscription.next(8192, Duration::ZERO).unwrap().read_to < log.head() {}
}

/// Events a second, by the clock and by the CPU time that all threads took together.
fn rate_of(events: u64, mut work: impl FnMut()) -> String {
    let rounds: Vec<_> = (0..ROUNDS).map(|_| cpu_and_time(&mut work)).collect();
    let rate = |time: fn(&(Duration, Duration)) -> Duration| {
        median(rounds.iter().map(|round| events as f64 / time(round).as_secs_f64()).collect())
    };
    format!("{:.0} events/s, {:.0} a CPU second", rate(|round| round.1), rate(|round| round.0))
}

/// What the hash chain costs the writer: one hash over a batch of 1,000.
fn chain_cost() {
    let input = vec![b'x'; 1000 * 390];
    let costs = (0..ROUNDS).map(|_| {
        let started = Instant::now();
        (0..100).for_each(|_| assert!(std::hint::black_box(blake3::hash(&input)) != [0; 32]));
        started.elapsed().as_secs_f64() * 1e6 / 100_000.0
    });
    row(
        "of that, the hash chain",
        &format!("{:.3} µs an event", median(costs.collect())),
        "batches of 1,000",
    );
}
