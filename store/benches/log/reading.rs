//! Reading: everything, a little of a long history, compressed or not, from memory and from the disk.

use std::{
    fs::File,
    io::Read,
    ops::ControlFlow,
    path::Path,
    time::{Duration, Instant},
};

use events::FamilySet;
use store::{EmbeddedLog, EventLog, Expected, Options};

use crate::work::{
    ROUNDS, drop_from_cache, files_of, log_bytes, median, rate_of, request, resident_mib, row, trade,
};

pub(crate) fn reading(dir: &Path, events: u64) {
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
    row("verify: CRC, chain, sidecars, decoded", &rate_of(events, verify), "two threads");
    row("position of a random old id", &look_up(&log, events), "");
    drop(log);
    let bytes = log_bytes(dir, ".log") as f64;
    let (from_disk, raw) = cold(dir);
    row(
        "scan of everything, from the disk, not decoded",
        &format!("{:.0} events/s", events as f64 / from_disk),
        &format!(
            "{:.2} of a buffered sequential read ({:.0} MB/s; goal 0.9)",
            raw / from_disk,
            bytes / raw / 1e6
        ),
    );
    compressed(dir, events, from_disk);
}

/// Seconds of a scan from the disk, and of reading the files through a buffer and doing nothing with it.
fn cold(dir: &Path) -> (f64, f64) {
    let files = files_of(dir, &[".log", ".log.zst"]);
    let rounds = (0..ROUNDS).map(|_| {
        let mut buffer = vec![0; 256 << 10];
        drop_from_cache(&files);
        let started = Instant::now();
        for file in &files {
            let mut file = File::open(file).unwrap();
            while file.read(&mut buffer).unwrap() > 0 {}
        }
        let raw = started.elapsed().as_secs_f64();
        let log = EmbeddedLog::open_read_only(dir).unwrap();
        drop_from_cache(&files);
        let started = Instant::now();
        scan(&log, FamilySet::of(&[]));
        (started.elapsed().as_secs_f64(), raw)
    });
    let (of_log, of_raw): (Vec<_>, Vec<_>) = rounds.unzip();
    (median(of_log), median(of_raw))
}

/// What compressing every sealed segment saves and costs.
fn compressed(dir: &Path, events: u64, uncompressed: f64) {
    let before = log_bytes(dir, ".log");
    let log = EmbeddedLog::open(dir, Options { uncompressed: 0, ..Options::default() }).unwrap();
    let active = files_of(dir, &[".log"]).pop().unwrap().metadata().unwrap().len();
    let (mut done, started) = (Default::default(), Instant::now());
    let cpu = crate::work::thread_cpu_ns(|| done = log.tidy().unwrap());
    let packed = (before - active) as f64;
    let ratio = log_bytes(dir, ".log.zst") as f64 / packed;
    row(
        "a segment, compressed",
        &format!("{ratio:.2} of its size"),
        &format!(
            "{:.0} MB/s, read back and compared ({:.2} µs CPU an event), {} segments",
            packed / started.elapsed().as_secs_f64() / 1e6,
            cpu / 1e3 / (events as f64 * packed / before as f64),
            done.compressed
        ),
    );
    drop(log);
    let log = EmbeddedLog::open_read_only(dir).unwrap();
    let skipping = rate_of(events, || scan(&log, FamilySet::of(&[])));
    row("scan of everything, warm, compressed, not decoded", &skipping, "");
    row("position of a random old id, compressed", &look_up(&log, events), "");
    drop(log);
    let (from_disk, _) = cold(dir);
    row(
        "the same, compressed",
        &format!("{:.0} events/s", events as f64 / from_disk),
        &format!("{:.2} of uncompressed", uncompressed / from_disk),
    );
}

/// Microseconds that finding the position of an id takes.
fn look_up(log: &EmbeddedLog, events: u64) -> String {
    let lookups = (0..ROUNDS as u64).map(|round| {
        let ids: Vec<_> = (0..2000).map(|n| trade((round + n * 997) % events).event_id).collect();
        let started = Instant::now();
        ids.iter().for_each(|id| assert!(log.position_of(*id).unwrap().is_some()));
        started.elapsed().as_secs_f64() * 1e6 / 2000.0
    });
    format!("{:.1} µs", median(lookups.collect()))
}

fn scan(log: &EmbeddedLog, families: FamilySet) {
    let mut subscription = log.subscribe(0, families);
    while subscription.next(8192, Duration::ZERO).unwrap().read_to < log.head() {}
}

/// A long history: what opening it and reading a little of it cost.
pub(crate) fn scale(dir: &Path, events: u64) {
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
    let started = Instant::now();
    log.tidy().unwrap();
    let (segments, packed) = (files_of(dir, &[".log"]).len(), files_of(dir, &[".log.zst"]).len());
    row(
        "until all but the newest four full segments are compressed",
        &format!("{:.1} s more", started.elapsed().as_secs_f64()),
        &format!("{packed} compressed, {segments} not; {} MiB in all", log.stats().bytes >> 20),
    );
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
