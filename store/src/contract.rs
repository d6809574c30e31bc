//! What every log promises, as checks over a log made by a factory. Each check takes a fresh log and panics with
//! the claim that does not hold.
//!
//! Durability is not checked here: a log that is only tried while its process lives cannot show it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the suite is a test: a panic is how it fails")]

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use events::{
    ActorRecovered, Event, Family, FamilySet, NewEvent, Recorded, ScheduleFired, Timestamp, Uuid, id,
};

use crate::{
    AppendError, Appended, Duplicate, Duplicates, EventLog, Expected, MAX_EVENT_BYTES, MAX_NAME_BYTES,
    MAX_REQUEST_BYTES, Placed, Prepared, Request, Subscription,
};

/// Makes a fresh, empty log.
pub type Factory<'a> = &'a dyn Fn() -> Arc<dyn EventLog>;

/// A claim of the contract and its check.
pub type Check = (&'static str, fn(Factory<'_>));

/// Every claim, for suites that want to report them one by one.
pub const CHECKS: &[Check] = &[
    ("positions and revisions count from one", positions_and_revisions_count_from_one),
    ("what is read is what was appended", what_is_read_is_what_was_appended),
    ("expected revision is held", expected_revision_is_held),
    ("known ids are skipped and answered", known_ids_are_skipped_and_answered),
    ("known ids are refused with their positions", known_ids_are_refused_with_their_positions),
    ("duplicates within a request are seen", duplicates_within_a_request_are_seen),
    ("a refused request leaves nothing", a_refused_request_leaves_nothing),
    ("oversized events are refused", oversized_events_are_refused),
    ("streams are read both ways in pages", streams_are_read_both_ways_in_pages),
    ("the log is read in pages by family", the_log_is_read_in_pages_by_family),
    ("ids are found", ids_are_found),
    ("reading past the end is empty", reading_past_the_end_is_empty),
    ("a subscription catches up and follows", a_subscription_catches_up_and_follows),
    ("a subscription waits and advances", a_subscription_waits_and_advances),
    ("appenders on one stream exclude each other", appenders_on_one_stream_exclude_each_other),
    ("requests of concurrent appenders stay whole", requests_of_concurrent_appenders_stay_whole),
    ("several requests are appended in their order", several_requests_are_appended_in_their_order),
    ("a slow reader misses nothing", a_slow_reader_misses_nothing),
];

/// Runs every check.
pub fn check_all(factory: Factory<'_>) {
    for (_, check) in CHECKS {
        check(factory);
    }
}

/// An event of the family Schedule; equal numbers make equal ids.
#[must_use]
pub fn tick(n: u64) -> NewEvent {
    let planned_at = Timestamp::from_micros(n as i64 * 1_000_000);
    let event = Event::ScheduleFired(ScheduleFired::planned(&format!("tick-{n}"), planned_at));
    NewEvent::root(id_of(n), planned_at, &Arc::from("clock"), Uuid::from_u128(9), event)
}

/// An event of the family Host; equal numbers make equal ids, those of [`tick`].
#[must_use]
pub fn recovered(n: u64) -> NewEvent {
    let event = Event::ActorRecovered(ActorRecovered { actor: format!("actor-{n}") });
    NewEvent { event, ..tick(n) }
}

/// The id of the n-th sample.
#[must_use]
pub fn id_of(n: u64) -> Uuid {
    id::derive(&[b"contract", &n.to_le_bytes()])
}

/// A request that skips known ids.
pub fn request(stream: &str, expected: Expected, events: impl IntoIterator<Item = NewEvent>) -> Request {
    let events = events.into_iter().map(|event| Prepared::new(event).unwrap()).collect();
    Request { stream: Arc::from(stream), expected, duplicates: Duplicates::Skip, events }
}

fn append(log: &dyn EventLog, stream: &str, events: impl IntoIterator<Item = NewEvent>) -> Appended {
    log.append(request(stream, Expected::Any, events)).unwrap()
}

fn positions(events: &[Arc<Recorded>]) -> Vec<u64> {
    events.iter().map(|event| event.position).collect()
}

fn revisions(events: &[Arc<Recorded>]) -> Vec<u64> {
    events.iter().map(|event| event.stream_revision).collect()
}

/// Reads until a position is reached; panics after 30 s of it.
pub fn follow(subscription: &mut dyn Subscription, to: u64, max: usize) -> Vec<Arc<Recorded>> {
    let (mut events, started) = (Vec::new(), Instant::now());
    loop {
        let batch = subscription.next(max, Duration::from_millis(200)).unwrap();
        assert!(batch.events.len() <= max, "a batch keeps its bound");
        events.extend(batch.events);
        if batch.read_to >= to {
            return events;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "stands at {} of {to}", batch.read_to);
    }
}

fn positions_and_revisions_count_from_one(factory: Factory<'_>) {
    let log = factory();
    assert_eq!((log.head(), log.revision("a").unwrap(), log.stopped()), (0, 0, None));
    append(&*log, "a", [tick(1), tick(2)]);
    let placed = |position| Placed { position, duplicate: false };
    assert_eq!(append(&*log, "b", [tick(3)]), Appended { placed: vec![placed(3)], revision: 1 });
    let answer = append(&*log, "a", [tick(4), tick(5)]);
    assert_eq!(answer, Appended { placed: vec![placed(4), placed(5)], revision: 4 });
    assert_eq!(log.head(), 5);
    assert_eq!(
        [(0, 5), (2, 3), (4, 9), (7, 9)].map(|(after, to)| log.count(after, to)),
        [5, 1, 1, 0].map(Some)
    );
    let found = [0, 1, 5, 6].map(|position| log.event_at(position).unwrap().map(|event| event.position));
    assert_eq!(found, [None, Some(1), Some(5), None]);
    assert_eq!((log.revision("a").unwrap(), log.revision("b").unwrap()), (4, 1));
    assert_eq!(append(&*log, "a", []), Appended { placed: vec![], revision: 4 });
}

fn what_is_read_is_what_was_appended(factory: Factory<'_>) {
    let log = factory();
    let full = NewEvent {
        causation_id: Some(Uuid::from_u128(1)),
        basis_position: Some(0),
        rules_version: Some(3),
        source_offset: Some(-1),
        ..tick(1)
    };
    append(&*log, "größer", [full.clone(), recovered(2)]);
    let events = log.read_all(0, FamilySet::ALL, 10).unwrap().events;
    let expected = full.placed((1, Arc::from("größer"), 1), events[0].recorded_at);
    assert_eq!(*events[0], expected);
    let expected = recovered(2).placed((2, Arc::from("größer"), 2), events[1].recorded_at);
    assert_eq!(*events[1], expected);
    assert_eq!(log.read_stream("größer", 0, 10).unwrap(), events);
}

fn expected_revision_is_held(factory: Factory<'_>) {
    let log = factory();
    log.append(request("a", Expected::Revision(0), [tick(1)])).unwrap();
    log.append(request("a", Expected::Revision(1), [tick(2), tick(3)])).unwrap();
    for stale in [0, 1, 2, 4] {
        let refused = log.append(request("a", Expected::Revision(stale), [tick(9)])).unwrap_err();
        let AppendError::WrongRevision { stream, expected, actual } = refused else { panic!("{refused}") };
        assert_eq!((&*stream, expected, actual), ("a", stale, 3));
    }
    let refused = log.append(request("new", Expected::Revision(1), [tick(9)])).unwrap_err();
    assert!(matches!(refused, AppendError::WrongRevision { actual: 0, .. }), "{refused}");
    assert_eq!(log.head(), 3);
}

fn known_ids_are_skipped_and_answered(factory: Factory<'_>) {
    let log = factory();
    let first = request("a", Expected::Revision(0), [tick(1), tick(2)]);
    log.append(first.clone()).unwrap();
    append(&*log, "b", [tick(3)]);
    let known = |position| Placed { position, duplicate: true };
    // The repeat of an append whose answer was lost: the revision has moved by itself.
    assert_eq!(log.append(first).unwrap(), Appended { placed: vec![known(1), known(2)], revision: 2 });
    let mixed = log.append(request("a", Expected::Revision(2), [tick(3), tick(4), tick(1)])).unwrap();
    let fresh = Placed { position: 4, duplicate: false };
    assert_eq!(mixed, Appended { placed: vec![known(3), fresh, known(1)], revision: 3 });
    let stale = log.append(request("a", Expected::Revision(2), [tick(1), tick(5)])).unwrap_err();
    assert!(matches!(stale, AppendError::WrongRevision { actual: 3, .. }), "{stale}");
    assert_eq!(log.head(), 4);
}

fn known_ids_are_refused_with_their_positions(factory: Factory<'_>) {
    let log = factory();
    append(&*log, "a", [tick(1), tick(2)]);
    let mut refusing = request("a", Expected::Any, [tick(3), tick(2), tick(4)]);
    refusing.duplicates = Duplicates::Refuse;
    let refused = log.append(refusing.clone()).unwrap_err();
    let AppendError::Duplicates(known) = refused else { panic!("{refused}") };
    assert_eq!(known, [Duplicate { index: 1, position: Some(2) }]);
    assert_eq!(log.head(), 2);
    refusing.events.remove(1);
    assert_eq!(log.append(refusing).unwrap().revision, 4);
}

fn duplicates_within_a_request_are_seen(factory: Factory<'_>) {
    let log = factory();
    let mut doubled = request("a", Expected::Revision(0), [tick(1), tick(2), tick(1)]);
    doubled.duplicates = Duplicates::Refuse;
    let refused = log.append(doubled.clone()).unwrap_err();
    let AppendError::Duplicates(known) = refused else { panic!("{refused}") };
    assert_eq!(known, [Duplicate { index: 2, position: None }]);
    doubled.duplicates = Duplicates::Skip;
    let placed = [(1, false), (2, false), (1, true)];
    let placed = placed.map(|(position, duplicate)| Placed { position, duplicate }).to_vec();
    assert_eq!(log.append(doubled).unwrap(), Appended { placed, revision: 2 });
    assert_eq!(log.head(), 2);
}

fn a_refused_request_leaves_nothing(factory: Factory<'_>) {
    let log = factory();
    append(&*log, "a", [tick(1)]);
    let mut refusing = request("a", Expected::Any, [tick(2), tick(1)]);
    refusing.duplicates = Duplicates::Refuse;
    log.append(refusing).unwrap_err();
    log.append(request("b", Expected::Revision(7), [tick(3), tick(4)])).unwrap_err();
    assert_eq!((log.head(), log.revision("b").unwrap()), (1, 0));
    assert_eq!([2, 3, 4].map(|n| log.position_of(id_of(n)).unwrap()), [None; 3]);
    assert!(log.read_stream("b", 0, 9).unwrap().is_empty());
    // What was refused may come again.
    assert_eq!(append(&*log, "b", [tick(2), tick(3)]).placed[0], Placed { position: 2, duplicate: false });
}

fn oversized_events_are_refused(factory: Factory<'_>) {
    let log = factory();
    let mut large = request("a", Expected::Any, [tick(1), tick(2)]);
    large.events[1].payload = vec![b' '; MAX_EVENT_BYTES];
    let refused = log.append(large).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { index: 1, limit: MAX_EVENT_BYTES, .. }), "{refused}");
    let long_name = "x".repeat(MAX_NAME_BYTES + 1);
    let refused = log.append(request(&long_name, Expected::Any, [tick(1)])).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { index: 0, limit: MAX_NAME_BYTES, .. }), "{refused}");
    let mut large = request("a", Expected::Any, (0..5).map(tick));
    large.events.iter_mut().for_each(|event| event.payload = vec![b' '; MAX_EVENT_BYTES - 1000]);
    let refused = log.append(large).unwrap_err();
    assert!(matches!(refused, AppendError::TooLarge { index: 4, limit: MAX_REQUEST_BYTES, .. }), "{refused}");
    assert_eq!((log.head(), log.stopped()), (0, None));
}

fn streams_are_read_both_ways_in_pages(factory: Factory<'_>) {
    let log = factory();
    for n in 0..10 {
        append(&*log, "even", [tick(2 * n)]);
        append(&*log, "odd", [tick(2 * n + 1)]);
    }
    assert_eq!(positions(&log.read_stream("odd", 0, 3).unwrap()), [2, 4, 6]);
    assert_eq!(revisions(&log.read_stream("odd", 3, 3).unwrap()), [4, 5, 6]);
    assert_eq!(revisions(&log.read_stream("odd", 8, 9).unwrap()), [9, 10]);
    assert_eq!(revisions(&log.read_stream_back("odd", u64::MAX, 3).unwrap()), [10, 9, 8]);
    assert_eq!(positions(&log.read_stream_back("odd", 8, 2).unwrap()), [14, 12]);
    assert_eq!(revisions(&log.read_stream_back("odd", 3, 9).unwrap()), [2, 1]);
    assert!(log.read_stream("odd", 0, usize::MAX).unwrap().iter().all(|event| &*event.stream == "odd"));
}

fn the_log_is_read_in_pages_by_family(factory: Factory<'_>) {
    let log = factory();
    for n in 0..6 {
        append(&*log, "a", [if n % 3 == 0 { recovered(n) } else { tick(n) }]);
    }
    let host = FamilySet::of(&[Family::Host]);
    let read = |after, families, max| log.read_all(after, families, max).unwrap();
    assert_eq!(positions(&read(0, FamilySet::ALL, 4).events), [1, 2, 3, 4]);
    assert_eq!((positions(&read(0, host, 3).events), read(0, host, 3).read_to), (vec![1], 3));
    assert_eq!((positions(&read(3, host, 9).events), read(3, host, 9).read_to), (vec![4], 6));
    assert_eq!(positions(&read(0, host.union(FamilySet::of(&[Family::Schedule])), 9).events).len(), 6);
    let none = read(0, FamilySet::of(&[Family::Trade]), 5);
    assert_eq!((none.events.len(), none.read_to), (0, 5));
    assert_eq!(read(0, FamilySet::ALL, 0).read_to, 0);
}

fn ids_are_found(factory: Factory<'_>) {
    let log = factory();
    append(&*log, "a", (0..50).map(tick));
    append(&*log, "b", (50..100).map(tick));
    let found: Vec<_> = (0..101).map(|n| log.position_of(id_of(n)).unwrap()).collect();
    let expected: Vec<_> = (1..=100).map(Some).chain([None]).collect();
    assert_eq!(found, expected);
}

fn reading_past_the_end_is_empty(factory: Factory<'_>) {
    let log = factory();
    append(&*log, "a", [tick(1)]);
    assert!(log.read_stream("a", 1, 9).unwrap().is_empty());
    assert!(log.read_stream("a", u64::MAX, 9).unwrap().is_empty());
    assert!(log.read_stream("none", 0, 9).unwrap().is_empty());
    assert!(log.read_stream_back("a", 1, 9).unwrap().is_empty());
    assert!(log.read_stream_back("a", 0, 9).unwrap().is_empty());
    assert!(log.read_stream_back("none", u64::MAX, 9).unwrap().is_empty());
    let past = log.read_all(5, FamilySet::ALL, 9).unwrap();
    assert_eq!((past.events.len(), past.read_to), (0, 5));
}

fn a_subscription_catches_up_and_follows(factory: Factory<'_>) {
    let log = factory();
    append(&*log, "a", (0..500).map(tick));
    let mut from_start = log.subscribe(0, FamilySet::ALL);
    let mut from_middle = log.subscribe(400, FamilySet::ALL);
    let appender = {
        let log = Arc::clone(&log);
        thread::spawn(move || (500..1500).for_each(|n| drop(append(&*log, "a", [tick(n)]))))
    };
    let all: Vec<u64> = (1..=1500).collect();
    assert_eq!(positions(&follow(&mut *from_start, 1500, 64)), all);
    assert_eq!(positions(&follow(&mut *from_middle, 1500, 64)), all[400..]);
    appender.join().unwrap();
}

fn a_subscription_waits_and_advances(factory: Factory<'_>) {
    let log = factory();
    append(&*log, "a", (0..10).map(tick));
    let mut hosts = log.subscribe(0, FamilySet::of(&[Family::Host]));
    assert!(follow(&mut *hosts, 10, 4).is_empty(), "other families advance it");
    let nothing = hosts.next(4, Duration::from_millis(20)).unwrap();
    assert_eq!((nothing.events.len(), nothing.read_to), (0, 10));
    let appender = {
        let log = Arc::clone(&log);
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(30));
            append(&*log, "a", [recovered(10)]);
        })
    };
    let batch = hosts.next(4, Duration::from_secs(20)).unwrap();
    assert_eq!((positions(&batch.events), batch.read_to), (vec![11], 11), "woken by the append");
    appender.join().unwrap();
}

fn appenders_on_one_stream_exclude_each_other(factory: Factory<'_>) {
    let log = factory();
    let threads: Vec<_> = (0..4)
        .map(|t| {
            let log = Arc::clone(&log);
            thread::spawn(move || (0..50).filter(|n| wins(&*log, t * 50 + n)).count())
        })
        .collect();
    let won: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
    assert!(won >= 50, "at least one appender gets on each time");
    assert_eq!(log.revision("contended").unwrap(), won as u64);
    let expected: Vec<u64> = (1..=won as u64).collect();
    assert_eq!(revisions(&log.read_stream("contended", 0, 1000).unwrap()), expected);
}

/// Appends after what it believes to be the end; whether it was.
fn wins(log: &dyn EventLog, n: u64) -> bool {
    let expected = log.revision("contended").unwrap();
    match log.append(request("contended", Expected::Revision(expected), [tick(n)])) {
        Ok(appended) => appended.revision == expected + 1,
        Err(AppendError::WrongRevision { actual, .. }) if actual > expected => false,
        Err(other) => panic!("{other}"),
    }
}

fn requests_of_concurrent_appenders_stay_whole(factory: Factory<'_>) {
    let log = factory();
    let threads: Vec<_> = (0..6)
        .map(|t: u64| {
            let log = Arc::clone(&log);
            let stream = format!("stream-{t}");
            thread::spawn(move || {
                for n in 0..40 {
                    append(&*log, &stream, (0..3).map(|i| tick(t * 1000 + n * 3 + i)));
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let all = log.read_all(0, FamilySet::ALL, 1000).unwrap().events;
    assert_eq!(positions(&all), (1..=720).collect::<Vec<_>>());
    for request in all.chunks(3) {
        let [a, b, c] = request else { panic!("720 is a multiple of 3") };
        assert!(a.stream == b.stream && b.stream == c.stream, "at {}", a.position);
        assert_eq!((a.stream_revision + 1, a.stream_revision + 2), (b.stream_revision, c.stream_revision));
    }
}

fn several_requests_are_appended_in_their_order(factory: Factory<'_>) {
    let log = factory();
    let stale = request("a", Expected::Revision(0), [tick(9)]);
    let mut requests: Vec<_> = (0..5).map(|n| request("a", Expected::Revision(n), [tick(n)])).collect();
    requests.insert(3, stale);
    let answers = log.append_all(requests);
    let revisions: Vec<_> = answers.iter().map(|answer| answer.as_ref().ok().map(|a| a.revision)).collect();
    assert_eq!(revisions, [Some(1), Some(2), Some(3), None, Some(4), Some(5)]);
    assert_eq!((log.head(), log.append_all(Vec::new()).len()), (5, 0));
}

fn a_slow_reader_misses_nothing(factory: Factory<'_>) {
    let log = factory();
    let mut slow = log.subscribe(0, FamilySet::ALL);
    let first = append(&*log, "a", [tick(0)]).placed[0].position;
    assert_eq!(positions(&slow.next(10, Duration::from_secs(20)).unwrap().events), [first]);
    // More than any log keeps at hand for live readers.
    for n in 0..100 {
        append(&*log, "a", (0..300).map(|i| tick(1 + n * 300 + i)));
    }
    let rest = follow(&mut *slow, 30_001, 512);
    assert_eq!(positions(&rest), (2..=30_001).collect::<Vec<_>>());
    assert!(rest.iter().all(|event| event.event_id == id_of(event.position - 1)));
}
