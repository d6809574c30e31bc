//! A year of schedules in zones that set their clocks, with crashes, pauses, changes and clocks that jump: each planned
//! moment ends exactly once. Which moments are planned is worked out by walking the minutes of the year one by one.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Datelike as _, NaiveDateTime, TimeDelta, TimeZone as _, Timelike as _};
use chrono_tz::Tz;
use events::{
    ClockAcceptRequested, Event, MissedRuns, Schedule, SchedulePauseRequested, ScheduleResumeRequested,
    SchedulerConfigured, TimerDue, Timestamp,
};
use proptest::prelude::*;

use super::{
    super::{Scheduler, next_planned},
    at,
};
use crate::{
    Decider as _,
    testing::{Given, given},
};

const MINUTE: i64 = 60_000_000;

const ZONES: [Tz; 6] = [
    Tz::UTC,
    Tz::Europe__Berlin,
    Tz::America__New_York,
    Tz::Australia__Lord_Howe,
    Tz::Asia__Kathmandu,
    Tz::America__Santiago,
];

/// Minutes, hours and weekdays of a cron expression; nothing stands for any.
#[derive(Clone, Debug)]
struct Fields {
    minutes: BTreeSet<u32>,
    hours: Option<BTreeSet<u32>>,
    /// 0 is Sunday.
    weekday: Option<u32>,
    text: String,
}

fn fields() -> impl Strategy<Value = Fields> {
    let minutes = prop_oneof![
        (0..60u32).prop_map(|minute| ([minute].into(), minute.to_string())),
        prop::sample::select(vec![10, 15, 30]).prop_map(|step| {
            ((0..60).filter(|minute| minute % step == 0).collect::<BTreeSet<u32>>(), format!("*/{step}"))
        }),
    ];
    let hours = prop_oneof![
        Just((None, "*".to_owned())),
        (0..5u32).prop_map(|hour| (Some(BTreeSet::from([hour])), hour.to_string())),
        (0..3u32, 3..24u32).prop_map(|(one, other)| (Some([one, other].into()), format!("{one},{other}"))),
        (1..4u32, 4..9u32).prop_map(|(from, to)| (Some((from..=to).collect()), format!("{from}-{to}"))),
    ];
    let weekday = prop_oneof![3 => Just(None), 1 => (0..7u32).prop_map(Some)];
    (minutes, hours, weekday).prop_map(|((minutes, minute), (hours, hour), weekday)| {
        let day = weekday.map_or("*".to_owned(), |day: u32| day.to_string());
        Fields { minutes, hours, weekday, text: format!("{minute} {hour} * * {day}") }
    })
}

impl Fields {
    fn fits(&self, shown: NaiveDateTime) -> bool {
        self.minutes.contains(&shown.minute())
            && self.hours.as_ref().is_none_or(|hours| hours.contains(&shown.hour()))
            && self.weekday.is_none_or(|day| day == shown.weekday().num_days_from_sunday())
    }

    /// Every planned moment of a stretch of time, by walking it.
    fn planned(&self, zone: Tz, from: Timestamp, to: Timestamp) -> BTreeSet<i64> {
        let minutes: Vec<i64> =
            (from.micros() / MINUTE - 3 * 24 * 60..=to.micros() / MINUTE + 3 * 24 * 60).collect();
        let mut shown_at = BTreeMap::<NaiveDateTime, Vec<i64>>::new();
        for minute in &minutes {
            let utc = DateTime::from_timestamp(minute * 60, 0).unwrap().naive_utc();
            shown_at.entry(zone.from_utc_datetime(&utc).naive_local()).or_default().push(*minute);
        }
        let first = *shown_at.keys().min().unwrap();
        let last = *shown_at.keys().max().unwrap();
        let (mut moments, mut shown) = (BTreeSet::<i64>::new(), first);
        while shown <= last {
            if self.fits(shown) {
                match (shown_at.get(&shown), &self.hours) {
                    (Some(passes), None) => moments.extend(passes),
                    (Some(passes), Some(_)) => moments.extend(passes.first()),
                    (None, None) => {}
                    (None, Some(_)) => {
                        let mut later = shown;
                        while !shown_at.contains_key(&later) {
                            later += TimeDelta::minutes(1);
                        }
                        moments.extend(shown_at[&later].first());
                    }
                }
            }
            shown += TimeDelta::minutes(1);
        }
        let all = moments.into_iter().map(|minute| minute * MINUTE);
        all.filter(|moment| (from.micros() + 1..=to.micros()).contains(moment)).collect()
    }
}

/// Some days before the clocks of some of the zones are set.
const STARTS: [&str; 5] = [
    "2025-01-01T00:00:00Z",
    "2025-03-05T00:00:00Z",
    "2025-03-28T00:00:00Z",
    "2025-09-03T00:00:00Z",
    "2025-10-03T00:00:00Z",
];

/// What happens to the process and its clock.
#[derive(Clone, Debug)]
enum Step {
    /// It runs for so many minutes, each timer late by so many seconds.
    Run { minutes: i64, late_s: i64 },
    /// It is down for so many minutes, then starts again.
    Down { minutes: i64 },
    /// All is paused for so many minutes.
    Pause { minutes: i64 },
    /// The clock jumps ahead by so many minutes, the process runs on, and an operator sets it right again.
    Ahead { minutes: i64, runs: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..15_000i64, 0..50i64).prop_map(|(minutes, late_s)| Step::Run { minutes, late_s }),
        2 => (1..5_000i64).prop_map(|minutes| Step::Down { minutes }),
        1 => (1..5_000i64).prop_map(|minutes| Step::Pause { minutes }),
        1 => (1..5_000i64, 1..3_000i64).prop_map(|(minutes, runs)| Step::Ahead { minutes, runs }),
    ]
}

/// A scheduler with a clock.
struct Process {
    given: Given<Scheduler>,
    clock: i64,
    /// The latest that the clock ever said.
    furthest: i64,
    decided: Vec<Event>,
    schedule: Schedule,
}

impl Process {
    fn new(schedule: Schedule, start: Timestamp) -> Self {
        let clock = start.micros();
        let mut process = Self { given: given(), clock, furthest: clock, decided: Vec::new(), schedule };
        process.configure();
        process
    }

    fn tell(&mut self, event: Event) {
        let decided = self.given.when_at(Timestamp::from_micros(self.clock), event);
        self.decided.extend(decided);
    }

    fn configure(&mut self) {
        let schedules = BTreeMap::from([("one".to_owned(), self.schedule.clone())]);
        self.tell(Event::SchedulerConfigured(SchedulerConfigured { schedules }));
    }

    /// Runs until a moment: every deadline that is reached becomes a timer.
    fn run_until(&mut self, end: i64, late: i64) {
        while let Some(due_at) =
            self.given.fold.next_deadline().filter(|due_at| due_at.micros() + late <= end)
        {
            self.clock = self.clock.max(due_at.micros() + late);
            let noticed_at = Timestamp::from_micros(self.clock);
            self.tell(Event::TimerDue(TimerDue { actor: Scheduler::NAME.into(), due_at, noticed_at }));
        }
        self.clock = self.clock.max(end);
        self.furthest = self.furthest.max(self.clock);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Run { minutes, late_s } => {
                self.run_until(self.clock + minutes * MINUTE, late_s * 1_000_000);
            }
            Step::Down { minutes } => {
                self.clock += minutes * MINUTE;
                self.configure();
            }
            Step::Pause { minutes } => {
                let reason = "tested".to_owned();
                let asked = SchedulePauseRequested { schedule: None, confirm: None, reason: reason.clone() };
                self.tell(Event::SchedulePauseRequested(asked));
                self.run_until(self.clock + minutes * MINUTE, 0);
                let asked = ScheduleResumeRequested { schedule: None, reason };
                self.tell(Event::ScheduleResumeRequested(asked));
            }
            Step::Ahead { minutes, runs } => {
                let right = self.clock;
                self.clock += minutes * MINUTE;
                self.run_until(self.clock + runs * MINUTE, 0);
                self.clock = right + runs * MINUTE;
                let clock = Timestamp::from_micros(self.clock);
                self.tell(Event::ClockAcceptRequested(ClockAcceptRequested {
                    clock,
                    reason: "tested".into(),
                }));
            }
        }
    }
}

/// How often a planned moment fired, and how often it was told as missed.
#[derive(Default)]
struct Ended {
    fired: u32,
    missed: u32,
}

/// What came of the planned moments; stretches are resolved by the judge's own moments.
fn ended(decided: &[Event], planned: &BTreeSet<i64>, is_exact: bool) -> Result<BTreeMap<i64, Ended>, String> {
    let mut ended = BTreeMap::<i64, Ended>::new();
    for event in decided {
        match event {
            Event::ScheduleFired(fired) => ended.entry(fired.planned_at.micros()).or_default().fired += 1,
            Event::ScheduleMissed(missed) => {
                let within = || planned.range(missed.first.micros()..=missed.last.micros());
                let edges = [missed.first, missed.last].map(|edge| planned.contains(&edge.micros()));
                if edges != [true; 2] || is_exact && within().count() != missed.count as usize {
                    return Err(format!("{missed:?} should be {}", within().count()));
                }
                within().for_each(|moment| ended.entry(*moment).or_default().missed += 1);
            }
            _ => {}
        }
    }
    Ok(ended)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2))]

    #[test]
    fn the_plan_is_what_walking_the_minutes_of_a_year_finds(fields in fields()) {
        let (start, end) = (at("2025-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
        for zone in ZONES {
            let planned = fields.planned(zone, start, end);
            let schedule = Schedule { zone: zone.name().to_owned(), ..Schedule::cron(&fields.text) };
            let ours = next_planned(&schedule, start, planned.len() + 1);
            let ours: BTreeSet<_> =
                ours.iter().map(|at| at.micros()).filter(|at| *at <= end.micros()).collect();
            let wrong = ours.symmetric_difference(&planned).next();
            prop_assert_eq!(wrong, None, "{} in {}", fields.text, zone);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // What a clock that ran ahead told as missed may still fire when it comes: a schedule must not be silent for ten
    // years because the clock was ten years ahead. Nothing ever fires twice.
    #[test]
    fn each_planned_moment_ends_exactly_once(
        fields in fields(),
        zone in prop::sample::select(ZONES.to_vec()),
        start in prop::sample::select(STARTS.to_vec()),
        missed in prop::sample::select(vec![MissedRuns::RunOnce, MissedRuns::Skip, MissedRuns::RunAll]),
        limit in 1..5u32,
        steps in prop::collection::vec(step(), 1..8),
    ) {
        let zone_name = zone.name().to_owned();
        let schedule = Schedule { zone: zone_name, missed, limit, ..Schedule::cron(&fields.text) };
        let mut process = Process::new(schedule, at(start));
        steps.iter().for_each(|step| process.step(step));
        // What is still due at the end.
        process.run_until(process.clock, 0);
        let ran_ahead = steps.iter().any(|step| matches!(step, Step::Ahead { .. }));
        let planned = fields.planned(zone, at(start), Timestamp::from_micros(process.furthest));
        let ended = ended(&process.decided, &planned, !ran_ahead).map_err(TestCaseError::fail)?;
        for moment in planned.iter().filter(|moment| **moment <= process.clock) {
            let Ended { fired, missed } = ended.get(moment).unwrap_or(&Ended { fired: 0, missed: 0 });
            let is_right = if ran_ahead { fired + missed >= 1 } else { fired + missed == 1 };
            let moment = Timestamp::from_micros(*moment);
            prop_assert!(is_right, "{} in {}: {} fired {}, missed {}", fields.text, zone, moment, fired, missed);
        }
        prop_assert!(ended.iter().all(|(moment, ended)| planned.contains(moment) && ended.fired <= 1));
    }
}
