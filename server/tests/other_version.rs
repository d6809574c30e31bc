//! A log that another version wrote: what is not understood is told with its place and what to do, and altered by nobody.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "not every file of tests needs all of it")]
mod support;

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use events::{Codec, Event, FamilySet, NewEvent, Recorded, Uuid, id};
use store::{Duplicates, EmbeddedLog, EventLog as _, Expected, Options, Prepared, Request};
use support::{Home, Said};

/// A folder in which a strategy was reduced twice, the second time for a reason that this version does not have; where
/// that event stands, and its id.
fn written_by_another_version(newest: bool) -> (Home, u64, String) {
    let home = Home::new();
    let mut server = home.serve();
    let bad = home.file("bad.jsonl", r#"{"strategy":"a","trade_id":"1"}"#);
    assert_eq!(home.run(&["publish", &bad, "--to", "http"]).code, 1);
    home.until(&["strategies"], |said| said.out.contains("REDUCING"));
    assert_eq!(server.terminate().0, Some(0));
    let log = EmbeddedLog::open(&home.data().join("log"), Options::default()).unwrap();
    let known = log.read_all(0, FamilySet::ALL, 1000).unwrap().events;
    let reduced = known.iter().find(|event| matches!(event.event, Event::StrategyReduced(_))).unwrap();
    let other = id::derive(&[b"another version"]);
    append(&log, reduced, other, "not_computable");
    let position = log.head();
    if !newest {
        append(&log, reduced, id::derive(&[b"this version"]), "trade_rejected");
    }
    (home, position, other.to_string())
}

fn append(log: &EmbeddedLog, like: &Recorded, event_id: Uuid, kind: &str) {
    let fields = String::from_utf8(like.event.to_json().unwrap()).unwrap();
    let fields = fields.replace("\"trade_rejected\"", &format!("\"{kind}\""));
    let (producer, run_id) = (&like.producer, like.run_id);
    let mut event = NewEvent::root(event_id, like.occurred_at, producer, run_id, like.event.clone());
    event.basis_position = like.basis_position;
    let events = vec![Prepared::stored(event, (Codec::Json, fields.into_bytes()))];
    let (stream, expected) = (Arc::clone(&like.stream), Expected::Any);
    log.append(Request { stream, expected, duplicates: Duplicates::Skip, events }).unwrap();
}

/// Whether a text says which event, which field of it, what stands there and what to do.
fn tells(text: &str, position: u64) -> bool {
    let place = format!(
        "event at position {position}: StrategyReduced version 1, field causes[0].kind: unknown variant `not_computable`"
    );
    text.contains(&place)
        && text.contains("read this log with that one, or begin a new log in an empty folder")
}

fn refused(said: &Said, position: u64) {
    assert!(said.code == 1 && tells(&said.err, position), "{said:?}");
}

#[test]
fn verify_checks_the_chain_to_its_end_and_says_from_where_it_did_not_look() {
    for newest in [true, false] {
        let (home, position, _) = written_by_another_version(newest);
        let before = support::bytes_of(home.data().to_str().unwrap());
        let report = home.run(&["verify", "--json"]);
        assert_eq!(report.code, 1, "{report:?}");
        let report = report.json().remove(0);
        assert_eq!((&report["chain"], &report["differences"]), (&"ok".into(), &serde_json::json!([])));
        assert!(report["not_looked_at_from"].as_u64().is_some_and(|from| from <= position), "{report}");
        assert!(tells(&report["notes"].to_string(), position), "{report}");
        let words = home.run(&["verify"]);
        assert!(words.code == 1 && tells(&words.out, position), "{words:?}");
        assert!(words.out.contains("nothing is said about what is there"), "{words:?}");
        assert!(before == support::bytes_of(home.data().to_str().unwrap()), "reading changed something");
    }
}

#[test]
fn every_command_that_comes_to_it_tells_it_and_hides_nothing() {
    let (home, position, id) = written_by_another_version(false);
    let at = position.to_string();
    for command in [
        &["events", "show", &id][..],
        &["events", "show", &at],
        &["events", "list"],
        &["events", "tail"],
        &["why", &at],
        &["decisions"],
    ] {
        refused(&home.run(command), position);
    }
    assert_eq!(home.run(&["events", "show", "1"]).code, 0, "what is understood is shown");
}

#[test]
fn run_is_not_ready_and_says_why() {
    let (home, position, _) = written_by_another_version(true);
    let (mut server, told) = home.serve_with(&[]);
    home.until(&["strategies"], |said| said.code == 1 && tells(&said.err, position));
    let begun = Instant::now();
    loop {
        let ready = server.ready(&home);
        let mut parts = ready["parts"].as_array().unwrap().iter();
        let guard = parts.find(|part| part["part"] == "actor:strategy_guard").unwrap();
        if guard["detail"].as_str().is_some_and(|detail| tells(detail, position)) {
            assert!(ready["ready"] == false && guard["ready"] == false, "{ready}");
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "still: {ready}");
        thread::sleep(Duration::from_millis(50));
    }
    let (code, words) = server.terminate();
    assert_eq!(code, Some(0), "{words}");
    assert!(tells(&format!("{told}{words}"), position), "{told}{words}");
}
