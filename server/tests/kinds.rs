//! Kinds of files that real bots, tools and people write, each by a small one of our own: what is decided on them.

// Helpers outside of test functions: a panic is how a failure is told.
#![allow(clippy::unwrap_used, clippy::panic)]

#[allow(dead_code, reason = "not every file of tests needs all of it")]
mod support;

use serde_json::json;
use support::{Home, judged::Judged};

const HEADER: &str =
    "trade_id,strategy,symbol,side,quantity,entry_price,profit,profit_pct,opened_at,closed_at\n";

/// Rows of one strategy, each of (profit, percent, day of March).
fn rows(rows: &[(&str, &str, u32)]) -> String {
    let row = |(n, (profit, pct, day)): (usize, &(&str, &str, u32))| {
        let day = format!("2025-03-{day:02}T");
        format!("{n},beta,BTC/USDT,long,1,100,{profit},{pct},{day}0{n}:00:00Z,{day}0{n}:30:00Z\n")
    };
    format!("{HEADER}{}", rows.iter().enumerate().map(row).collect::<String>())
}

fn judged(text: &str, options: &[&str]) -> Judged {
    let home = Home::new();
    let file = home.file("file", text);
    Judged::of(&home, &file, options).unwrap()
}

#[test]
fn a_tiny_loss_beside_large_ones_is_summed_exactly_and_left_out_of_nothing() {
    let text = rows(&[("50", "1.5", 3), ("-0.00000000000000000000000007", "-8", 3), ("-20.25", "-3.3", 3)]);
    let judged = judged(&text, &[]);
    assert_eq!(judged.figures["profit"], "29.74999999999999999999999993", "{judged:?}");
    assert_eq!((&judged.figures["losses"], &judged.figures["max_drawdown_pct"]), (&json!(2), &json!(11.3)));
    assert_eq!(judged.types(), Vec::<&str>::new(), "-9.8 % is no breach");
}

#[test]
fn a_tiny_loss_against_a_large_capital_hides_no_breach() {
    let text = rows(&[("-3000.25", "-1", 3), ("-3e-20", "-1", 3), ("-150000", "-1", 3), ("10", "1", 4)]);
    let judged = judged(&text, &["--set", "strategy_guard.strategies.beta.capital=1000000"]);
    assert_eq!(judged.types(), ["StrategyDisabled"]);
    assert_eq!(judged.breach(), (&json!("daily_loss"), &json!(-15.300025)));
    assert_eq!(judged.figures["profit"], "-152990.25000000000000000003");
}

#[test]
fn a_column_of_returns_is_a_ratio_and_neither_is_guessed() {
    let text = "No,Coin,Size,In,Price,Out,PnL,Return,Direction\n\
                7,SOLUSDT,10,2025-03-03 10:00:00,20,2025-03-03 11:00:00,-23,-0.115,Short\n";
    let common = [
        "strategy==tool",
        "trade_id=No",
        "symbol=Coin",
        "side=Direction",
        "quantity=Size",
        "entry_price=Price",
        "profit=PnL",
        "opened_at=In",
        "closed_at=Out",
    ];
    let mut options: Vec<&str> = common.iter().flat_map(|mapping| ["--map", mapping]).collect();
    let home = Home::new();
    let said = Judged::of(&home, &home.file("t.csv", text), &options).unwrap_err();
    assert!(said.err.contains("profit_pct=COLUMN") && said.err.contains("profit_ratio=COLUMN"), "{said:?}");
    options.extend(["--map", "profit_ratio=Return"]);
    let judged = judged(text, &options);
    assert_eq!((judged.types(), &judged.figures["return_pct"]), (vec!["StrategyDisabled"], &json!(-11.5)));
}

#[test]
fn more_digits_than_are_kept_are_rounded_half_to_even_and_listed() {
    let text = rows(&[
        ("-1.5e-13", "1.00000000000000000000000000005", 3),
        ("0.00000000000000000000000000015", "1", 3),
        ("2", "0.5", 3),
    ]);
    let judged = judged(&text, &[]);
    let rounded: Vec<_> = judged.trades.iter().map(|trade| trade["rounded"].clone()).collect();
    assert_eq!(rounded, [json!(["profit_pct"]), json!(["profit"]), json!(null)]);
    assert_eq!(judged.trades[1]["profit"], "0.0000000000000000000000000002");
    assert_eq!(judged.figures["profit"], "1.9999999999998500000000000002");
}

#[test]
fn times_since_1970_are_read_by_their_size_and_one_of_1970_is_refused() {
    let of = |closed: &str| {
        rows(&[("4", "1", 3)])
            .replace("2025-03-03T00:30:00Z", closed)
            .replace("2025-03-03T00:00:00Z", "1741000000")
    };
    for closed in ["1741003600", "1741003600000", "1741003600000000"] {
        let judged = judged(&of(closed), &[]);
        assert_eq!(judged.trades[0]["closed_at"], "2025-03-03T12:06:40Z", "{judged:?}");
    }
    let mixed = format!("{}{}", rows(&[("4", "1", 3)]), "9,beta,BTC/USDT,long,1,100,4,1,1000000,1741000\n");
    let judged = judged(&mixed, &[]);
    assert_eq!((judged.said.code, judged.trades.len(), judged.rejected.len()), (1, 1, 1));
    assert!(judged.said.err.contains("row 2") && judged.said.err.contains("[intake] earliest"), "{judged:?}");
    assert!(judged.events < 20, "no year without a trade costs an event: {}", judged.events);
}

#[test]
fn days_first_and_decimal_commas_are_never_guessed() {
    let text = "id;strategy;symbol;side;quantity;entry_price;profit;profit_pct;opened_at;closed_at\n\
                1;beta;ETH/EUR;long;0,5;10;\u{2212}7,5;-1,5;02.03.2025 10:00;02.03.2025 11:00\n";
    let judged_as = |options: &[&str]| judged(text, &[&["--map", "trade_id=id"], options].concat());
    for (options, remedy) in [
        (&[][..], "--time-format"),
        (&["--time-format", "%d.%m.%Y %H:%M"][..], "--decimal-comma"),
        (&["--decimal-comma"], "--time-format"),
    ] {
        let judged = judged_as(options);
        assert_eq!((judged.said.code, judged.trades.len(), judged.rejected.len()), (1, 0, 1), "{judged:?}");
        assert!(judged.said.err.contains(remedy), "{judged:?}");
        assert_eq!(judged.types(), ["StrategyReduced"]);
    }
    let both = ["--time-format", "%d.%m.%Y %H:%M", "--time-zone", "Asia/Tokyo", "--decimal-comma"];
    let judged = judged_as(&both);
    assert_eq!(judged.said.code, 0, "{judged:?}");
    let trade = &judged.trades[0];
    assert_eq!((&trade["profit"], &trade["closed_at"]), (&json!("-7.5"), &json!("2025-03-02T02:00:00Z")));
}

#[test]
fn signs_and_flags_for_sides_are_mapped_or_refused() {
    let of = |sides: [&str; 2]| {
        let text = rows(&[("4", "1", 3), ("5", "1", 3)]);
        let [first, second] = sides.map(|side| format!(",{side},1,100"));
        text.replacen(",long,1,100", &first, 1).replacen(",long,1,100", &second, 1)
    };
    let refused = judged(&of(["-1", "1"]), &[]);
    assert_eq!((refused.said.code, refused.rejected.len()), (1, 2), "{refused:?}");
    assert!(refused.said.err.contains("--values side="), "{refused:?}");
    let sides = |judged: &Judged| judged.trades.iter().map(|trade| trade["side"].clone()).collect::<Vec<_>>();
    let mapped = judged(&of(["-1", "1"]), &["--values", "side=1:long,-1:short"]);
    assert_eq!((mapped.said.code, sides(&mapped)), (0, vec![json!("short"), json!("long")]));
    let flags = judged(&of(["TRUE", "FALSE"]).replace(",side,", ",is_short,"), &[]);
    assert_eq!((flags.said.code, sides(&flags)), (0, vec![json!("short"), json!("long")]), "{flags:?}");
}

#[test]
fn a_currency_in_front_is_never_added_to_another() {
    let text = rows(&[("-2000", "-1", 3), ("3", "1", 3)]).replacen("BTC/USDT", "KRW-ETH", 1);
    let judged = judged(&text, &[]);
    assert_eq!(judged.figures["profits"], json!({"KRW": "-2000", "USDT": "3"}), "{judged:?}");
    assert!(judged.said.err.contains("several currencies"), "{judged:?}");
}
