//! The section `[intake]`: how facts are read.

use events::Timestamp;
use intake::{FieldMapping, Notation, TRADE_TYPES, TradeFormat};

use super::super::{reader::Reader, settings::Raw};

/// Reads the section; CloudEvents that call themselves after the topic of trades are trades.
pub(super) fn read(reader: &mut Reader, topic: &str) -> TradeFormat {
    let default = TradeFormat::default();
    let most = u64::try_from(store::MAX_EVENT_BYTES / 2).unwrap_or(u64::MAX);
    TradeFormat {
        default_currency: reader.text("intake.default_currency"),
        max_bytes: reader
            .bytes("intake.max_record_size", 1024..=most, "1MiB")
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(default.max_bytes),
        earliest: earliest(reader).unwrap_or(default.earliest),
        trade_types: trade_types(reader, topic),
        mapping: fields(reader),
        notation: notation(reader),
        ..default
    }
}

fn earliest(reader: &mut Reader) -> Option<Timestamp> {
    reader.read(
        "intake.earliest",
        "a day such as \"2009-01-01\", or a moment such as \"2009-01-01T00:00:00Z\"",
        |raw| {
            let text = match raw {
                Raw::Typed(toml::Value::String(text)) | Raw::Text(text) => text.clone(),
                Raw::Typed(toml::Value::Datetime(moment)) => moment.to_string(),
                Raw::Typed(_) => return None,
            };
            Timestamp::parse(&text).or_else(|_| Timestamp::parse(&format!("{text}T00:00:00Z"))).ok()
        },
    )
}

fn trade_types(reader: &mut Reader, topic: &str) -> Vec<String> {
    let own =
        reader.read(
            "intake.trade_types",
            "types of CloudEvents, with commas between them",
            |raw| match raw {
                Raw::Typed(toml::Value::Array(names)) => {
                    names.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
                }
                Raw::Typed(value) => value.as_str().map(listed),
                Raw::Text(text) => Some(listed(text)),
            },
        );
    let topic = Some(topic).filter(|topic| !TRADE_TYPES.contains(topic));
    own.unwrap_or_default().into_iter().chain(topic.map(str::to_owned)).collect()
}

fn listed(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn fields(reader: &mut Reader) -> FieldMapping {
    let pairs = reader.texts("intake.fields.");
    for (ours, theirs) in &pairs {
        if let Err(fault) = FieldMapping::from_pairs([(ours.as_str(), theirs.as_str())]) {
            reader.fault(&format!("intake.fields.{ours}"), fault.to_string());
        }
    }
    FieldMapping::from_pairs(pairs.iter().map(|(a, b)| (a.as_str(), b.as_str()))).unwrap_or_default()
}

fn notation(reader: &mut Reader) -> Notation {
    let mut notation = Notation::default();
    for (key, text) in reader.texts("intake.values.") {
        // A table of its own for a field, or all its values in one text.
        let added = match key.split_once('.') {
            Some((ours, from)) => notation.add_value(ours, from, &text),
            None => notation.add_values(&format!("{key}={text}")),
        };
        if let Err(fault) = added {
            reader.fault(&format!("intake.values.{key}"), fault.to_string());
        }
    }
    if let Some(format) = reader.text("intake.time_format")
        && let Err(fault) = notation.set_time_format(&format)
    {
        reader.fault("intake.time_format", fault.to_string());
    }
    if let Some(zone) = reader.text("intake.time_zone")
        && let Err(fault) = notation.set_time_zone(&zone)
    {
        reader.fault("intake.time_zone", fault.to_string());
    }
    notation.set_decimal_comma(reader.flag("intake.decimal_comma").unwrap_or(false));
    notation
}
