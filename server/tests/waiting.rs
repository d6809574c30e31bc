//! Many who wait, and those who are slow, keep nobody from being answered.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]
// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{Home, losing_trades};

/// The way to a running server.
struct Way {
    address: String,
    token: String,
}

impl Way {
    fn to(home: &Home) -> Self {
        let file: Value =
            serde_json::from_slice(&fs::read(home.data().join("server.json")).unwrap()).unwrap();
        let token = fs::read_to_string(home.data().join("token")).unwrap().trim().to_owned();
        Self { address: file["address"].as_str().unwrap().to_owned(), token }
    }

    fn send(&self, request: &str, length: usize, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-length: {length}\r\n\r\n{body}",
            self.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    }

    /// The status of an answer, its text, and how long it took.
    fn ask(&self, request: &str, body: &str) -> (String, Duration) {
        let begun = Instant::now();
        (answer(self.send(request, body.len(), body)), begun.elapsed())
    }
}

fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.read_to_string(&mut text).unwrap();
    text
}

const READERS: usize = 500;

#[test]
fn five_hundred_readers_that_wait_keep_nobody_from_being_answered_and_all_get_the_news() {
    let home = Home::new();
    let _server = home.serve();
    let way = Way::to(&home);
    let ask = |n: usize| {
        let path = if n.is_multiple_of(2) {
            "decisions?type=StrategyDisabled&"
        } else {
            "events?type=StrategyDisabled&"
        };
        way.send(&format!("GET /api/{path}wait_ms=30000"), 0, "")
    };
    // The source needs a moment to reach the topic, with or without readers.
    let begun = Instant::now();
    while !way.ask("GET /readyz", "").0.starts_with("HTTP/1.1 200") {
        assert!(begun.elapsed() < Duration::from_secs(60), "the server does not become ready");
        std::thread::sleep(Duration::from_millis(50));
    }
    let readers: Vec<TcpStream> = (0..READERS).map(ask).collect();
    std::thread::sleep(Duration::from_millis(500));
    for (request, body) in
        [("GET /readyz", ""), ("GET /metrics", ""), ("POST /api/events", losing_trades(1).trim())]
    {
        let (answer, took) = way.ask(request, body);
        assert!(answer.starts_with("HTTP/1.1 200"), "{request}: {answer}");
        assert!(took < Duration::from_secs(2), "{request} took {took:?} beside {READERS} readers");
    }
    let begun = Instant::now();
    way.ask("POST /api/events", &losing_trades(12));
    for reader in readers {
        let news = answer(reader);
        assert!(news.starts_with("HTTP/1.1 200") && news.contains("consecutive_losses"), "{news}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "the news took {:?}", begun.elapsed());
}

#[test]
fn readers_that_wait_in_vain_are_answered_in_time_and_hold_up_no_end() {
    let home = Home::new();
    let mut server = home.serve();
    let way = Way::to(&home);
    let (empty, took) = way.ask("GET /api/decisions?type=StrategyDisabled&wait_ms=700", "");
    assert!(empty.contains("\"items\":[]") && empty.contains("\"next\":"), "{empty}");
    assert!(took >= Duration::from_millis(600) && took < Duration::from_secs(5), "{took:?}");
    let readers: Vec<TcpStream> =
        (0..20).map(|_| way.send("GET /api/decisions?type=StrategyDisabled&wait_ms=30000", 0, "")).collect();
    std::thread::sleep(Duration::from_millis(200));
    let begun = Instant::now();
    assert_eq!(server.terminate().0, Some(0));
    assert!(begun.elapsed() < Duration::from_secs(8), "the end took {:?}", begun.elapsed());
    drop(readers);
}

#[test]
fn a_body_that_does_not_come_is_given_up_and_malformed_requests_fill_no_log() {
    let home = Home::new();
    let mut server = home.serve();
    let way = Way::to(&home);
    let slow: Vec<TcpStream> = (0..100).map(|_| way.send("POST /api/events", 100, "{")).collect();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(&way.address).unwrap();
        stream.write_all(b"\x16\x03\x01 nonsense\r\n\r\n").unwrap();
        let _ = stream.read(&mut [0; 1024]);
    }
    let begun = Instant::now();
    for stream in slow {
        let told = answer(stream);
        assert!(told.starts_with("HTTP/1.1 408") && told.contains("slow_body"), "{told}");
    }
    assert!(begun.elapsed() < Duration::from_secs(25), "{:?}", begun.elapsed());
    assert!(way.ask("GET /livez", "").0.starts_with("HTTP/1.1 200"));
    let words = server.terminate().1;
    assert!(!words.contains("ERROR") && words.lines().count() < 40, "{words}");
}
