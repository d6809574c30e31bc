//! JSON Schema (draft 2020-12) of every event's fields. Generated from the types, so that it cannot fall behind them.
//!
//! A schema describes every event that was ever written in its version: fields that were added later are optional,
//! and fields that it does not name are allowed.

use std::{borrow::Cow, collections::BTreeSet};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use crate::{Bytes, Event, Timestamp, payload::Type};

/// The schema of one event type.
#[derive(Clone, Debug, PartialEq)]
pub struct EventSchema {
    /// The stable name of the type.
    pub event_type: String,
    /// The version of the shape that is described.
    pub version: u16,
    /// The schema itself.
    pub schema: Value,
}

/// A decimal as text: never an exponent when we write it.
pub(crate) struct DecimalText;

/// The schemas of all event types in their newest version, in the order of their declaration.
///
/// The list is that of [`Event`]: a new type is in it by being one.
pub fn all() -> Vec<EventSchema> {
    let mut root = SchemaGenerator::default().into_root_schema_for::<Event>().to_value();
    let definitions = root["$defs"].take();
    let types = root["anyOf"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    types.iter().filter_map(|one| describe(referred(one)?, &definitions)).collect()
}

/// The schema of one type, with the definitions that it needs.
fn describe(event_type: &str, definitions: &Value) -> Option<EventSchema> {
    let version = Type::named(event_type)?.version;
    let mut schema = definitions.get(event_type)?.clone();
    let needed = reachable(&schema, definitions);
    let fields = schema.as_object_mut()?;
    fields.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    fields.insert("title".into(), json!(format!("{event_type}, version {version}")));
    if !needed.is_empty() {
        fields.insert("$defs".into(), Value::Object(needed));
    }
    keep_standard_formats(&mut schema);
    Some(EventSchema { event_type: event_type.to_owned(), version, schema })
}

/// The name of the definition that a schema refers to.
fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Every definition that a schema refers to, directly or through others.
fn reachable(schema: &Value, definitions: &Value) -> Map<String, Value> {
    let mut seen = BTreeSet::new();
    let mut found = Map::new();
    let mut open = vec![schema];
    while let Some(next) = open.pop() {
        if let Some(name) = referred(next)
            && seen.insert(name)
        {
            found.insert(name.to_owned(), definitions[name].clone());
            open.push(&definitions[name]);
        }
        match next {
            Value::Object(members) => open.extend(members.values()),
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}

/// Removes formats that only name a type of the code (`uint32`): no validator has to know them.
fn keep_standard_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let standard = ["date-time", "uuid"];
            if members.get("format").and_then(Value::as_str).is_some_and(|name| !standard.contains(&name)) {
                members.remove("format");
            }
            members.values_mut().for_each(keep_standard_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(keep_standard_formats),
        _ => {}
    }
}

impl JsonSchema for Timestamp {
    fn schema_name() -> Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 in UTC, to the microsecond."
        })
    }
}

impl JsonSchema for Bytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "contentEncoding": "base64",
            "description": "Raw bytes in base64."
        })
    }
}

impl JsonSchema for DecimalText {
    fn schema_name() -> Cow<'static, str> {
        "Decimal".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": r"^-?[0-9]+(\.[0-9]+)?$",
            "description": "A decimal as text, so that nothing rounds it."
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_says_what_it_describes_and_needs_no_other_file() {
        let all = all();
        assert!(!all.is_empty());
        for EventSchema { event_type, version, schema } in all {
            assert_eq!(schema["title"], format!("{event_type}, version {version}"));
            assert!(schema["description"].as_str().is_some_and(|text| !text.is_empty()), "{event_type}");
            let needed = reachable(&schema, &schema["$defs"]);
            assert!(needed.values().all(Value::is_object), "{event_type} refers to what it does not define");
            assert_eq!(needed.len(), schema["$defs"].as_object().map_or(0, Map::len), "{event_type}");
        }
    }

    #[test]
    fn only_formats_that_validators_know_are_kept() {
        let mut schema = json!({"a": {"format": "uint32"}, "b": [{"format": "uuid"}]});
        keep_standard_formats(&mut schema);
        assert_eq!(schema, json!({"a": {}, "b": [{"format": "uuid"}]}));
    }
}
