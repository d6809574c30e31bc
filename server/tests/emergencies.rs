//! The way out always works, by real processes: a clock that ran ahead, a full disk, a server that is held.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use events::{Decimal, Event, NewEvent, Timestamp, Uuid, id};
use serde_json::json;
use store::{Duplicates, EmbeddedLog, EventLog as _, Expected, Options, Prepared, Request};
use support::{Home, losing_trades};

/// A log with a trade that a bot closed when its clock and ours stood in another century.
fn log_of_the_future(home: &Home) {
    std::fs::create_dir_all(home.data()).unwrap();
    let log = EmbeddedLog::open(&home.data().join("log"), Options::default()).unwrap();
    let closed_at = Timestamp::parse("2100-01-01T11:00:00Z").unwrap();
    let trade = events::test_support::trade("rsi", "1", -Decimal::ONE, closed_at);
    let (id, producer) = (id::closed_trade("rsi", "1"), Arc::from("source:test"));
    let event = NewEvent::root(id, closed_at, &producer, Uuid::nil(), Event::TradeClosed(trade));
    let events = vec![Prepared::new(event).unwrap()];
    let (expected, duplicates) = (Expected::Any, Duplicates::Skip);
    log.append(Request { stream: Arc::from("ingest-test"), expected, duplicates, events }).unwrap();
}

#[test]
fn a_clock_that_stands_before_the_log_is_told_and_can_be_accepted() {
    let home = Home::new();
    log_of_the_future(&home);
    let _server = home.serve();
    let told = home.run(&["events", "list", "--json", "--type", "ClockFellBehind"]);
    assert_eq!(told.json()[0]["event"]["newest"], "2100-01-01T11:00:00Z", "{told:?}");
    let accepted = home.run(&["clock", "accept", "--reason", "the host ran ahead"]);
    assert_eq!(accepted.code, 0, "{accepted:?}");
    assert!(accepted.err.contains("guards and schedules go on from here"), "{accepted:?}");
    // Only a clock that is behind can be accepted: another one would hide the next fault.
    let again = home.until(&["clock", "accept", "--reason", "once more"], |said| said.code == 1);
    assert!(again.err.contains("there is nothing to accept"), "{again:?}");
}

/// So many won trades of another strategy.
fn many(batch: u32) -> String {
    let trade = |n: u32| {
        json!({
            "trade_id": format!("{batch}-{n}"), "strategy": "other", "symbol": "BTC/USDT", "side": "long",
            "quantity": "1", "entry_price": "100", "profit": "1", "profit_pct": "1",
            "opened_at": "2025-01-01T00:00:00Z", "closed_at": "2025-01-01T01:00:00Z",
        })
    };
    (0..2000).map(|n| format!("{}\n", trade(n))).collect()
}

#[test]
fn a_server_that_was_held_accuses_nobody_and_ends_when_told() {
    let home = Home::new();
    let mut server = home.serve();
    let file = home.file("t.jsonl", &losing_trades(12));
    assert_eq!(home.run(&["publish", &file, "--to", "http"]).code, 0);
    server.signal("-STOP");
    std::thread::sleep(Duration::from_secs(2));
    server.signal("-CONT");
    let halted = home.until(&["strategies", "--json"], |said| said.out.contains("HALTED"));
    assert_eq!(halted.code, 0);
    let failed = home.run(&["events", "list", "--json", "--type", "ActorFailed"]);
    assert_eq!(failed.out, "", "{failed:?}");
    let begun = Instant::now();
    let (code, words) = server.terminate();
    assert_eq!(code, Some(0), "{words}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{words}");
}

#[test]
fn disable_on_a_full_disk_is_answered_at_once_with_what_is_wrong() {
    let home = Home::new();
    let mut server = home.serve_on_a_disk_of(3 << 10);
    let file = home.file("t.jsonl", &losing_trades(12));
    let mut filled = home.run(&["publish", &file, "--to", "http"]);
    for batch in 0..20 {
        if filled.code != 0 {
            break;
        }
        filled = home.run(&["publish", &home.file("more.jsonl", &many(batch)), "--to", "http"]);
    }
    assert_eq!(filled.code, 1, "the disk never filled");
    let begun = Instant::now();
    let refused = home.run(&["strategies", "disable", "rsi", "--reason", "now"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("the event log is stopped"), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let (code, words) = server.terminate();
    assert_eq!(code, Some(0), "{words}");
    // With room again the halt goes through, without a server.
    let halted = home.run(&["strategies", "disable", "rsi", "--reason", "now", "--json"]);
    assert_eq!(halted.code, 0, "{halted:?}");
}

#[test]
fn a_server_that_is_held_is_told_after_seconds_and_given_up_with_what_to_do() {
    let home = Home::new();
    let mut server = home.serve();
    home.run(&["publish", "--to", "http", &home.file("t.jsonl", &losing_trades(1))]);
    server.signal("-STOP");
    let begun = Instant::now();
    let disabled = home.run(&["strategies", "disable", "rsi", "--reason", "away"]);
    let took = begun.elapsed();
    server.signal("-CONT");
    assert_eq!(disabled.code, 1, "{disabled:?}");
    assert!(took < Duration::from_secs(45), "{took:?}");
    let pid = server.pid();
    assert!(
        disabled.err.contains(&format!("waiting for the server (process {pid}) to answer")),
        "{disabled:?}"
    );
    assert!(disabled.err.contains(&format!("kill -CONT {pid}")), "{disabled:?}");
    assert_eq!(server.terminate().0, Some(0));
}
