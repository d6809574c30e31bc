//! A server whose cluster is away, freezes or dies: it answers, it can be given orders, it stops when told.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "each file of tests needs other parts of it")]
mod support;

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use kafka::test_support::{Broker, need};
use support::{Home, Server, losing_trades};

/// What a stop may take; a container is killed after ten seconds.
const SECONDS: Duration = Duration::from_secs(9);
const AWAY: [&str; 2] = ["--set", "kafka.bootstrap_servers=127.0.0.1:1"];

/// Publishes a trade and halts its strategy by hand.
#[track_caller]
fn disable(home: &Home) {
    let published = home.run(&["publish", "--to", "http", &home.file("t.jsonl", &losing_trades(1))]);
    assert_eq!(published.code, 0, "{published:?}");
    let begun = Instant::now();
    let disabled = home.run(&["strategies", "disable", "rsi", "--reason", "emergency", "--json"]);
    assert_eq!(disabled.json()[0]["event"]["to"], "HALTED", "{disabled:?}");
    assert!(begun.elapsed() < SECONDS, "{:?}", begun.elapsed());
}

#[track_caller]
fn stop(server: &mut Server) {
    let begun = Instant::now();
    let (code, words) = server.terminate();
    assert!(begun.elapsed() < SECONDS, "it took {:?}: {words}", begun.elapsed());
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("events are saved in"), "{words}");
}

#[test]
fn a_server_whose_cluster_is_away_takes_orders_and_stops() {
    let home = Home::new();
    // Not waited for: the orders come while it starts.
    let mut server = home.start_with(&AWAY);
    while !home.data().join("LOCK").exists() {
        thread::sleep(Duration::from_millis(1));
    }
    disable(&home);
    stop(&mut server);
    let shown = home.run(&["strategies", "--json"]);
    assert_eq!(shown.json()[0]["state"], "HALTED", "{shown:?}");
}

/// A thread of a process that is held in whatever it waits for; let go when dropped.
struct Held(Child);

impl Held {
    /// Nothing where nobody may hold it.
    fn thread(pid: u32, name: &str) -> Option<Self> {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap().map(|task| task.unwrap().path());
        let named = |task: &std::path::PathBuf| fs::read_to_string(task.join("comm")).unwrap().trim() == name;
        let task = tasks.into_iter().find(named).unwrap();
        let id = task.file_name().unwrap().to_str().unwrap();
        let arguments =
            ["-p", id, "-o", "/dev/null", "-e", "inject=futex,clock_nanosleep:delay_enter=100000000"];
        let mut tracer = Command::new("strace");
        let spawned = tracer.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut held = Self(spawned.ok()?);
        let begun = Instant::now();
        // It waits for events again and again, each time for a moment.
        while !fs::read_to_string(task.join("status")).unwrap().contains("State:\tt") {
            if held.0.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(begun.elapsed() < SECONDS, "{name} was never held");
            thread::sleep(Duration::from_millis(10));
        }
        Some(held)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_actor_that_is_stuck_does_not_keep_a_server_from_ending() {
    let home = Home::new();
    let mut server = home.serve();
    let Some(held) = Held::thread(server.pid(), "strategy_guard") else { return };
    let published = home.run(&["publish", "--to", "http", &home.file("t.jsonl", &losing_trades(12))]);
    assert_eq!(published.code, 0, "{published:?}");
    let begun = Instant::now();
    server.signal("-TERM");
    let words = server.until_said("events are saved in");
    assert!(begun.elapsed() < SECONDS, "it took {:?}: {words}", begun.elapsed());
    assert!(words.contains("strategy_guard does not end and is left behind"), "{words}");
    // Whoever holds the thread has to let go before the system lets the process end.
    drop(held);
    assert_eq!(server.wait(), Some(0));
    // What it had not come to is decided by the next one.
    let _server = home.serve();
    home.until(&["strategies", "--json"], |said| said.out.contains("HALTED"));
}

#[test]
fn a_second_signal_ends_at_once() {
    let home = Home::new();
    let mut server = home.serve_with(&AWAY).0;
    // Trying for a while: calls to the cluster are under way then.
    thread::sleep(Duration::from_secs(1));
    server.signal("-INT");
    thread::sleep(Duration::from_millis(100));
    let begun = Instant::now();
    let (code, words) = server.terminate();
    assert!(begun.elapsed() < Duration::from_secs(2), "it took {:?}: {words}", begun.elapsed());
    // It may just have been through with stopping.
    assert!([Some(0), Some(130)].contains(&code), "{code:?}: {words}");
}

#[test]
fn a_server_whose_broker_freezes_says_so_takes_orders_and_stops() {
    let Some(broker) = need("kafka", Broker::start()) else { return };
    broker.create_topic("trading.trade.closed.v1", 2, &[]).unwrap();
    let home = Home::new();
    let servers = format!("kafka.bootstrap_servers={}", broker.bootstrap_servers());
    let mut server = home.serve_with(&["--set", &servers]).0;
    server.until_ready(&home, true);
    broker.freeze();
    let begun = Instant::now();
    server.until_ready(&home, false);
    assert!(begun.elapsed() < Duration::from_secs(11), "told after {:?}", begun.elapsed());
    disable(&home);
    stop(&mut server);
    broker.wake();
}

#[test]
fn a_server_whose_broker_dies_stops_and_so_does_one_whose_topic_was_deleted() {
    let Some(mut broker) = need("kafka", Broker::start()) else { return };
    let topic = "trading.trade.closed.v1";
    broker.create_topic(topic, 2, &[]).unwrap();
    let home = Home::new();
    let servers = format!("kafka.bootstrap_servers={}", broker.bootstrap_servers());
    let mut server = home.serve_with(&["--set", &servers]).0;
    server.until_ready(&home, true);
    broker.delete_topic(topic).unwrap();
    let begun = Instant::now();
    let told = server.until_ready(&home, false);
    assert!(begun.elapsed() < Duration::from_secs(10), "told after {:?}", begun.elapsed());
    assert!(told.contains("does not exist"), "{told}");
    broker.create_topic(topic, 2, &[]).unwrap();
    server.until_ready(&home, true);
    broker.kill();
    server.until_ready(&home, false);
    stop(&mut server);
}
