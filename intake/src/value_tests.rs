//! Given an odd value, when the record is decoded, then it is rounded, left out or refused, and that is told.

use events::{RejectReason, TradeClosed};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    FieldMapping, Notation, TradeFormat,
    decode_tests::{dec, decode, decode_text, now, refused, trade, with},
};

fn ignored(read: &TradeClosed) -> Vec<&str> {
    read.ignored.iter().map(|ignored| ignored.field.as_str()).collect()
}

/// A record that gives the percent as a ratio.
fn with_ratio(ratio: Value) -> Value {
    let mut record = with("profit_ratio", ratio);
    record.as_object_mut().unwrap().remove("profit_pct");
    record
}

#[test]
fn more_digits_than_are_kept_are_rounded_and_the_field_is_listed() {
    let mut record = trade();
    record["entry_price"] = json!("0.41595999999999999641175918149441406135082244873046875");
    record["profit"] = json!("-8.881784197001252e-16");
    record["fee"] = json!("1e-30");
    let read = decode(&record).unwrap();
    assert_eq!(read.entry_price, dec("0.4159599999999999964117591815"));
    assert_eq!(read.profit, dec("-0.0000000000000008881784197001"));
    assert_eq!(read.rounded, ["entry_price", "profit", "fee"]);
    let number = trade().to_string().replace("\"100\"", "100.1000000000000000055511151231257827");
    let read = decode_text(&number).unwrap();
    assert_eq!(read.entry_price, dec("100.1000000000000000055511151"), "a JSON number is read from its text");
    assert_eq!(read.rounded, ["entry_price"]);
}

#[test]
fn what_rounds_to_nothing_is_no_price() {
    let (_, detail) = refused(&with("entry_price", json!("1e-40")));
    assert!(detail.contains("it must be above 0"), "{detail}");
}

#[test]
fn a_ratio_is_a_hundredth_of_the_percent_exactly() {
    for (ratio, percent) in
        [(json!(0.025), "2.5"), (json!("-0.06142"), "-6.142"), (json!("1.5e-05"), "0.0015")]
    {
        let read = decode(&with_ratio(ratio)).unwrap();
        assert_eq!((read.profit_pct, read.rounded), (dec(percent), vec![]));
    }
    let dust = decode(&with_ratio(json!("-1.4802973661668753e-17"))).unwrap();
    assert_eq!(dust.profit_pct, dec("-0.0000000000000014802973661669"));
    assert_eq!(dust.rounded, ["profit_pct"]);
}

#[test]
fn percent_and_ratio_together_have_to_agree_to_one_part_in_a_million() {
    for ratio in ["-0.03", "-0.0300000299"] {
        assert_eq!(decode(&with("profit_ratio", json!(ratio))).unwrap().profit_pct, dec("-3"), "{ratio}");
    }
    for ratio in ["-0.0300000301", "-3", "0.03", "0"] {
        let (reason, detail) = refused(&with("profit_ratio", json!(ratio)));
        assert_eq!(reason, RejectReason::InvalidField);
        assert!(detail.contains("profit_pct is \"-3\": profit_ratio says"), "{detail}");
    }
}

#[test]
fn of_percent_and_ratio_the_one_that_is_no_number_costs_nothing() {
    let read = decode(&with("profit_ratio", json!("NaN"))).unwrap();
    assert_eq!((read.profit_pct, ignored(&read)), (dec("-3"), vec!["profit_ratio"]));
    let mut record = with("profit_ratio", json!("-0.0300000000000000000000000000001"));
    record["profit_pct"] = json!("");
    let read = decode(&record).unwrap();
    assert_eq!((read.profit_pct, ignored(&read)), (dec("-3"), vec!["profit_pct"]));
    assert_eq!(read.rounded, ["profit_pct"]);
    record["profit_ratio"] = json!("-");
    assert!(refused(&record).1.starts_with("profit_pct is"));
}

#[test]
fn an_optional_field_that_is_no_such_value_is_left_out_and_listed_and_the_trade_counts() {
    for (field, value, told) in [
        ("exit_price", json!(-5), "exit_price is -5: it must not be below 0"),
        ("exit_price", json!("NaN"), "exit_price is \"NaN\": not a decimal number"),
        ("fee", json!("free"), "fee is \"free\": not a decimal number"),
        ("fee", json!("1e40"), "larger than can be kept"),
        ("leverage", json!("nan"), "not a decimal number"),
        ("leverage", json!(true), "it must be a decimal number"),
        ("currency", json!("x".repeat(129)), "1 to 128 characters"),
        ("currency", json!("US\u{7}D"), "control character"),
        ("exit_reason", json!("x".repeat(1025)), "1 to 1024 characters"),
        ("exit_reason", json!({"roi": 1}), "an object"),
        ("model", json!(""), "1 to 1024 characters"),
        ("account", json!(["a"]), "a list"),
        ("event_id", json!(false), "false"),
    ] {
        let read = decode(&with(field, value)).unwrap();
        assert_eq!(ignored(&read), [field]);
        assert!(read.ignored[0].reason.contains(told), "{:?}", read.ignored);
        assert_eq!((read.exit_price, read.fee, read.leverage), (None, None, None));
        assert_eq!(read.currency.as_deref(), Some("USDT"));
    }
}

#[test]
fn what_ended_at_nothing_and_a_rebate_are_taken() {
    let mut record = with("exit_price", json!(0));
    record["fee"] = json!("-0.25");
    let read = decode(&record).unwrap();
    assert_eq!((read.exit_price, read.fee), (Some(dec("0")), Some(dec("-0.25"))));
    assert_eq!(ignored(&read), [""; 0]);
}

#[test]
fn bare_nan_costs_the_optional_field_that_holds_it() {
    let record = with("fee", json!("-1.5x")).to_string().replace("\"-1.5x\"", "NaN");
    let read = decode_text(&record).unwrap();
    assert_eq!((read.fee, ignored(&read)), (None, vec!["fee"]));
}

#[test]
fn blanks_around_names_are_cut_off_and_control_characters_are_refused() {
    for field in ["trade_id", "strategy", "symbol"] {
        let read = decode(&with(field, json!(" \t a b\u{a0}\n"))).unwrap();
        let names = [read.trade_id, read.strategy, read.symbol];
        assert!(names.contains(&"a b".to_owned()), "{names:?}");
        for control in ["a\u{1b}[2Jb", "a\nb", "a\u{9b}b", "\u{0}x"] {
            let fault = decode(&with(field, json!(control))).unwrap_err();
            assert!(
                fault.detail.contains(field) && fault.detail.contains("control character"),
                "{}",
                fault.detail
            );
            assert_eq!(fault.strategy.is_none(), field == "strategy");
        }
    }
}

#[test]
fn a_ratio_may_have_another_name() {
    let mapping = FieldMapping::parse(&["profit_ratio=Return"]).unwrap();
    let format = TradeFormat { mapping, ..TradeFormat::default() };
    let mut record = with("Return", json!(-0.06142));
    record.as_object_mut().unwrap().remove("profit_pct");
    let read = format.decode(record.to_string().as_bytes(), None, now()).unwrap();
    assert_eq!(read.profit_pct, dec("-6.142"));
}

#[test]
fn times_come_as_text_or_as_a_number_since_1970() {
    let expected = decode(&trade()).unwrap();
    for (opened, closed) in [
        (json!(1_738_324_800), json!(1_738_328_400)),
        (json!("1738324800000"), json!(1_738_328_400_000_i64)),
        (json!(1_738_324_800_000_000_i64), json!("1738328400000000000")),
    ] {
        let mut record = with("opened_at", opened);
        record["closed_at"] = closed;
        assert_eq!(decode(&record).unwrap(), expected);
    }
}

#[test]
fn a_record_is_read_in_the_notation_of_its_user() {
    let mut notation = Notation::default();
    notation.add_values("side=1:long,-1:short").unwrap();
    notation.set_time_format("%d.%m.%Y %H:%M").unwrap();
    notation.set_time_zone("Europe/Berlin").unwrap();
    notation.set_decimal_comma(true);
    let format = TradeFormat { notation, ..TradeFormat::default() };
    let mut record = with("side", json!(-1));
    record["profit"] = json!("\u{2212}1,50");
    record["opened_at"] = json!("31.01.2025 13:00");
    record["closed_at"] = json!("31.01.2025 14:00");
    record["entry_price"] = json!(100.5);
    record["quantity"] = json!("0,5");
    let read = format.decode(record.to_string().as_bytes(), None, now()).unwrap();
    assert_eq!((read.side, read.profit, read.entry_price), (events::Side::Short, dec("-1.5"), dec("100.5")));
    assert_eq!(read.closed_at.to_string(), "2025-01-31T13:00:00Z");
    record["quantity"] = json!("0.5");
    let fault = format.decode(record.to_string().as_bytes(), None, now()).unwrap_err();
    assert!(fault.detail.contains("quantity is \"0.5\": it has a point"), "{}", fault.detail);
}

#[test]
fn ids_of_two_accounts_are_told_apart_by_joining() {
    let mapping = FieldMapping::parse(&["trade_id=account+meta.id"]).unwrap();
    let format = TradeFormat { mapping, ..TradeFormat::default() };
    let decode = |record: &Value| format.decode(record.to_string().as_bytes(), None, now());
    let mut record = with("account", json!("two"));
    record["meta"] = json!({"id": 7});
    let read = decode(&record).unwrap();
    assert_eq!((read.trade_id.as_str(), read.account.as_deref()), ("two-7", Some("two")));
    record["account"] = Value::Null;
    let fault = decode(&record).unwrap_err();
    assert!(fault.detail.contains("missing: trade_id (mapped from account+meta.id)"), "{}", fault.detail);
}

#[test]
fn a_byte_order_mark_before_the_record_is_no_part_of_it() {
    let marked = format!("\u{FEFF}{}", trade());
    assert_eq!(decode_text(&marked).unwrap(), decode(&trade()).unwrap());
}

#[test]
fn a_currency_that_nobody_names_is_the_quote_in_front_too() {
    for (symbol, currency) in [("KRW-BTC", "KRW"), ("BTC-KRW", "KRW"), ("EURUSD", "USD")] {
        assert_eq!(decode(&with("symbol", json!(symbol))).unwrap().currency.as_deref(), Some(currency));
    }
}

proptest! {
    #[test]
    fn any_mapping_and_any_record_are_read_or_refused(
        mappings in proptest::collection::vec("[a-z_]{0,12}==?[a-z_.+]{0,12}", 0..4),
        name in "[a-z_.+]{0,12}",
        value in "\\PC{0,30}",
    ) {
        if let Ok(mapping) = FieldMapping::parse(&mappings) {
            let format = TradeFormat { mapping, ..TradeFormat::default() };
            let record = with(&name, json!(value)).to_string();
            if let Err(fault) = format.decode(record.as_bytes(), None, now()) {
                prop_assert!(!fault.detail.is_empty());
            }
        }
    }

    #[test]
    fn any_text_in_any_optional_field_costs_no_trade(which in 0_usize..super::Field::ALL.len(), value in "\\PC{0,40}") {
        let field = super::Field::ALL[which];
        if !field.is_required() && field.stands_in_for().is_none() {
            let read = decode(&with(field.name(), json!(value))).unwrap();
            prop_assert!(read.ignored.iter().all(|ignored| ignored.field == field.name()));
        }
    }
}
