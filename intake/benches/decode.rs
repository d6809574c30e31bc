//! What a record costs from its bytes to the log's door: `cargo bench -p intake --bench decode`.
//!
//! Medians of five rounds over the same 100,000 made-up trades, in batches of 1,000. The log behind the admission
//! takes everything and keeps nothing, so that only our own part is measured.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{
    hint::black_box,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use events::{Timestamp, TradeClosed, Uuid};
use intake::{
    TradeFormat,
    admit::{Admission, Incoming, Place, RawBytes},
    json,
    sample::SampleTrades,
};
use store::{AppendError, Appended, EventLog, Expected, Interposer, MemoryLog, Placed, Request};

const TRADES: u64 = 100_000;
const BATCH: usize = 1_000;

fn main() {
    let records: Vec<Vec<u8>> =
        SampleTrades::new(1, TRADES).map(|trade| json::to_record(&trade).unwrap_or_default()).collect();
    let bytes = records.iter().map(Vec::len).sum::<usize>() / records.len();
    println!("{TRADES} trades, {bytes} bytes each");
    let mut rounds = [const { Vec::new() }; 4];
    for _ in 0..5 {
        for (stage, taken) in rounds.iter_mut().zip(round(&records)) {
            stage.push(taken);
        }
    }
    for (name, mut taken) in ["decode", "encode", "admit", "serde_json"].into_iter().zip(rounds) {
        taken.sort();
        println!("{name:>16}: {:>5} ns a trade", taken[2].as_nanos() / u128::from(TRADES));
    }
}

/// How long each stage took over all records; last what serde_json alone takes for the stored form.
fn round(records: &[Vec<u8>]) -> [Duration; 4] {
    let format = TradeFormat::default();
    let now = Timestamp::from_micros(1_800_000_000_000_000);
    let admission = Admission { stream: "bench".into(), producer: "bench".into(), run_id: Uuid::nil() };
    let log = Nothing(MemoryLog::new(), AtomicU64::new(0));
    let mut taken = [Duration::ZERO; 4];
    for batch in records.chunks(BATCH) {
        let started = cpu_time();
        let decoded: Vec<_> = batch.iter().map(|value| format.decode(black_box(value), None, now)).collect();
        taken[0] += cpu_time() - started;
        let started = cpu_time();
        let incoming = batch.iter().zip(decoded).map(|(value, decoded)| Incoming {
            place: Place::Kafka { topic: "bench", partition: 0, offset: 0 },
            raw: RawBytes { key: None, value },
            decoded,
        });
        let candidates: Vec<_> = incoming.flat_map(|incoming| admission.prepare(incoming)).collect();
        taken[1] += cpu_time() - started;
        let started = cpu_time();
        let admitted = admission.admit(&log, Expected::Any, now, candidates);
        taken[2] += cpu_time() - started;
        assert!(admitted.is_ok_and(|admitted| admitted.counts().taken == BATCH as u64));
        let started = cpu_time();
        for value in batch {
            let _ = black_box(serde_json::from_slice::<TradeClosed>(black_box(value)));
        }
        taken[3] += cpu_time() - started;
    }
    taken
}

/// What this thread has used, so that other programs on the machine do not count; wall time where that is not told.
fn cpu_time() -> Duration {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let used = told.and_then(|text| text.split(' ').next()?.parse().ok());
    used.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

/// A log that takes everything and keeps nothing.
struct Nothing(MemoryLog, AtomicU64);

impl Interposer for Nothing {
    fn behind(&self) -> &dyn EventLog {
        &self.0
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        let first = self.1.fetch_add(request.events.len() as u64, Relaxed);
        let placed = |place| Placed { position: first + place, duplicate: false };
        let placed: Vec<_> = (1..=request.events.len() as u64).map(placed).collect();
        Ok(Appended { revision: first + placed.len() as u64, placed })
    }
}
