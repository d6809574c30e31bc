//! Money, prices and percents: exact decimals, never rounded without being told.
//!
//! On the wire they are text. A number with more than 28 significant digits, or more than 28 decimal places, is
//! refused, or rounded where that is asked for and told.

mod read;

pub use read::{DecimalError, Kept, parse, parse_rounding};
pub use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::str::FromStr;

/// A decimal as text, without the heap.
pub struct Text {
    bytes: [u8; Text::LONGEST],
    start: usize,
}

impl Text {
    /// Sign, 29 digits, "0." and at most 28 zeros before them.
    const LONGEST: usize = 64;

    /// As `Display` writes it.
    #[must_use]
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
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..]).unwrap_or_default()
    }
}

/// An exact sum of decimals, as text: it may have more digits than a decimal of 96 bits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(with = "crate::schema::DecimalText"))]
pub struct DecimalSum(String);

impl DecimalSum {
    /// Sign, digits, point.
    #[must_use]
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

    #[test]
    fn a_sum_is_a_plain_decimal_of_any_length() {
        let long = format!("-{}.5", "9".repeat(40));
        let sum: DecimalSum = serde_json::from_str(&format!("\"{long}\"")).unwrap();
        assert_eq!(sum.as_str(), long);
        for text in ["", "-", "1.", ".5", "1e3", "+1", "NaN"] {
            assert_eq!(text.parse::<DecimalSum>(), Err(DecimalError::Malformed), "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_is_what_the_library_writes(low in any::<u32>(), mid in any::<u32>(), high in any::<u32>(),
                                           negative in any::<bool>(), scale in 0u32..=28) {
            for parts in [(low, mid, high), (low, mid, 0), (low, 0, 0), (low % 10, 0, 0), (0, 0, 0)] {
                let value = Decimal::from_parts(parts.0, parts.1, parts.2, negative, scale);
                let text = Text::of(&value);
                prop_assert_eq!(text.as_str(), value.to_string());
            }
        }
    }
}
