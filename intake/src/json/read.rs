//! A record's bytes to a trade: plain JSON, CloudEvents in structured or binary mode.
//!
//! The record is read once; numbers stay text until they are decimals, as a float would round them.

use std::{borrow::Cow, time::Duration};

use events::{RejectReason, Timestamp, TradeClosed};

use crate::{
    CloudEventAttributes, Field, FieldMapping, Notation, Rejection,
    checks::{self, Rules},
    fields::Value,
    notation,
    record::Record,
    rejection::shortened,
};

/// The types of CloudEvents that are closed trades without being configured; capital letters or not.
pub const TRADE_TYPES: [&str; 5] =
    ["trading.trade.closed.v1", "trading.trade.closed", "trade.closed", "trade_closed", "TradeClosed"];

/// 2009-01-01T00:00:00Z: no market that bots trade on is much older, and a wrong unit lies long before.
const EARLIEST: Timestamp = Timestamp::from_micros(1_230_768_000_000_000);

/// How records of closed trades are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeFormat {
    /// The user's names for our fields.
    pub mapping: FieldMapping,
    /// How the user's values are written.
    pub notation: Notation,
    /// The types of CloudEvents that are closed trades, beside [`TRADE_TYPES`].
    pub trade_types: Vec<String>,
    /// Taken where neither the record nor the symbol names a currency; nothing: it is unknown then.
    pub default_currency: Option<String>,
    /// Larger records are refused.
    pub max_bytes: usize,
    /// No trade may be opened or closed before this moment.
    pub earliest: Timestamp,
    /// How far ahead of our clock a close may lie; nothing: any (`rehearse`, `import`, `demo`).
    pub future_tolerance: Option<Duration>,
}

impl Default for TradeFormat {
    fn default() -> Self {
        Self {
            mapping: FieldMapping::default(),
            notation: Notation::default(),
            trade_types: Vec::new(),
            earliest: EARLIEST,
            default_currency: None,
            max_bytes: 1 << 20,
            future_tolerance: Some(Duration::from_secs(300)),
        }
    }
}

impl TradeFormat {
    /// Reads a record.
    ///
    /// `cloud_event` are the attributes of binary mode, where the record has them; `now` is our clock.
    ///
    /// # Errors
    /// When the record is no closed trade: field, value and remedy, and whose it is where that can be read.
    pub fn decode(
        &self,
        value: &[u8],
        cloud_event: Option<CloudEventAttributes<'_>>,
        now: Timestamp,
    ) -> Result<TradeClosed, Rejection> {
        let text = self.text_of(value).map_err(|fault| self.salvage(fault, value))?;
        self.decode_text(text, cloud_event, now)
    }

    fn decode_text(
        &self,
        text: &str,
        cloud_event: Option<CloudEventAttributes<'_>>,
        now: Timestamp,
    ) -> Result<TradeClosed, Rejection> {
        let mut record = Record::with_constants(&self.mapping);
        match record.read(text) {
            Ok(()) => self.judge(&mut record, cloud_event, now),
            // With its NaN quoted the record can be read, and the field that holds it is refused by name.
            Err(fault) => match quote_bare_words(text) {
                Some(quoted) => self.decode_text(&quoted, cloud_event, now),
                None => Err(checks::name_owner(fault, &record.slots)),
            },
        }
    }

    /// Tells plain JSON, structured and binary mode apart and checks the trade.
    fn judge<'a>(
        &'a self,
        record: &mut Record<'a>,
        cloud_event: Option<CloudEventAttributes<'a>>,
        now: Timestamp,
    ) -> Result<TradeClosed, Rejection> {
        if record.envelope.spec_version.is_some() {
            return self.judge_structured(record, now);
        }
        if let Some(attributes) = cloud_event {
            self.check_type(attributes.event_type)?;
            attributes.check().map_err(|fault| checks::name_owner(fault, &record.slots))?;
            if let Some(id) = attributes.id {
                record.slots.offer(Field::EventId, Value::Text(Cow::Borrowed(id)));
            }
        }
        self.check(record, now)
    }

    fn judge_structured(&self, envelope: &mut Record<'_>, now: Timestamp) -> Result<TradeClosed, Rejection> {
        match &envelope.envelope.event_type {
            // In CloudEvents null is the same as not set.
            None | Some(Value::Null) => {}
            Some(Value::Text(kind)) => self.check_type(Some(kind))?,
            Some(kind) => {
                let remedy = "publish it with a type that is a text, such as \"trading.trade.closed.v1\"";
                return Err(other_type(&kind.shown(), remedy));
            }
        }
        let data = envelope.envelope.data().map_err(|fault| self.name_by_data(fault, envelope))?;
        let mut record = Record::with_constants(&self.mapping);
        let read = opened(&data).and_then(|data| record.read(data));
        if let Some(id) = envelope.envelope.id.take() {
            record.slots.offer(Field::EventId, id);
        }
        read.map_err(|fault| checks::name_owner(fault, &record.slots))?;
        self.check(&record, now)
    }

    /// Whether a CloudEvent of a type, where it has one, is a closed trade.
    fn check_type(&self, kind: Option<&str>) -> Result<(), Rejection> {
        let Some(kind) = kind.filter(|kind| !kind.is_empty()) else { return Ok(()) };
        let mut types = self.trade_types.iter().map(String::as_str).chain(TRADE_TYPES);
        if types.any(|known| known.eq_ignore_ascii_case(kind)) {
            return Ok(());
        }
        Err(other_type(&format!("\"{}\"", shortened(kind)), "name it in [intake] trade_types"))
    }

    /// Checks a record; one of our own form by our notation and with what it notes, but by the same rules.
    pub(crate) fn check(&self, record: &Record<'_>, now: Timestamp) -> Result<TradeClosed, Rejection> {
        let label = |field| record.label(field);
        let rules = self.rules(now, false, &label);
        let Some(form) = record.marks.form() else { return checks::trade(&record.slots, &rules) };
        let named = |fault| checks::name_owner(fault, &record.slots);
        record.marks.check(form).map_err(named)?;
        let rules = Rules { default_currency: None, notation: &notation::PLAIN, ..rules };
        let mut trade = checks::trade(&record.slots, &rules)?;
        record.marks.note(&mut trade).map_err(named)?;
        Ok(trade)
    }

    pub(crate) fn rules<'r>(
        &'r self,
        now: Timestamp,
        zone_optional: bool,
        label: &'r dyn Fn(Field) -> String,
    ) -> Rules<'r> {
        let ahead = self.future_tolerance.map(|ahead| i64::try_from(ahead.as_micros()).unwrap_or(i64::MAX));
        let latest_close = ahead.map(|us| now.plus_micros(us));
        let default_currency = self.default_currency.as_deref();
        let (notation, earliest) = (&self.notation, self.earliest);
        Rules { default_currency, notation, earliest, latest_close, zone_optional, label }
    }

    /// The text of an object, or why the bytes are none.
    pub(crate) fn text_of<'v>(&self, value: &'v [u8]) -> Result<&'v str, Rejection> {
        let value = unmarked(value);
        if value.is_empty() {
            return Err(Rejection::new(
                RejectReason::Empty,
                "the record has no value; publish one JSON object",
            ));
        }
        if value.len() > self.max_bytes {
            let detail = format!(
                "the record has {} bytes, the limit is {}; leave out what is not about the trade, or raise the limit",
                value.len(),
                self.max_bytes
            );
            return Err(Rejection::new(RejectReason::TooLarge, detail));
        }
        if let [0, a, b, c, d, ..] = *value {
            let detail = format!(
                "the record starts with the prefix of a schema registry (schema {}); publish plain JSON, without the \
                 registry's serializer",
                u32::from_be_bytes([a, b, c, d])
            );
            return Err(Rejection::new(RejectReason::SchemaRegistry, detail));
        }
        let text = std::str::from_utf8(value).map_err(|fault| {
            let detail = format!("byte {} is not UTF-8; publish the record as UTF-8", fault.valid_up_to());
            Rejection::new(RejectReason::NotUtf8, detail)
        })?;
        opened(text)
    }

    /// Reads whose record it is from bytes that are otherwise refused.
    #[cold]
    fn salvage(&self, fault: Rejection, value: &[u8]) -> Rejection {
        let value = unmarked(value);
        let bytes = if fault.reason == RejectReason::SchemaRegistry { &value[5..] } else { value };
        let readable = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let mut record = Record::with_constants(&self.mapping);
        // What was read before a fault counts; the fault itself is known already.
        let _ = record.read(readable);
        self.name_by_data(fault, &record)
    }

    /// Names whose record it is: by its data where it is a CloudEvent, however broken.
    #[cold]
    fn name_by_data(&self, fault: Rejection, record: &Record<'_>) -> Rejection {
        match record.envelope.spec_version.as_ref().and_then(|_| record.envelope.any_data()) {
            Some(data) => {
                let mut record = Record::with_constants(&self.mapping);
                let _ = record.read(&data);
                checks::name_owner(fault, &record.slots)
            }
            None => checks::name_owner(fault, &record.slots),
        }
    }
}

#[cold]
fn other_type(shown: &str, remedy: &str) -> Rejection {
    let detail =
        format!("the CloudEvent's type is {shown}, which is no closed trade; if it is one, {remedy}");
    Rejection::new(RejectReason::OtherType, detail)
}

/// The bytes without the byte order mark that some writers put first.
pub(crate) fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(bytes)
}

/// The text of a JSON object, without the white space around it.
fn opened(text: &str) -> Result<&str, Rejection> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let (reason, found) = match text.as_bytes() {
        [b'{', ..] => return Ok(text),
        [] | b"null" => (RejectReason::Empty, "nothing"),
        [b'[', rest @ ..] if rest.trim_ascii() == b"]" => (RejectReason::Empty, "an empty list"),
        [b'[', ..] => (RejectReason::Malformed, "a list"),
        _ => (RejectReason::Malformed, "no JSON object"),
    };
    let detail = format!("the record holds {found}; publish one JSON object a record, starting with {{");
    Err(Rejection::new(reason, detail))
}

/// Words that some writers put where JSON knows only numbers.
const BARE_WORDS: [&str; 4] = ["-Infinity", "Infinity", "-NaN", "NaN"];

/// The text with NaN and Infinity in quotes; nothing where there are none outside of texts.
#[cold]
pub(crate) fn quote_bare_words(text: &str) -> Option<String> {
    let (mut quoted, mut copied, mut at) = (String::new(), 0, 0);
    let mut in_text = false;
    while let Some(byte) = text.as_bytes().get(at) {
        let word = BARE_WORDS
            .into_iter()
            .find(|word| !in_text && text.as_bytes()[at..].starts_with(word.as_bytes()));
        if let Some(word) = word {
            quoted.extend([&text[copied..at], "\"", word, "\""]);
            at += word.len();
            copied = at;
            continue;
        }
        match byte {
            b'"' => in_text = !in_text,
            b'\\' if in_text => at += 1,
            _ => {}
        }
        at += 1;
    }
    quoted.push_str(&text[copied..]);
    (copied > 0).then_some(quoted)
}
