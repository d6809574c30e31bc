//! The server as clients see it, on a log in memory.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_web::{dev::ServerHandle, web};
use events::{Uuid, id};
use intake::{TradeFormat, admit::Admission};
use kafka::PublisherStatus;
use runtime::system::{System, SystemConfig};
use serde_json::{Value, json};
use store::{EventLog, MemoryLog};
use views::{Views, ViewsOptions};

use super::{AppState, serve};
use crate::{
    calls::{Call as _, Sources, StrategyShow},
    folder::{DataFolder, Token},
    parts::{Figures, LogPart, Part, PartState, Saved, publisher_figures},
};

/// A server with actors and views; gone when dropped.
struct Running {
    address: SocketAddr,
    bearer: String,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.handle.stop(false));
        self.thread.take().map(JoinHandle::join);
    }
}

fn system(log: &Arc<dyn EventLog>) -> System {
    let config = SystemConfig {
        version: "test".to_owned(),
        command: "run".to_owned(),
        config_digest: String::new(),
        configured: vec![events::Event::StrategyGuardConfigured(Default::default())],
        snapshots: None,
        stall_after: Duration::from_secs(30),
    };
    System::start(log, &config).unwrap()
}

/// Stands for what talks to Kafka.
struct Outside(PartState);

impl Part for Outside {
    fn states(&self) -> Vec<PartState> {
        vec![self.0.clone()]
    }

    fn figures(&self, out: &mut Figures) {
        let status = PublisherStatus {
            position: 7,
            lag_events: Some(2),
            lag_seconds: 0.5,
            dead_letters: 1,
            ..PublisherStatus::default()
        };
        publisher_figures(&status, out);
    }

    fn stop(self: Arc<Self>, _saved: &mut Saved) {}
}

fn start(outside: PartState) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let system = Arc::new(system(&log));
    let views = Views::open(Arc::clone(&log), &folder.path().join("views"), ViewsOptions::default());
    let views = Arc::new(views.unwrap());
    let mut sources = Sources::new(Arc::clone(&log));
    sources.actors = Some(Arc::clone(&system));
    sources.log.views = Some(Arc::clone(&views));
    let log = Arc::new(LogPart { log, embedded: None });
    let parts: Vec<Arc<dyn Part>> = vec![log, views, system, Arc::new(Outside(outside))];
    let token = Token::load_or_make(&DataFolder::new(folder.path())).unwrap();
    let bearer = token.bearer();
    let run_id = id::derive(&[b"test"]);
    let admission =
        Admission { stream: Arc::from("ingest-http"), producer: Arc::from("source:http"), run_id };
    let trades = TradeFormat::default();
    let taken_over_http = super::state::Tally::default();
    let refused = super::Refused::default();
    let state =
        web::Data::new(AppState { sources, token, trades, admission, parts, taken_over_http, refused });
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    let thread = thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let server = serve(state, listener, 64).unwrap();
            sender.send(server.handle()).unwrap();
            server.await.unwrap();
        });
    });
    let handle = receiver.recv().unwrap();
    Running { address, bearer, handle, thread: Some(thread), _folder: folder }
}

fn running() -> Running {
    start(PartState { part: "source:t".to_owned(), ready: true, detail: None })
}

/// What came back.
struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Running {
    fn send(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut text =
            format!("{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "host") {
            text.push_str("host: 127.0.0.1\r\n");
        }
        text.extend(headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        text.push_str("\r\n");
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        // A request that is refused early is not read to its end.
        let _ = stream.write_all(body);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).unwrap_or_default().parse().unwrap_or(0);
        Reply { status, head: head.to_ascii_lowercase(), body: unchunked(head, body) }
    }

    fn ask(&self, request: &str, body: &[u8]) -> Reply {
        self.send(request, &[("authorization", &self.bearer)], body)
    }
}

fn unchunked(head: &str, body: &str) -> String {
    assert!(!head.to_ascii_lowercase().contains("transfer-encoding: chunked"), "{head}");
    body.to_owned()
}

fn trade(n: u32, profit: &str) -> String {
    json!({
        "trade_id": n, "strategy": "rsi", "symbol": "BTC/USDT", "side": "long", "quantity": "1",
        "entry_price": "100", "profit": profit, "profit_pct": "-0.1",
        "opened_at": "2025-01-06T00:00:00Z", "closed_at": format!("2025-01-{:02}T01:00:00Z", 6 + n),
    })
    .to_string()
}

/// Whether an answer is a problem as RFC 9457 has it, with a code.
fn assert_problem(reply: &Reply, status: u16, code: &str) {
    let problem = reply.json();
    assert_eq!((reply.status, problem["code"].as_str()), (status, Some(code)), "{}", reply.body);
    assert!(reply.head.contains("content-type: application/problem+json"), "{}", reply.head);
    assert_eq!(problem["status"], status);
    assert!(problem["type"].is_string() && problem["title"].is_string() && problem["detail"].is_string());
}

#[test]
fn nobody_comes_in_without_the_token() {
    let server = running();
    let without = server.send("GET /api/decisions", &[], b"");
    assert_problem(&without, 401, "token_required");
    assert!(without.head.contains("www-authenticate: bearer"), "{}", without.head);
    let wrong = server.send("GET /api/decisions", &[("authorization", "Bearer wrong")], b"");
    assert_problem(&wrong, 401, "token_required");
    assert!(!wrong.body.contains(&server.bearer[7..]));
    assert_eq!(server.ask("GET /api/decisions", b"").status, 200);
}

#[test]
fn a_name_of_elsewhere_is_refused_even_with_the_token() {
    let server = running();
    let headers = [("authorization", server.bearer.as_str()), ("host", "rebound.example")];
    assert_problem(&server.send("GET /api/decisions", &headers, b""), 403, "host_refused");
    assert_problem(&server.send("GET /livez", &headers[1..], b""), 403, "host_refused");
}

#[test]
fn unknown_routes_and_parameters_are_problems() {
    let server = running();
    assert_problem(&server.ask("GET /api/nothing", b""), 404, "unknown_route");
    let deleted = server.ask("DELETE /api/events", b"");
    assert_problem(&deleted, 405, "wrong_method");
    assert!(deleted.head.contains("allow: post, get"), "{}", deleted.head);
    assert_problem(&server.ask("GET /api/strategies/a/disable", b""), 405, "wrong_method");
    for wrong in ["decisions?limit=x", "decisions?strategy=a&limit=-1", "events/tail?lines=1e3"] {
        let name = if wrong.contains("limit") { "limit" } else { "lines" };
        let refused = server.ask(&format!("GET /api/{wrong}"), b"");
        assert_problem(&refused, 400, "wrong_parameter");
        assert!(refused.body.contains(&format!("the parameter {name} is")), "{}", refused.body);
    }
    for list in ["decisions", "events", "dead-letters", "audit/decisions"] {
        let refused = server.ask(&format!("GET /api/{list}?limit=99999999999"), b"");
        assert_problem(&refused, 400, "wrong_parameter");
        assert!(refused.body.contains("a number from 1 to 1000"), "{}", refused.body);
    }
    let refused = server.ask("POST /api/strategies/a/disable", br#"{"reason": 7, "key": "k"}"#);
    assert_problem(&refused, 400, "wrong_parameter");
    assert!(refused.body.contains("the field reason"), "{}", refused.body);
    assert_problem(&server.ask("GET /api/decisions?stratgy=a", b""), 400, "wrong_parameter");
    assert_problem(&server.ask("GET /api/performance?by=moon", b""), 400, "wrong_use");
    assert_problem(&server.ask("GET /api/events/nonsense", b""), 400, "wrong_use");
    assert_problem(&server.ask(&format!("GET /api/events/{}", Uuid::nil()), b""), 404, "not_found");
    assert_problem(&server.ask("POST /api/strategies/a/disable", b"not json"), 400, "malformed");
    assert_problem(&server.ask("GET /api/strategies/unheard%20of", b""), 404, "not_found");
    assert_problem(&server.ask("GET /api/audit/nothing", b""), 404, "unknown_collection");
}

#[test]
fn facts_are_taken_once_each_with_its_result() {
    let server = running();
    let batch = format!("[{},{},{}]", trade(1, "1"), trade(2, "1"), r#"{"trade_id": 3}"#);
    let receipt = server.ask("POST /api/events", batch.as_bytes());
    assert_eq!(receipt.status, 200, "{}", receipt.body);
    let receipt = receipt.json();
    assert_eq!((&receipt["taken"], &receipt["rejected"]), (&json!(2), &json!(1)), "{receipt}");
    assert_eq!(receipt["results"][2]["reason"], "missing_field");
    assert!(receipt["results"][2]["detail"].as_str().is_some_and(|detail| detail.contains("strategy")));
    let again = server.ask("POST /api/events", batch.as_bytes()).json();
    assert_eq!((&again["taken"], &again["duplicate"]), (&json!(0), &json!(2)), "{again}");
    // What was rejected before is not accepted because it comes again.
    assert_eq!(
        (&again["rejected"], &again["results"][2]["result"]),
        (&json!(1), &json!("rejected")),
        "{again}"
    );
    let alone = server.ask("POST /api/events", br#"{"trade_id": 3}"#);
    assert_eq!(alone.status, 422, "{}", alone.body);
    assert_eq!(again["results"][0]["event_id"], receipt["results"][0]["event_id"]);
    let lines = format!("{}\n{}\n", trade(1, "1"), trade(4, "1"));
    let lines = server.ask("POST /api/events", lines.as_bytes()).json();
    assert_eq!((&lines["taken"], &lines["duplicate"]), (&json!(1), &json!(1)), "{lines}");
    let other = server.ask("POST /api/events", trade(1, "2").as_bytes());
    assert_eq!(other.status, 422, "{}", other.body);
    assert_eq!(other.json()["results"][0]["reason"], "conflicting_duplicate");
    let letters = server.ask("GET /api/dead-letters", b"").json();
    assert_eq!(letters["items"].as_array().map(Vec::len), Some(2), "{letters}");
}

#[test]
fn what_was_rejected_is_rejected_again() {
    let server = running();
    server.ask("POST /api/events", trade(1, "1").as_bytes());
    for record in [trade(1, "2"), "[null]".to_owned(), "{}".to_owned()] {
        for _ in 0..2 {
            let reply = server.ask("POST /api/events", record.as_bytes());
            assert_eq!((reply.status, &reply.json()["rejected"]), (422, &json!(1)), "{}", reply.body);
            assert_eq!(reply.json()["results"][0]["result"], "rejected");
            assert!(reply.json()["results"][0]["reason"].is_string());
        }
    }
    let letters = server.ask("GET /api/dead-letters", b"").json();
    assert_eq!(letters["items"].as_array().map(Vec::len), Some(3), "each is kept once: {letters}");
}

#[test]
fn packed_bodies_are_unpacked_as_far_as_allowed() {
    let server = running();
    let post = |coding: &str, body: &[u8]| {
        let headers = [("authorization", server.bearer.as_str()), ("content-encoding", coding)];
        server.send("POST /api/events", &headers, body)
    };
    let gzip = super::encoding::tests::gzip;
    let marked = format!("\u{FEFF}{}", trade(1, "1"));
    assert_eq!(post("gzip", &gzip(marked.as_bytes())).json()["taken"], 1);
    let zstd = zstd::stream::encode_all(trade(2, "1").as_bytes(), 3).unwrap();
    assert_eq!(post("zstd", &zstd).json()["taken"], 1);
    assert_problem(&post("gzip", &gzip(&vec![b' '; (16 << 20) + 1])), 413, "too_large");
    assert_problem(&post("br", b"anything"), 415, "unsupported_encoding");
    assert_problem(&post("gzip", b"{}"), 400, "malformed");
    let letters = server.ask("GET /api/dead-letters", b"").json();
    assert_eq!(letters["items"].as_array().map(Vec::len), Some(0), "{letters}");
}

#[test]
fn requests_have_a_largest_size() {
    let server = running();
    let body = vec![b' '; (16 << 20) + 1];
    assert_problem(&server.ask("POST /api/events", &body), 413, "too_large");
    assert_problem(&server.ask("POST /api/verify", &body[..100_000]), 413, "too_large");
    assert_problem(&server.ask("POST /api/events", b" "), 400, "empty");
    let record = format!("{{\"trade_id\":1,\"strategy\":\"rsi\",\"note\":\"{}\"}}", "x".repeat(10 << 20));
    let receipt = server.ask("POST /api/events", record.as_bytes());
    assert_eq!(receipt.json()["results"][0]["reason"], "too_large", "{}", receipt.body);
}

#[test]
fn losses_halt_a_strategy_and_the_halt_is_explained_and_lifted() {
    let server = running();
    let batch: Vec<String> = (1..=11).map(|n| trade(n, "-1")).collect();
    server.ask("POST /api/events", format!("[{}]", batch.join(",")).as_bytes());
    let halt = server.ask("GET /api/decisions?type=StrategyDisabled&wait_ms=20000", b"").json();
    let halt = &halt["items"][0];
    assert_eq!(halt["event"]["rules"][0]["rule"], "consecutive_losses", "{halt}");
    let id = halt["event_id"].as_str().unwrap();
    let why = server.ask(&format!("GET /api/why/{id}"), b"").json();
    assert_eq!(why["chain"][1]["event_type"], "TradeClosed", "{why}");
    assert_eq!(why["trades"].as_array().map(Vec::len), Some(11), "{why}");
    assert_eq!(why["trades"][0]["event_id"], why["chain"][1]["event_id"]);
    assert_eq!(why["held"], Value::Null);
    let why = server.ask(&format!("GET /api/why/{id}?state=true"), b"").json();
    assert_eq!(why["held"]["state"]["strategies"]["rsi"]["state"], "ACTIVE", "{why}");
    assert_eq!(server.ask("GET /api/strategies/rsi", b"").json()["state"], "HALTED");
    let request = json!({ "reason": "looked into", "operator": "ann", "key": "k1" }).to_string();
    let enabled = server.ask("POST /api/strategies/rsi/enable", request.as_bytes()).json();
    assert_eq!(enabled["request"]["producer"], "operator:ann", "{enabled}");
    assert_eq!(enabled["decisions"][0]["event_type"], "StrategyEnabled", "{enabled}");
    let again = server.ask("POST /api/strategies/rsi/enable", request.as_bytes()).json();
    assert_eq!(again, enabled);
    assert_eq!(server.ask("GET /api/strategies/rsi", b"").json()["state"], "ACTIVE");
    let nobody = json!({ "reason": " ", "key": "k2" }).to_string();
    assert_problem(&server.ask("POST /api/strategies/rsi/disable", nobody.as_bytes()), 400, "wrong_use");
}

#[test]
fn names_may_hold_every_letter() {
    let server = running();
    for (n, name) in ["a/b c", "100%", "\u{e9}+&=?#", "x%2Fy", "%252F"].into_iter().enumerate() {
        let trade = trade(n as u32 + 1, "1").replace("rsi", name);
        assert_eq!(server.ask("POST /api/events", trade.as_bytes()).status, 200);
        let call = StrategyShow { name: name.to_owned() };
        let shown = server.ask(&format!("GET {}", call.path()), b"");
        assert_eq!(shown.json()["strategy"], name, "{}", shown.body);
    }
}

#[test]
fn readiness_names_the_part_that_stands_still() {
    let server = running();
    assert_eq!(server.send("GET /livez", &[], b"").body, "ok\n");
    let mut ready = server.send("GET /readyz", &[], b"");
    for _ in 0..100 {
        if ready.status == 200 {
            break;
        }
        // The actors take their first turn.
        thread::sleep(Duration::from_millis(50));
        ready = server.send("GET /readyz", &[], b"");
    }
    assert_eq!(ready.status, 200, "{}", ready.body);
    let stands =
        PartState { part: "source:t".to_owned(), ready: false, detail: Some("no such topic".to_owned()) };
    let not_ready = start(stands).send("GET /readyz", &[], b"");
    assert_eq!(not_ready.status, 503);
    let parts = not_ready.json()["parts"].clone();
    let source = parts.as_array().unwrap().iter().find(|part| part["part"] == "source:t").unwrap();
    assert_eq!(source["detail"], "no such topic");
}

#[test]
fn metrics_have_base_units_and_types() {
    let server = running();
    server.ask("POST /api/events", trade(1, "1").as_bytes());
    let metrics = server.send("GET /metrics", &[], b"").body;
    for line in [
        "tradewarden_ingest_records_total{topic=\"http\",result=\"taken\"} 1",
        "# TYPE tradewarden_actor_restarts_total counter",
        "tradewarden_strategy_state{strategy=\"rsi\",state=\"ACTIVE\"} 1",
        "tradewarden_part_ready{part=\"log\"} 1",
        "tradewarden_publisher_position 7",
        "tradewarden_publisher_lag_events 2",
        "tradewarden_published_total{kind=\"dead_letter\"} 1",
    ] {
        assert!(metrics.contains(line), "{line} is not in:\n{metrics}");
    }
    let named =
        metrics.lines().filter(|line| !line.starts_with('#')).all(|line| line.starts_with("tradewarden_"));
    assert!(named, "{metrics}");
}

#[test]
fn health_is_asked_by_head_too_and_no_answer_is_kept_or_guessed_at() {
    let server = running();
    for path in ["/livez", "/readyz", "/metrics"] {
        let answer = server.send(&format!("HEAD {path}"), &[], b"");
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
    }
    for answer in [
        server.send("GET /livez", &[], b""),
        server.send("GET /api/events", &[], b""),
        server.ask("GET /nowhere", b""),
        server.ask("GET /api/events", b""),
    ] {
        for header in ["x-content-type-options: nosniff", "cache-control: no-store"] {
            assert!(answer.head.contains(header), "{}", answer.head);
        }
    }
}

#[test]
fn the_name_of_the_scheme_may_be_in_any_case_but_the_token_may_not() {
    let server = running();
    let token = &server.bearer[7..];
    for (given, status) in [
        (format!("bearer {token}"), 200),
        (format!("BEARER  {token}"), 200),
        (format!("Bearer {}", token.to_uppercase()), 401),
        (format!("Basic {token}"), 401),
        (token.to_owned(), 401),
    ] {
        let answer = server.send("GET /api/decisions", &[("authorization", given.as_str())], b"");
        assert_eq!(answer.status, status, "{given}");
    }
}

#[test]
fn an_order_is_refused_with_a_code_where_it_would_change_nothing_or_a_key_is_used_again() {
    let server = running();
    server.ask("POST /api/events", trade(1, "1").as_bytes());
    let order = |path: &str, reason: &str, key: &str| {
        let body = json!({ "reason": reason, "key": key, "operator": "ann" }).to_string();
        server.ask(&format!("POST /api/strategies/{path}"), body.as_bytes())
    };
    assert_problem(&order("RSI/disable", "a", "1"), 404, "unknown_strategy");
    assert_problem(&order("rsi/enable", "a", "2"), 409, "strategy_active");
    assert_eq!(order("rsi/disable", "a", "3").status, 200);
    assert_eq!(order("rsi/disable", "a", "3").status, 200, "the same request again");
    assert_problem(&order("rsi/disable", "another", "3"), 422, "key_reused");
    let new = json!({ "reason": "a", "key": "4", "new": true }).to_string();
    assert_eq!(server.ask("POST /api/strategies/later/disable", new.as_bytes()).status, 200);
}

#[test]
fn lists_have_a_bound_and_tell_where_they_go_on() {
    let server = running();
    let bad: String = (0..150).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    assert_eq!(server.ask("POST /api/events", bad.as_bytes()).status, 422);
    let positions = |page: &Value| -> Vec<u64> {
        page["items"].as_array().unwrap().iter().map(|item| item["position"].as_u64().unwrap()).collect()
    };
    let first = server.ask("GET /api/dead-letters", b"").json();
    let next = first["next"].as_u64().unwrap();
    let rest = server.ask(&format!("GET /api/dead-letters?after={next}"), b"").json();
    let all = [positions(&first), positions(&rest)].concat();
    assert_eq!((positions(&first).len(), all.len(), rest["next"].is_null()), (100, 150, true));
    assert!(all.is_sorted_by(|one, next| one > next), "newest first, each once: {all:?}");
    let many = "{}\n".repeat(10_001);
    assert_problem(&server.ask("POST /api/events", many.as_bytes()), 413, "too_large");
}
