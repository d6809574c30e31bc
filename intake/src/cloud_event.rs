//! CloudEvents around a trade: the attributes of binary mode, and the envelope of structured mode.

use base64::Engine as _;
use std::borrow::Cow;

use events::RejectReason;

use super::{Rejection, fields::Value, rejection::shortened};

/// The attributes of a CloudEvent in binary mode: from the record's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloudEventAttributes<'a> {
    /// `ce_specversion`.
    pub spec_version: &'a str,
    /// `ce_id`: kept as the trade's `source_event_id` unless the trade has its own.
    pub id: Option<&'a str>,
    /// `ce_type`: what it tells of.
    pub event_type: Option<&'a str>,
    /// `content-type`: of the value.
    pub content_type: Option<&'a str>,
}

impl<'a> CloudEventAttributes<'a> {
    /// Reads headers (`ce_…` of Kafka, `ce-…` of HTTP); nothing without a `specversion`: then it is no binary mode.
    pub fn from_headers(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Option<Self> {
        let (mut spec_version, mut id, mut event_type, mut content_type) = (None, None, None, None);
        for (name, value) in headers {
            let text = std::str::from_utf8(value).ok();
            let slot = match name {
                "ce_specversion" | "ce-specversion" => &mut spec_version,
                "ce_id" | "ce-id" => &mut id,
                "ce_type" | "ce-type" => {
                    // One that is no text was set, and is none that is known.
                    event_type = text.or(Some("\u{FFFD}"));
                    continue;
                }
                _ if name.eq_ignore_ascii_case("content-type") => &mut content_type,
                _ => continue,
            };
            *slot = text;
        }
        spec_version.map(|spec_version| Self { spec_version, id, event_type, content_type })
    }

    /// Whether the value can be understood.
    pub(crate) fn check(&self) -> Result<(), Rejection> {
        check_version(self.spec_version)?;
        self.content_type.map_or(Ok(()), check_content_type)
    }
}

/// The parts of structured mode that a trade needs.
#[derive(Debug, Default)]
pub(crate) struct Envelope<'a> {
    pub spec_version: Option<Value<'a>>,
    pub id: Option<Value<'a>>,
    pub event_type: Option<Value<'a>>,
    content_type: Option<Value<'a>>,
    data: Option<&'a str>,
    data_base64: Option<Value<'a>>,
    twice: Option<&'static str>,
}

impl<'a> Envelope<'a> {
    /// Keeps a member that belongs to the envelope; whether one came twice only matters if this is an envelope.
    pub(crate) fn offer(&mut self, name: &str, raw: &'a str, value: impl FnOnce(&'a str) -> Value<'a>) {
        let (slot, name) = match name {
            "data" => {
                self.twice = self.data.replace(raw).and(Some("data")).or(self.twice);
                return;
            }
            "specversion" => (&mut self.spec_version, "specversion"),
            "id" => (&mut self.id, "id"),
            "type" => (&mut self.event_type, "type"),
            "datacontenttype" => (&mut self.content_type, "datacontenttype"),
            "data_base64" => (&mut self.data_base64, "data_base64"),
            _ => return,
        };
        self.twice = slot.replace(value(raw)).and(Some(name)).or(self.twice);
    }

    /// The JSON text of the data, whether plain or base64.
    pub(crate) fn data(&self) -> Result<Cow<'a, str>, Rejection> {
        match &self.spec_version {
            Some(Value::Text(version)) => check_version(version)?,
            _ => check_version("")?,
        }
        if let Some(Value::Text(content_type)) = &self.content_type {
            check_content_type(content_type)?;
        }
        if let Some(name) = self.twice {
            let detail = format!("{name} is given twice; publish every member once");
            return Err(Rejection::new(RejectReason::Malformed, detail));
        }
        match (self.data, &self.data_base64) {
            (Some(_), Some(coded)) if *coded != Value::Null => Err(Rejection::new(
                RejectReason::Malformed,
                "data and data_base64 must not both be there, as they may tell of different trades; publish one of them",
            )),
            (Some(data), _) => Ok(Cow::Borrowed(data)),
            (None, Some(Value::Text(coded))) => decode_base64(coded).map(Cow::Owned),
            _ => Err(Rejection::new(
                RejectReason::MissingField,
                "the CloudEvent has no data; put the trade's fields there",
            )),
        }
    }

    /// The data as far as it can be read, whatever is wrong with the rest.
    pub(crate) fn any_data(&self) -> Option<Cow<'a, str>> {
        match (self.data, &self.data_base64) {
            (Some(data), _) => Some(Cow::Borrowed(data)),
            (None, Some(Value::Text(coded))) => decode_base64(coded).ok().map(Cow::Owned),
            _ => None,
        }
    }
}

fn check_version(version: &str) -> Result<(), Rejection> {
    if version == "1" || version.starts_with("1.") {
        return Ok(());
    }
    let detail = format!(
        "specversion is \"{}\": only CloudEvents 1.0 is understood; publish with specversion \"1.0\"",
        shortened(version)
    );
    Err(Rejection::new(RejectReason::InvalidField, detail))
}

fn check_content_type(content_type: &str) -> Result<(), Rejection> {
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media.ends_with("/json") || media.ends_with("+json") {
        return Ok(());
    }
    let detail = format!(
        "the CloudEvent's data is \"{}\": only JSON is understood; publish it as application/json",
        shortened(content_type)
    );
    Err(Rejection::new(RejectReason::Malformed, detail))
}

fn decode_base64(coded: &str) -> Result<String, Rejection> {
    let told = "data_base64 does not hold the base64 of a JSON text; publish the trade's fields as data";
    let bytes = base64::engine::general_purpose::STANDARD.decode(coded);
    let text = bytes.ok().and_then(|bytes| String::from_utf8(bytes).ok());
    text.ok_or_else(|| Rejection::new(RejectReason::Malformed, told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers<'a>(pairs: &[(&'a str, &'a str)]) -> Option<CloudEventAttributes<'a>> {
        CloudEventAttributes::from_headers(pairs.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn headers_without_a_specversion_are_no_binary_mode() {
        assert_eq!(headers(&[("content-type", "application/json"), ("ce_id", "7")]), None);
        let read = headers(&[("ce_specversion", "1.0"), ("ce_id", "7"), ("Content-Type", "text/json")]);
        let expected = CloudEventAttributes {
            spec_version: "1.0",
            id: Some("7"),
            event_type: None,
            content_type: Some("text/json"),
        };
        assert_eq!(read, Some(expected));
    }

    #[test]
    fn only_json_of_version_1_is_understood() {
        let check =
            |version, kind| headers(&[("ce_specversion", version), ("content-type", kind)]).unwrap().check();
        assert_eq!(check("1.0", "application/json; charset=utf-8"), Ok(()));
        assert_eq!(check("1.0", "application/vnd.bot.trade+json"), Ok(()));
        assert!(check("1.0", "application/avro").unwrap_err().detail.contains("application/avro"));
        assert!(check("0.3", "application/json").unwrap_err().detail.contains("0.3"));
    }
}
