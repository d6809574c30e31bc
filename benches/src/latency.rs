//! A steady load: how long from a trade produced to its decision readable by a `read_committed` consumer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::Result;
use events::{Decimal, Timestamp, TradeClosed};
use kafka::{CommittedReader, ReadFrom};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer as _},
};

use crate::{
    Options, process,
    report::{Report, percentile},
    work::{self, TRADES, Work},
};

/// Trades a second.
const RATE: u64 = 1000;
/// One of so many trades halts its strategy, and is measured.
const PROBE_EVERY: u64 = 10;

/// Seconds of load before anything is measured.
const WARM_UP: u64 = 10;

type Sent = Arc<Mutex<BTreeMap<String, Instant>>>;

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A trade that halts its strategy at once.
pub(crate) fn probe(strategy: &str, closed_at: Timestamp) -> (Vec<u8>, Vec<u8>) {
    work::record(&trade(strategy, "probe", -11, closed_at))
}

fn trade(strategy: &str, trade_id: &str, profit_pct: i64, closed_at: Timestamp) -> TradeClosed {
    TradeClosed {
        exit_price: Some(Decimal::ONE_HUNDRED),
        opened_at: closed_at.plus_seconds(-60),
        ..events::test_support::trade(strategy, trade_id, Decimal::from(profit_pct), closed_at)
    }
}

/// Loads tradewarden for some seconds and reads its decisions.
pub(crate) fn measure(work: &Work<'_>, options: &Options, report: &mut Report) -> Result<()> {
    work.fill(1)?;
    let folder = tempfile::tempdir()?;
    let mut running = work.start(&folder.path().join("data"))?;
    running.wait_until_ready(Duration::from_secs(60))?;
    // The broker's own code is compiled while it runs.
    load(work, WARM_UP, running.pid())?;
    for _ in 0..options.runs {
        let (took, used) = load(work, options.seconds, running.pid())?;
        report.add("steady 1,000/s: p50", "ms", "<= 8", percentile(&took, 0.5));
        report.add("steady 1,000/s: p99", "ms", "<= 30", percentile(&took, 0.99));
        report.add("steady 1,000/s: CPU", "% of a core", "<= 20", used / options.seconds as f64 * 100.0);
    }
    Ok(())
}

/// Loads it for so many seconds; answers how many milliseconds each decision took, sorted, and the CPU seconds used.
fn load(work: &Work<'_>, seconds: u64, pid: u32) -> Result<(Vec<f64>, f64)> {
    let settings = work.broker.settings();
    let reader = CommittedReader::open(&settings, "tradewarden.decisions.v1", ReadFrom::End);
    let reader = reader.map_err(anyhow::Error::msg)?;
    let (sent, cpu) = (Sent::default(), process::cpu_seconds(pid)?);
    let load = produce(work, seconds, &sent);
    let mut took = collect(&reader, &sent, seconds)?;
    let used = process::cpu_seconds(pid)? - cpu;
    load.join().map_err(|_| anyhow::anyhow!("the load died"))??;
    took.sort_by(f64::total_cmp);
    Ok((took, used))
}

fn produce(work: &Work<'_>, seconds: u64, sent: &Sent) -> thread::JoinHandle<Result<()>> {
    let (bootstrap_servers, sent) = (work.broker.bootstrap_servers(), Arc::clone(sent));
    thread::spawn(move || {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap_servers).set("linger.ms", "0");
        let producer: BaseProducer = config.create()?;
        let (started, first) = (Instant::now(), now().micros());
        for n in 0..RATE * seconds {
            let at = Duration::from_micros(n * 1_000_000 / RATE);
            while started.elapsed() < at {
                producer.poll(Duration::from_micros(200));
            }
            let probes = n % PROBE_EVERY == 0;
            let strategy = if probes { format!("probe-{first}-{n}") } else { format!("steady-{}", n % 7) };
            let profit = if probes { -11 } else { i64::from(n % 2 == 0) };
            let (key, value) = work::record(&trade(&strategy, &format!("{first}-{n}"), profit, now()));
            if probes {
                sent.lock().unwrap_or_else(PoisonError::into_inner).insert(strategy, Instant::now());
            }
            producer.send(BaseRecord::to(TRADES).key(&key).payload(&value)).map_err(|(error, _)| error)?;
            producer.poll(Duration::ZERO);
        }
        Ok(producer.flush(Duration::from_secs(10))?)
    })
}

/// Milliseconds from produced to read, of every probe.
fn collect(reader: &CommittedReader, sent: &Sent, seconds: u64) -> Result<Vec<f64>> {
    let (until, wanted) =
        (Instant::now() + Duration::from_secs(seconds + 10), (RATE * seconds / PROBE_EVERY) as usize);
    let mut took = Vec::with_capacity(wanted);
    while took.len() < wanted && Instant::now() < until {
        let Some(record) = reader.next(Duration::from_millis(500)).map_err(anyhow::Error::msg)? else {
            continue;
        };
        let strategy = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        // The first decision about the strategy: its halt.
        if let Some(at) = sent.lock().unwrap_or_else(PoisonError::into_inner).remove(&strategy) {
            took.push(at.elapsed().as_secs_f64() * 1000.0);
        }
    }
    anyhow::ensure!(took.len() == wanted, "{} of {wanted} decisions came", took.len());
    Ok(took)
}
