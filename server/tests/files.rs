//! Files of trades on the command line, as bots and people write them.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

// Not every test program uses all of it.
#[allow(dead_code)]
mod support;

use std::{fs, io::Write as _};

use support::{Home, Said};

const HEADER: &str =
    "trade_id,strategy,symbol,side,quantity,entry_price,profit,profit_pct,opened_at,closed_at,account";

fn row(id: &str, strategy: &str, symbol: &str, profit: &str, account: &str) -> String {
    format!(
        "{id},{strategy},{symbol},long,1,100,{profit},{profit},2025-03-03T10:00:00Z,2025-03-03T11:00:00Z,{account}"
    )
}

fn table(rows: &[String]) -> String {
    format!("{HEADER}\n{}\n", rows.join("\n"))
}

/// Rehearses into a folder of its own and answers what was said, and that folder.
fn rehearsed(home: &Home, arguments: &[&str]) -> (Said, String) {
    let folder = home.path("rehearsed");
    let said = home.run(&[&["rehearse", "--force", "--data", &folder], arguments].concat());
    (said, folder)
}

#[test]
fn percents_that_look_like_ratios_are_pointed_out_and_nothing_is_changed() {
    let home = Home::new();
    let of = |pct: &str| {
        format!(
            "trade_id,strategy,symbol,side,quantity,entry_price,profit,profit_pct,opened_at,closed_at\n\
             1,a,BTC/USDT,long,1,100,-11,{pct},2025-03-03T10:00:00Z,2025-03-03T11:00:00Z\n"
        )
    };
    let (ratio, folder) = rehearsed(&home, &[&home.file("ratio.csv", &of("-0.11"))]);
    assert!(ratio.err.contains("is 100 times profit_pct in 1 of 1 trades"), "{ratio:?}");
    let figures = home.run(&["performance", "--json", "--data", &folder]).json();
    assert_eq!(figures[0]["return_pct"], -0.11, "a hint is no correction");
    let checked = home.run(&["config", "check", "--data", &folder]);
    assert!(checked.err.contains("intake.fields: profit / (quantity") && checked.code == 0, "{checked:?}");
    let (percent, folder) = rehearsed(&home, &[&home.file("percent.csv", &of("-11"))]);
    assert!(!percent.err.contains("100 times"), "{percent:?}");
    let checked = home.run(&["config", "check", "--data", &folder]);
    assert_eq!((checked.out.as_str(), checked.err.as_str()), ("good\n", ""), "{checked:?}");
}

#[test]
fn settings_that_guard_nobody_are_pointed_out() {
    let home = Home::new();
    let file = home.file("t.csv", &table(&[row("1", "alpha", "BTC/USDT", "3", "one")]));
    let set = [
        "--set",
        "strategy_guard.strategies.Alpha.capital=1000",
        "--set",
        "strategy_guard.min_win_rate_pct=0.3",
    ];
    let (said, _) = rehearsed(&home, &[&[file.as_str()], &set[..]].concat());
    assert!(said.err.contains("the nearest name is \"alpha\""), "{said:?}");
    assert!(said.err.contains("did you mean 30?"), "{said:?}");
}

#[test]
fn conflicting_duplicates_are_told_one_by_one_with_both_values_and_the_remedy() {
    let home = Home::new();
    let rows = [
        row("1", "a", "BTC/USDT", "3", "one"),
        row("1", "a", "BTC/USDT", "-5", "two"),
        row("1", "a", "BTC/USDT", "3", "one"),
    ];
    let file = home.file("t.csv", &table(&rows));
    let (said, folder) = rehearsed(&home, &[&file]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("t.csv, row 2: trade 1 of a stands in row 1 of"), "{said:?}");
    assert!(
        said.err.contains("profit 3, now -5") && said.err.contains("--map trade_id=account+"),
        "{said:?}"
    );
    assert!(!said.err.contains("row 3:"), "the same trade again is no conflict: {said:?}");
    let letters = home.run(&["dead-letters", "list", "--json", "--data", &folder]).json();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(letters[0]["origin"]["row"], 2, "{letters:?}");
    assert_eq!(home.run(&["verify", "--data", &folder]).code, 0);
}

#[test]
fn strategies_that_would_be_reduced_are_named_with_the_reason() {
    let home = Home::new();
    let file = home
        .file("t.csv", &table(&[row("1", "a", "BTC/USDT", "3", ""), row("2", "b", "BTC/USDT", "much", "")]));
    let (said, _) = rehearsed(&home, &[&file]);
    assert_eq!(said.code, 1, "{said:?}");
    let told = said.out.lines().find(|line| line.starts_with("b ")).unwrap_or_else(|| panic!("{said:?}"));
    assert!(said.out.contains("REDUCED") && told.contains("dead letters"), "{said:?}");
    let json = home.run(&["rehearse", "--json", &file]).json().remove(0);
    assert_eq!(json["reductions"][0]["strategy"], "b", "{json}");
    assert_eq!(json["reductions"][0]["times"], 1, "{json}");
}

#[test]
fn what_is_passed_over_is_told_and_is_no_dead_letter() {
    let home = Home::new();
    let rows = [row("1", "a", "BTC/USDT", "3", ""), HEADER.to_owned(), row("2", "a", "BTC/USDT", "4", "")];
    let text = table(&rows).replace("account\n", "is_open\n").replace("Z,\n", "Z,False\n");
    let open = row("3", "a", "BTC/USDT", "-50", "True");
    let file = home.file("t.csv", &format!("{text}{open}\n"));
    let (said, folder) = rehearsed(&home, &[&file]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("t.csv, row 2: the header stands here again"), "{said:?}");
    assert!(said.err.contains("1 position is still open"), "{said:?}");
    assert!(said.out.contains("2 trades from"), "{said:?}");
    assert_eq!(home.run(&["dead-letters", "list", "--json", "--data", &folder]).out, "");
    let strategies = home.run(&["strategies", "--json", "--data", &folder]).json();
    assert_eq!((strategies.len(), &strategies[0]["strategy"]), (1, &"a".into()), "{strategies:?}");
}

#[test]
fn a_file_of_another_kind_ends_the_command_before_it_does_anything() {
    let home = Home::new();
    let good = home.file("good.csv", &table(&[row("1", "a", "BTC/USDT", "3", "")]));
    for (name, text, told) in [
        (".last_result.json", r#"{"latest_backtest": "r-1.zip"}"#, "r-1.zip"),
        ("old.json", r#"[["BTC/USDT", 0.1, 1504459800.0]]"#, "old form"),
        (
            "orders.csv",
            "order_id,symbol,side,order_type,price,filled,status\n1,A/B,buy,limit,1,1,closed\n",
            "orders",
        ),
        ("empty.csv", "", "is empty"),
    ] {
        let file = home.file(name, text);
        let (said, folder) = rehearsed(&home, &[&good, &file]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(told), "{said:?}");
        assert!(!fs::exists(&folder).unwrap(), "a folder was made");
        assert_eq!(home.run(&["publish", &file]).code, 2);
    }
}

#[test]
fn a_table_without_rows_is_no_fault_and_is_told() {
    let home = Home::new();
    let (said, folder) = rehearsed(&home, &[&home.file("t.csv", &format!("{HEADER}\n"))]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.err.contains("there are no trades in the files"), "{said:?}");
    let total = home.run(&["performance", "--by", "total", "--json", "--data", &folder]);
    assert_eq!((total.code, total.json()[0]["trades"].clone()), (0, 0.into()), "{total:?}");
}

#[test]
fn the_same_file_twice_has_every_trade_once() {
    let home = Home::new();
    let file =
        home.file("t.csv", &table(&[row("1", "a", "BTC/USDT", "3", ""), row("2", "a", "BTC/USDT", "4", "")]));
    let (said, folder) = rehearsed(&home, &[&file, &file]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("2 trades") && said.out.contains("2 duplicates"), "{said:?}");
    assert_eq!(home.run(&["performance", "--json", "--data", &folder]).json()[0]["trades"], 2);
    // Another file whose ids are the same, as of another account.
    let other = home.file("other.csv", &table(&[row("1", "a", "BTC/USDT", "-8", "")]));
    let (said, _) = rehearsed(&home, &[&file, &other]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("other.csv, row 1: trade 1 of a stands in row 1 of"), "{said:?}");
}

#[test]
fn standard_input_and_packed_files_are_read() {
    let home = Home::new();
    let text = table(&[row("1", "a", "BTC/USDT", "3", "")]);
    let folder = home.path("from-pipe");
    let said = home.run_fed(&["rehearse", "-", "--data", &folder], text.as_bytes());
    assert_eq!((said.code, said.out.contains("1 trade from")), (0, true), "{said:?}");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let packed = gzip.finish().unwrap();
    assert_eq!(home.run_fed(&["rehearse", "-"], &packed).code, 0);
    fs::write(home.path("t.csv.gz"), packed).unwrap();
    assert_eq!(home.run(&["rehearse", &home.path("t.csv.gz")]).code, 0);
    let twice = home.run_fed(&["rehearse", "-", "-"], text.as_bytes());
    assert!(twice.code == 2 && twice.err.contains("given twice"), "{twice:?}");
}

#[test]
fn a_close_that_is_years_ahead_is_refused_in_a_rehearsal() {
    let home = Home::new();
    let text = table(&[
        row("1", "a", "BTC/USDT", "3", ""),
        row("2", "a", "BTC/USDT", "4", "").replace("2025", "2205"),
    ]);
    let (said, folder) = rehearsed(&home, &[&home.file("t.csv", &text)]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("t.csv, row 2: column closed_at is \"2205-03-03T11:00:00Z\""), "{said:?}");
    assert!(home.run(&["events", "list", "--json", "--data", &folder]).out.lines().count() < 20);
}

#[test]
fn profits_in_several_currencies_are_pointed_out() {
    let home = Home::new();
    let file =
        home.file("t.csv", &table(&[row("1", "a", "BTC/USDT", "3", ""), row("2", "a", "ETH/EUR", "4", "")]));
    let (said, _) = rehearsed(&home, &[&file]);
    assert!(said.err.contains("several currencies") && said.err.contains("EUR (1), USDT (1)"), "{said:?}");
}

#[test]
fn publishing_what_is_long_over_warns_first_and_tells_conflicts() {
    let home = Home::new();
    let _server = home.serve();
    let rows = [row("1", "a", "BTC/USDT", "3", "one"), row("1", "a", "BTC/USDT", "-5", "two")];
    let file = home.file("t.csv", &table(&rows));
    let said = home.run(&["publish", &file, "--to", "http"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("warning: the newest trade was closed at 2025-03-03T11:00:00Z"), "{said:?}");
    assert!(
        said.err.contains("t.csv, row 2: trade 1 of a") && said.err.contains("profit 3, now -5"),
        "{said:?}"
    );
    let said = home.run(&["publish", &file, "--to", "kafka"]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("row 2: trade 1 of a stands in row 1 of"), "{said:?}");
    assert!(said.err.contains("warning: the newest trade"), "{said:?}");
    let fed = home.run_fed(&["publish", "-", "--to", "http"], table(&rows[..1]).as_bytes());
    assert!(fed.code == 0 && fed.out.contains("1 known before"), "{fed:?}");
}

#[test]
fn bad_rows_of_a_table_reduce_the_strategies_that_they_name_and_no_other() {
    let home = Home::new();
    let _server = home.serve();
    let good = home.file("good.csv", &table(&[row("1", "well", "BTC/USDT", "3", "")]));
    assert_eq!(home.run(&["publish", &good, "--to", "http"]).code, 0);
    let bad = [("1", "n/a"), ("2", "-1-"), ("3", "?")];
    let bad = bad.map(|(id, profit)| row(id, "spoiled", "BTC/USDT", profit, ""));
    let file = home.file("bad.csv", &table(&bad));
    let said = home.run(&["publish", &file, "--to", "http"]);
    assert!(said.code == 1 && said.out.contains("3 rejected"), "{said:?}");
    assert!(!said.err.contains("name no strategy"), "{said:?}");
    let letters = home.run(&["dead-letters", "list", "--json"]).json();
    assert_eq!(letters.len(), 3, "{letters:?}");
    for letter in &letters {
        assert_eq!(letter["strategy"], "spoiled", "{letter}");
        assert_eq!(letter["reason"], "invalid_field", "{letter}");
        assert!(letter["detail"].as_str().unwrap().contains("column profit is"), "{letter}");
    }
    let reduced = |said: &Said, name: &str| {
        said.json().iter().any(|strategy| strategy["strategy"] == name && strategy["state"] == "REDUCING")
    };
    let all = home.until(&["strategies", "--json"], |said| reduced(said, "spoiled"));
    assert!(!reduced(&all, "well"), "{all:?}");
    let nobodys = home.file("total.csv", &table(&[row("1", "", "BTC/USDT", "3", "")]));
    let said = home.run(&["publish", &nobodys, "--to", "http"]);
    assert!(said.code == 1 && said.err.contains("1 of the bad rows name no strategy"), "{said:?}");
}
