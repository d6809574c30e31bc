//! When something happened, in every form that is taken: RFC 3339, a number since 1970, or as the user says.

use std::borrow::Cow;

use chrono::{MappedLocalTime, NaiveDateTime, TimeZone as _};
use events::{Decimal, TimeError, Timestamp, decimal};

use super::notation::{Notation, Written};

/// Why a value is no moment, with the remedy.
pub(crate) type Fault = Cow<'static, str>;

const NO_TIME: &str = "not an RFC 3339 time such as 2025-01-31T12:00:00Z, nor a whole number of s, ms, µs or ns since \
    1970; say how it is written with --time-format and --time-zone ([intake] time_format, time_zone)";
const OTHER_FORM: &str = "not of the form that --time-format ([intake] time_format) says";
const NO_ZONE: &str = "the time zone is missing: end it with Z or an offset such as +07:00, or say it with --time-zone \
    ([intake] time_zone)";
const LEAP: &str = "second 60, a leap second, is no moment of its own; write 59 or the second after it";

/// The moment that a text names. A time without a zone is of the configured one, or UTC where `zone_optional`.
pub(crate) fn of_text(text: &str, notation: &Notation, zone_optional: bool) -> Result<Timestamp, Fault> {
    let text = text.trim();
    match notation.written(text) {
        Some(Written::Moment(us)) => return Ok(Timestamp::from_micros(us)),
        Some(Written::Local(local)) => return of_local(local, notation, zone_optional),
        None => {}
    }
    match Timestamp::parse(text) {
        Ok(moment) => Ok(moment),
        Err(TimeError::NoZone) => {
            let as_utc = Timestamp::parse_or_utc(text).map_err(|fault| Fault::Owned(fault.to_string()))?;
            let local = chrono::DateTime::from_timestamp_micros(as_utc.micros());
            of_local(local.ok_or(NO_TIME)?.naive_utc(), notation, zone_optional)
        }
        Err(TimeError::OutOfRange) if text.as_bytes().get(17..19) == Some(b"60") => Err(LEAP.into()),
        Err(TimeError::OutOfRange) => Err("no such day or hour".into()),
        // In a configured form digits mean a date; without one a number.
        Err(TimeError::Malformed) if notation.has_time_format() => Err(OTHER_FORM.into()),
        Err(TimeError::Malformed) => of_number(text),
    }
}

fn of_local(local: NaiveDateTime, notation: &Notation, zone_optional: bool) -> Result<Timestamp, Fault> {
    let Some(zone) = notation.zone() else {
        let utc = Timestamp::from_micros(local.and_utc().timestamp_micros());
        return if zone_optional { Ok(utc) } else { Err(NO_ZONE.into()) };
    };
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(moment) => Ok(Timestamp::from_micros(moment.timestamp_micros())),
        MappedLocalTime::Ambiguous(..) => Err(Fault::Owned(format!(
            "it comes twice in {zone}, as the clocks were put back; write it with its offset"
        ))),
        MappedLocalTime::None => {
            Err(Fault::Owned(format!("there is no such time in {zone}, as the clocks were put forward")))
        }
    }
}

/// What is below is seconds since 1970; up to 1000 times of it milliseconds, and so on.
const SECONDS: i64 = 10_000_000_000;

/// The moment of a whole number since 1970: seconds, milliseconds, microseconds or nanoseconds, by its size.
pub(crate) fn of_number(text: &str) -> Result<Timestamp, Fault> {
    let number = decimal::parse(text).map_err(|_| NO_TIME)?.normalize();
    if number.scale() > 0 {
        return Err("a time since 1970 has to be a whole number of s, ms, µs or ns".into());
    }
    let number = i64::try_from(number.mantissa()).ok().filter(|_| number.abs() <= Decimal::from(i64::MAX));
    let micros = number.and_then(|number| match number.unsigned_abs() / SECONDS.unsigned_abs() {
        0 => number.checked_mul(1_000_000),
        1..1_000 => number.checked_mul(1_000),
        1_000..1_000_000 => Some(number),
        _ => Some(number.div_euclid(1_000)),
    });
    micros.map(Timestamp::from_micros).ok_or_else(|| NO_TIME.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    fn berlin() -> Notation {
        let mut notation = Notation::default();
        notation.set_time_format("%d.%m.%Y %H:%M:%S").unwrap();
        notation.set_time_zone("Europe/Berlin").unwrap();
        notation
    }

    #[test]
    fn a_number_since_1970_is_read_by_its_size() {
        let moment = at("2025-06-14T12:18:00Z");
        for text in [
            "1749903480",
            "1749903480000",
            "1749903480000000",
            "1749903480000000000",
            "1749903480.0",
            "1.74990348e9",
        ] {
            assert_eq!(of_number(text), Ok(moment), "{text}");
            assert_eq!(of_text(text, &Notation::default(), false), Ok(moment), "{text}");
        }
        assert_eq!(of_number("1749903480123456789").unwrap().micros(), 1_749_903_480_123_456);
        assert_eq!(of_number("0").unwrap().micros(), 0);
        for text in ["1749903480.5", "1e30", "NaN", "", "-", "17499034800000000000000"] {
            assert!(of_number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_configured_form_is_read_in_its_zone_on_the_day_when_the_clocks_change_too() {
        let read = |text| of_text(text, &berlin(), true);
        assert_eq!(read("26.10.2025 01:59:59"), Ok(at("2025-10-25T23:59:59Z")));
        assert_eq!(read("26.10.2025 18:46:22"), Ok(at("2025-10-26T17:46:22Z")));
        assert!(read("26.10.2025 02:30:00").unwrap_err().contains("comes twice in Europe/Berlin"));
        assert!(read("30.03.2025 02:30:00").unwrap_err().contains("no such time in Europe/Berlin"));
        assert_eq!(read("2025-10-26T02:30:00+01:00"), Ok(at("2025-10-26T01:30:00Z")), "this needs no form");
        assert!(read("20251026023000").unwrap_err().contains("not of the form"), "digits are no number here");
    }

    #[test]
    fn a_time_without_a_zone_is_never_guessed_for_records() {
        let mut notation = Notation::default();
        assert!(of_text("2025-01-31 12:00:00", &notation, false).unwrap_err().contains("--time-zone"));
        assert_eq!(of_text("2025-01-31 12:00:00.5", &notation, true), Ok(at("2025-01-31T12:00:00.5Z")));
        notation.set_time_zone("Asia/Seoul").unwrap();
        assert_eq!(of_text("2025-01-31 12:00:00", &notation, false), Ok(at("2025-01-31T03:00:00Z")));
        assert_eq!(of_text("2025-01-31T12:00:00Z", &notation, true), Ok(at("2025-01-31T12:00:00Z")));
    }

    #[test]
    fn what_is_no_moment_is_told_with_the_remedy() {
        let told = |text| of_text(text, &Notation::default(), true).unwrap_err();
        assert!(told("26.10.2025 18:45:19").contains("--time-format"));
        assert!(told("2016-12-31T23:59:60Z").contains("leap second"));
        assert!(told("2025-02-30T00:00:00Z").contains("no such day"));
    }

    proptest! {
        #[test]
        fn any_text_is_a_moment_or_told(text in "\\PC{0,40}", digits in "[0-9]{1,25}") {
            for text in [text, digits] {
                let _ = of_text(&text, &berlin(), false);
                let _ = of_text(&text, &Notation::default(), true);
            }
        }
    }
}
