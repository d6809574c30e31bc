//! Appending: beside raw writes of the same bytes, and beside what others would use.

use std::{
    fs::File,
    io::Write,
    path::Path,
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use store::{EmbeddedLog, EventLog, Expected, Options, Request};

use crate::{
    rivals::{Fjall, Rival, Sqlite},
    work::{ROUNDS, cpu_and_time, files_of, folder, log_bytes, median, request, row, thread_cpu_ns},
};

/// One appender with the expected revision, and as many bytes written raw, batch by batch in turns: whatever else the disk
/// has to do meets both. Then the same for each of the others.
pub(crate) fn beside_others(batch: u64, count: u64) {
    beside_raw(batch, count, "one appender", |dir| {
        let log = EmbeddedLog::open(dir, Options::default()).unwrap();
        move |request| drop(log.append(request).unwrap())
    });
    beside_raw(batch, count, Sqlite::NAME, rival::<Sqlite>);
    beside_raw(batch, count, Fjall::NAME, rival::<Fjall>);
}

fn rival<R: Rival>(dir: &Path) -> impl FnMut(Request) + use<R> {
    let mut rival = R::open(dir);
    move |request| rival.append(&request)
}

fn beside_raw<A: FnMut(Request)>(batch: u64, count: u64, name: &str, open: impl Fn(&Path) -> A) {
    let (of_it, of_raw): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| in_turns(batch, count, &open)).unzip();
    let (it, raw) = (median(of_it), median(of_raw));
    let measured = format!("{:.0} events/s, {:.2} ms a batch", batch as f64 / it, it * 1e3);
    let beside = format!("{:.2} of raw write + fdatasync ({:.0}/s)", raw / it, batch as f64 / raw);
    row(&format!("{name}, {batch} a batch"), &measured, &beside);
}

/// Median seconds of a batch, and of writing it raw.
fn in_turns<A: FnMut(Request)>(batch: u64, count: u64, open: impl Fn(&Path) -> A) -> (f64, f64) {
    let dir = folder();
    let mut raw = File::create(dir.path().join("raw")).unwrap();
    let mut append = open(&dir.path().join("log"));
    let bytes = vec![b'x'; (batch * 366 + 32) as usize];
    let (mut of_it, mut of_raw) = (Vec::new(), Vec::new());
    for n in 0..count {
        let request = request("trades", Expected::Revision(n * batch), n * batch..(n + 1) * batch);
        of_it.push(seconds(|| append(request)));
        of_raw.push(seconds(|| raw.write_all(&bytes).and_then(|()| raw.sync_data()).unwrap()));
    }
    (median(of_it), median(of_raw))
}

fn seconds(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64()
}

pub(crate) fn producers(batch: u64, count: u64) {
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
pub(crate) fn cpu_of_an_append() {
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

/// Two appenders of 1,000 a request, as long as it takes.
pub(crate) fn sustained(dir: &Path, events: u64) {
    let log = Arc::new(EmbeddedLog::open(dir, Options::default()).unwrap());
    let slowest = Mutex::new(Duration::ZERO);
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
    let (segments, sidecars) = (files_of(dir, &[".log"]), log_bytes(dir, ".idx"));
    let frames = log_bytes(dir, ".log");
    let records = frames - events * 16;
    let ratio = (frames + sidecars) as f64 / records as f64;
    let shape = format!("{} bytes a record, {} segments", records / events, segments.len());
    row("disk over record bytes", &format!("{ratio:.3}"), &shape);
}

/// A tenth as many events through the others: they take long enough.
pub(crate) fn sustained_rivals(events: u64) {
    sustained_rival::<Sqlite>(events / 10);
    sustained_rival::<Fjall>(events / 10);
}

fn sustained_rival<R: Rival>(events: u64) {
    let dir = folder();
    let mut rival = R::open(&dir.path().join("log"));
    let (mut slowest, mut revision) = (Duration::ZERO, 0);
    let (used, took) = cpu_and_time(|| {
        for n in 0..events / 1000 {
            let request = request("trades", Expected::Revision(revision), n * 1000..(n + 1) * 1000);
            revision += 1000;
            let started = Instant::now();
            rival.append(&request);
            slowest = slowest.max(started.elapsed());
        }
    });
    let (rate, cpu) = (events as f64 / took.as_secs_f64(), used.as_secs_f64() * 1e6 / events as f64);
    let beside = format!("{cpu:.2} µs CPU an event; slowest append {:.0} ms", slowest.as_secs_f64() * 1e3);
    row(&format!("the same, {}, {events} events", R::NAME), &format!("{rate:.0} events/s"), &beside);
    let started = Instant::now();
    assert_eq!(rival.scan(), events);
    let scan = events as f64 / started.elapsed().as_secs_f64();
    row(&format!("scan of everything, warm, {}", R::NAME), &format!("{scan:.0} events/s"), "");
}

fn append_half(log: &EmbeddedLog, half: u64, events: u64, slowest: &Mutex<Duration>) {
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

/// What the hash chain costs the writer: one hash over a batch of 1,000.
pub(crate) fn chain_cost() {
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
