//! How a user's values are written: words that stand for ours, the form of times and numbers.

use std::{borrow::Cow, str::FromStr};

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono_tz::Tz;
use events::decimal;

use super::{
    Field,
    fields::{Slots, Value},
    rejection::nearest,
};

/// How values are written where not as ours are. It holds for rows and records alike.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notation {
    values: Vec<(Field, String, String)>,
    time_format: Option<String>,
    time_zone: Option<Tz>,
    decimal_comma: bool,
}

/// Every value as ours are written.
pub(crate) static PLAIN: Notation =
    Notation { values: Vec::new(), time_format: None, time_zone: None, decimal_comma: false };

/// Why a notation cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotationError {
    /// Not of the form `field=theirs:ours,…`.
    #[error("values \"{0}\": wanted is field=theirs:ours,theirs:ours, such as side=Buy:long,Sell:short")]
    Malformed(String),
    /// No field of ours has that name.
    #[error("values of {ours}: there is no such field{}", .near.map(|near| format!(", did you mean {near}?")).unwrap_or_default())]
    UnknownField {
        /// The name that was given.
        ours: String,
        /// The known name nearest to it.
        near: Option<&'static str>,
    },
    /// A value of theirs stands for two of ours.
    #[error("values of {field}: \"{theirs}\" is there twice; keep one of the two")]
    Twice {
        /// The field.
        field: &'static str,
        /// The value.
        theirs: String,
    },
    /// A side that is none.
    #[error(
        "values of side: \"{0}\" is neither long nor short; wanted is theirs:ours, such as Buy:long,Sell:short"
    )]
    NoSide(String),
    /// Not a form in which a moment can be written.
    #[error(
        "time format \"{0}\": it has to hold date, hour and minute in the signs of strftime, such as \"%d.%m.%Y %H:%M:%S\""
    )]
    TimeFormat(String),
    /// No such time zone.
    #[error("there is no time zone {zone}{}; wanted is a name such as Europe/Berlin or UTC",
        .near.map(|near| format!(", did you mean {near}?")).unwrap_or_default())]
    TimeZone {
        /// The name that was given.
        zone: String,
        /// The known name nearest to it.
        near: Option<&'static str>,
    },
}

impl Notation {
    /// Adds values as written on a command line: `side=Buy:long,Sell:short`.
    ///
    /// # Errors
    /// See [`NotationError`].
    pub fn add_values(&mut self, text: &str) -> Result<(), NotationError> {
        let malformed = || NotationError::Malformed(text.to_owned());
        let (ours, pairs) = text.split_once('=').ok_or_else(malformed)?;
        for pair in pairs.split(',') {
            let (from, to) = pair.rsplit_once(':').ok_or_else(malformed)?;
            self.add_value(ours, from, to)?;
        }
        Ok(())
    }

    /// Lets a value of theirs stand for one of ours.
    ///
    /// # Errors
    /// See [`NotationError`].
    pub fn add_value(&mut self, ours: &str, from: &str, to: &str) -> Result<(), NotationError> {
        let (ours, from, to) = (ours.trim(), from.trim(), to.trim());
        let field = Field::named(ours).ok_or_else(|| NotationError::UnknownField {
            ours: ours.to_owned(),
            near: nearest(ours, Field::ALL.map(Field::name)),
        })?;
        if from.is_empty() || to.is_empty() {
            return Err(NotationError::Malformed(format!("{ours}={from}:{to}")));
        }
        if field == Field::Side && !["long", "short"].iter().any(|side| to.eq_ignore_ascii_case(side)) {
            return Err(NotationError::NoSide(to.to_owned()));
        }
        if self.values.iter().any(|(known, theirs, _)| *known == field && theirs == from) {
            return Err(NotationError::Twice { field: field.name(), theirs: from.to_owned() });
        }
        self.values.push((field, from.to_owned(), to.to_owned()));
        Ok(())
    }

    /// Times are written in this form, in the signs of strftime.
    ///
    /// # Errors
    /// When no moment can be read from it.
    pub fn set_time_format(&mut self, format: &str) -> Result<(), NotationError> {
        // A moment whose parts are all different, with no second: a form may leave it out.
        let example = chrono::DateTime::from_timestamp(1_767_139_080, 0).unwrap_or_default().fixed_offset();
        let good = StrftimeItems::new(format).all(|item| !matches!(item, Item::Error)) && {
            let written = example.format(format).to_string();
            read_in(format, &written).is_some_and(|read| match read {
                Written::Moment(us) => us == example.timestamp_micros(),
                Written::Local(local) => local == example.naive_utc(),
            })
        };
        if !good {
            return Err(NotationError::TimeFormat(format.to_owned()));
        }
        self.time_format = Some(format.to_owned());
        Ok(())
    }

    /// Times without a zone are of this one, by its name.
    ///
    /// # Errors
    /// When there is no such zone.
    pub fn set_time_zone(&mut self, zone: &str) -> Result<(), NotationError> {
        let known =
            chrono_tz::TZ_VARIANTS.iter().find(|known| known.name().eq_ignore_ascii_case(zone.trim()));
        let near = || nearest(zone, chrono_tz::TZ_VARIANTS.iter().map(|known| known.name()));
        let found = known.copied().or_else(|| Tz::from_str(zone.trim()).ok());
        self.time_zone =
            Some(found.ok_or_else(|| NotationError::TimeZone { zone: zone.to_owned(), near: near() })?);
        Ok(())
    }

    /// Whether numbers in texts have a comma before their decimal places.
    pub fn set_decimal_comma(&mut self, comma: bool) {
        self.decimal_comma = comma;
    }

    /// The same values with ours in the place of theirs; nothing where none is to be replaced.
    pub(crate) fn translated<'a>(&self, slots: &Slots<'a>) -> Option<Slots<'a>> {
        let mut translated: Option<Slots<'a>> = None;
        for (field, from, to) in &self.values {
            if slots.get(*field).is_some_and(|value| is_written(value, from)) {
                let slots = translated.get_or_insert_with(|| slots.clone());
                slots.set(*field, Value::Text(Cow::Owned(to.clone())));
            }
        }
        translated
    }

    pub(crate) fn zone(&self) -> Option<Tz> {
        self.time_zone
    }

    /// The moment that a text of the configured form names; nothing without one, or in another form.
    pub(crate) fn written(&self, text: &str) -> Option<Written> {
        read_in(self.time_format.as_deref()?, text)
    }

    pub(crate) fn has_time_format(&self) -> bool {
        self.time_format.is_some()
    }

    /// A number as we write it, or what is odd about it.
    pub(crate) fn plain_number<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, &'static str> {
        let mut plain = Cow::Borrowed(text);
        if let Some(digits) = text.strip_prefix('\u{2212}') {
            plain = Cow::Owned(format!("-{digits}"));
        }
        if !self.decimal_comma {
            return Ok(plain);
        }
        if plain.contains('.') {
            return Err("it has a point, and numbers are said to have a decimal comma (decimal_comma)");
        }
        if plain.matches(',').count() == 1 {
            plain = Cow::Owned(plain.replace(',', "."));
        }
        Ok(plain)
    }
}

/// What a formatted time says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// With its offset: microseconds since 1970.
    Moment(i64),
    /// Without.
    Local(chrono::NaiveDateTime),
}

fn read_in(format: &str, text: &str) -> Option<Written> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, StrftimeItems::new(format)).ok()?;
    match parsed.to_datetime() {
        Ok(moment) => Some(Written::Moment(moment.timestamp_micros())),
        Err(_) => parsed.to_naive_datetime_with_offset(0).ok().map(Written::Local),
    }
}

/// Whether a value is what a user wrote for it; numbers by their value, so that 1.0 is 1.
fn is_written(value: &Value<'_>, theirs: &str) -> bool {
    let same_number = |text: &str| {
        let (a, b) = (decimal::parse(text), decimal::parse(theirs));
        a.is_ok() && a == b
    };
    match value {
        Value::Text(text) => text.trim() == theirs || same_number(text.trim()),
        Value::Number(text) => *text == theirs || same_number(text),
        Value::Bool(flag) => flag.to_string().eq_ignore_ascii_case(theirs),
        Value::Null | Value::Other(_) => false,
    }
}

/// What is odd about a text that is no number, as far as a remedy is known.
pub(crate) fn odd_number(text: &str) -> Option<&'static str> {
    if text.contains(['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2014}', '\u{FE63}', '\u{FF0D}']) {
        return Some(
            "not a decimal number: it has a dash that is no minus; write - before a negative number",
        );
    }
    if text.contains(',') {
        return Some(
            "not a decimal number: it has a comma; where that stands before the decimal places say so with \
             --decimal-comma or [intake] decimal_comma = true, else write it without",
        );
    }
    text.ends_with('%').then_some("not a decimal number: write it without the percent sign")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(fault: &NotationError) -> String {
        fault.to_string()
    }

    #[test]
    fn values_are_replaced_as_texts_numbers_and_flags() {
        let mut notation = Notation::default();
        notation.add_values("side=Buy:long,Sell:short").unwrap();
        notation.add_values("side=1:long,-1:short,true:short").unwrap();
        notation.add_value("account", "a:b", "main").unwrap();
        for (value, side) in [
            (Value::Text("Sell".into()), "short"),
            (Value::Text(" Buy ".into()), "long"),
            (Value::Text("-1.0".into()), "short"),
            (Value::Number("1"), "long"),
            (Value::Bool(true), "short"),
        ] {
            let mut slots = Slots::default();
            slots.set(Field::Side, value);
            let translated = notation.translated(&slots).unwrap();
            assert_eq!(translated.get(Field::Side), Some(&Value::Text(side.into())));
        }
        let mut slots = Slots::default();
        slots.set(Field::Side, Value::Text("long".into()));
        assert!(notation.translated(&slots).is_none(), "what is ours already stays");
        assert_eq!(notation.values.last().unwrap().1, "a:b");
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        let add = |text: &str| told(&Notation::default().add_values(text).unwrap_err());
        assert!(add("side").contains("wanted is field=theirs:ours"));
        assert!(add("side=Buy").contains("wanted is field=theirs:ours"));
        assert!(add("side=:long").contains("wanted is field=theirs:ours"));
        assert!(add("sied=Buy:long").contains("did you mean side?"));
        assert!(add("side=Buy:up").contains("neither long nor short"));
        assert!(add("side=Buy:long,Buy:short").contains("\"Buy\" is there twice"));
    }

    #[test]
    fn a_form_of_times_has_to_give_a_moment() {
        for format in
            ["%d.%m.%Y %H:%M:%S", "%m/%d/%y %I:%M %p", "%Y%m%d%H%M%S", "%d %b %Y %H:%M %z", "%s", "%F %T%.f"]
        {
            assert_eq!(Notation::default().set_time_format(format), Ok(()), "{format}");
        }
        for format in ["", "%d.%m.%Y", "%H:%M", "%d.%m %H:%M", "%Q", "yyyy-MM-dd", "%"] {
            assert!(Notation::default().set_time_format(format).is_err(), "{format}");
        }
    }

    #[test]
    fn a_zone_is_found_by_its_name() {
        let mut notation = Notation::default();
        notation.set_time_zone("europe/berlin").unwrap();
        assert_eq!(notation.zone(), Some(chrono_tz::Europe::Berlin));
        assert!(
            told(&notation.set_time_zone("Europe/Berlim").unwrap_err())
                .contains("did you mean Europe/Berlin?")
        );
    }

    #[test]
    fn a_decimal_comma_leaves_no_place_for_a_point() {
        let mut notation = Notation::default();
        assert_eq!(notation.plain_number("1,5").unwrap(), "1,5");
        assert_eq!(notation.plain_number("\u{2212}1.5").unwrap(), "-1.5");
        notation.set_decimal_comma(true);
        assert_eq!(notation.plain_number("\u{2212}100,00").unwrap(), "-100.00");
        assert_eq!(notation.plain_number("7").unwrap(), "7");
        assert!(notation.plain_number("1.234").is_err() && notation.plain_number("1.234,5").is_err());
        assert_eq!(notation.plain_number("1,234,5").unwrap(), "1,234,5", "which is no number");
    }

    proptest! {
        #[test]
        fn any_notation_is_taken_or_refused(text in "\\PC{0,40}", other in "\\PC{0,40}") {
            let mut notation = Notation::default();
            let _ = notation.add_values(&text);
            let _ = notation.add_values(&format!("side={text}:long,{other}:short"));
            let _ = notation.set_time_zone(&text);
            if notation.set_time_format(&text).is_ok() {
                let _ = notation.written(&other);
            }
            notation.set_decimal_comma(true);
            let _ = notation.plain_number(&other);
        }
    }
}
