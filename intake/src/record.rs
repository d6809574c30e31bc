//! One pass over a JSON object: what it gives for our fields, and what belongs to a CloudEvent around it.

use std::{borrow::Cow, fmt};

use events::RejectReason;
use serde::de::{self, Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{
    Field, FieldMapping, Rejection,
    cloud_event::Envelope,
    fields::{Slots, Value},
    mapping::{self, JOINT, Target},
    own::Marks,
    rejection::shortened,
};

/// What was read of an object, also when it broke off.
#[derive(Debug)]
pub(crate) struct Record<'a> {
    pub slots: Slots<'a>,
    pub envelope: Envelope<'a>,
    pub marks: Marks<'a>,
    mapping: &'a FieldMapping,
    twice: Option<Field>,
    parts: Vec<(Field, usize, Value<'a>)>,
}

impl<'a> Record<'a> {
    /// A record that so far holds what the mapping sets for every record.
    pub(crate) fn with_constants(mapping: &'a FieldMapping) -> Self {
        let mut slots = Slots::default();
        for (field, text) in mapping.constants() {
            slots.offer(field, Value::Text(Cow::Borrowed(text)));
        }
        Self {
            slots,
            envelope: Envelope::default(),
            marks: Marks::default(),
            mapping,
            twice: None,
            parts: Vec::new(),
        }
    }

    /// Reads an object; what stood before a fault is kept.
    pub(crate) fn read(&mut self, text: &'a str) -> Result<(), Rejection> {
        let read = self.read_by_names(text);
        if self.marks.form().is_none() || self.mapping.is_plain() {
            return read;
        }
        // The user's names and constants are none of our own form.
        *self = Self::with_constants(&mapping::PLAIN);
        self.read_by_names(text)
    }

    fn read_by_names(&mut self, text: &'a str) -> Result<(), Rejection> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = reader.deserialize_map(&mut *self).and_then(|()| reader.end());
        self.join();
        read.map_err(|fault| match self.twice {
            Some(field) => twice(&self.mapping.label(field)),
            None => malformed(&fault),
        })
    }

    /// A field's name as the record's user knows it.
    pub(crate) fn label(&self, field: Field) -> String {
        self.mapping.label(field)
    }

    fn take(&mut self, name: &str, raw: &'a str) -> bool {
        if self.mapping.is_plain() {
            return match Field::named(name) {
                Some(field) => self.offer(field, value_of(raw)),
                None => self.offer_envelope(name, raw),
            };
        }
        let mapping = self.mapping;
        for Target { field, rest, part } in mapping.targets(name) {
            let Some(raw) = rest.map_or(Some(raw), |path| member_at(raw, path)) else { continue };
            let first = match part {
                None => self.offer(field, value_of(raw)),
                Some(part) => self.offer_part(field, part, value_of(raw)),
            };
            if !first {
                return false;
            }
        }
        self.offer_envelope(name, raw)
    }

    fn offer_part(&mut self, field: Field, part: usize, value: Value<'a>) -> bool {
        let known = self.parts.iter().any(|(known, at, _)| (*known, *at) == (field, part));
        self.parts.push((field, part, value));
        if known {
            self.twice = Some(field);
        }
        !known
    }

    /// Gives the fields that are joined of several names; one that lacks a part stays without a value.
    fn join(&mut self) {
        for (field, count) in self.mapping.joined() {
            let part = |at| self.parts.iter().find(|(known, part, _)| (*known, *part) == (field, at));
            let texts = (0..count).map(|at| part(at).and_then(|(_, _, value)| value.text()));
            if let Some(texts) = texts.collect::<Option<Vec<_>>>() {
                let joined = Value::Text(Cow::Owned(texts.join(JOINT)));
                self.slots.offer(field, joined);
            }
        }
    }

    fn offer(&mut self, field: Field, value: Value<'a>) -> bool {
        let first = self.slots.offer(field, value);
        if !first {
            self.twice = Some(field);
        }
        first
    }

    fn offer_envelope(&mut self, name: &str, raw: &'a str) -> bool {
        self.envelope.offer(name, raw, value_of);
        self.marks.offer(name, raw, value_of);
        true
    }
}

impl<'de> Visitor<'de> for &mut Record<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let raw: &'de RawValue = map.next_value()?;
            if !self.take(&name, raw.get()) {
                return Err(de::Error::custom("twice"));
            }
        }
        Ok(())
    }
}

#[cold]
fn twice(label: &str) -> Rejection {
    let detail = format!("{label} is given twice; publish every field once");
    Rejection::new(RejectReason::Malformed, detail)
}

#[cold]
fn malformed(fault: &serde_json::Error) -> Rejection {
    let detail = format!("not a JSON object: {}; publish valid JSON", shortened(&fault.to_string()));
    Rejection::new(RejectReason::Malformed, detail)
}

/// A value as it stands in the text.
fn value_of(raw: &str) -> Value<'_> {
    match raw.as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => {
            Value::Text(Cow::Borrowed(&raw[1..raw.len() - 1]))
        }
        [b'"', ..] => match serde_json::from_str(raw) {
            Ok(text) => Value::Text(Cow::Owned(text)),
            Err(_) => Value::Other("a text with a broken escape"),
        },
        [b'{', ..] => Value::Other("an object"),
        [b'[', ..] => Value::Other("a list"),
        [b'n', ..] => Value::Null,
        [b't', ..] => Value::Bool(true),
        [b'f', ..] => Value::Bool(false),
        _ => Value::Number(raw),
    }
}

/// The member that a path with dots leads to.
fn member_at<'a>(raw: &'a str, path: &str) -> Option<&'a str> {
    let (head, rest) = path.split_once('.').map_or((path, None), |(head, rest)| (head, Some(rest)));
    let member = serde_json::Deserializer::from_str(raw).deserialize_map(Member(head)).ok()??;
    rest.map_or(Some(member), |rest| member_at(member, rest))
}

struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut found = None;
        while let Some(Name(name)) = map.next_key()? {
            if name == self.0 {
                found = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> de::Deserialize<'de> for Name<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
