//! Given a trade in our own form, when any reader decodes it, then it is that trade, with what is noted of it.

use events::{Decimal, Event, IgnoredField, RejectReason, Side, Timestamp, TradeClosed};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    CloudEventAttributes, FieldMapping, Notation, Rejection, TradeFormat,
    decode_tests::{now, trade},
    json,
    own::{FORM, MARK},
    sample::SampleTrades,
};

/// A reader whose bot writes nothing as we do.
fn odd_reader() -> TradeFormat {
    let fields = [
        "strategy==mine",
        "trade_id=account+id",
        "profit=net.profit",
        "fee==1",
        "symbol=pair",
        "side=$schema",
    ];
    let mut notation = Notation::default();
    notation.add_values("side=long:short,short:long").unwrap();
    notation.add_values("account=one:two").unwrap();
    notation.set_time_format("%d.%m.%Y %H:%M:%S").unwrap();
    notation.set_time_zone("Asia/Seoul").unwrap();
    notation.set_decimal_comma(true);
    TradeFormat {
        mapping: FieldMapping::parse(&fields).unwrap(),
        notation,
        trade_types: vec!["bot.deal".into()],
        default_currency: Some("KRW".into()),
        ..TradeFormat::default()
    }
}

fn noted() -> TradeClosed {
    TradeClosed {
        symbol: "NESN".into(),
        side: Side::Short,
        currency: None,
        exit_price: None,
        account: Some("one".into()),
        closed_at: Timestamp::parse("2025-01-31T13:00:00.000001Z").unwrap(),
        opened_at: Timestamp::parse("2025-01-31T12:00:00Z").unwrap(),
        rounded: vec!["profit".into(), "profit_pct".into()],
        ignored: vec![IgnoredField {
            field: "exit_price".into(),
            reason: "column exit_price is \"NaN\": not a decimal number".into(),
        }],
        ..SampleTrades::new(3, 1).next().unwrap()
    }
}

fn own(trade: &TradeClosed) -> Value {
    serde_json::from_slice(&json::to_own_form(trade).unwrap()).unwrap()
}

fn stored(trade: &TradeClosed) -> Value {
    serde_json::to_value(Event::TradeClosed(trade.clone())).unwrap()
}

#[test]
fn every_reader_gets_the_same_trade_in_every_envelope() {
    let (trade, record) = (noted(), own(&noted()));
    let kafka = CloudEventAttributes::from_headers([
        ("ce_specversion", &b"1.0"[..]),
        ("ce_type", b"bot.deal"),
        ("content-type", b"application/json"),
    ]);
    let event = json!({"specversion": "1.0", "type": "trading.trade.closed.v1", "data": record});
    for format in [TradeFormat::default(), odd_reader()] {
        let read = |value: &Value| format.decode(value.to_string().as_bytes(), None, now()).unwrap();
        assert_eq!(stored(&read(&record)), stored(&trade));
        assert_eq!(stored(&read(&event)), stored(&trade));
    }
    let read = odd_reader().decode(record.to_string().as_bytes(), kafka, now()).unwrap();
    assert_eq!(stored(&read), stored(&trade));
}

#[test]
fn a_record_without_the_mark_is_read_as_configured_and_notes_nothing() {
    let mut record = own(&noted());
    record.as_object_mut().unwrap().remove(MARK);
    let read = TradeFormat::default().decode(record.to_string().as_bytes(), None, now()).unwrap();
    assert_eq!((read.rounded, read.ignored), (vec![], vec![]));
    record[MARK] = json!("https://example.org/trade.json");
    let read = odd_reader().decode(record.to_string().as_bytes(), None, now()).unwrap_err();
    assert!(read.detail.contains("mapped from"), "another schema is none of ours: {}", read.detail);
}

#[test]
fn the_own_form_is_checked_by_the_same_rules_and_belongs_to_its_strategy() {
    let reader = TradeFormat {
        earliest: Timestamp::parse("2020-01-01T00:00:00Z").unwrap(),
        max_bytes: 4096,
        ..odd_reader()
    };
    let entry = |field: &str| json!({"field": field, "reason": "odd"});
    for (member, value, reason, told) in [
        ("profit", json!("1,5"), RejectReason::InvalidField, "profit is \"1,5\": not a decimal"),
        ("quantity", json!("0"), RejectReason::InvalidField, "quantity is \"0\": it must be above 0"),
        ("opened_at", json!("2019-01-01T00:00:00Z"), RejectReason::InvalidField, "[intake] earliest"),
        ("closed_at", json!("2025-02-01T00:05:01Z"), RejectReason::InTheFuture, "the bot's clock"),
        ("model", json!("m".repeat(4096)), RejectReason::TooLarge, "the limit is 4096"),
        ("symbol", Value::Null, RejectReason::MissingField, "missing: symbol;"),
        (MARK, json!("tradewarden:trading.trade.closed.v9"), RejectReason::InvalidField, "closed.v9"),
        ("rounded", json!("profit"), RejectReason::InvalidField, "wanted is a list such as [\"profit\"]"),
        ("rounded", json!(["symbol"]), RejectReason::InvalidField, "rounded has \"symbol\""),
        ("rounded", json!(["fee", "fee"]), RejectReason::InvalidField, "at most once"),
        ("ignored", json!(["fee"]), RejectReason::InvalidField, "wanted is a list such as [{\"field\""),
        ("ignored", json!([entry("profit")]), RejectReason::InvalidField, "ignored has \"profit\""),
        ("ignored", json!([entry("fee"), entry("fee")]), RejectReason::InvalidField, "at most once"),
        (
            "ignored",
            json!([{"field": "fee", "reason": "x".repeat(1025)}]),
            RejectReason::InvalidField,
            "1024",
        ),
    ] {
        let mut record = own(&noted());
        record[member] = value;
        let fault = reader.decode(record.to_string().as_bytes(), None, now()).unwrap_err();
        assert_eq!(fault.reason, reason, "{}", fault.detail);
        assert!(fault.detail.contains(told), "{}", fault.detail);
        assert_eq!(fault.strategy, Some(noted().strategy), "{}", fault.detail);
    }
    let twice = own(&noted()).to_string().replacen('{', &format!("{{\"{MARK}\":\"{FORM}\","), 1);
    let fault = reader.decode(twice.as_bytes(), None, now()).unwrap_err();
    assert!(fault.detail.contains("$schema is given twice"), "{}", fault.detail);
}

#[test]
fn a_row_that_is_no_trade_is_rejected_by_every_reader_with_its_fault_and_as_of_its_strategy() {
    let found = Rejection {
        reason: RejectReason::InvalidField,
        detail: "column PnL is \"n/a\": not a decimal number".into(),
        strategy: Some("theirs".into()),
        trade_id: None,
    };
    let record = json::to_own_fault(&found, b"theirs;n/a;\xff").unwrap();
    for format in [TradeFormat::default(), odd_reader()] {
        assert_eq!(format.decode(&record, None, now()).unwrap_err(), found);
    }
    let mut odd = own(&noted());
    odd["fault"] = json!("n/a");
    let fault = odd_reader().decode(odd.to_string().as_bytes(), None, now()).unwrap_err();
    assert!(
        fault.detail.contains("fault has ") && fault.detail.contains("wanted is an object"),
        "{}",
        fault.detail
    );
    assert_eq!(fault.strategy, Some(noted().strategy));
}

#[test]
fn what_is_rounded_or_left_out_only_now_comes_after_what_was_noted() {
    let mut record = own(&noted());
    record["profit"] = json!("1e-40");
    record["fee"] = json!("1e-40");
    record["leverage"] = json!("much");
    record["exit_price"] = json!("none");
    let read = odd_reader().decode(record.to_string().as_bytes(), None, now()).unwrap();
    assert_eq!(read.rounded, ["profit", "profit_pct", "fee"]);
    let ignored: Vec<_> = read.ignored.iter().map(|ignored| ignored.field.as_str()).collect();
    assert_eq!(ignored, ["exit_price", "leverage"]);
    assert!(read.ignored[0].reason.starts_with("column exit_price"), "the first note stays");
}

#[test]
fn a_reason_is_never_longer_than_can_be_noted_again() {
    let name = "n".repeat(5000);
    let format = TradeFormat {
        mapping: FieldMapping::parse(&[format!("fee={name}")]).unwrap(),
        ..TradeFormat::default()
    };
    let mut record = trade();
    record[&name] = json!("much");
    let read = format.decode(record.to_string().as_bytes(), None, now()).unwrap();
    assert_eq!(read.ignored[0].reason.chars().count(), 1024);
    let again = odd_reader().decode(&json::to_own_form(&read).unwrap(), None, now()).unwrap();
    assert_eq!(stored(&again), stored(&read));
}

proptest! {
    #[test]
    fn any_trade_survives_any_reader(
        text in "[\\PC&&\\S]([\\PC]{0,126}[\\PC&&\\S])?",
        numbers in proptest::array::uniform4((any::<i64>(), 0_u32..28)),
        side in any::<bool>(),
        which in 0_usize..7,
    ) {
        let [profit, percent, fee, price] = numbers.map(|(digits, scale)| Decimal::new(digits, scale));
        let names = ["quantity", "entry_price", "exit_price", "profit", "profit_pct", "fee", "leverage"];
        let trade = TradeClosed {
            trade_id: text.clone(),
            strategy: text.clone(),
            symbol: text.clone(),
            side: if side { Side::Long } else { Side::Short },
            profit,
            profit_pct: percent,
            fee: Some(fee),
            exit_price: Some(price.abs()),
            leverage: None,
            currency: Some(text.clone()),
            exit_reason: Some(text.clone()),
            source_event_id: Some(text.clone()),
            rounded: vec![names[which].into()],
            ignored: vec![IgnoredField { field: "leverage".into(), reason: text }],
            ..noted()
        };
        for format in [TradeFormat::default(), odd_reader()] {
            let read = format.decode(&json::to_own_form(&trade).unwrap(), None, now());
            prop_assert_eq!(read.map(|read| stored(&read)), Ok(stored(&trade)));
        }
    }
}
