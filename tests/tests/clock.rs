//! A clock that ran ahead: told at the start and while running, accepted, and gone on from.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use events::{ClockAcceptRequested, Event, Moment, NewEvent, Schedule, Timestamp, Uuid, id};
use runtime::{
    simulate::{Cycle, SteppedClock},
    system::System,
};
use store::{EventLog, MemoryLog};
use tests::{all, append, at, config, configured, fact, scheduled, simulation::VirtualClock, trade, verify};

const RUN: Uuid = Uuid::from_u128(1);

/// A log whose clock can be set.
fn log_at(moment: &str) -> (Arc<dyn EventLog>, VirtualClock) {
    let clock = VirtualClock::at(at(moment));
    let told = clock.clone();
    (Arc::new(MemoryLog::with_clock(Arc::new(move || told.now()))), clock)
}

fn told(log: &dyn EventLog) -> Vec<Event> {
    let clock = |event: &Event| matches!(event, Event::ClockFellBehind(_) | Event::ClockCaughtUp(_));
    all(log).iter().map(|event| event.event.clone()).filter(clock).collect()
}

fn accept(log: &dyn EventLog, clock: Timestamp) {
    let event = Event::ClockAcceptRequested(ClockAcceptRequested { clock, reason: "it ran ahead".into() });
    let id = id::derive(&[b"accept", &clock.micros().to_le_bytes()]);
    let asked = NewEvent::root(id, clock, &Arc::from("operator:ann"), Uuid::nil(), event);
    append(log, System::CLOCK_REQUESTS, [asked]);
}

fn lost(n: u32, closed_at: &str) -> NewEvent {
    fact(trade("s", &n.to_string(), "-1", at(closed_at)))
}

#[test]
fn a_clock_behind_what_was_recorded_is_told_once_and_so_is_the_way_back() {
    let (log, clock) = log_at("2025-03-03T12:00:00Z");
    append(&*log, "ingest", [lost(1, "2025-03-03T11:00:00Z")]);
    let mut watch = SteppedClock::new(&log, RUN);
    // Five minutes are allowed.
    assert_eq!(watch.compare(at("2025-03-03T11:55:00Z")).unwrap(), None);
    clock.set(at("2025-03-03T11:54:59Z"));
    for second in 59..62 {
        let now = at("2025-03-03T11:54:00Z").plus_seconds(second);
        let problem = watch.compare(now).unwrap().unwrap();
        assert!(problem.contains("2025-03-03T12:00:00Z") && problem.contains("clock accept"), "{problem}");
    }
    let Event::ClockFellBehind(behind) = &told(&*log)[0] else { panic!("{:?}", told(&*log)) };
    assert_eq!((behind.moment, behind.position, behind.behind_s), (Moment::RecordedAt, 1, 301));
    assert_eq!(watch.compare(at("2025-03-03T12:00:00Z")).unwrap(), None);
    watch.compare(at("2025-03-03T12:00:01Z")).unwrap();
    assert_eq!(told(&*log).len(), 2, "{:?}", told(&*log));
}

#[test]
fn the_close_of_a_trade_counts_as_well() {
    let (log, _) = log_at("2025-03-03T12:00:00Z");
    append(&*log, "ingest", [lost(1, "2035-03-03T11:00:00Z")]);
    let mut watch = SteppedClock::new(&log, RUN);
    assert!(watch.compare(at("2025-03-03T12:00:00Z")).unwrap().is_some());
    let Event::ClockFellBehind(behind) = &told(&*log)[0] else { panic!("{:?}", told(&*log)) };
    assert_eq!((behind.moment, behind.newest), (Moment::ClosedAt, at("2035-03-03T11:00:00Z")));
}

#[test]
fn the_next_process_knows_that_the_clock_is_behind_until_it_is_accepted() {
    let (log, clock) = log_at("2035-01-01T12:00:00Z");
    append(&*log, "ingest", [lost(1, "2035-01-01T11:00:00Z")]);
    clock.set(at("2025-03-03T12:00:00Z"));
    let now = clock.now();
    assert!(SteppedClock::new(&log, RUN).compare(now).unwrap().is_some());
    // More than is looked at when a process starts.
    append(&*log, "ingest", (2..5000).map(|n| lost(n, "2025-03-03T11:00:00Z")));
    assert!(SteppedClock::new(&log, RUN).compare(now).unwrap().is_some());
    let mut watch = SteppedClock::new(&log, RUN);
    accept(&*log, now);
    assert_eq!(watch.compare(now).unwrap(), None);
    assert_eq!(SteppedClock::new(&log, RUN).compare(now).unwrap(), None);
    assert_eq!(told(&*log).len(), 1);
}

#[test]
fn after_the_acceptance_a_schedule_fires_at_its_next_moment_though_its_timer_was_noticed_before() {
    let (log, clock) = log_at("2025-01-01T00:00:00Z");
    let daily = Schedule::cron("0 1 * * *");
    let config = configured(config(), scheduled([("daily", daily)]));
    runtime::simulate::record_start(&log, RUN, &config, clock.now()).unwrap();
    let mut scheduler = Cycle::<actors::Scheduler>::resume(&log, None, RUN).unwrap();
    let mut watch = SteppedClock::new(&log, RUN);
    let mut pass = |moment: &str| {
        clock.set(at(moment));
        watch.compare(clock.now()).unwrap();
        for _ in 0..2 {
            scheduler.turn(Duration::ZERO, &mut |_| {}).unwrap();
            watch.tell("scheduler", scheduler.next_deadline());
            watch.turn(clock.now()).unwrap();
        }
    };
    // Ahead by two days the timer of the 1st is noticed on the 3rd; the 3rd fires.
    pass("2025-01-03T12:00:00Z");
    pass("2025-01-01T00:30:00Z");
    accept(&*log, at("2025-01-01T00:30:00Z"));
    for day in 1..6 {
        pass(&format!("2025-01-0{day}T13:00:00Z"));
    }
    let fired = all(&*log).into_iter().filter_map(|event| match &event.event {
        Event::ScheduleFired(e) => Some(e.planned_at.day().to_string()),
        _ => None,
    });
    assert_eq!(
        fired.collect::<Vec<_>>(),
        ["2025-01-03", "2025-01-01", "2025-01-02", "2025-01-04", "2025-01-05"]
    );
    assert_eq!(verify(&log).differences, []);
}

#[test]
fn a_process_tells_a_clock_that_ran_ahead_before_it_takes_in_a_fact() {
    let (log, _) = log_at("2100-01-01T12:00:00Z");
    append(&*log, "ingest", [lost(1, "2025-01-01T11:00:00Z")]);
    let system = System::start(&log, &config()).unwrap();
    assert!(system.clock_problem().is_some());
    assert_eq!(told(&*log).len(), 1);
    system.stop();

    let (log, _) = log_at("2025-01-01T12:00:00Z");
    append(&*log, "ingest", [lost(1, "2025-01-01T11:00:00Z")]);
    let system = System::start(&log, &config()).unwrap();
    assert_eq!(system.clock_problem(), None);
    // While running: a trade of the future, as from a host whose clock ran ahead.
    append(&*log, "ingest", [lost(2, "2100-01-01T11:00:00Z")]);
    let until = Instant::now() + Duration::from_secs(20);
    while system.clock_problem().is_none() && Instant::now() < until {
        thread::sleep(Duration::from_millis(5));
    }
    assert!(system.clock_problem().is_some());
    system.stop();
}
