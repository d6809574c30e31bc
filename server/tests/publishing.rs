//! What is published is read by every server as a rehearsal of the same file reads it.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

// Not every test program uses all of it.
#[allow(dead_code)]
mod support;

use serde_json::Value;
use support::Home;

/// A table as a spreadsheet in Germany writes it; values are rounded and left out.
const TABLE: &str = "\
id;strategy;symbol;side;quantity;entry_price;exit_price;profit;profit_pct;leverage;opened_at;closed_at;account
1;alpha;BTC/USDT;Buy;0,5;100;;-1,23456789012345678901234567890;-2,5;nan;03.03.2025 10:00:00;03.03.2025 11:00:00;one
2;alpha;NESN;Sell;1,50;0,41595999999999999641175918149441;99,5;7;1,25;3;04.03.2025 10:00:00;04.03.2025 11:30:00;two
3;beta;ETH/EUR;long;2;10;NaN;-1;-5;;2025-03-05T10:00:00Z;2025-03-05T11:00:00.123456Z;
";

const OPTIONS: [&str; 9] = [
    "--map",
    "trade_id=id",
    "--values",
    "side=Buy:long,Sell:short",
    "--time-format",
    "%d.%m.%Y %H:%M:%S",
    "--time-zone",
    "Europe/Berlin",
    "--decimal-comma",
];

/// A server for a bot that writes nothing as we do.
const ODD: [&str; 9] = [
    "intake.fields.strategy==mine",
    "intake.fields.trade_id=account+number",
    "intake.fields.profit=net.profit",
    "intake.fields.fee==1",
    "intake.values.side=long:short,short:long",
    "intake.time_format=%Y/%m/%d %H:%M",
    "intake.time_zone=Asia/Seoul",
    "intake.decimal_comma=true",
    "intake.default_currency=KRW",
];

fn trades(home: &Home, at: &[&str]) -> Vec<Value> {
    let listed = home.run(&[&["events", "list", "--json", "--type", "TradeClosed"], at].concat());
    let mut trades: Vec<Value> = listed.json().into_iter().map(|mut event| event["event"].take()).collect();
    trades.sort_by_key(|trade| trade["trade_id"].to_string());
    trades
}

#[test]
fn a_table_is_the_same_trades_for_every_server_however_that_reads_its_bot() {
    let home = Home::new();
    let file = home.file("t.csv", TABLE);
    let rehearsed = home.path("rehearsed");
    let said = home.run(&[&["rehearse", &file, "--data", &rehearsed], &OPTIONS[..]].concat());
    assert_eq!(said.code, 0, "{said:?}");
    let expected = trades(&home, &["--data", &rehearsed]);
    let noted = |field: &str| expected.iter().map(|trade| trade[field].to_string()).collect::<Vec<_>>();
    assert_eq!(noted("rounded"), ["[\"profit\"]", "[\"entry_price\"]", "null"]);
    assert!(
        noted("ignored")[0].contains("column leverage") && noted("ignored")[2].contains("column exit_price")
    );
    assert_eq!(noted("currency"), ["\"USDT\"", "null", "\"EUR\""]);

    for to in ["http", "kafka"] {
        let home = Home::new();
        let file = home.file("t.csv", TABLE);
        let odd: Vec<&str> = ODD.iter().flat_map(|setting| ["--set", setting]).collect();
        let _server = home.serve_with(&odd);
        let said = home.run(&[&["publish", &file, "--to", to], &OPTIONS[..]].concat());
        assert_eq!(said.code, 0, "{to}: {said:?}");
        let _ = home.until(&["events", "list", "--json", "--type", "TradeClosed"], |said| {
            said.out.lines().count() == 3
        });
        assert_eq!(trades(&home, &[]), expected, "{to}");
        assert_eq!(home.run(&["dead-letters", "list", "--json"]).out, "", "{to}");
        // What the bot sends itself is still read as configured.
        let record = r#"{"account":"a","number":1,"pair":"x","symbol":"BTC/USDT","side":"long","quantity":"1,5",
            "entry_price":"1","net":{"profit":"2,5"},"profit_pct":"1","opened_at":"2025/03/03 10:00",
            "closed_at":"2025/03/03 11:00"}"#;
        let bots = home.file("bot.jsonl", &record.replace('\n', " "));
        let set = [&["publish", &bots, "--to", to], &odd[..]].concat();
        assert_eq!(home.run(&set).code, 0, "{to}");
        let read = home.until(&["events", "list", "--json", "--type", "TradeClosed"], |said| {
            said.out.lines().count() == 4
        });
        let event = &read.json()[3]["event"];
        assert_eq!((event["strategy"].as_str(), event["profit"].as_str()), (Some("mine"), Some("2.5")));
        assert_eq!((&event["trade_id"], &event["side"]), (&"a-1".into(), &"short".into()));
    }
}
