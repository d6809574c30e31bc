//! Given a record, when it is decoded, then this trade or this refusal.

use events::{Decimal, RejectReason, Side, Timestamp, TradeClosed, decimal};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CloudEventAttributes, FieldMapping, Rejection, TradeFormat};

pub(super) fn now() -> Timestamp {
    Timestamp::parse("2025-02-01T00:00:00Z").unwrap()
}

pub(super) fn trade() -> Value {
    json!({
        "trade_id": "1", "strategy": "rsi", "symbol": "BTC/USDT", "side": "long", "quantity": "0.5",
        "entry_price": "100", "profit": "-1.5", "profit_pct": "-3",
        "opened_at": "2025-01-31T12:00:00Z", "closed_at": "2025-01-31T13:00:00Z"
    })
}

pub(super) fn with(field: &str, value: Value) -> Value {
    let mut record = trade();
    record[field] = value;
    record
}

pub(super) fn decode(record: &Value) -> Result<TradeClosed, Rejection> {
    decode_text(&record.to_string())
}

pub(super) fn decode_text(text: &str) -> Result<TradeClosed, Rejection> {
    TradeFormat::default().decode(text.as_bytes(), None, now())
}

pub(super) fn refused(record: &Value) -> (RejectReason, String) {
    let fault = decode(record).unwrap_err();
    assert_eq!(
        fault.strategy.is_some(),
        record["strategy"].as_str().is_some_and(|s| (1..=128).contains(&s.len()))
    );
    (fault.reason, fault.detail)
}

pub(super) fn dec(text: &str) -> Decimal {
    decimal::parse(text).unwrap()
}

#[test]
fn a_record_with_the_required_fields_is_a_trade() {
    let read = decode(&trade()).unwrap();
    assert_eq!((read.trade_id.as_str(), read.strategy.as_str(), read.side), ("1", "rsi", Side::Long));
    assert_eq!((read.quantity, read.profit, read.profit_pct), (dec("0.5"), dec("-1.5"), dec("-3")));
    assert_eq!((read.currency.as_deref(), read.exit_price, read.exit_reason), (Some("USDT"), None, None));
    assert_eq!((read.rounded, read.ignored), (vec![], vec![]));
}

#[test]
fn optional_fields_are_kept_and_null_is_none() {
    let mut record = trade();
    for (field, value) in [
        ("exit_price", json!(99.5)),
        ("fee", json!("0.01")),
        ("leverage", json!(3)),
        ("currency", json!("EUR")),
        ("exit_reason", json!("stop \"loss\" \u{1F600}")),
        ("account", Value::Null),
        ("event_id", json!("e-7")),
        ("comment", json!({"unknown": ["fields", "are", "ignored"]})),
    ] {
        record[field] = value;
    }
    let read = decode(&record).unwrap();
    assert_eq!(
        (read.exit_price, read.fee, read.leverage),
        (Some(dec("99.5")), Some(dec("0.01")), Some(dec("3")))
    );
    assert_eq!(read.exit_reason.as_deref(), Some("stop \"loss\" \u{1F600}"));
    assert_eq!((read.model, read.account, read.currency.as_deref()), (None, None, Some("EUR")));
    assert_eq!(read.ignored, [], "what is null was not given");
    assert_eq!(read.source_event_id.as_deref(), Some("e-7"));
}

#[test]
fn decimals_come_as_text_or_number_with_exponents_and_are_exact() {
    let long = "1234567890.123456789012345678";
    for (text, value) in [("1.5e-3", "0.0015"), ("-0", "0"), ("2E2", "200"), (long, long), ("-0.0", "0")] {
        let number = trade().to_string().replace("\"-1.5\"", text);
        let quoted = trade().to_string().replace("-1.5", text);
        assert_eq!(decode_text(&number).unwrap().profit, dec(value), "{text}");
        assert_eq!(decode_text(&quoted).unwrap().profit, dec(value), "{text}");
    }
    let (reason, detail) = refused(&with("profit", json!("1e40")));
    assert_eq!(reason, RejectReason::InvalidField);
    assert!(detail.starts_with("profit is \"1e40\": larger than can be kept"), "{detail}");
}

#[test]
fn a_trade_id_is_the_same_as_text_and_as_number() {
    for (id, text) in [("7", "7"), ("\"7\"", "7"), ("7.0", "7"), ("-3", "-3"), ("7e0", "7")] {
        let record = trade().to_string().replace("\"trade_id\":\"1\"", &format!("\"trade_id\":{id}"));
        assert_eq!(decode_text(&record).unwrap().trade_id, text, "{id}");
    }
    let long = "123456789012345678901234567890123456789";
    let record = trade().to_string().replace("\"trade_id\":\"1\"", &format!("\"trade_id\":{long}"));
    assert_eq!(decode_text(&record).unwrap().trade_id, long);
}

#[test]
fn texts_have_1_to_128_characters() {
    for field in ["trade_id", "strategy", "symbol"] {
        assert!(decode(&with(field, json!("é".repeat(128)))).is_ok(), "{field}");
        for bad in [json!(""), json!("é".repeat(129)), json!(["x"]), json!(true), json!(" \t")] {
            let fault = decode(&with(field, bad)).unwrap_err();
            assert_eq!(fault.reason, RejectReason::InvalidField);
            assert!(fault.detail.contains("1 to 128 characters"), "{}", fault.detail);
        }
    }
}

#[test]
fn a_missing_field_is_named_and_so_is_every_other_that_is_missing() {
    let mut record = trade();
    record["profit"] = Value::Null;
    record.as_object_mut().unwrap().remove("side");
    let (reason, detail) = refused(&record);
    assert_eq!(reason, RejectReason::MissingField);
    assert!(detail.starts_with("missing: side, profit;"), "{detail}");
    record.as_object_mut().unwrap().remove("profit_pct");
    let (_, detail) = refused(&record);
    assert!(detail.contains("profit_pct (in percent) or profit_ratio (as a ratio);"), "{detail}");
}

#[test]
fn a_value_outside_its_range_is_refused_with_field_value_and_remedy() {
    for (field, value, told) in [
        ("quantity", json!("-1"), "quantity is \"-1\": it must be above 0"),
        ("quantity", json!(0), "quantity is 0: it must be above 0"),
        ("entry_price", json!("0.0"), "it must be above 0"),
        ("profit", json!("NaN"), "profit is \"NaN\": not a decimal number"),
        ("profit_pct", json!({}), "profit_pct is an object: it must be a decimal"),
        ("side", json!("buy"), "side is \"buy\": it must be long or short; where other words stand for them"),
        ("side", json!("buy"), "--values side=Buy:long,Sell:short or [intake.values]"),
        ("profit", json!("1,5"), "--decimal-comma"),
        ("profit", json!("\u{2013}1.5"), "a dash that is no minus"),
        ("opened_at", json!(1738324800.5), "has to be a whole number of s, ms"),
        ("opened_at", json!(true), "opened_at is true: it must be a text such as"),
        ("opened_at", json!("2025-01-31T12:00:00"), "the time zone is missing"),
        ("opened_at", json!("0000-01-01T00:00:00+01:00"), "outside 0000-9999"),
        (
            "opened_at",
            json!("2008-12-31T23:59:59Z"),
            "nothing before 2009-01-01T00:00:00Z ([intake] earliest)",
        ),
        ("opened_at", json!(1738324), "it is 1970-01-21T02:52:04Z, and nothing before"),
        ("closed_at", json!("2025-02-30T12:00:00Z"), "no such day or hour"),
    ] {
        let (reason, detail) = refused(&with(field, value));
        assert_eq!(reason, RejectReason::InvalidField, "{detail}");
        assert!(detail.contains(told), "{detail}");
    }
}

#[test]
fn a_trade_closed_before_it_was_opened_is_refused_but_not_one_closed_at_once() {
    assert!(decode(&with("closed_at", json!("2025-01-31T13:00:00+01:00"))).is_ok());
    let (reason, detail) = refused(&with("closed_at", json!("2025-01-31T11:59:59.999999Z")));
    assert_eq!(reason, RejectReason::InvalidField);
    assert!(detail.contains("it is before opened_at, 2025-01-31T12:00:00Z"), "{detail}");
}

#[test]
fn a_close_more_than_five_minutes_ahead_is_refused_unless_any_time_is_allowed() {
    assert!(decode(&with("closed_at", json!("2025-02-01T00:05:00Z"))).is_ok());
    let ahead = with("closed_at", json!("2025-02-01T00:05:00.000001Z"));
    let (reason, detail) = refused(&ahead);
    assert_eq!(reason, RejectReason::InTheFuture);
    assert!(detail.contains("nothing after 2025-02-01T00:05:00Z is taken"), "{detail}");
    let format = TradeFormat { future_tolerance: None, ..TradeFormat::default() };
    assert!(format.decode(ahead.to_string().as_bytes(), None, now()).is_ok());
}

#[test]
fn without_currency_the_symbol_names_it_else_the_configuration() {
    assert_eq!(decode(&with("symbol", json!("ETH/BTC"))).unwrap().currency.as_deref(), Some("BTC"));
    assert_eq!(decode(&with("symbol", json!("NESN"))).unwrap().currency, None, "never guessed");
    let format = TradeFormat { default_currency: Some("CHF".into()), ..TradeFormat::default() };
    let record = with("symbol", json!("NESN")).to_string();
    assert_eq!(format.decode(record.as_bytes(), None, now()).unwrap().currency.as_deref(), Some("CHF"));
}

#[test]
fn bytes_that_are_no_object_are_refused_by_what_they_are() {
    for (bytes, reason, told) in [
        (&b""[..], RejectReason::Empty, "no value"),
        (b"  ", RejectReason::Empty, "nothing"),
        (b"null", RejectReason::Empty, "nothing"),
        (b" [ ] ", RejectReason::Empty, "an empty list"),
        (b"[{}]", RejectReason::Malformed, "a list"),
        (b"\"text\"", RejectReason::Malformed, "no JSON object"),
        (b"{\"trade_id\":", RejectReason::Malformed, "EOF"),
        (b"{} {}", RejectReason::Malformed, "trailing"),
        (b"{\"a\":1\xff}", RejectReason::NotUtf8, "byte 6 is not UTF-8"),
        (b"\0\0\0\0\x07{}", RejectReason::SchemaRegistry, "schema 7"),
    ] {
        let fault = TradeFormat::default().decode(bytes, None, now()).unwrap_err();
        assert_eq!(fault.reason, reason, "{}", fault.detail);
        assert!(fault.detail.contains(told), "{}", fault.detail);
    }
}

#[test]
fn a_record_over_the_limit_is_refused_and_one_at_it_is_not() {
    let record = trade().to_string();
    let format = |max_bytes| TradeFormat { max_bytes, ..TradeFormat::default() };
    assert!(format(record.len()).decode(record.as_bytes(), None, now()).is_ok());
    let fault = format(record.len() - 1).decode(record.as_bytes(), None, now()).unwrap_err();
    assert_eq!((fault.reason, fault.strategy.as_deref()), (RejectReason::TooLarge, Some("rsi")));
}

#[test]
fn the_owner_is_read_from_what_stands_before_or_beside_the_fault() {
    let whole = trade().to_string();
    let owner = |bytes: &[u8]| {
        let fault = TradeFormat::default().decode(bytes, None, now()).unwrap_err();
        (fault.strategy, fault.trade_id)
    };
    let both = (Some("rsi".to_owned()), Some("1".to_owned()));
    let start = format!("{{\"trade_id\":1,\"strategy\":\"rsi\",{}", &whole[1..]);
    assert_eq!(owner(&start.as_bytes()[..40]), both, "cut off");
    assert_eq!(owner(start.as_bytes()), both, "a field twice");
    assert_eq!(owner(&[&start.as_bytes()[..40], b"\xff"].concat()), both, "broken UTF-8");
    assert_eq!(owner(&[b"\0\0\0\0\x01", whole.as_bytes()].concat()), both, "schema registry");
    let event = json!({"specversion": "1.0", "data": with("side", json!("up"))}).to_string();
    assert_eq!(owner(event.as_bytes()), both, "in a CloudEvent");
    let marked = ["\u{FEFF}".as_bytes(), &start.as_bytes()[..40]].concat();
    assert_eq!(owner(&marked), both, "behind a byte order mark");
}

#[test]
fn a_field_given_twice_is_refused_and_an_unknown_one_is_not() {
    let twice = |member: &str| decode_text(&format!("{{{member},{member},{}", &trade().to_string()[1..]));
    let fault = twice("\"fee\":1").unwrap_err();
    assert_eq!((fault.reason, fault.detail.contains("fee is given twice")), (RejectReason::Malformed, true));
    assert!(twice("\"fee\":null").is_err());
    assert!(twice("\"comment\":1").is_ok());
}

#[test]
fn nan_where_a_number_should_be_names_the_field_and_the_owner() {
    for word in ["NaN", "-Infinity", "Infinity"] {
        let record = trade().to_string().replace("\"-1.5\"", word);
        let fault = decode_text(&record).unwrap_err();
        assert_eq!((fault.reason, fault.strategy.as_deref()), (RejectReason::InvalidField, Some("rsi")));
        assert!(fault.detail.contains(&format!("profit is \"{word}\"")), "{}", fault.detail);
    }
    let beside = format!("{{\"note\":\"a \\\" NaN\",\"sharpe\":NaN,{}", &trade().to_string()[1..]);
    assert!(decode_text(&beside).is_ok(), "NaN in a field that is not ours decides nothing");
}

#[test]
fn cloud_events_in_structured_mode_carry_the_trade_as_data() {
    use base64::Engine as _;
    let coded = base64::engine::general_purpose::STANDARD.encode(trade().to_string());
    for (name, data) in [("data", trade()), ("data_base64", json!(coded))] {
        let event =
            json!({"specversion": "1.0", "id": "ce-1", "type": "tradeclosed", "source": "bot", name: data});
        let read = decode(&event).unwrap();
        assert_eq!(read, TradeClosed { source_event_id: Some("ce-1".into()), ..decode(&trade()).unwrap() });
    }
    let own = json!({"specversion": "1.0", "id": "ce-1", "data": with("event_id", json!("own"))});
    assert_eq!(decode(&own).unwrap().source_event_id.as_deref(), Some("own"));
}

#[test]
fn cloud_events_that_cannot_be_understood_say_why() {
    for (event, reason, told) in [
        (json!({"specversion": "1.0"}), RejectReason::MissingField, "has no data"),
        (json!({"specversion": "0.3", "data": trade()}), RejectReason::InvalidField, "specversion"),
        (json!({"specversion": "1.0", "data": "text"}), RejectReason::Malformed, "no JSON object"),
        (json!({"specversion": "1.0", "data": []}), RejectReason::Empty, "an empty list"),
        (json!({"specversion": "1.0", "data_base64": "%"}), RejectReason::Malformed, "base64"),
        (
            json!({"specversion": "1.0", "datacontenttype": "application/avro", "data": trade()}),
            RejectReason::Malformed,
            "application/avro",
        ),
    ] {
        let fault = decode(&event).unwrap_err();
        assert_eq!(fault.reason, reason, "{}", fault.detail);
        assert!(fault.detail.contains(told), "{}", fault.detail);
    }
}

#[test]
fn data_in_both_forms_is_refused_and_belongs_to_the_strategy_in_it() {
    let event = json!({"specversion": "1.0", "data": trade(), "data_base64": "e30="});
    let (reason, detail) = decode(&event).map_err(|fault| (fault.reason, fault.detail)).unwrap_err();
    assert_eq!(reason, RejectReason::Malformed);
    assert!(detail.contains("data and data_base64 must not both be there"), "{detail}");
    assert_eq!(decode(&event).unwrap_err().strategy.as_deref(), Some("rsi"));
    assert!(decode(&json!({"specversion": "1.0", "data": trade(), "data_base64": null})).is_ok());
}

#[test]
fn a_cloud_event_of_another_type_is_no_trade_and_reduces_nobody() {
    let event = |kind: &str| json!({"specversion": "1.0", "type": kind, "data": trade()});
    for kind in ["something.else", "trading.trade.opened.v1"] {
        let fault = decode(&event(kind)).unwrap_err();
        assert_eq!((fault.reason, fault.reason.reduces()), (RejectReason::OtherType, false));
        assert!(
            fault.detail.contains(kind) && fault.detail.contains("[intake] trade_types"),
            "{}",
            fault.detail
        );
    }
    let format = TradeFormat { trade_types: vec!["something.else".into()], ..TradeFormat::default() };
    assert!(format.decode(event("something.else").to_string().as_bytes(), None, now()).is_ok());
    for kind in ["", "trading.trade.closed.v1", "TradeClosed"] {
        assert!(decode(&event(kind)).is_ok(), "{kind}");
    }
    let mut plain = event("something.else");
    plain.as_object_mut().unwrap().remove("specversion");
    assert_eq!(
        decode(&plain).unwrap_err().reason,
        RejectReason::MissingField,
        "a plain record has no envelope"
    );
}

#[test]
fn a_type_that_is_no_text_is_another_type_and_null_is_none() {
    let event = |kind: Value| json!({"specversion": "1.0", "type": kind, "data": trade()});
    for (kind, shown) in [
        (json!(7), "7"),
        (json!({}), "an object"),
        (json!(["trade.closed"]), "a list"),
        (json!(true), "true"),
    ] {
        let fault = decode(&event(kind)).unwrap_err();
        assert_eq!((fault.reason, fault.reason.reduces()), (RejectReason::OtherType, false));
        assert!(fault.detail.contains(&format!("type is {shown}, which")), "{}", fault.detail);
    }
    assert!(decode(&event(Value::Null)).is_ok(), "in CloudEvents null means that it is not set");
    let headers: [(&str, &[u8]); 2] = [("ce_specversion", b"1.0"), ("ce_type", b"trade.closed\xff")];
    let attributes = CloudEventAttributes::from_headers(headers);
    let fault = TradeFormat::default().decode(trade().to_string().as_bytes(), attributes, now()).unwrap_err();
    assert_eq!(fault.reason, RejectReason::OtherType);
}

#[test]
fn a_member_of_an_envelope_given_twice_is_refused_and_in_a_plain_record_it_is_not_ours() {
    let twice =
        format!(r#"{{"specversion":"1.0","data":{},"data":{}}}"#, trade(), with("profit", json!("9")));
    assert!(decode_text(&twice).unwrap_err().detail.contains("data is given twice"));
    let plain = format!(r#"{{"data":1,"data":2,{}"#, &trade().to_string()[1..]);
    assert!(decode_text(&plain).is_ok());
}

#[test]
fn cloud_events_in_binary_mode_carry_the_trade_as_value() {
    let attributes = CloudEventAttributes {
        spec_version: "1.0",
        id: Some("ce-2"),
        event_type: None,
        content_type: Some("application/json"),
    };
    let read =
        TradeFormat::default().decode(trade().to_string().as_bytes(), Some(attributes), now()).unwrap();
    assert_eq!(read.source_event_id.as_deref(), Some("ce-2"));
    let other = CloudEventAttributes { event_type: Some("something.else"), ..attributes };
    let fault =
        TradeFormat::default().decode(trade().to_string().as_bytes(), Some(other), now()).unwrap_err();
    assert_eq!(fault.reason, RejectReason::OtherType);
    let avro = CloudEventAttributes { content_type: Some("application/avro"), ..attributes };
    let fault = TradeFormat::default().decode(trade().to_string().as_bytes(), Some(avro), now()).unwrap_err();
    assert_eq!((fault.reason, fault.strategy.as_deref()), (RejectReason::Malformed, Some("rsi")));
}

#[test]
fn the_users_names_paths_and_constants_stand_for_ours() {
    let mapping = FieldMapping::parse(&["strategy==mine", "profit=result.net", "symbol=pair"]).unwrap();
    let format = TradeFormat { mapping, ..TradeFormat::default() };
    let mut record = trade();
    record["pair"] = json!("ETH/EUR");
    record["result"] = json!({"gross": 9, "net": 7.25});
    let read = format.decode(record.to_string().as_bytes(), None, now()).unwrap();
    assert_eq!((read.strategy.as_str(), read.symbol.as_str(), read.profit), ("mine", "ETH/EUR", dec("7.25")));
    record["result"] = json!({"net": []});
    let fault = format.decode(record.to_string().as_bytes(), None, now()).unwrap_err();
    assert!(fault.detail.starts_with("profit (mapped from result.net) is a list"), "{}", fault.detail);
    record["result"] = json!(5);
    let fault = format.decode(record.to_string().as_bytes(), None, now()).unwrap_err();
    assert!(fault.detail.contains("missing: profit (mapped from result.net)"), "{}", fault.detail);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let fault = TradeFormat::default().decode(&bytes, None, now()).unwrap_err();
        prop_assert!(!fault.detail.is_empty() && fault.detail.len() < 600);
    }

    #[test]
    fn a_trade_with_any_byte_changed_is_read_or_refused(at in 0_usize..220, byte in any::<u8>()) {
        let mut bytes = trade().to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Err(fault) = TradeFormat::default().decode(&bytes, None, now()) {
            prop_assert!(!fault.detail.is_empty());
        }
    }

    #[test]
    fn any_value_in_any_field_is_read_or_refused_by_name(which in 0_usize..super::Field::ALL.len(), value in "\\PC{0,40}") {
        let field = super::Field::ALL[which];
        match decode(&with(field.name(), json!(value))) {
            // What is taken has a stored form.
            Ok(read) => prop_assert!(events::Event::TradeClosed(read).to_json().is_ok()),
            Err(fault) => prop_assert!(fault.detail.contains(field.name()), "{}", fault.detail),
        }
    }
}
