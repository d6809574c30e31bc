//! How long from a trade produced to its decision readable by a `read_committed` consumer under a steady load, of
//! everybody in turn, and beside a bare transaction.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::Result;

use crate::{
    Options, bare,
    contender::Contender,
    load::{self, RATE, Sent},
    machine::Machine,
    process,
    report::{
        Figure,
        Goal::{self, AtMost},
        OURS, Report, percentile,
    },
    work::Work,
};

/// Seconds of load before anything is measured: code is compiled while it runs, the broker's too.
const WARM_UP: u64 = 10;
/// How often Kafka Streams commits here.
const COMMIT: Duration = Duration::from_millis(10);
/// What the bare transaction is called in the table.
const BARE: &str = "bare transaction";

const fn figure(name: &'static str, unit: &'static str, places: usize, goal: Goal) -> Figure {
    Figure { name, unit, places, goal }
}

static P50: Figure = figure("produced to decision readable: p50", "ms", 1, AtMost(5.0, None));
static P99: Figure = figure("the same: p99", "ms", 1, Goal::None);
static LARGEST: Figure = figure("the same: largest", "ms", 0, Goal::None);
static P99_TO_BARE: Figure = figure("p99, to the bare transaction's", "", 2, AtMost(1.2, None));
static CPU: Figure = figure("CPU", "% of a core", 1, AtMost(15.0, None));
static BROKER: Figure = figure("the broker's CPU", "% of a core", 1, Goal::None);
static IDLE: Figure = figure("idle share of the machine", "%", 0, Goal::None);
static OTHERS: Figure = figure("share of processes not measured", "%", 0, Goal::None);

/// Loads everybody for some seconds, in turn.
pub(crate) fn measure(work: &Work<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let Options { seconds, runs, .. } = *options;
    let probes = load::probes(seconds);
    report.begin(format!(
        "{RATE} trades a second for {seconds} s, {probes} of them halts, {runs} runs in turn"
    ));
    work.make_topics()?;
    work.broker.create_topic(bare::TOPIC, 1, &[]).map_err(anyhow::Error::msg)?;
    bare::transactions(work, WARM_UP)?;
    let folder = tempfile::tempdir()?;
    for round in 0..runs {
        let bare = Watched::over(work, None, || bare::transactions(work, seconds))?;
        bare.tell(BARE, report);
        for who in work.round(round).filter(|who| *who != Contender::Floor) {
            let own = folder.path().join(format!("latency-{}", who.decisions()));
            std::fs::create_dir_all(&own)?;
            let watched = one(work, who, &own, seconds)?;
            watched.tell(who.name(), report);
            if who == Contender::Tradewarden {
                report.add(&P99_TO_BARE, OURS, watched.p99() / bare.p99());
            }
        }
    }
    Ok(())
}

fn one(work: &Work<'_>, who: Contender, folder: &Path, seconds: u64) -> Result<Watched> {
    let process = who.start(work, folder, COMMIT)?;
    answered(work, who, WARM_UP)?;
    let watched = Watched::over(work, Some(process.id()), || answered(work, who, seconds))?;
    process.stop()?;
    Ok(watched)
}

/// Milliseconds until each probe of a load was answered, sorted.
fn answered(work: &Work<'_>, who: Contender, seconds: u64) -> Result<Vec<f64>> {
    let (reader, sent) = (work.decisions(who)?, Sent::default());
    let load = load::produce(work.broker.bootstrap_servers(), seconds, sent.clone());
    let took = load::collect(&reader, &sent, load::probes(seconds), seconds)?;
    load.join().map_err(|_| anyhow::anyhow!("the load died"))??;
    Ok(took)
}

/// Times, and what was used meanwhile.
struct Watched {
    took: Vec<f64>,
    /// How long it was watched, which is longer than the load where answers come late.
    seconds: f64,
    cpu: Option<f64>,
    broker: f64,
    idle: f64,
    others: f64,
}

impl Watched {
    fn over(work: &Work<'_>, pid: Option<u32>, load: impl FnOnce() -> Result<Vec<f64>>) -> Result<Self> {
        let used = || pid.map(process::cpu_seconds).transpose();
        let (machine, cpu, broker) = (Machine::now()?, used()?, work.broker_cpu()?);
        let started = Instant::now();
        let took = load()?;
        let seconds = started.elapsed().as_secs_f64();
        let cpu = used()?.zip(cpu).map(|(now, before)| now - before);
        let broker = work.broker_cpu()? - broker;
        let shares = Machine::now()?.shares_since(machine, cpu.unwrap_or_default() + broker);
        Ok(Self { took, seconds, cpu, broker, idle: shares.idle, others: shares.others })
    }

    fn p99(&self) -> f64 {
        percentile(&self.took, 0.99)
    }

    fn tell(&self, who: &'static str, report: &mut Report) {
        let percent = |used: f64| used / self.seconds * 100.0;
        report.add(&P50, who, percentile(&self.took, 0.5));
        report.add(&P99, who, self.p99());
        report.add(&LARGEST, who, percentile(&self.took, 1.0));
        if let Some(cpu) = self.cpu {
            report.add(&CPU, who, percent(cpu));
        }
        report.add(&BROKER, who, percent(self.broker));
        report.add(&IDLE, who, self.idle);
        report.add(&OTHERS, who, self.others);
    }
}
