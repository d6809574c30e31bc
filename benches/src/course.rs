//! How somebody comes through a backlog, seen from outside alone: by the marks among the committed decisions.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    contender::Contender,
    load,
    machine::{Machine, Shares},
    process::{self, Process},
    rule::Guard,
    trades::{self, Mark, PARTITIONS},
    work::{Sender, TRADES, Work},
};

/// Nobody takes longer.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often Kafka Streams commits here.
pub(crate) const COMMIT: Duration = Duration::from_millis(100);

/// Where somebody stood, since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moment {
    /// Trades that were decided by then.
    pub(crate) trades: f64,
    /// Seconds.
    pub(crate) seconds: f64,
    /// CPU seconds of the process.
    pub(crate) cpu: f64,
    /// CPU seconds of the broker.
    pub(crate) broker: f64,
}

/// A backlog worked through.
pub(crate) struct Course {
    moments: Vec<Moment>,
    /// Decisions on the strategies of the trades.
    pub(crate) decisions: usize,
    /// What the machine did meanwhile.
    pub(crate) shares: Shares,
}

impl Course {
    /// Starts somebody on a backlog of so many trades, and watches until all of them are decided; `guard` has seen them.
    pub(crate) fn watch(
        work: &Work<'_>,
        who: Contender,
        folder: &Path,
        trades: u64,
        guard: &Guard,
    ) -> Result<(Process, Self)> {
        let reader = work.decisions(who)?;
        let (machine, broker) = (Machine::now()?, work.broker_cpu()?);
        let mut process = who.start(work, folder, COMMIT)?;
        let (mut decided, mut decisions) = ([0; PARTITIONS], 0);
        let mut moments = vec![Moment::default()];
        while decided.iter().sum::<u64>() < trades {
            let Some(record) = reader.next(Duration::from_millis(100)).map_err(anyhow::Error::msg)? else {
                process.ensure_alive()?;
                ensure!(process.started.elapsed() < PATIENCE, "{} stands still", who.name());
                continue;
            };
            let strategy = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
            match Mark::parse(&strategy) {
                Some(mark) if mark.trades > decided[mark.partition] => {
                    decided[mark.partition] = mark.trades;
                    moments.push(Moment {
                        trades: decided.iter().sum::<u64>() as f64,
                        seconds: process.started.elapsed().as_secs_f64(),
                        cpu: process::cpu_seconds(process.id())?,
                        broker: work.broker_cpu()? - broker,
                    });
                }
                Some(_) => {}
                // Of whom the rules know nothing: what was asked after SIGKILL, and alerts about the publisher.
                None => decisions += usize::from(guard.knows(&strategy)),
            }
        }
        let end = moments[moments.len() - 1];
        let shares = Machine::now()?.shares_since(machine, end.cpu + end.broker);
        Ok((process, Self { moments, decisions, shares }))
    }

    /// Where it stood after so many trades, between two marks by proportion.
    pub(crate) fn after(&self, trades: f64) -> Moment {
        let later = self.moments.iter().position(|moment| moment.trades >= trades);
        let later = later.unwrap_or(self.moments.len() - 1).max(1);
        let (a, b) = (self.moments[later - 1], self.moments[later]);
        let part = ((trades - a.trades) / (b.trades - a.trades).max(1.0)).clamp(0.0, 1.0);
        let between = |a: f64, b: f64| a + (b - a) * part;
        Moment {
            trades,
            seconds: between(a.seconds, b.seconds),
            cpu: between(a.cpu, b.cpu),
            broker: between(a.broker, b.broker),
        }
    }

    /// The end.
    pub(crate) fn end(&self) -> Moment {
        self.moments[self.moments.len() - 1]
    }
}

/// Starts somebody anew after SIGKILL; answers how many seconds from the kill to the decision on a trade that was
/// produced after it.
pub(crate) fn restart(
    work: &Work<'_>,
    who: Contender,
    mut process: Process,
    folder: &Path,
) -> Result<(Process, f64)> {
    let reader = work.decisions(who)?;
    let sender = Sender::open(&work.broker.bootstrap_servers(), "0")?;
    // A strategy of its own for each: the topic keeps those of the runs before.
    let closed_at = load::now();
    let strategy = format!("restart-{}", closed_at.micros());
    let (key, value) = trades::halting(&strategy, closed_at);
    process.kill();
    let killed = Instant::now();
    sender.send(TRADES, None, &key, &value)?;
    sender.flush()?;
    let mut process = who.start(work, folder, COMMIT)?;
    loop {
        let record = reader.next(Duration::from_millis(100)).map_err(anyhow::Error::msg)?;
        if record.and_then(|record| record.key).as_deref() == Some(strategy.as_bytes()) {
            return Ok((process, killed.elapsed().as_secs_f64()));
        }
        process.ensure_alive()?;
        ensure!(killed.elapsed() < PATIENCE, "{}: no decision came after SIGKILL", who.name());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_two_marks_everything_grows_in_proportion() {
        let moment = |trades, seconds| Moment { trades, seconds, cpu: 2.0 * seconds, broker: 0.5 };
        let moments = vec![Moment::default(), moment(100.0, 3.0), moment(300.0, 4.0)];
        let course = Course { moments, decisions: 0, shares: Shares { idle: 0.0, others: 0.0 } };
        assert_eq!(course.after(150.0), moment(150.0, 3.25));
        assert_eq!(course.after(300.0), course.end());
        assert_eq!(course.after(50.0).seconds, 1.5);
    }
}
