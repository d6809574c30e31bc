//! Decisions leave exactly once, on a real broker, whatever dies.

#![allow(clippy::unwrap_used, reason = "helpers of tests may fail them")]

mod support;

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use events::{NewEvent, Uuid};
use kafka::{
    CommittedReader, CommittedRecord, Delivery, Endpoint, FaultKind, KafkaPublisher, KafkaSettings,
    PublisherState, ReadFrom, Topics, check_history, dead_letter_topic, ensure_topics, go_on_as_copy,
    test_support::{Broker, alert, dead_letter, need},
};
use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use store::{Duplicates, EventLog, Expected, MemoryLog, Prepared, Request};
use support::{PATIENCE, begin, wait_for};

fn append(log: &MemoryLog, events: impl IntoIterator<Item = NewEvent>) {
    let events = events.into_iter().map(|event| Prepared::new(event).unwrap()).collect();
    let (stream, duplicates) = (Arc::from("test-alerts"), Duplicates::Skip);
    log.append(Request { stream, expected: Expected::Any, duplicates, events }).unwrap();
}

fn publisher(log: &Arc<MemoryLog>, settings: &KafkaSettings) -> KafkaPublisher {
    // A topic that the publisher makes is an event, and would shift the positions that tests count.
    let dead_letters = dead_letter_topic(&settings.topics.trade_closed);
    let _ = ensure_topics(settings, &[&settings.topics.decisions, &dead_letters]);
    let log = Arc::clone(log) as Arc<dyn EventLog>;
    KafkaPublisher::start(log, settings.clone(), Uuid::nil(), Delivery::Transactional, None).unwrap()
}

/// A publisher of a log whose first event is published.
fn with_one_published(log: &Arc<MemoryLog>, settings: &KafkaSettings) -> KafkaPublisher {
    let running = publisher(log, settings);
    append(log, alerts(0, 1));
    wait_for("the first is published", || running.status().decisions == 1);
    running
}

/// Everything that a `read_committed` consumer sees, until nothing more comes.
fn committed(settings: &KafkaSettings, topic: &str) -> Vec<CommittedRecord> {
    let reader = CommittedReader::open(settings, topic, ReadFrom::Beginning).unwrap();
    // A busy cluster takes its time before the first one.
    let mut records: Vec<_> = reader.next(PATIENCE).unwrap().into_iter().collect();
    while let Some(record) = reader.next(Duration::from_millis(1500)).unwrap() {
        records.push(record);
    }
    records
}

fn positions(records: &[CommittedRecord]) -> Vec<u64> {
    records.iter().map(|record| record.header("tradewarden_position").unwrap().parse().unwrap()).collect()
}

/// Every alert once, and within each key in the order of the log.
#[track_caller]
fn assert_each_once_in_order(records: &[CommittedRecord], expected: usize) {
    let mut last: BTreeMap<&[u8], u64> = BTreeMap::new();
    for (record, position) in records.iter().zip(positions(records)) {
        let key = record.key.as_deref().unwrap();
        let before = last.insert(key, position).unwrap_or(0);
        assert!(before < position, "{} came after {before}", position);
    }
    let mut all = positions(records);
    all.sort_unstable();
    all.dedup();
    assert_eq!((records.len(), all.len()), (expected, expected));
}

fn alerts(from: u64, to: u64) -> impl Iterator<Item = NewEvent> {
    (from..to).map(|n| alert(["a", "b", "c"][(n % 3) as usize], n))
}

#[test]
fn every_decision_is_published_once_though_publisher_and_broker_are_killed() {
    let Some((mut broker, settings, log)) = begin() else { return };
    broker.create_topic(&settings.topics.decisions, 3, &[]).unwrap();
    let mut appended = 0;
    for round in 0..6u64 {
        let mut running = publisher(&log, &settings);
        for _ in 0..10 {
            append(&log, alerts(appended, appended + 200));
            appended += 200;
        }
        let halfway = appended - 1000;
        wait_for("half of the round is published", || running.status().position >= halfway);
        if round == 2 {
            // Killed right after a commit was answered, this broker may skip the commit's marker at its next start
            // (KAFKA-20734).
            broker.kill();
            append(&log, alerts(appended, appended + 500));
            appended += 500;
            wait_for("the fault is told", || {
                running.status().last_error.is_some() || running.status().state == PublisherState::Running
            });
            broker.restart().unwrap();
        }
        if round == 3 {
            // A clean stop now and then: its checkpoint and the topic's end have to agree.
            running.stop();
            running = publisher(&log, &settings);
        }
        drop(running);
    }
    let last = publisher(&log, &settings);
    wait_for("all is published", || last.status().position >= appended);
    last.stop();
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), appended as usize);
}

#[test]
fn an_old_publisher_that_wakes_up_after_its_successor_publishes_nothing() {
    let Some((_broker, settings, log)) = begin() else { return };
    append(&log, alerts(0, 10));
    let old = publisher(&log, &settings);
    wait_for("the old one published", || old.status().position >= 10);
    let new = publisher(&log, &settings);
    wait_for("the new one is ready", || new.status().state == PublisherState::Running);
    // Both see these; only one may bring them out.
    append(&log, alerts(10, 200));
    wait_for("the old one is out", || old.status().state == PublisherState::Stopped);
    wait_for("the new one published", || new.status().position >= 200);
    let why = old.status().last_error.unwrap();
    assert!(why.contains("another process publishes from this event log"), "{why}");
    assert_eq!(old.status().decisions, 10);
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 200);
}

#[test]
fn other_logs_records_and_purged_topics_do_not_confuse_it() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let settings = broker.settings();
    let (ours, theirs) = (Arc::new(MemoryLog::new()), Arc::new(MemoryLog::new()));
    append(&ours, alerts(0, 20));
    append(&theirs, alerts(0, 5000));
    let first = publisher(&ours, &settings);
    wait_for("ours is published", || first.status().position >= 20);
    // Without a checkpoint, and far behind the end of the topic.
    drop(first);
    let other = publisher(&theirs, &settings);
    wait_for("theirs is published", || other.status().position >= 5000);
    append(&ours, alerts(20, 30));
    let second = publisher(&ours, &settings);
    wait_for("the rest of ours is published", || second.status().position >= 30);
    second.stop();
    let all = committed(&settings, &settings.topics.decisions);
    let of_ours: Vec<CommittedRecord> =
        all.into_iter().filter(|r| r.header("tradewarden_log") == Some(&ours.log_id().to_string())).collect();
    // One more is the alert about the other log.
    assert_each_once_in_order(&of_ours, 31);
    // Purged, and the checkpoint of the clean stop is all that is left.
    other.stop();
    broker.delete_records(&settings.topics.decisions, 0, None).unwrap();
    append(&ours, alerts(30, 31));
    let third = publisher(&ours, &settings);
    // The other log is seen no longer, which is told too.
    wait_for("what came after is published", || third.status().decisions == 2);
    third.stop();
    assert_eq!(committed(&settings, &settings.topics.decisions).len(), 2);
}

#[test]
fn a_dead_letter_too_large_for_its_topic_is_cut_and_the_rest_goes_on() {
    let Some((broker, settings, log)) = begin() else { return };
    let dead = dead_letter_topic("t");
    broker.create_topic(&dead, 1, &[("max.message.bytes", "100000")]).unwrap();
    append(&log, [dead_letter("t", 0, b"{"), alert("a", 0), dead_letter("t", 1, &vec![b'x'; 300_000])]);
    append(&log, [dead_letter("t", 2, b"["), alert("a", 1)]);
    let running = publisher(&log, &settings);
    wait_for("all is published", || running.status().position >= 5);
    running.stop();
    let letters = committed(&settings, &dead);
    let sizes: Vec<usize> = letters.iter().map(|letter| letter.value.as_ref().unwrap().len()).collect();
    assert_eq!(sizes, [1, 64 << 10, 1]);
    assert_eq!(letters[1].header("tradewarden_truncated"), Some("300000"));
    assert_eq!(letters[0].header("tradewarden_truncated"), None);
    assert_eq!(letters[0].header("tradewarden_reason"), Some("malformed"));
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 2);
}

#[test]
fn a_decision_is_readable_about_as_soon_as_a_bare_transaction() {
    let Some((_broker, settings, log)) = begin() else { return };
    ensure_topics(&settings, &[&settings.topics.decisions, "bare"]).unwrap();
    append(&log, alerts(0, 1));
    let running = publisher(&log, &settings);
    wait_for("it runs", || running.status().position >= 1);
    running.stop();
    let began = Instant::now();
    let running = publisher(&log, &settings);
    wait_for("it runs again", || running.status().state == PublisherState::Running);
    eprintln!("started to publishing: {:?}", began.elapsed());
    let bare = BareTransactions::open(&settings);
    let reader = CommittedReader::open(&settings, &settings.topics.decisions, ReadFrom::End).unwrap();
    let bare_reader = CommittedReader::open(&settings, "bare", ReadFrom::End).unwrap();
    // In turn, so that what else the machine does slows both.
    let (mut ours, mut bares) = (Vec::new(), Vec::new());
    for n in 1..80u64 {
        ours.push(timed(&reader, || append(&log, alerts(n, n + 1))));
        bares.push(timed(&bare_reader, || bare.send()));
    }
    running.stop();
    let (ours, bares) = (median(ours), median(bares));
    eprintln!("decided to readable: {ours:?}; a bare transaction: {bares:?}");
    // The binding's own flush would add steps of 100 ms.
    assert!(ours < bares * 2 + Duration::from_millis(20), "{ours:?}, a bare transaction {bares:?}");
}

fn timed(reader: &CommittedReader, act: impl FnOnce()) -> Duration {
    let before = Instant::now();
    act();
    reader.next(PATIENCE).unwrap().unwrap();
    before.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Transactions of one record with nothing around them.
struct BareTransactions(BaseProducer);

impl BareTransactions {
    fn open(settings: &KafkaSettings) -> Self {
        let mut config = rdkafka::ClientConfig::new();
        config.set("bootstrap.servers", &settings.bootstrap_servers).set("linger.ms", "0");
        let producer: BaseProducer = config.set("transactional.id", "bare").create().unwrap();
        producer.init_transactions(Duration::from_secs(30)).unwrap();
        Self(producer)
    }

    fn send(&self) {
        self.0.begin_transaction().unwrap();
        self.0.send(BaseRecord::to("bare").key("k").payload("v")).unwrap();
        while self.0.in_flight_count() > 0 {
            self.0.poll(Duration::ZERO);
            thread::sleep(Duration::from_micros(100));
        }
        self.0.commit_transaction(Duration::from_secs(30)).unwrap();
    }
}

#[test]
fn to_the_embedded_endpoint_goes_only_what_is_decided_from_now_on() {
    let endpoint = Endpoint::start("127.0.0.1:0", &Topics::default().all()).unwrap();
    let settings = endpoint.settings();
    let log = Arc::new(MemoryLog::new());
    append(&log, alerts(0, 5));
    let shared = Arc::clone(&log) as Arc<dyn EventLog>;
    let running =
        KafkaPublisher::start(shared, settings.clone(), Uuid::nil(), Delivery::FromNowOn, None).unwrap();
    append(&log, alerts(5, 8));
    wait_for("all is published", || running.status().position >= 8);
    running.stop();
    let mut seen = positions(&committed(&settings, &settings.topics.decisions));
    seen.sort_unstable();
    assert_eq!(seen, [6, 7, 8]);
}

#[test]
fn dead_letters_of_a_topic_that_is_no_longer_configured_find_theirs() {
    let Some((_broker, settings, log)) = begin() else { return };
    let running = publisher(&log, &settings);
    append(&log, [alert("a", 0), dead_letter("an.older.topic", 7, b"x"), alert("a", 1)]);
    wait_for("all is published", || running.status().position >= 3);
    drop(running);
    // Its last record was on that topic: the next start finds it there.
    append(&log, [dead_letter("an.older.topic", 8, b"y")]);
    let running = publisher(&log, &settings);
    wait_for("the rest is published", || running.status().dead_letters == 1);
    running.stop();
    // Between them stands that their topic was made.
    assert_eq!(positions(&committed(&settings, "an.older.topic.tradewarden.dlq")), [2, 5]);
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 2);
}

#[test]
fn a_log_that_ends_before_what_was_published_from_it_is_refused_and_silences_nobody() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let settings = broker.settings();
    let clock: store::Clock = Arc::new(|| events::Timestamp::from_micros(0));
    let log = Arc::new(MemoryLog::with_clock(Arc::clone(&clock)));
    append(&log, alerts(0, 20));
    let living = publisher(&log, &settings);
    wait_for("all is published", || living.status().position >= 20);
    // The same log as it was before, started by mistake.
    let restored = Arc::new(MemoryLog::with_clock(clock));
    append(&restored, alerts(0, 10));
    let running = publisher(&restored, &settings);
    wait_for("it stops", || running.status().state == PublisherState::Stopped);
    let why = running.status().last_error.unwrap();
    assert!(why.contains("restored from an older backup"), "{why}");
    // The one that lives goes on.
    append(&log, alerts(20, 30));
    wait_for("what came after is published", || living.status().position >= 30);
    living.stop();
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 30);
}

#[test]
fn what_is_visible_beyond_a_hole_is_not_published_again_and_the_hole_is_filled() {
    let Some((_broker, settings, log)) = begin() else { return };
    ensure_topics(&settings, &[&settings.topics.decisions]).unwrap();
    append(&log, alerts(0, 10));
    // As a broker leaves it that loses the end of a transaction in one of its partitions: some of it was seen.
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap_servers).set("transactional.id", "before");
    let before: BaseProducer = config.create().unwrap();
    before.init_transactions(PATIENCE).unwrap();
    let send = |position: u64| {
        let (id, position) = (log.log_id().to_string(), position.to_string());
        let headers = OwnedHeaders::new().insert(Header { key: "tradewarden_log", value: Some(&id) });
        let headers = headers.insert(Header { key: "tradewarden_position", value: Some(&position) });
        let n: u64 = position.parse::<u64>().unwrap() - 1;
        let event = alert(["a", "b", "c"][(n % 3) as usize], n).event_id.to_string();
        let headers = headers.insert(Header { key: "tradewarden_event", value: Some(&event) });
        let record = BaseRecord::to(&settings.topics.decisions).headers(headers).key("seen").payload("v");
        before.send(record).unwrap();
    };
    before.begin_transaction().unwrap();
    [2, 5, 9].into_iter().for_each(send);
    before.flush(PATIENCE).unwrap();
    before.commit_transaction(PATIENCE).unwrap();
    before.begin_transaction().unwrap();
    send(7);
    before.flush(PATIENCE).unwrap();
    before.abort_transaction(PATIENCE).unwrap();
    let running = publisher(&log, &settings);
    wait_for("all is published", || running.status().position >= 10);
    assert_eq!(running.status().decisions, 7);
    running.stop();
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 10);
}

#[test]
fn what_is_hidden_behind_somebodys_open_transaction_is_not_published_again() {
    let soon = "transaction.abort.timed.out.transaction.cleanup.interval.ms=500\n";
    let Some(broker) = need("kafka", Broker::start_with(soon)) else { return };
    let settings = broker.settings();
    ensure_topics(&settings, &[&settings.topics.decisions]).unwrap();
    let mut config = rdkafka::ClientConfig::new();
    config.set("bootstrap.servers", &settings.bootstrap_servers).set("transactional.id", "somebody");
    let somebody: BaseProducer = config.set("transaction.timeout.ms", "6000").create().unwrap();
    somebody.init_transactions(Duration::from_secs(30)).unwrap();
    somebody.begin_transaction().unwrap();
    somebody.send(BaseRecord::to(&settings.topics.decisions).key("k").payload("never committed")).unwrap();
    somebody.flush(Duration::from_secs(30)).unwrap();
    // Committed, but behind the open transaction: no reader of committed records sees them yet.
    let log = Arc::new(MemoryLog::new());
    append(&log, alerts(0, 20));
    let first = publisher(&log, &settings);
    wait_for("all is published", || first.status().position >= 20);
    drop(first);
    let second = publisher(&log, &settings);
    append(&log, alerts(20, 30));
    wait_for("the rest is published", || second.status().position >= 30);
    assert_eq!(second.status().decisions, 10);
    second.stop();
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 30);
}

#[test]
fn a_broker_that_was_away_between_two_decisions_holds_up_nothing_afterwards() {
    let Some((mut broker, settings, log)) = begin() else { return };
    let running = with_one_published(&log, &settings);
    // Away when the checkpoint asks what is visible: outside of any transaction.
    broker.kill();
    wait_for("the fault is told", || running.status().state == PublisherState::Retrying);
    broker.restart().unwrap();
    append(&log, alerts(1, 2));
    // The first once more, where the broker lost the marker of its commit as it was killed.
    wait_for("the second is published", || {
        running.status().decisions >= 2 && running.status().lag_events == Some(0)
    });
    wait_for("all is well", || running.status().state == PublisherState::Running);
    assert_eq!(running.status().last_error, None);
    running.stop();
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 2);
}

#[test]
fn a_restored_backup_and_a_copy_are_refused_before_anything_is_taken_in() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    let settings = broker.settings();
    let clock: store::Clock = Arc::new(|| events::Timestamp::from_micros(0));
    let log = |upto| {
        let log = Arc::new(MemoryLog::with_clock(Arc::clone(&clock)));
        append(&log, alerts(0, upto));
        log
    };
    let (living, restored) = (log(20), log(10));
    let running = publisher(&living, &settings);
    wait_for("all is published", || running.status().decisions == 20);
    running.stop();
    let check =
        |log: &Arc<MemoryLog>| check_history(&(Arc::clone(log) as Arc<dyn EventLog>), &settings).map(drop);
    assert_eq!(check(&living), Ok(()));
    assert_eq!(check(&restored).unwrap_err().kind, FaultKind::OtherHistory);
    // What it takes in meanwhile does not make it the same: the ids differ.
    append(&restored, (100..200).map(|n| alert("z", n)));
    assert_eq!(check(&restored).unwrap_err().kind, FaultKind::OtherHistory);
    // As a copy it goes on, and what was published of what it holds is not published again.
    go_on_as_copy(&*restored, Uuid::nil()).unwrap();
    assert_eq!(check(&restored), Ok(()));
    let running = publisher(&restored, &settings);
    wait_for("only what is new is published", || running.status().decisions == 100);
    running.stop();
    assert_eq!(committed(&settings, &settings.topics.decisions).len(), 120);
}

#[test]
fn a_decisions_topic_that_was_deleted_is_made_anew_and_noted() {
    let Some((broker, settings, log)) = begin() else { return };
    let running = with_one_published(&log, &settings);
    broker.delete_topic(&settings.topics.decisions).unwrap();
    let made = || log.read_stream("publisher-notes", 0, 10).unwrap();
    wait_for("it is made anew", || !made().is_empty());
    assert_eq!(made()[0].event.event_type(), "PublishTopicMade");
    append(&log, alerts(1, 2));
    wait_for("what comes is published", || {
        // The broker that is asked may not know of the topic yet.
        if CommittedReader::open(&settings, &settings.topics.decisions, ReadFrom::Beginning).is_err() {
            return false;
        }
        let seen = positions(&committed(&settings, &settings.topics.decisions));
        seen.contains(&log.head().min(made()[0].position + 1))
    });
    running.stop();
}

#[test]
fn a_stop_takes_seconds_while_the_cluster_is_away() {
    let Some((mut broker, settings, log)) = begin() else { return };
    let running = with_one_published(&log, &settings);
    broker.kill();
    append(&log, alerts(1, 2));
    thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    running.stop();
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
}

#[test]
fn a_dead_letter_without_a_key_or_with_a_huge_one_holds_up_no_decision() {
    let Some((broker, settings, log)) = begin() else { return };
    let dead = dead_letter_topic("t");
    broker.create_topic(&dead, 1, &[("cleanup.policy", "compact")]).unwrap();
    let mut huge = dead_letter("t", 1, b"v");
    if let events::Event::RecordRejected(rejected) = &mut huge.event {
        rejected.key = Some(events::Bytes(vec![b'k'; 1_100_000]));
    }
    append(&log, [alert("a", 0), dead_letter("t", 0, b"{"), huge, alert("a", 1)]);
    let running = publisher(&log, &settings);
    wait_for("all is published", || running.status().decisions == 2);
    running.stop();
    let letters = committed(&settings, &dead);
    let keys: Vec<usize> = letters.iter().map(|letter| letter.key.as_ref().unwrap().len()).collect();
    assert_eq!(keys, ["t[0]@0".len(), 1024]);
    assert_each_once_in_order(&committed(&settings, &settings.topics.decisions), 2);
}
