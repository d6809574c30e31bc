//! How near a limit a strategy is, who had a hand in its state, and what lifts a reduction, by real processes.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]
// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use serde_json::Value;
use support::{Home, losing_trades};

fn shown(home: &Home) -> Value {
    home.run(&["strategies", "show", "rsi", "--json"]).json().remove(0)
}

#[test]
fn a_strategy_is_shown_with_how_near_each_limit_is_also_after_the_server_has_ended() {
    let home = Home::new();
    let trades = home.file("t.jsonl", &losing_trades(3));
    let (mut server, _) =
        home.serve_with(&["--set", "strategy_guard.strategies.rsi.max_consecutive_losses=5"]);
    home.run(&["publish", "--to", "http", &trades]);
    let check = |strategy: &Value| {
        let limits = &strategy["limits"];
        assert_eq!(limits["daily_loss"]["value_pct"], -1.0, "{strategy}");
        assert_eq!(limits["daily_loss"]["profits"]["USDT"], "-1", "{strategy}");
        assert_eq!(
            (&limits["consecutive_losses"]["value"], &limits["consecutive_losses"]["limit"]),
            (&3.into(), &5.into())
        );
        assert_eq!(limits["consecutive_losses"]["set_in"], "strategy_guard.strategies.rsi");
        assert_eq!(
            (&limits["win_rate"]["trades"], &limits["win_rate"]["value_pct"]),
            (&3.into(), &Value::Null)
        );
    };
    check(&shown(&home));
    server.terminate();
    check(&shown(&home));
    let told = home.run(&["strategies", "show", "rsi"]);
    assert!(told.out.contains("losses in a row  3") && told.out.contains("above 5"), "{told:?}");
}

#[test]
fn who_halted_a_strategy_and_who_keeps_it_so_is_shown() {
    let home = Home::new();
    let server = home.serve();
    home.run(&["publish", "--to", "http", &home.file("t.jsonl", &losing_trades(1))]);
    let disable = |user: &str, reason: &str| {
        home.run_with(&[("USER", user)], &["strategies", "disable", "rsi", "--reason", reason])
    };
    disable("ann", "a look at the books");
    let kept = disable("bob", "until I am back");
    assert_eq!(kept.code, 0, "{kept:?}");
    let strategy = shown(&home);
    assert_eq!(
        (&strategy["operator"], &strategy["kept_halted_by"]),
        (&"ann".into(), &"bob".into()),
        "{strategy}"
    );
    assert_eq!(strategy["kept_halted"]["reason"], "until I am back");
    let listed = home.run(&["strategies"]);
    assert!(listed.out.contains("a look at the books; kept halted: until I am back"), "{listed:?}");
    let why = home.run(&["why", strategy["why"]["event_id"].as_str().unwrap()]);
    assert!(why.out.contains("because of StrategyDisableRequested rsi by operator ann"), "{why:?}");
    drop(server);
}

#[test]
fn a_reduction_by_a_rejected_trade_names_the_dead_letter_and_what_lifts_it() {
    let home = Home::new();
    let _server = home.serve();
    home.run(&["publish", "--to", "http", &home.file("t.jsonl", &losing_trades(2))]);
    let other = losing_trades(1).replace("\"-1\"", "\"-2\"");
    home.run(&["publish", "--to", "http", &home.file("other.jsonl", &other)]);
    let reduced =
        home.until(&["decisions", "--type", "StrategyReduced", "--json"], |said| !said.out.is_empty());
    let letter = reduced.json()[0]["causation_id"].as_str().unwrap().to_owned();
    let strategy = shown(&home);
    assert_eq!(strategy["dead_letters"][0]["id"], letter.as_str(), "{strategy}");
    assert_eq!(strategy["dead_letters"][0]["trade_id"], "0");
    let told = home.run(&["strategies", "show", "rsi"]);
    assert!(told.out.contains(&format!("dead letter {letter}: trade 0, conflicting_duplicate")), "{told:?}");
    assert!(told.out.contains("lifted by: only tradewarden strategies enable rsi"), "{told:?}");
    home.run(&["strategies", "enable", "rsi", "--reason", "seen"]);
    assert_eq!(shown(&home)["dead_letters"], serde_json::json!([]));
}
