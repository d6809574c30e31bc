//! The true program on a cluster of three brokers, each record on all of them: whatever befalls the cluster, every trade is
//! taken once, and who reads committed records gets every decision once.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "each file of tests needs other parts of it")]
mod support;

use std::{
    collections::BTreeSet,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use kafka::{
    KafkaFault, KafkaSettings, send_all,
    test_support::{Broker, Transaction, need},
};
use support::{
    input::{Input, gated},
    outcome::{Kept, of_log, published, until_all_is_published},
    process::Process,
};

/// Trades of a scene.
const TRADES: u64 = 4_000;

/// Topics of its own on the cluster, a data folder and what the bot publishes.
struct Scene {
    settings: KafkaSettings,
    folder: tempfile::TempDir,
    input: Input,
    gate: Arc<AtomicUsize>,
    begun: Instant,
    name: &'static str,
}

impl Scene {
    fn new(broker: &Broker, name: &'static str, partitions: i32) -> Self {
        let mut settings = broker.settings();
        settings.topics.trade_closed = format!("{name}.trades");
        settings.topics.decisions = format!("{name}.decisions");
        broker.create_topic(&settings.topics.trade_closed, partitions, &[]).unwrap();
        broker.create_topic(&settings.topics.decisions, 2, &[]).unwrap();
        let (folder, gate) = (tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)));
        Self { settings, folder, input: Input::new(TRADES), gate, begun: Instant::now(), name }
    }

    fn trades(&self) -> &str {
        &self.settings.topics.trade_closed
    }

    fn run(&self, folder: &str, more: &[&str]) -> Process {
        let topics = &self.settings.topics;
        let set = [
            format!("kafka.topics.trade_closed={}", topics.trade_closed),
            format!("kafka.topics.decisions={}", topics.decisions),
        ];
        let set = set.into_iter().flat_map(|set| ["--set".to_owned(), set]);
        let arguments: Vec<String> = set.chain(more.iter().map(|&word| word.to_owned())).collect();
        Process::start_with(&self.folder.path().join(folder), &self.settings.bootstrap_servers, &arguments)
    }

    /// Sends some of the records in the background, each when the gate is open for it.
    fn send(&self, from: usize, to: usize) -> JoinHandle<Result<u64, KafkaFault>> {
        let (settings, gate) = (self.settings.clone(), Arc::clone(&self.gate));
        let records = self.input.records[from..to].to_vec();
        thread::spawn(move || {
            let topic = settings.topics.trade_closed.clone();
            send_all(&settings, &topic, gated(records, gate), None, &mut |_| {})
        })
    }

    /// Sends all records, most of them while something is done: fewer and fewer, but there are always some left.
    fn send_while(&self, act: impl FnOnce()) {
        let sender = self.send(0, self.all());
        let (acting, gate, most) = (Arc::new(()), Arc::clone(&self.gate), self.all() as f64 * 0.9);
        let is_acting = Arc::downgrade(&acting);
        let opener = thread::spawn(move || {
            let mut open = 0.0;
            while is_acting.upgrade().is_some() {
                open += (most - open) / 500.0;
                gate.store(open as usize, Ordering::Relaxed);
                thread::sleep(Duration::from_millis(20));
            }
        });
        act();
        drop(acting);
        opener.join().unwrap();
        self.open_gate();
        assert_eq!(sender.join().unwrap().unwrap(), self.all() as u64);
    }

    fn open_gate(&self) {
        self.gate.store(usize::MAX, Ordering::Relaxed);
    }

    fn all(&self) -> usize {
        self.input.records.len()
    }

    /// Every trade was taken once, and every decision of the only process published once.
    fn assert_whole(self, mut process: Process) {
        process.until_ready();
        let (decisions, dead_letters) =
            until_all_is_published(&mut process, &self.settings, self.input.bad.len());
        let data = process.data().to_owned();
        process.terminate();
        let kept = Kept::read(&data);
        kept.assert_facts(&self.input);
        kept.assert_decisions_on(&decisions);
        kept.assert_dead_letters_on(&dead_letters);
        assert!(decisions.len() > 20, "too few to prove anything: {}", decisions.len());
        eprintln!("{}: {} decisions, {:?}", self.name, decisions.len(), self.begun.elapsed());
    }
}

/// One after the other, as they share a cluster.
#[test]
fn whatever_befalls_a_cluster_every_trade_is_taken_and_every_decision_told_once() {
    let Some(mut broker) = need("kafka", Broker::start_three()) else { return };
    every_broker_restarts(&mut broker);
    a_leader_is_frozen(&mut broker);
    a_transaction_stays_open(&broker);
    partitions_are_added(&broker);
    a_copy_is_started(&broker);
    the_cluster_goes_away(&mut broker);
}

/// One after the other in good order, while trades come in and decisions leave.
fn every_broker_restarts(broker: &mut Broker) {
    let scene = Scene::new(broker, "rolling", 3);
    let mut process = scene.run("data", &[]);
    process.until_ready();
    scene.send_while(|| {
        process.until_taken_more_than(0.0);
        for node in 0..broker.count() {
            broker.node(node).terminate().unwrap();
            broker.restart_node(node).unwrap();
            let taken = process.taken();
            process.until_taken_more_than(taken);
        }
    });
    scene.assert_whole(process);
}

/// The leader of a partition stands still with all its connections, others take over, and it wakes up again.
fn a_leader_is_frozen(broker: &mut Broker) {
    let scene = Scene::new(broker, "frozen", 3);
    let mut process = scene.run("data", &[]);
    process.until_ready();
    scene.send_while(|| {
        process.until_taken_more_than(0.0);
        let leader = broker.leader(scene.trades(), 0).unwrap();
        broker.node(leader).freeze();
        let is_led = |_: &Process| broker.leader(scene.trades(), 0).is_ok_and(|now| now != leader);
        process.until("led by another broker", is_led);
        let taken = process.taken();
        process.until_taken_more_than(taken);
        broker.node(leader).wake();
        broker.wait_until_whole().unwrap();
    });
    scene.assert_whole(process);
}

/// Somebody's transaction hides what comes behind it; what it held is taken in when it is committed.
fn a_transaction_stays_open(broker: &Broker) {
    let scene = Scene::new(broker, "open", 1);
    let mut process = scene.run("data", &[]);
    process.until_ready();
    scene.open_gate();
    let half = scene.all() / 2;
    assert_eq!(scene.send(0, half).join().unwrap().unwrap(), half as u64);
    let somebody = Transaction::begin(&scene.settings, "somebody").unwrap();
    somebody.put(scene.trades(), &scene.input.records[half]).unwrap();
    assert_eq!(scene.send(half + 1, scene.all()).join().unwrap().unwrap(), (scene.all() - half - 1) as u64);
    process.until("held up by the transaction", |process| lag(process) as usize >= scene.all() - half);
    somebody.commit().unwrap();
    // One that comes to nothing leaves no trace.
    somebody.again().unwrap();
    somebody.put(scene.trades(), &scene.input.records[0]).unwrap();
    somebody.abort().unwrap();
    scene.assert_whole(process);
}

/// Offsets that a process has not taken in.
fn lag(process: &Process) -> f64 {
    let metrics = process.get("/metrics").unwrap_or_default();
    let lags = metrics.lines().filter(|line| line.starts_with("tradewarden_ingest_lag_records{"));
    lags.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

/// The trade topic grows while it is read.
fn partitions_are_added(broker: &Broker) {
    let scene = Scene::new(broker, "growing", 2);
    let mut process = scene.run("data", &[]);
    process.until_ready();
    scene.open_gate();
    let half = scene.all() / 2;
    assert_eq!(scene.send(0, half).join().unwrap().unwrap(), half as u64);
    broker.raise_partitions(scene.trades(), 5).unwrap();
    broker.wait_until_whole().unwrap();
    let rest = (scene.all() - half) as u64;
    assert_eq!(scene.send(half, scene.all()).join().unwrap().unwrap(), rest);
    process.until("reading all five", |process| {
        process.get("/metrics").is_some_and(|metrics| metrics.contains("partition=\"4\""))
    });
    scene.assert_whole(process);
}

/// A copied folder is refused beside the living one and does not silence it; as a copy it goes on when the other has
/// ended, and tells nothing twice.
fn a_copy_is_started(broker: &Broker) {
    let scene = Scene::new(broker, "copied", 2);
    let mut process = scene.run("data", &[]);
    process.until_ready();
    scene.open_gate();
    let third = scene.all() / 3;
    assert_eq!(scene.send(0, third).join().unwrap().unwrap(), third as u64);
    process.until_ready();
    process.terminate();
    copy(&scene.folder.path().join("data"), &scene.folder.path().join("copy"));
    let mut process = scene.run("data", &[]);
    let sent = scene.send(third, 2 * third).join().unwrap().unwrap();
    assert_eq!(sent, third as u64);
    process.until_ready();
    let known = published(&scene.settings, &scene.settings.topics.decisions).len();
    assert!(known > 20, "too few to prove anything: {known}");
    // Beside the living one.
    assert_refused(&scene, "copy");
    let rest = (scene.all() - 2 * third) as u64;
    assert_eq!(scene.send(2 * third, scene.all()).join().unwrap().unwrap(), rest);
    let (decisions, _) = until_all_is_published(&mut process, &scene.settings, scene.input.bad.len());
    let living = process.data().to_owned();
    process.terminate();
    let living = Kept::read(&living);
    living.assert_facts(&scene.input);
    living.assert_decisions_on(&decisions);
    // After it as well, as of a backup that was restored; with intent it goes on: all that it would decide is on the topic.
    assert_refused(&scene, "copy");
    let mut copy = scene.run("copy", &["--as-copy"]);
    copy.until_ready();
    copy.until("publishing as far as it decided", |copy| {
        copy.get("/metrics").is_some_and(|metrics| metrics.contains("\ntradewarden_publisher_lag_events 0\n"))
    });
    let all = published(&scene.settings, &scene.settings.topics.decisions);
    let data = copy.data().to_owned();
    copy.terminate();
    let copy = Kept::read(&data);
    copy.assert_facts(&scene.input);
    assert!(copy.decided() == living.decided(), "the copy decided otherwise");
    assert_eq!(of_log(living.log_id, &all).len(), decisions.len());
    let ids: BTreeSet<_> = all.iter().map(|record| record.header("tradewarden_event")).collect();
    assert_eq!(ids.len(), all.len(), "a decision twice");
    eprintln!("{}: {} decisions, {:?}", scene.name, all.len(), scene.begun.elapsed());
}

/// A start on a folder ends with the reason and the way on, and nothing was taken in.
fn assert_refused(scene: &Scene, folder: &str) {
    let before = Kept::read(&scene.folder.path().join(folder)).events.len();
    let process = scene.run(folder, &[]);
    let data = process.data().to_owned();
    assert_eq!(process.ended(), Some(1));
    let words = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(words.contains("other_history") && words.contains("tradewarden run --as-copy"), "{words}");
    assert_eq!(Kept::read(&data).events.len(), before);
}

/// A copy of a folder, as of a backup.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

/// All brokers die at once: both parts say so with the cause, and go on when they are back.
fn the_cluster_goes_away(broker: &mut Broker) {
    let scene = Scene::new(broker, "away", 2);
    let mut process = scene.run("data", &[]);
    process.until_ready();
    scene.open_gate();
    let half = scene.all() / 2;
    assert_eq!(scene.send(0, half).join().unwrap().unwrap(), half as u64);
    process.until_taken_more_than(0.0);
    broker.kill();
    let died = Instant::now();
    for part in [format!("source:{}", scene.trades()), "publisher".to_owned()] {
        process.until(&format!("{part} not ready with the cause"), |process| {
            process
                .part(&part)
                .is_some_and(|(ready, words)| !ready && words.contains("nothing listens there"))
        });
        eprintln!("{}: {part} is not ready after {:?}", scene.name, died.elapsed());
    }
    broker.restart().unwrap();
    let rest = (scene.all() - half) as u64;
    assert_eq!(scene.send(half, scene.all()).join().unwrap().unwrap(), rest);
    scene.assert_whole(process);
}
