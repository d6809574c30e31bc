//! One process after another on one log, and what happens to them, step by step.

use actors::{Decider, performance_analyst};
use events::{
    ClockAcceptRequested, ClockCaughtUp, ClockFellBehind, DecidedBy, Decimal, Event, GuardMetrics,
    GuardThresholds, HaltMissed, LossBasis, MissedRuns, Moment, Overlap, PerformanceAnalystConfigured,
    RecordsMissing, Schedule, SourceCaughtUp, SourceStalled, StallReason, StrategyDisableRequested,
    StrategyEnableRequested, StrategyGuardConfigured, Timing,
};
use runtime::{simulate, system::SystemConfig};

use crate::scheduled;

use super::{
    Run,
    bot::{Bot, Partitions, TOPIC},
    checks::{self, Evidence},
    member::{self, End, Member},
    random::Random,
    source::Lane,
    stage::{Breakage, Stage},
    viewer::{self, Viewer},
};

/// Rounds after which everything must have come to rest.
const ROUNDS: usize = 500;

/// Everything that there is.
pub(super) struct World {
    stage: Stage,
    bot: Bot,
    topic: Partitions,
    lanes: Vec<Option<Lane>>,
    members: Vec<Member>,
    viewers: Vec<Viewer>,
    config: SystemConfig,
    stalled: bool,
    behind: bool,
}

impl World {
    /// A world in which the first process has started, with a guard of choice.
    pub(super) fn new<G: Decider>(seed: u64, breakage: Breakage) -> Self {
        let mut stage = Stage::new(seed, breakage);
        let partitions = stage.random.between(1, 3) as usize;
        let mut world = Self {
            bot: Bot::new(&mut stage.random),
            topic: vec![Vec::new(); partitions],
            lanes: (0..partitions).map(|_| None).collect(),
            members: member::all::<G>(),
            viewers: viewer::all(),
            config: configuration(&mut stage.random),
            stalled: false,
            behind: false,
            stage,
        };
        world.start();
        world
    }

    /// Something happens.
    pub(super) fn step(&mut self) {
        match self.stage.random.below(100) {
            0..22 => self.publish(),
            22..42 => self.admit(),
            42..68 => {
                let whose = self.stage.random.place(self.members.len());
                self.members[whose].live(&mut self.stage);
            }
            68..77 => self.pass_time(),
            77..84 => self.fire_timers(),
            84..90 => self.view(),
            90..94 => self.ask(),
            94..96 => self.disturb_source(),
            96..97 => self.disturb_clock(),
            97..99 => self.restart(),
            _ => {
                let reach = self.stage.random.between(1, 30) as usize;
                self.stage.set_reach(reach);
            }
        }
    }

    fn publish(&mut self) {
        for _ in 0..self.stage.random.between(1, 6) {
            let now = self.stage.now();
            self.bot.publish(&mut self.topic, &mut self.stage.random, now);
        }
    }

    fn admit(&mut self) {
        let random = &mut self.stage.random;
        let (partition, most) = (random.place(self.lanes.len()), random.between(1, 8) as usize);
        let mut lane = self.take_lane(partition);
        let random = &mut self.stage.random;
        if random.chance(5) && lane.next() > 0 {
            lane.seek(random.place(lane.next()));
        }
        let records = &self.topic[partition];
        let after = records.len().min(lane.next() + most);
        let armed = self.stage.arm();
        let admitted = lane.turn(&*self.stage.log, records, most, self.stage.now());
        self.stage.disarm(armed);
        self.lanes[partition] = match admitted {
            // It crashes after the append, before it remembers.
            Ok(()) => (!self.stage.random.chance(10)).then_some(lane),
            Err(_) if self.stage.breakage == Breakage::OffsetBeforeAppend => {
                lane.seek(after);
                Some(lane)
            }
            // It no longer knows what is in the log: it has to look.
            Err(_) => None,
        };
    }

    fn take_lane(&mut self, partition: usize) -> Lane {
        let lane = self.lanes[partition].take();
        let resumed = || Lane::resume(&*self.stage.log, self.stage.run_id, partition);
        lane.unwrap_or_else(|| resumed().expect("invariant: a log in memory is readable"))
    }

    fn pass_time(&mut self) {
        let random = &mut self.stage.random;
        let seconds = match random.below(100) {
            0..60 => random.between(1, 900),
            60..95 => random.between(900, 8 * 3600),
            _ => random.between(86_400, 3 * 86_400),
        };
        self.stage.clock.advance(seconds);
    }

    fn fire_timers(&mut self) {
        let (armed, now) = (self.stage.arm(), self.stage.now());
        // Tried again at the next tick.
        let _ = self.stage.timers.turn(now);
        self.stage.disarm(armed);
    }

    fn view(&mut self) {
        for viewer in &mut self.viewers {
            let random = &mut self.stage.random;
            let folded = viewer.fold(&*self.stage.log, random.between(1, 60) as usize);
            folded.expect("invariant: a log in memory is readable");
            if random.chance(60) {
                viewer.save();
            }
            if random.chance(30) {
                self.stage.violations.extend(viewer.crash(self.stage.breakage));
            }
        }
    }

    fn ask(&mut self) {
        let strategy = self.bot.any_strategy(&mut self.stage.random).to_owned();
        let reason = "simulated".to_owned();
        if self.stage.random.chance(8) {
            return self.miss_a_halt(strategy, reason);
        }
        let event = if self.stage.random.chance(35) {
            Event::StrategyDisableRequested(StrategyDisableRequested { strategy, reason })
        } else {
            let reset_counters = self.stage.random.chance(50);
            Event::StrategyEnableRequested(StrategyEnableRequested { strategy, reason, reset_counters })
        };
        self.stage.tell("operator", "operator:ann", event);
    }

    /// It turns out that a halt should be in force.
    fn miss_a_halt(&mut self, strategy: String, reason: String) {
        let event = Event::HaltMissed(HaltMissed {
            strategy,
            at_position: self.stage.log.head(),
            by: DecidedBy::Operator,
            rules: Vec::new(),
            metrics: GuardMetrics { daily_loss_pct: None, consecutive_losses: 0, win_rate_pct: None },
            loss_basis: LossBasis::SumOfTradePercents,
            reason: Some(reason),
        });
        self.stage.tell("supervisor", "host", event);
    }

    fn disturb_source(&mut self) {
        let (source, since) = (TOPIC.to_owned(), self.stage.now());
        let event = if self.stage.random.chance(20) {
            let (partition, from_offset, to_offset) = (9, 0, 7);
            Event::RecordsMissing(RecordsMissing {
                topic: source,
                partition,
                from_offset,
                to_offset,
                at_most: 7,
            })
        } else if std::mem::take(&mut self.stalled) {
            Event::SourceCaughtUp(SourceCaughtUp { source })
        } else {
            self.stalled = true;
            let (reason, detail) = (StallReason::Unreachable, "simulated".to_owned());
            Event::SourceStalled(SourceStalled { source, reason, since, detail })
        };
        self.stage.tell("source-simulated", "source:kafka", event);
    }

    /// The clock is found behind, and catches up or is accepted as it is.
    fn disturb_clock(&mut self) {
        let clock = self.stage.now();
        if !std::mem::replace(&mut self.behind, true) {
            let newest = clock.plus_seconds(301);
            let (moment, position, behind_s) = (Moment::RecordedAt, 1, 301);
            let event = Event::ClockFellBehind(ClockFellBehind { clock, newest, moment, position, behind_s });
            self.stage.tell("clock", "host", event);
            return;
        }
        self.behind = false;
        if self.stage.random.chance(50) {
            self.stage.tell("clock", "host", Event::ClockCaughtUp(ClockCaughtUp { clock }));
        } else {
            let reason = "simulated".to_owned();
            let accepted = Event::ClockAcceptRequested(ClockAcceptRequested { clock, reason });
            self.stage.tell("operator", "operator:ann", accepted);
        }
    }

    /// The process ends, by a crash or a stop, and the next one starts, now and then with another configuration.
    fn restart(&mut self) {
        let end = if self.stage.random.chance(50) { End::Crash } else { End::Stop };
        self.members.iter_mut().for_each(|member| member.end_process(end));
        self.lanes.iter_mut().for_each(|lane| *lane = None);
        for viewer in &mut self.viewers {
            self.stage.violations.extend(viewer.crash(self.stage.breakage));
        }
        if self.stage.random.chance(50) {
            self.config = configuration(&mut self.stage.random);
        }
        self.start();
    }

    fn start(&mut self) {
        loop {
            self.stage.next_run();
            let armed = self.stage.arm();
            let (run_id, now) = (self.stage.run_id, self.stage.now());
            let started = simulate::record_start(&self.stage.log, run_id, &self.config, now);
            self.stage.disarm(armed);
            if started.is_ok() {
                return;
            }
        }
    }

    /// Without further faults everything is read, decided and answered.
    pub(super) fn come_to_rest(&mut self) {
        self.stage.set_reach(usize::MAX);
        for _ in 0..ROUNDS {
            let head = self.stage.log.head();
            self.read_all();
            let mut at_rest = true;
            for member in &mut self.members {
                at_rest &= member.rest(&mut self.stage);
            }
            let now = self.stage.now();
            let fired = self.stage.timers.turn(now);
            fired.expect("invariant: a log without faults takes timers");
            if at_rest && self.stage.log.head() == head {
                return;
            }
        }
        self.stage.violations.push(format!("no rest after {ROUNDS} rounds"));
    }

    fn read_all(&mut self) {
        for partition in 0..self.lanes.len() {
            let mut lane = self.take_lane(partition);
            let records = &self.topic[partition];
            let admitted = lane.turn(&*self.stage.log, records, records.len(), self.stage.now());
            let violation = admitted.err().map(|error| format!("a source failed without a fault: {error}"));
            self.stage.violations.extend(violation);
            self.lanes[partition] = Some(lane);
        }
    }

    /// Looks at everything once more.
    pub(super) fn finish(mut self) -> Run {
        for viewer in &mut self.viewers {
            viewer.fold(&*self.stage.log, usize::MAX).expect("invariant: a log in memory is readable");
            viewer.save();
        }
        let events = crate::all(&*self.stage.log);
        let mut violations = self.stage.violations;
        let (log, topic, viewers) = (&self.stage.log, &self.topic, &self.viewers);
        let snapshots = &self.stage.snapshots;
        violations.extend(checks::all(&Evidence { log, snapshots, events: &events, topic, viewers }));
        Run { log: events, violations }
    }
}

/// Limits that a short run reaches.
fn configuration(random: &mut Random) -> SystemConfig {
    let mut guard = StrategyGuardConfigured { default: thresholds(random), ..Default::default() };
    if random.chance(30) {
        let capital = Some(Decimal::from(random.between(40, 1000)));
        let capital_currency = random.chance(50).then(|| "USDT".to_owned());
        let thresholds = GuardThresholds { capital, capital_currency, ..thresholds(random) };
        guard.strategies.insert("rsi".into(), thresholds);
    }
    let analyst = PerformanceAnalystConfigured { min_trades: random.between(1, 10), ..Default::default() };
    let (daily, other) = ((performance_analyst::SCHEDULE, schedule(random)), ("other", schedule(random)));
    let schedules = if random.chance(20) { scheduled([daily]) } else { scheduled([daily, other]) };
    let guard = Event::StrategyGuardConfigured(guard);
    let analyst = Event::PerformanceAnalystConfigured(analyst);
    SystemConfig { configured: vec![guard, analyst, schedules], ..crate::config() }
}

fn thresholds(random: &mut Random) -> GuardThresholds {
    GuardThresholds {
        max_daily_loss_pct: Decimal::new(random.between(300, 2000) as i64, 2),
        max_consecutive_losses: random.between(2, 6) as u32,
        min_win_rate_pct: Decimal::from(random.between(10, 40)),
        win_rate_window: random.between(4, 12) as u32,
        capital: None,
        capital_currency: None,
        max_silence_s: random.chance(60).then(|| random.between(600, 40_000)),
    }
}

fn schedule(random: &mut Random) -> Schedule {
    let timings = ["0 1 * * *", "0 */3 * * *", "30 */6 * * *", "15 5 * * 1-5", "*/40 2,3 * * *"];
    let mut one_of = |most| random.place(most);
    let timing = match one_of(timings.len() + 1) {
        0 => Timing::EveryS(5 * 3600),
        other => Timing::Cron(timings[other - 1].to_owned()),
    };
    Schedule {
        zone: ["UTC", "Europe/Berlin", "Australia/Lord_Howe"][one_of(3)].to_owned(),
        missed: [MissedRuns::RunOnce, MissedRuns::Skip, MissedRuns::RunAll][one_of(3)],
        limit: 1 + one_of(4) as u32,
        overlap: [Overlap::Skip, Overlap::Allow, Overlap::QueueOne][one_of(3)],
        jitter_s: [0, 0, 90][one_of(3)],
        ..Schedule::new(timing)
    }
}
