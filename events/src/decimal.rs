//! Money, prices and percents: exact decimals, never rounded without being told.
//!
//! On the wire they are text. A number with more than 28 significant digits, or more than 28 decimal places, is
//! refused rather than rounded.

pub use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::str::FromStr;

/// Why a text is no decimal of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a number at all; NaN and infinities belong here.
    #[error("not a decimal number")]
    Malformed,
    /// More digits than can be kept without rounding.
    #[error("more than 28 significant digits or decimal places cannot be kept exactly")]
    TooManyDigits,
}

/// Reads a decimal: sign, digits, point, exponent (`-1.5e-3`). `-0` is 0.
///
/// # Errors
/// When the text is no number, or cannot be kept exactly.
pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
    match parse_short(text) {
        Some(decimal) => Ok(decimal),
        None => parse_any(text),
    }
}

/// Most digits that fit in 64 bits whatever they are.
const SHORT: usize = 18;

/// What nearly all numbers are: a sign, few digits, a point. Nothing where it takes more care.
fn parse_short(text: &str) -> Option<Decimal> {
    let bytes = text.as_bytes();
    let (negative, digits) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    if digits.len() > SHORT {
        return None;
    }
    let (mut value, mut point) = (0_i64, None);
    for (at, byte) in digits.iter().enumerate() {
        match byte {
            b'0'..=b'9' => value = value * 10 + i64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let scale = point.map_or(0, |at| digits.len() - at - 1);
    // At least one digit.
    (digits.len() > usize::from(point.is_some()))
        .then(|| Decimal::new(if negative { -value } else { value }, scale as u32))
}

fn parse_any(text: &str) -> Result<Decimal, DecimalError> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let exponent = exponent.map_or(Ok(0), parse_exponent)?;
    let (negative, digits) = match mantissa.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let (value, scale) = collect_digits(digits)?;
    let value = if negative { -value } else { value };
    scaled(value, scale - exponent)
}

fn parse_exponent(text: &str) -> Result<i64, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    text.strip_prefix('+').unwrap_or(text).parse().map_err(|_| DecimalError::TooManyDigits)
}

/// Digits with at most one point, as an integer and the number of digits after the point.
fn collect_digits(digits: &[u8]) -> Result<(i128, i64), DecimalError> {
    let (mut value, mut scale, mut seen, mut point) = (0_i128, 0_i64, false, false);
    let mut pending_zeros = 0_u32;
    for byte in digits {
        match byte {
            b'.' if !point => point = true,
            b'0' => {
                // Trailing zeros only count once a digit follows them.
                (seen, pending_zeros) = (true, pending_zeros + 1);
                scale += i64::from(point);
            }
            b'1'..=b'9' => {
                seen = true;
                value = push_digit(value, pending_zeros, byte - b'0')?;
                (pending_zeros, scale) = (0, scale + i64::from(point));
            }
            _ => return Err(DecimalError::Malformed),
        }
    }
    if !seen {
        return Err(DecimalError::Malformed);
    }
    Ok(keep_zeros(value, scale, pending_zeros))
}

/// Zeros at the end are kept where they fit (1.50 stays 1.50) and dropped where they do not.
fn keep_zeros(value: i128, scale: i64, zeros: u32) -> (i128, i64) {
    match 10_i128.checked_pow(zeros).and_then(|factor| value.checked_mul(factor)) {
        Some(kept) if kept.unsigned_abs() < LIMIT => (kept, scale),
        _ => (value, scale - i64::from(zeros)),
    }
}

const LIMIT: u128 = 10_u128.pow(28);

fn push_digit(value: i128, zeros: u32, digit: u8) -> Result<i128, DecimalError> {
    if value == 0 {
        return Ok(i128::from(digit));
    }
    10_i128
        .checked_pow(zeros + 1)
        .and_then(|factor| value.checked_mul(factor))
        .map(|value| value + i128::from(digit))
        .filter(|value| value.unsigned_abs() < LIMIT)
        .ok_or(DecimalError::TooManyDigits)
}

/// `value · 10^-scale`, exactly.
fn scaled(mut value: i128, mut scale: i64) -> Result<Decimal, DecimalError> {
    if value == 0 {
        return Ok(Decimal::new(0, u32::try_from(scale.clamp(0, 28)).unwrap_or(0)));
    }
    while scale > 28 && value % 10 == 0 {
        (value, scale) = (value / 10, scale - 1);
    }
    while scale < 0 {
        value = value.checked_mul(10).ok_or(DecimalError::TooManyDigits)?;
        scale += 1;
    }
    let scale = u32::try_from(scale).map_err(|_| DecimalError::TooManyDigits)?;
    Decimal::try_from_i128_with_scale(value, scale).map_err(|_| DecimalError::TooManyDigits)
}

/// A decimal as text, without the heap.
pub struct Text {
    bytes: [u8; Text::LONGEST],
    start: usize,
}

impl Text {
    /// Sign, 29 digits, "0." and at most 28 zeros before them.
    const LONGEST: usize = 64;

    /// As `Display` writes it.
    pub fn of(value: &Decimal) -> Self {
        let mut text = Self { bytes: [0; Self::LONGEST], start: Self::LONGEST };
        let (mut rest, scale) = (value.mantissa().unsigned_abs(), value.scale());
        let mut written = 0;
        // Most fit in 64 bits, where a division takes a tenth of the time.
        while rest > u128::from(u64::MAX) {
            text.digit((rest % 10) as u8, &mut written, scale);
            rest /= 10;
        }
        let mut rest = rest as u64;
        while rest > 0 || written <= scale {
            text.digit((rest % 10) as u8, &mut written, scale);
            rest /= 10;
        }
        if value.is_sign_negative() {
            text.push(b'-');
        }
        text
    }

    /// Writes the next digit from the right, and the point before the last of the places.
    fn digit(&mut self, digit: u8, written: &mut u32, scale: u32) {
        if *written == scale && scale > 0 {
            self.push(b'.');
        }
        self.push(b'0' + digit);
        *written += 1;
    }

    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..]).unwrap_or_default()
    }
}

/// The exact sum, or nothing where it would overflow or be rounded.
pub fn exact_add(a: Decimal, b: Decimal) -> Option<Decimal> {
    let sum = a.checked_add(b)?;
    // The library rounds by giving up decimal places, and only then.
    (sum.scale() >= a.scale().max(b.scale())).then_some(sum)
}

/// An exact sum of decimals, as text: it may have more digits than a decimal of 96 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "crate::schema::DecimalText"))]
pub struct DecimalSum(String);

impl DecimalSum {
    /// Sign, digits, point.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DecimalSum {
    type Err = DecimalError;

    /// Reads a plain decimal of any length.
    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (whole, places) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(places) {
            return Err(DecimalError::Malformed);
        }
        Ok(Self(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for DecimalSum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// serde for a decimal as text.
pub mod text {
    use super::{Decimal, parse};
    use serde::{Deserializer, Serializer, de};
    use std::fmt;

    /// Writes a decimal as text.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(super::Text::of(value).as_str())
        } else {
            serializer.serialize_bytes(&value.serialize())
        }
    }

    /// Reads a decimal from text.
    ///
    /// # Errors
    /// When the text is no decimal.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Decimal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal as text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
                parse(text).map_err(E::custom)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Decimal, E> {
                let bytes = <[u8; 16]>::try_from(bytes).map_err(E::custom)?;
                Ok(Decimal::deserialize(bytes))
            }
        }
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Text)
        } else {
            deserializer.deserialize_bytes(Text)
        }
    }
}

/// serde for an optional decimal as text.
pub mod option_text {
    use super::{Decimal, text};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Text(#[serde(with = "text")] Decimal);

    /// Writes a decimal as text, or null.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Text).serialize(serializer)
    }

    /// Reads a decimal from text, or null.
    ///
    /// # Errors
    /// When the text is no decimal.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
        Ok(Option::<Text>::deserialize(deserializer)?.map(|Text(value)| value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        parse(text).unwrap().to_string()
    }

    #[test]
    fn common_forms_are_read_exactly() {
        assert_eq!(read("1.50"), "1.50");
        assert_eq!(read("-0"), "0");
        assert_eq!(read("+2"), "2");
        assert_eq!(read("1e-7"), "0.0000001");
        assert_eq!(read("1.5E+3"), "1500");
        assert_eq!(read("0.0000000000000000000000000001"), "0.0000000000000000000000000001");
        assert_eq!(read("9999999999999999999999999999"), "9999999999999999999999999999");
        assert_eq!(read("000000000000000000000000000000001.5"), "1.5");
        assert_eq!(read(".5"), "0.5");
        assert_eq!(parse("1.50").unwrap(), parse("1.5").unwrap());
    }

    #[test]
    fn twenty_nine_digits_are_refused_not_rounded() {
        for text in ["1.2345678901234567890123456789", "10000000000000000000000000001", "1e-29", "1e29"] {
            assert_eq!(parse(text), Err(DecimalError::TooManyDigits), "{text}");
        }
        assert_eq!(read("1.00000000000000000000000000000000"), "1");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "NaN", "inf", "1,5", "1.2.3", "0x10", "1e", "1e+", " 1", "１"] {
            assert_eq!(parse(text), Err(DecimalError::Malformed), "{text}");
        }
        assert!(parse("1e99999999999999999999").is_err());
    }

    #[test]
    fn a_sum_is_a_plain_decimal_of_any_length() {
        let long = format!("-{}.5", "9".repeat(40));
        let sum: DecimalSum = serde_json::from_str(&format!("\"{long}\"")).unwrap();
        assert_eq!(sum.as_str(), long);
        for text in ["", "-", "1.", ".5", "1e3", "+1", "NaN"] {
            assert_eq!(text.parse::<DecimalSum>(), Err(DecimalError::Malformed), "{text}");
        }
    }

    #[test]
    fn sums_are_exact_or_nothing() {
        let add = |a, b| exact_add(parse(a).unwrap(), parse(b).unwrap());
        assert_eq!(add("0.1", "0.2"), parse("0.3").ok());
        assert_eq!(add("1e27", "1e-27"), None);
        assert_eq!(exact_add(Decimal::MAX, Decimal::ONE), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,50}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_back(mantissa in any::<i64>(), scale in 0u32..28) {
            let value = Decimal::new(mantissa, scale);
            prop_assert_eq!(parse(&value.to_string()).unwrap(), value);
        }

        #[test]
        fn text_is_what_the_library_writes(low in any::<u32>(), mid in any::<u32>(), high in any::<u32>(),
                                           negative in any::<bool>(), scale in 0u32..=28) {
            for parts in [(low, mid, high), (low, mid, 0), (low, 0, 0), (low % 10, 0, 0), (0, 0, 0)] {
                let value = Decimal::from_parts(parts.0, parts.1, parts.2, negative, scale);
                let text = Text::of(&value);
                prop_assert_eq!(text.as_str(), value.to_string());
            }
        }

        #[test]
        fn short_and_long_ways_of_reading_agree(text in "[-+]?[0-9.]{0,20}") {
            if let Some(short) = parse_short(&text) {
                let long = parse_any(&text).unwrap();
                prop_assert_eq!((short, short.scale(), short.is_sign_negative()), (long, long.scale(), long.is_sign_negative()));
            }
        }

        #[test]
        fn exponents_agree_with_the_library(mantissa in -1_000_000_i64..1_000_000, exponent in -20_i32..20) {
            let text = format!("{mantissa}e{exponent}");
            let theirs = Decimal::from_scientific(&text).unwrap();
            prop_assert_eq!(parse(&text).unwrap(), theirs);
        }
    }
}
