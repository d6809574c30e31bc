//! Moments, as whole microseconds since 1970-01-01T00:00:00Z. This module reads no clock.
//!
//! Text is RFC 3339 and always UTC when written. Reading accepts any offset, `T` or a space between date and
//! time, and any number of fraction digits; what is finer than a microsecond is cut off.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const US_PER_SECOND: i64 = 1_000_000;
const US_PER_DAY: i64 = 86_400 * US_PER_SECOND;

/// A moment in UTC with a resolution of one microsecond.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A calendar day in UTC, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(i32);

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not of the form `2025-01-31T12:00:00Z`.
    #[error("not an RFC 3339 time such as 2025-01-31T12:00:00Z")]
    Malformed,
    /// The form is right, the day or the hour does not exist.
    #[error("no such day or hour")]
    OutOfRange,
    /// Date and time without `Z` or an offset.
    #[error("the time zone is missing: end it with Z or an offset such as +07:00")]
    NoZone,
}

impl Timestamp {
    /// The moment this many microseconds after 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_micros(us: i64) -> Self {
        Self(us)
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The UTC day that this moment lies in.
    #[must_use]
    pub fn day(self) -> Day {
        Day(i32::try_from(self.0.div_euclid(US_PER_DAY)).unwrap_or(i32::MAX))
    }

    /// This moment moved by a number of microseconds, held at the ends of the range.
    #[must_use]
    pub const fn plus_micros(self, us: i64) -> Self {
        Self(self.0.saturating_add(us))
    }

    /// This moment moved by whole seconds, held at the ends of the range.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_micros(seconds.saturating_mul(US_PER_SECOND))
    }

    /// This moment moved by whole days of 24 hours, held at the ends of the range.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_micros(days.saturating_mul(US_PER_DAY))
    }

    /// Reads RFC 3339 with a zone.
    ///
    /// # Errors
    /// When the form is wrong, the moment does not exist, or the zone is missing.
    pub fn parse(text: &str) -> Result<Self, TimeError> {
        let (local, rest) = parse_local(text)?;
        if rest.is_empty() {
            return Err(TimeError::NoZone);
        }
        Ok(Self(local - parse_offset(rest)?))
    }

    /// Reads RFC 3339, taking a time without a zone as UTC (as freqtrade writes it).
    ///
    /// # Errors
    /// When the form is wrong or the moment does not exist.
    pub fn parse_or_utc(text: &str) -> Result<Self, TimeError> {
        let (local, rest) = parse_local(text)?;
        Ok(Self(local - if rest.is_empty() { 0 } else { parse_offset(rest)? }))
    }
}

impl Day {
    /// Days since 1970-01-01.
    #[must_use]
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The day this many days after 1970-01-01.
    #[must_use]
    pub const fn from_number(days: i32) -> Self {
        Self(days)
    }

    /// The first moment of the day.
    #[must_use]
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * US_PER_DAY)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0u8; TEXT_LEN];
        match write_text(self.0, &mut text) {
            Some(len) => f.write_str(std::str::from_utf8(&text[..len]).map_err(|_| fmt::Error)?),
            // Years beyond four digits have no RFC 3339 form; they only occur as bounds.
            None => write!(f, "{}us", self.0),
        }
    }
}

impl std::str::FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        Self::parse(text)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serializer.serialize_i64(self.0);
        }
        let mut text = [0u8; TEXT_LEN];
        let len = write_text(self.0, &mut text)
            .ok_or_else(|| serde::ser::Error::custom("the year is outside 0000-9999"))?;
        serializer.serialize_str(std::str::from_utf8(&text[..len]).map_err(serde::ser::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                Timestamp::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

const TEXT_LEN: usize = 27;

/// Writes `YYYY-MM-DDTHH:MM:SS[.ffffff]Z` and answers its length; hot, so no formatting machinery.
fn write_text(us: i64, out: &mut [u8; TEXT_LEN]) -> Option<usize> {
    let (year, month, day) = civil_from_days(us.div_euclid(US_PER_DAY));
    if !(0..=9999).contains(&year) {
        return None;
    }
    let in_day = us.rem_euclid(US_PER_DAY);
    let (seconds, fraction) = (in_day / US_PER_SECOND, in_day % US_PER_SECOND);
    put_digits(&mut out[0..4], year);
    out[4] = b'-';
    put_digits(&mut out[5..7], month);
    out[7] = b'-';
    put_digits(&mut out[8..10], day);
    out[10] = b'T';
    put_digits(&mut out[11..13], seconds / 3600);
    out[13] = b':';
    put_digits(&mut out[14..16], seconds / 60 % 60);
    out[16] = b':';
    put_digits(&mut out[17..19], seconds % 60);
    if fraction == 0 {
        out[19] = b'Z';
        return Some(20);
    }
    out[19] = b'.';
    put_digits(&mut out[20..26], fraction);
    out[26] = b'Z';
    Some(27)
}

fn put_digits(out: &mut [u8], mut value: i64) {
    for byte in out.iter_mut().rev() {
        *byte = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Days since 1970-01-01 to a proleptic Gregorian date (Howard Hinnant's `civil_from_days`).
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, doy - (153 * mp + 2) / 5 + 1)
}

/// The inverse of [`civil_from_days`] (Howard Hinnant's `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

fn number(bytes: &[u8]) -> Result<i64, TimeError> {
    let mut value = 0;
    for byte in bytes {
        if !byte.is_ascii_digit() {
            return Err(TimeError::Malformed);
        }
        value = value * 10 + i64::from(byte - b'0');
    }
    Ok(value)
}

/// Reads date, time and fraction; answers local microseconds and what follows them.
fn parse_local(text: &str) -> Result<(i64, &str), TimeError> {
    let b = text.as_bytes();
    if b.len() < 19 || b[4] != b'-' || b[7] != b'-' || b[13] != b':' || b[16] != b':' {
        return Err(TimeError::Malformed);
    }
    if !matches!(b[10], b'T' | b't' | b' ') {
        return Err(TimeError::Malformed);
    }
    let year = number(&b[0..4])?;
    let month = number(&b[5..7])?;
    let day = number(&b[8..10])?;
    let hour = number(&b[11..13])?;
    let minute = number(&b[14..16])?;
    let second = number(&b[17..19])?;
    let days = days_from_civil(year, month, day);
    if civil_from_days(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return Err(TimeError::OutOfRange);
    }
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second;
    let (fraction, digits) = parse_fraction(&b[19..])?;
    let rest = text.get(19 + digits..).ok_or(TimeError::Malformed)?;
    Ok((seconds * US_PER_SECOND + fraction, rest))
}

/// Reads `.123456`; answers microseconds and how many bytes it took.
fn parse_fraction(b: &[u8]) -> Result<(i64, usize), TimeError> {
    if b.first() != Some(&b'.') {
        return Ok((0, 0));
    }
    let digits = b[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Err(TimeError::Malformed);
    }
    let kept = number(&b[1..=digits.min(6)])?;
    let scale = 10_i64.pow(6 - digits.min(6) as u32);
    Ok((kept * scale, digits + 1))
}

/// Reads `Z` or `±hh:mm`; answers microseconds east of UTC.
fn parse_offset(text: &str) -> Result<i64, TimeError> {
    let b = text.as_bytes();
    if matches!(b, [b'Z' | b'z']) {
        return Ok(0);
    }
    let [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] = b else {
        return Err(TimeError::Malformed);
    };
    let (hours, minutes) = (number(hours)?, number(&[*m1, *m2])?);
    if b.len() != 6 || hours > 23 || minutes > 59 {
        return Err(TimeError::OutOfRange);
    }
    let us = (hours * 3600 + minutes * 60) * US_PER_SECOND;
    Ok(if *sign == b'-' { -us } else { us })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn micros(text: &str) -> i64 {
        Timestamp::parse(text).unwrap().micros()
    }

    #[test]
    fn zones_fractions_and_spaces_are_understood() {
        assert_eq!(micros("1970-01-01T00:00:00Z"), 0);
        assert_eq!(micros("1970-01-01T07:00:00+07:00"), 0);
        assert_eq!(micros("1969-12-31 19:00:00.5-05:00"), 500_000);
        assert_eq!(micros("1970-01-01T00:00:00.1234567Z"), 123_456);
        assert_eq!(Timestamp::parse_or_utc("1970-01-01 00:00:01").unwrap().micros(), 1_000_000);
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        assert_eq!(Timestamp::parse("2025-01-01T00:00:00"), Err(TimeError::NoZone));
        assert_eq!(Timestamp::parse("2025-02-29T00:00:00Z"), Err(TimeError::OutOfRange));
        assert_eq!(Timestamp::parse("2025-01-01T24:00:00Z"), Err(TimeError::OutOfRange));
        for text in ["", "yesterday", "2025-01-01", "2025-01-01T00:00:00.Z", "2025-01-01T00:00:00+7:00é"] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn days_print_as_dates() {
        assert_eq!(Timestamp::parse("2024-02-29T23:59:59.999999Z").unwrap().day().to_string(), "2024-02-29");
        assert_eq!(Day::from_number(0).start().to_string(), "1970-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn text_and_micros_agree_with_chrono(us in -62_135_596_800_000_000_i64..253_402_300_800_000_000) {
            let ours = Timestamp::from_micros(us).to_string();
            let theirs = chrono::DateTime::parse_from_rfc3339(&ours).unwrap();
            prop_assert_eq!(theirs.timestamp_micros(), us);
            prop_assert_eq!(micros(&ours), us);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _ = Timestamp::parse(&text);
            let _ = Timestamp::parse_or_utc(&text);
        }

        #[test]
        fn nearly_right_text_is_read_or_refused(text in "[0-9T:. +Z-]{15,35}") {
            if let (Ok(ours), Ok(theirs)) = (Timestamp::parse(&text), chrono::DateTime::parse_from_rfc3339(&text)) {
                prop_assert_eq!(ours.micros(), theirs.timestamp_micros());
            }
        }
    }
}
