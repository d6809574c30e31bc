//! The JSON Schema of the fact `trading.trade.closed.v1`, as the bot publishes it.
//!
//! Written by hand, as the intake reads more forms than a type can say. A record that is valid here is taken in,
//! unless it breaks one of the rules that a schema cannot state; `description` names them.

use intake::Field;
use serde_json::{Map, Value, json};

/// Name of the fact, and of its topic.
pub const NAME: &str = "trading.trade.closed.v1";

const DESCRIPTION: &str = "A closed trade, as the bot reports it. Beyond this schema: numbers of at most 28 digits before \
    the point, more of them behind it are rounded to 28 significant digits and 28 places; closed_at not before \
    opened_at and not more than five minutes ahead; profit_pct and profit_ratio agree where both are given; every name \
    once in a record; the same trade_id of a strategy always with the same content; no control characters in \
    names; nothing before 2009 unless [intake] earliest says so. Unknown fields are ignored; an optional field that is \
    no such value is left out, and the trade counts. With the member $schema = \"tradewarden:trading.trade.closed.v1\" \
    names and notation are ours whatever the reader's configuration says, and the lists rounded and ignored are kept.";

/// A decimal in any form that is read: sign, point and exponent.
const DECIMAL: &str = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$";
/// The same without a minus, save before zeros.
const NOT_NEGATIVE: &str = r"^(\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)|-(0+(\.0*)?|\.0+))([eE][+-]?[0-9]+)?$";
/// The same with a digit that is not 0, and no minus.
const POSITIVE: &str = r"^\+?([0-9]*[1-9][0-9]*(\.[0-9]*)?|[0-9]*\.[0-9]*[1-9][0-9]*)([eE][+-]?[0-9]+)?$";

/// The schema.
pub fn schema() -> Value {
    let properties: Map<String, Value> =
        Field::ALL.into_iter().map(|field| (field.name().to_owned(), property(field))).collect();
    let required: Vec<_> =
        Field::ALL.into_iter().filter(|field| field.is_required()).map(Field::name).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": NAME,
        "description": DESCRIPTION,
        "type": "object",
        "required": required,
        "anyOf": [{"required": ["profit_pct"]}, {"required": ["profit_ratio"]}],
        "properties": properties,
    })
}

/// What a field may be; an optional one may also be null.
fn property(field: Field) -> Value {
    let mut schema = value(field);
    schema["description"] = json!(meaning(field));
    if !field.is_required() {
        let forms = schema["anyOf"].as_array_mut().map(std::mem::take).unwrap_or_default();
        schema["anyOf"] = forms.into_iter().chain([json!({"type": "null"})]).collect();
    }
    schema
}

fn value(field: Field) -> Value {
    match field {
        Field::TradeId => {
            json!({"anyOf": [{"type": "string", "minLength": 1, "maxLength": 128}, {"type": "number"}]})
        }
        Field::Strategy | Field::Symbol => json!({"type": "string", "minLength": 1, "maxLength": 128}),
        Field::Side => {
            json!({"type": "string", "pattern": "^([Ll][Oo][Nn][Gg]|[Ss][Hh][Oo][Rr][Tt])$", "examples": ["long", "short"]})
        }
        Field::Quantity | Field::EntryPrice => positive(),
        Field::ExitPrice => {
            json!({"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": NOT_NEGATIVE}]})
        }
        Field::Profit | Field::ProfitPct | Field::ProfitRatio | Field::Fee | Field::Leverage => decimal(),
        Field::OpenedAt | Field::ClosedAt => json!({"anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "string", "pattern": "^[0-9]{10,19}$"},
            {"type": "integer", "minimum": 1_230_768_000, "maximum": i64::MAX},
        ]}),
        Field::Currency => text(128),
        Field::ExitReason | Field::Model | Field::Account | Field::EventId => text(1024),
    }
}

fn positive() -> Value {
    json!({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": POSITIVE}]})
}

fn decimal() -> Value {
    json!({"anyOf": [{"type": "number"}, {"type": "string", "pattern": DECIMAL}]})
}

fn text(longest: u32) -> Value {
    json!({"anyOf": [{"type": "string", "maxLength": longest}, {"type": "number"}]})
}

const fn meaning(field: Field) -> &'static str {
    match field {
        Field::TradeId => "Unique within the strategy. Blanks around names are cut off.",
        Field::Strategy => "Who traded; also the record's key.",
        Field::Symbol => "What was traded.",
        Field::Side => "long or short; other words are mapped in [intake.values].",
        Field::Quantity => "In base units, above 0.",
        Field::EntryPrice => "In quote currency, above 0.",
        Field::ExitPrice => "In quote currency, not below 0; some bots do not know it.",
        Field::Profit => "Net of fees, in quote currency. It decides about win and loss.",
        Field::ProfitPct => {
            "Net profit in percent of the capital put in: 2.5 means 2.5 %. Or give profit_ratio."
        }
        Field::ProfitRatio => "The same as a ratio: 0.025 means 2.5 %. One of the two is needed.",
        Field::OpenedAt => {
            "RFC 3339 with a zone, or a whole number of s, ms, µs or ns since 1970, told apart by its size."
        }
        Field::ClosedAt => "As opened_at, and not before it.",
        Field::Currency => {
            "Of profit and fee; without it the quote part of the symbol, else the configured default if one is set, else unknown."
        }
        Field::Fee => "Fees paid, already taken off profit.",
        Field::Leverage => "As reported.",
        Field::ExitReason => "As reported.",
        Field::Model => "The model that predicted the trade.",
        Field::Account => "As reported.",
        Field::EventId => "The bot's own id of the report; kept as source_event_id.",
    }
}
