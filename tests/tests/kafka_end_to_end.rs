//! The true program on a real Kafka: killed, cut off from its broker and woken after its successor, it keeps every
//! fact once and tells every decision once.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "each file of tests needs other parts of it")]
mod support;

use std::{
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use kafka::{
    KafkaFault, KafkaSettings, send_all,
    test_support::{Broker, need},
};
use serde_json::json;
use support::{
    input::{Input, gated},
    outcome::{Kept, of_log, published, until_all_is_published},
    process::{Process, ask},
};

/// The topic of the trades.
const TRADES: &str = "trading.trade.closed.v1";
/// The topic of the decisions.
const DECISIONS: &str = "tradewarden.decisions.v1";

const KILLS: usize = 10;
/// Before this kill the broker is killed too.
const BROKER_KILL: usize = 5;

/// How many trades; the whole requirement with `TRADEWARDEN_TEST_TRADES=100000`.
fn trades() -> u64 {
    std::env::var("TRADEWARDEN_TEST_TRADES").map_or(100_000, |count| count.parse().unwrap())
}

fn broker() -> Option<Broker> {
    let broker = need("kafka", Broker::start())?;
    for topic in [TRADES, DECISIONS] {
        broker.create_topic(topic, 4, &[]).unwrap();
    }
    Some(broker)
}

/// Sends records in the background, as far as the gate is open.
fn send(
    settings: KafkaSettings,
    input: &Input,
    gate: &Arc<AtomicUsize>,
) -> thread::JoinHandle<Result<u64, KafkaFault>> {
    let (records, gate) = (input.records.clone(), Arc::clone(gate));
    thread::spawn(move || send_all(&settings, TRADES, gated(records, gate), None, &mut |_| {}))
}

#[test]
fn ten_kills_and_a_broker_killed_lose_nothing_and_double_nothing() {
    let Some(mut broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (data, settings) = (folder.path().join("killed"), broker.settings());
    let input = Input::new(trades());
    let gate = Arc::new(AtomicUsize::new(0));
    let sender = send(settings.clone(), &input, &gate);
    for kill in 0..KILLS {
        run_and_kill(kill, &mut broker, &data, &gate, input.records.len() / (KILLS + 1));
    }
    gate.store(usize::MAX, Ordering::Relaxed);
    assert_eq!(sender.join().unwrap().unwrap(), input.records.len() as u64);
    let mut process = Process::start(&data, &broker.bootstrap_servers());
    process.until_ready();
    let (decisions, dead_letters) = until_all_is_published(&mut process, &settings, input.bad.len());
    process.terminate();
    let kept = Kept::read(&data);
    kept.assert_facts(&input);
    kept.assert_decisions_on(&decisions);
    kept.assert_dead_letters_on(&dead_letters);
    let count = |what: &str| kept.events.iter().filter(|event| event.event.event_type() == what).count();
    assert_eq!(count("RunStarted"), KILLS + 1);
    eprintln!("{} disabled, {} reduced", count("StrategyDisabled"), count("StrategyReduced"));
    assert!(count("StrategyDisabled") > KILLS, "too few to prove anything");
    assert_reproduced(&data);
    let undisturbed = undisturbed(&folder.path().join("undisturbed"), &broker, &kept);
    undisturbed.assert_facts(&input);
    assert_eq!(kept.decided(), undisturbed.decided());
}

/// Starts a process, gives it one more share of the records and kills it in the midst of taking them in.
fn run_and_kill(kill: usize, broker: &mut Broker, data: &Path, gate: &AtomicUsize, share: usize) {
    // Now it finds a backlog when it starts, now records come while it runs.
    let backlog = kill.is_multiple_of(2);
    let open = |until: usize| gate.store(until, Ordering::Relaxed);
    if backlog {
        open(share * (kill + 1));
    }
    let mut process = Process::start(data, &broker.bootstrap_servers());
    if !backlog {
        process.until_it_answers();
        open(share * (kill + 1));
    }
    let mut taken = process.until_taken_more_than(0.0);
    if kill == BROKER_KILL {
        broker.kill();
        open(share * (kill + 1) + share / 2);
        broker.restart().unwrap();
        taken = process.until_taken_more_than(taken);
    }
    // One dies in the midst of taking in, another while it decides and publishes.
    thread::sleep(Duration::from_millis(10 * (kill as u64 % 4)));
    eprintln!("kill {kill}: {taken} trades taken in since the start");
    process.kill();
}

/// Every decision follows again from the facts, and the log is whole.
fn assert_reproduced(data: &Path) {
    let (code, found) = ask(data, &["verify"]);
    let [found] = &found[..] else { panic!("{found:?}") };
    assert_eq!(code, Some(0), "{found}");
    assert_eq!((&found["chain"], &found["differences"]), (&json!("ok"), &json!([])), "{found}");
    assert_eq!(found["reproduced"], found["decisions"], "{found}");
}

/// The same topic into a log of its own, in one go.
fn undisturbed(data: &Path, broker: &Broker, other: &Kept) -> Kept {
    let mut process = Process::start(data, &broker.bootstrap_servers());
    process.until_ready();
    let (mut decided, wanted) = (0, other.decisions().count());
    process.until("as far in deciding", |process| {
        decided = ask(process.data(), &["decisions"]).1.len();
        decided >= wanted
    });
    process.terminate();
    Kept::read(data)
}

#[test]
fn an_old_process_that_wakes_up_after_its_successor_started_publishes_nothing() {
    let Some(broker) = broker() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (old_data, new_data) = (folder.path().join("old"), folder.path().join("new"));
    let (settings, input) = (broker.settings(), Input::new(20_000));
    let gate = Arc::new(AtomicUsize::new(input.records.len() / 2));
    let sender = send(settings.clone(), &input, &gate);
    let mut old = Process::start(&old_data, &broker.bootstrap_servers());
    let taken = old.until_taken_more_than(0.0);
    // Whoever takes over later is the successor: on a slow machine that could still be the old one.
    old.until("publishing", |old| old.errors().contains("publishing to kafka"));
    old.pause();
    copy(&old_data, &new_data);
    let mut new = Process::start(&new_data, &broker.bootstrap_servers());
    new.until_ready();
    gate.store(usize::MAX, Ordering::Relaxed);
    assert_eq!(sender.join().unwrap().unwrap(), input.records.len() as u64);
    let (decisions, dead_letters) = until_all_is_published(&mut new, &settings, input.bad.len());
    old.wake();
    old.until("told that it is superseded", |old| {
        old.errors().contains("another process publishes from this event log now")
    });
    // It reads and decides on, as nothing fences that; only its telling is over.
    old.until_taken_more_than(taken);
    assert_eq!(published(&settings, DECISIONS), decisions);
    new.terminate();
    let kept = Kept::read(&new_data);
    kept.assert_facts(&input);
    assert_eq!(of_log(kept.log_id, &decisions).len(), decisions.len());
    kept.assert_decisions_on(&decisions);
    kept.assert_dead_letters_on(&dead_letters);
}

/// A copy of a folder, as of a machine that was given up for dead.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}
