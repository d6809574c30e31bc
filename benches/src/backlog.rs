//! A backlog: everybody works through it in turn, from the start of the process to the last decision; then SIGKILL and
//! the first new decision.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    Options,
    contender::{self, Contender},
    course::{self, Course, Moment},
    process::{self, Process},
    ready,
    report::{
        Figure,
        Goal::{self, AtLeast, AtMost},
        OURS, Report,
    },
    rule::Guard,
    trades,
    work::Work,
};

const PATIENCE: Duration = Duration::from_secs(600);

const fn figure(name: &'static str, unit: &'static str, places: usize, goal: Goal) -> Figure {
    Figure { name, unit, places, goal }
}

static WARM: Figure = figure("warm (the last three quarters)", "trades/s", 0, Goal::None);
static WARM_TO_PEER: Figure = figure("warm, to Kafka Streams", "", 2, AtLeast(1.0, Some(1.3)));
static WARM_TO_FLOOR: Figure = figure("warm, to the floor", "", 2, Goal::None);
static FIRST: Figure = figure("the first quarter from process start", "trades/s", 0, Goal::None);
static WHOLE: Figure = figure("the whole from process start", "trades/s", 0, Goal::None);
static WHOLE_TO_PEER: Figure = figure("the whole, to Kafka Streams", "", 2, AtLeast(1.5, None));
static READY: Figure = figure("from the last decision to ready, views too", "s", 2, Goal::None);
static WARM_CPU: Figure = figure("CPU, warm, a 100,000", "s", 2, AtMost(0.35, Some(0.25)));
static WHOLE_CPU: Figure = figure("CPU from process start, a 100,000", "s", 2, Goal::None);
static BROKER: Figure = figure("the broker's CPU, warm, a 100,000", "s", 3, AtMost(0.08, None));
static MEMORY: Figure = figure("peak memory", "MiB", 0, AtMost(120.0, Some(90.0)));
static DISK: Figure = figure("disk a trade, not compressed", "bytes", 0, AtMost(280.0, None));
static RESTART: Figure = figure("SIGKILL to the first new decision", "s", 2, AtMost(0.3, None));
static IDLE: Figure = figure("idle share of the machine", "%", 0, Goal::None);
static OTHERS: Figure = figure("share of processes not measured", "%", 0, Goal::None);

/// Fills the topic once, then lets everybody work through it.
pub(crate) fn measure(work: &Work<'_>, options: &Options, report: &mut Report) -> Result<()> {
    let mut guard = Guard::default();
    let decisions =
        trades::trades(options.trades, options.strategies).map(|trade| guard.decide(&trade)).sum();
    let Options { trades, strategies, .. } = options;
    report.begin(format!(
        "Backlog: {trades} trades of {strategies} strategies, {decisions} decisions, {} runs in turn",
        options.runs
    ));
    work.make_topics()?;
    work.fill(trades::backlog(options.trades, options.strategies))?;
    for round in 0..options.runs {
        let mut ends = Vec::new();
        for who in work.round(round) {
            ends.push((who, one(work, who, options, (&guard, decisions), report)?));
        }
        compare(&ends, report);
    }
    Ok(())
}

/// Rates of a run.
#[derive(Clone, Copy)]
struct Rates {
    warm: f64,
    whole: f64,
}

fn one(
    work: &Work<'_>,
    who: Contender,
    options: &Options,
    (guard, decisions): (&Guard, usize),
    report: &mut Report,
) -> Result<Rates> {
    let folder = tempfile::tempdir()?;
    let (mut process, course) = Course::watch(work, who, folder.path(), options.trades, guard)?;
    ensure!(
        course.decisions == decisions,
        "{} published {} decisions, the rules ask for {decisions}",
        who.name(),
        course.decisions
    );
    let (total, quarter) = (options.trades as f64, course.after(options.trades as f64 / 4.0));
    let end = course.end();
    let rates = Rates {
        warm: (total - quarter.trades) / (end.seconds - quarter.seconds),
        whole: total / end.seconds,
    };
    report.add(&WARM, who.name(), rates.warm);
    report.add(&FIRST, who.name(), quarter.trades / quarter.seconds);
    report.add(&WHOLE, who.name(), rates.whole);
    // What is still to be done for the views counts as work on these trades.
    let finished = finish(who, &mut process, folder.path(), end, report)?;
    report.add(&WARM_CPU, who.name(), (finished - quarter.cpu) / hundreds(total - quarter.trades));
    report.add(&WHOLE_CPU, who.name(), finished / hundreds(total));
    report.add(&BROKER, who.name(), (end.broker - quarter.broker) / hundreds(total - quarter.trades));
    report.add(&MEMORY, who.name(), process::memory_mib(process.id(), "VmHWM")?);
    report.add(&IDLE, who.name(), course.shares.idle);
    report.add(&OTHERS, who.name(), course.shares.others);
    if who != Contender::Floor {
        let (again, seconds) = course::restart(work, who, process, folder.path())?;
        report.add(&RESTART, who.name(), seconds);
        again.stop()?;
    }
    if who == Contender::Tradewarden {
        report.add(&DISK, OURS, bytes_of_log(&contender::data(folder.path()))? / total);
    }
    Ok(rates)
}

/// CPU seconds when all is done.
fn finish(
    who: Contender,
    process: &mut Process,
    folder: &Path,
    end: Moment,
    report: &mut Report,
) -> Result<f64> {
    if who != Contender::Tradewarden {
        return Ok(end.cpu);
    }
    ready::wait(process, &contender::data(folder), PATIENCE)?;
    report.add(&READY, OURS, process.started.elapsed().as_secs_f64() - end.seconds);
    process::cpu_seconds(process.id())
}

fn compare(ends: &[(Contender, Rates)], report: &mut Report) {
    let of = |wanted| ends.iter().find(|(who, _)| *who == wanted).map(|(_, rates)| *rates);
    let Some(ours) = of(Contender::Tradewarden) else { return };
    if let Some(peer) = of(Contender::KafkaStreams) {
        report.add(&WARM_TO_PEER, OURS, ours.warm / peer.warm);
        report.add(&WHOLE_TO_PEER, OURS, ours.whole / peer.whole);
    }
    if let Some(floor) = of(Contender::Floor) {
        report.add(&WARM_TO_FLOOR, OURS, ours.warm / floor.warm);
    }
}

fn hundreds(trades: f64) -> f64 {
    trades / 100_000.0
}

/// Bytes of segments and sidecars. After a clean stop no file is longer than what is in it; the segment in use has no
/// sidecar yet, so those of the others count for it in proportion.
fn bytes_of_log(data: &Path) -> Result<f64> {
    let (mut segments, mut sealed, mut sidecars) = (0.0, 0.0, 0.0);
    for entry in std::fs::read_dir(data.join("log"))? {
        let path = entry?.path();
        let size = path.metadata()?.len() as f64;
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("log") => {
                segments += size;
                if path.with_extension("idx").exists() {
                    sealed += size;
                }
            }
            Some("idx") => sidecars += size,
            _ => {}
        }
    }
    Ok(if sealed > 0.0 { segments * (1.0 + sidecars / sealed) } else { segments })
}
