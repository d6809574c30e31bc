//! A steady load: trades produced one after another, some of which halt a strategy of their own, and how long until that
//! is read.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use events::Timestamp;
use kafka::CommittedReader;

use crate::{
    trades,
    work::{Sender, TRADES},
};

/// Trades a second.
pub(crate) const RATE: u64 = 1000;
/// One of so many trades halts its strategy, and is measured.
pub(crate) const PROBE_EVERY: u64 = 10;
/// An answer is waited for at most so long after the load's end.
const PATIENCE: Duration = Duration::from_secs(60);

/// When each probe was sent that is not yet answered.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<BTreeMap<String, Instant>>>);

impl Sent {
    /// Whether all that was noted has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One is sent now.
    pub(crate) fn note(&self, name: String) {
        self.lock().insert(name, Instant::now());
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// How many probes a load of so many seconds has.
pub(crate) fn probes(seconds: u64) -> usize {
    (RATE * seconds / PROBE_EVERY) as usize
}

/// Produces for so many seconds.
pub(crate) fn produce(servers: String, seconds: u64, sent: Sent) -> thread::JoinHandle<Result<()>> {
    thread::spawn(move || {
        let sender = Sender::open(&servers, "0")?;
        let (started, first) = (Instant::now(), now().micros());
        for n in 0..RATE * seconds {
            let at = Duration::from_micros(n * 1_000_000 / RATE);
            while started.elapsed() < at {
                sender.attend(Duration::from_micros(200));
            }
            let probes = n % PROBE_EVERY == 0;
            let strategy = if probes { format!("probe-{first}-{n}") } else { format!("steady-{}", n % 7) };
            let profit = if probes { -11 } else { i64::from(n % 2 == 0) };
            let (key, value) =
                trades::record(&trades::trade(&strategy, &format!("{first}-{n}"), profit, now()));
            if probes {
                sent.note(strategy);
            }
            sender.send(TRADES, None, &key, &value)?;
        }
        sender.flush()
    })
}

/// Milliseconds from sent to read of so many probes, sorted.
pub(crate) fn collect(
    reader: &CommittedReader,
    sent: &Sent,
    wanted: usize,
    seconds: u64,
) -> Result<Vec<f64>> {
    let took = collect_until(reader, sent, seconds, |took| took == wanted)?;
    ensure!(took.len() == wanted, "{} of {wanted} decisions came", took.len());
    Ok(took)
}

/// The same until enough have come, by their number, or the time is over.
pub(crate) fn collect_until(
    reader: &CommittedReader,
    sent: &Sent,
    seconds: u64,
    enough: impl Fn(usize) -> bool,
) -> Result<Vec<f64>> {
    let until = Instant::now() + Duration::from_secs(seconds) + PATIENCE;
    let mut took = Vec::new();
    while !enough(took.len()) && Instant::now() < until {
        let record = reader.next(Duration::from_millis(500)).map_err(anyhow::Error::msg)?;
        let Some(key) = record.and_then(|record| record.key) else { continue };
        // The first record about it counts.
        if let Some(at) = sent.lock().remove(&*String::from_utf8_lossy(&key)) {
            took.push(at.elapsed().as_secs_f64() * 1000.0);
        }
    }
    took.sort_by(f64::total_cmp);
    Ok(took)
}
