//! Lists: how much of them is shown, what is said where they are empty, by real processes.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]
// Each file of tests uses a part of the support.
#[allow(dead_code)]
mod support;

use support::{Home, losing_trades};

/// A folder in which eleven lost trades halted a strategy.
fn rehearsed() -> Home {
    let home = Home::new();
    let trades = home.file("t.jsonl", &losing_trades(12));
    let data = home.path("tradewarden-data");
    assert_eq!(home.run(&["rehearse", &trades, "--data", &data]).code, 0);
    home
}

#[test]
fn a_list_ends_at_its_limit_and_says_that_there_is_more() {
    let home = rehearsed();
    let some = home.run(&["events", "list", "--type", "TradeClosed", "--limit", "5", "--json"]);
    assert_eq!(
        (some.json().len(), some.err.as_str()),
        (5, "only the first 5 are shown; a larger --limit shows more\n")
    );
    let all = home.run(&["events", "list", "--type", "TradeClosed", "--limit", "12", "--json"]);
    assert_eq!((all.json().len(), all.err.as_str()), (12, ""), "{all:?}");
    let early = home.run(&["decisions", "--until", "2025-01-11T00:00:00Z", "--json"]);
    assert!(early.json().iter().all(|event| event["event_type"] != "StrategyDisabled"), "{early:?}");
    let audited = home.run(&["audit", "decisions", "--limit", "1"]);
    assert!(audited.out.starts_with("POSITION  HAPPENED") && audited.out.lines().count() == 2, "{audited:?}");
    assert!(audited.err.contains("only the first 1 are shown"), "{audited:?}");
}

#[test]
fn an_empty_list_says_what_was_looked_for_and_how_far_the_log_goes() {
    let home = rehearsed();
    let newest = "; the newest event of the log is of 2025-01-12T01:00:00Z, at position ";
    for (command, told) in [
        (&["decisions", "--strategy", "nosuch"][..], "no decision about \"nosuch\""),
        (&["decisions", "--since", "2100-01-01"], "no decision since 2100-01-01T00:00:00Z"),
        (&["events", "list", "--from", "999"], "no event from position 999 on"),
        (&["dead-letters", "list", "--reason", "empty"], "no dead letter of empty"),
        (
            &["performance", "--by", "strategy", "--until", "2020-01-01"],
            "no closed trade before 2020-01-01T00:00:00Z",
        ),
        (&["audit", "runs", "--where", "command=x"], "no such document of command=x"),
    ] {
        let said = home.run(command);
        let right = said.code == 0 && said.err.starts_with(&format!("{told}{newest}"));
        assert!(right && said.out.is_empty(), "{said:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_what_would_be_right() {
    let home = rehearsed();
    for (command, told) in [
        (&["decisions", "--type", "StrategyDisable"][..], "the nearest is StrategyDisabled"),
        (&["decisions", "--type", "TradeClosed"], "TradeClosed is no decision"),
        (&["events", "list", "--type", "tradeclosed"], "the nearest is TradeClosed"),
        (&["decisions", "--since", "today", "--until", "yesterday"], "until has to be the later one"),
        (&["performance", "--since", "today", "--until", "1w"], "until has to be the later one"),
        (&["decisions", "--limit", "99999999999"], "from 1 to 1000000"),
        (&["decisions", "--since", "2025-04-03T23:00:00"], "2025-04-03T23:00:00Z is that time in UTC"),
        (&["dead-letters", "list", "--reason", "typo"], "unknown variant `typo`"),
    ] {
        let said = home.run(command);
        assert!(said.code == 2 && said.err.contains(told), "{command:?}: {said:?}");
    }
}
