//! What people are told: settings, warnings, messages, and what a terminal is not given.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]
// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use serde_json::Value;
use support::{Home, losing_trades};

#[test]
fn a_check_of_the_configuration_tells_what_is_hardly_meant_and_as_json_that_it_is_good() {
    let home = Home::new();
    let set = ["--set", "strategy_guard.min_win_rate_pct=0.3"];
    let checked = home.run(&[&["config", "check"], &set[..]].concat());
    assert_eq!((checked.code, checked.out.as_str()), (0, "good, with 1 warning\n"), "{checked:?}");
    assert!(
        checked.err.contains("warning: --set: ") && checked.err.contains("did you mean 30?"),
        "{checked:?}"
    );
    let good = home.run(&["config", "check", "--json"]).json();
    assert_eq!(good, [serde_json::json!({"good": true, "warnings": 0})]);
    let warned = home.run(&[&["config", "check", "--json"], &set[..]].concat()).json();
    assert_eq!(
        (&warned[0]["severity"], &warned[1]["warnings"]),
        (&"warning".into(), &1.into()),
        "{warned:?}"
    );
    let unknown =
        home.run_with(&[("TRADEWARDEN_STRATEGY_GUARD_MAX_DAILY_LOSS_PCT", "5")], &["config", "check"]);
    assert!(
        unknown.code == 2 && unknown.err.contains("TRADEWARDEN_STRATEGY_GUARD__MAX_DAILY_LOSS_PCT"),
        "{unknown:?}"
    );
    let empty = home.run_with(&[("KAFKA_BOOTSTRAP_SERVERS", "")], &["run"]);
    assert!(empty.code == 2 && empty.err.contains("KAFKA_BOOTSTRAP_SERVERS"), "{empty:?}");
    for command in [["config", "check"], ["run", "--quiet"]] {
        let missing = home.run(&[&command[..], &["--set", "store.archive_folder=/nonexistent/a"]].concat());
        assert!(missing.code == 2 && missing.err.contains("there is no such folder"), "{missing:?}");
    }
}

#[test]
fn a_key_is_explained() {
    let home = Home::new();
    let explained = home.run(&["config", "explain", "strategy_guard.win_rate_window", "--json"]).json();
    assert_eq!((&explained[0]["value"], &explained[0]["origin"]), (&"20".into(), &"default".into()));
    let unknown = home.run(&["config", "explain", "strategy_guard.win_rate_windo"]);
    assert!(unknown.code == 2 && unknown.err.contains("strategy_guard.win_rate_window"), "{unknown:?}");
}

#[test]
fn a_server_tells_the_settings_in_force_and_where_they_come_from_and_sections_that_guard_nobody() {
    let home = Home::new();
    let set = ["--set", "strategy_guard.strategies.RSI.capital=7", "--set", "kafka.properties.client.id=x"];
    let (mut server, told) = home.serve_with(&set);
    assert!(told.contains("strategy_guard.strategies.RSI.capital = 7 (--set)"), "{told}");
    assert!(told.contains("server.listen = 127.0.0.1:0 (--set; the default is 127.0.0.1:7450)"), "{told}");
    home.run(&["publish", "--to", "http", &home.file("t.jsonl", &losing_trades(2))]);
    let checked = home.run(&["config", "check", "--set", "strategy_guard.strategies.RSI.capital=7"]);
    assert!(checked.err.contains("the nearest name is \"rsi\""), "{checked:?}");
    server.terminate();
    let (mut again, mut told) = home.serve_with(&set);
    told.push_str(&again.terminate().1);
    assert!(told.contains("the nearest name is \"rsi\""), "{told}");
}

#[test]
fn a_halt_and_a_dead_letter_are_a_line_each_in_the_messages_of_a_quiet_server() {
    let home = Home::new();
    let mut server = home.start_with(&["--quiet"]);
    home.until(&["strategies"], |said| said.code == 0);
    let trades = home.file("t.jsonl", &losing_trades(11));
    home.run(&["publish", "--to", "http", &trades]);
    home.run(&["publish", "--to", "http", &home.file("bad.jsonl", "{\"strategy\":\"a\u{202e}b\"}\n")]);
    home.until(&["decisions", "--type", "StrategyReduced"], |said| said.out.contains("REDUCING"));
    std::thread::sleep(std::time::Duration::from_secs(1));
    let words = server.terminate().1;
    assert!(words.contains("ERROR") && words.contains("StrategyDisabled rsi: ACTIVE -> HALTED"), "{words}");
    assert!(words.contains("RecordRejected"), "{words}");
    assert!(!words.contains('\u{202e}'), "{words}");
}

#[test]
fn who_is_not_let_in_is_told_a_few_times_a_minute_and_never_with_the_token() {
    let home = Home::new();
    let mut server = home.serve();
    let file: Value =
        serde_json::from_slice(&std::fs::read(home.data().join("server.json")).unwrap()).unwrap();
    let url = format!("http://{}/api/strategies?token=sekret-one", file["address"].as_str().unwrap());
    let ask = |token: Option<&str>| {
        let request = ureq::get(&url).config().http_status_as_error(false).build();
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        assert_eq!(request.call().unwrap().status(), 401);
    };
    ask(None);
    (0..24).for_each(|_| ask(Some("sekret-two")));
    let words = server.terminate().1;
    let told = |what: &str| words.matches(what).count();
    assert_eq!(told("WARN GET /api/strategies from 127.0.0.1:"), 10, "{words}");
    assert_eq!((told("not let in: the token is missing"), told("not let in: the token is wrong")), (1, 9));
    assert!(words.contains("15 more requests were not let in") && !words.contains("sekret"), "{words}");
}

#[test]
fn the_end_of_the_session_ends_a_server_in_good_order() {
    let home = Home::new();
    let (code, words) = home.serve().end("-HUP");
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("events are saved in"), "{words}");
}

#[test]
fn a_quiet_server_tells_nothing_but_warnings_and_a_server_with_json_tells_objects() {
    let home = Home::new();
    let mut server = home.start_with(&["--quiet"]);
    home.until(&["strategies"], |said| said.code == 0);
    // A client that is ended while it connects may take longer than it is waited for, which is a warning.
    server.until_ready(&home, true);
    let (code, words) = server.terminate();
    assert_eq!((code, words.as_str()), (Some(0), ""));
    let (mut server, mut told) = home.serve_with(&["--json"]);
    told.push_str(&server.terminate().1);
    let lines: Vec<Value> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(lines.iter().any(|line| line["level"] == "INFO" && line["message"].is_string()), "{told}");
}

#[test]
fn reasons_and_names_reach_the_terminal_as_text_and_json_as_they_are() {
    let home = Home::new();
    let folder = home.path("rehearsed");
    home.run(&["rehearse", &home.file("t.jsonl", &losing_trades(2)), "--data", &folder]);
    let reason = "a\u{1b}[2J\u{202e}b\nc";
    let asked = ["strategies", "disable", "rsi", "--reason", reason, "--data", &folder];
    let disabled = home.run(&asked);
    assert_eq!(disabled.code, 0, "{disabled:?}");
    let id = home.run(&["decisions", "--strategy", "rsi", "--json", "--data", &folder]).json()[0]["event_id"]
        .clone();
    let id = id.as_str().unwrap();
    for question in
        [vec!["strategies"], vec!["decisions"], vec!["why", id], vec!["strategies", "show", "rsi"]]
    {
        let said = home.run(&[question.clone(), vec!["--data", &folder]].concat());
        assert!(said.out.contains("a\\u{1b}[2J\\u{202e}b\\u{a}c"), "{question:?}: {said:?}");
        assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{202e}'), "{question:?}: {said:?}");
    }
    let json = home.run(&["decisions", "--strategy", "rsi", "--json", "--data", &folder]).json();
    assert_eq!(json[0]["event"]["reason"], reason);
    let unknown = home.run(&["events", "show", "\u{1b}[2J", "--data", &folder]);
    assert!(unknown.code != 0 && !unknown.err.contains('\u{1b}'), "{unknown:?}");
}

#[test]
fn an_order_for_a_strategy_that_nobody_knows_is_refused_with_the_nearest_name() {
    let home = Home::new();
    let folder = home.path("rehearsed");
    home.run(&["rehearse", &home.file("t.jsonl", &losing_trades(2)), "--data", &folder]);
    let order = |what: &str, name: &str, more: &[&str]| {
        home.run(&[&["strategies", what, name, "--reason", "x", "--data", &folder], more].concat())
    };
    for name in ["RSI", "rsi ", "rsj"] {
        for what in ["disable", "enable"] {
            let refused = order(what, name, &[]);
            assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
            assert!(
                refused.err.contains("the nearest name is \"rsi\"") && refused.err.contains("--new"),
                "{refused:?}"
            );
        }
    }
    assert!(!home.run(&["strategies", "--data", &folder]).out.contains("rsj"));
    assert_eq!(order("disable", "", &[]).code, 2);
    assert_eq!(order("disable", "rsj", &["--new"]).code, 0);
    assert_eq!(order("enable", "rsj", &[]).code, 0, "what is halted can be enabled");
}

#[test]
fn enabling_says_what_it_forgets_and_is_refused_where_there_is_nothing_to_lift() {
    let home = Home::new();
    let folder = home.path("rehearsed");
    home.run(&["rehearse", &home.file("t.jsonl", &losing_trades(2)), "--data", &folder]);
    let order = |what: &str, reason: &str, more: &[&str]| {
        home.run(&[&["strategies", what, "rsi", "--reason", reason, "--data", &folder], more].concat())
    };
    let refused = order("enable", "habit", &[]);
    assert!(refused.code == 1 && refused.err.contains("ACTIVE; --reset-counters"), "{refused:?}");
    let reset = order("enable", "fresh", &["--reset-counters"]);
    assert_eq!(reset.code, 0, "{reset:?}");
    assert!(reset.err.contains("forgets -1 % of 2025-01-02, 2 losses in a row"), "{reset:?}");
    assert_eq!(order("disable", "first", &[]).code, 0);
    let kept = order("disable", "keep halted until I am back", &[]);
    assert!(kept.code == 0 && kept.err.contains("HALTED already"), "{kept:?}");
    assert!(kept.out.contains("keep halted until I am back"), "{kept:?}");
    assert_eq!(home.run(&["verify", "--data", &folder]).code, 0);
}
