//! What compact forms are made of: texts, decimals and times in as few bytes as they need. The form of a type is told
//! where the type is (see `trade/compact.rs`); it is frozen with the version of the type.

use rust_decimal::Decimal;
use uuid::Uuid;

use crate::varint;

/// Why bytes are no compact form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The field that is read; empty for the whole.
    pub(crate) field: &'static str,
    pub(crate) what: &'static str,
}

/// Appends a text: its length and 1, and its bytes; or 0 and the 16 bytes of the UUID that it is, as UUIDs are written.
pub(crate) fn put_text(out: &mut Vec<u8>, text: &str) {
    if let Some(id) = written_as_uuid(text) {
        out.push(0);
        out.extend_from_slice(id.as_bytes());
    } else {
        varint::put(out, text.len() as u64 + 1);
        out.extend_from_slice(text.as_bytes());
    }
}

fn written_as_uuid(text: &str) -> Option<Uuid> {
    if text.len() != uuid::fmt::Hyphenated::LENGTH {
        return None;
    }
    let id = Uuid::try_parse(text).ok()?;
    // Other spellings of it would not be given back as they came.
    (id.hyphenated().encode_lower(&mut [0; uuid::fmt::Hyphenated::LENGTH]) == text).then_some(id)
}

/// One more digit would not be read back from JSON either.
const LARGEST: u128 = 10_u128.pow(28) - 1;
const NEGATIVE: u8 = 1 << 5;
const MOST_PLACES: u8 = 28;

/// Appends a decimal with its trailing zeros: a byte with the number of places (bits 0 to 4) and the sign (bit 5), and the
/// digits as a number. Nothing where it has too many of them.
pub(crate) fn put_decimal(out: &mut Vec<u8>, value: &Decimal) -> Option<()> {
    let (digits, places) = (value.mantissa(), value.scale() as u8);
    let size = digits.unsigned_abs();
    if size > LARGEST || places > MOST_PLACES {
        return None;
    }
    out.push(places | if digits < 0 { NEGATIVE } else { 0 });
    let (low, high) = (size as u64, (size >> 64) as u64);
    if high == 0 {
        varint::put(out, low);
    } else {
        // The same form, of more than 64 bits.
        let bits = low & (u64::MAX >> 1);
        out.extend((0..9).map(|at| (bits >> (7 * at)) as u8 | 0x80));
        varint::put(out, high << 1 | low >> 63);
    }
    Some(())
}

/// Takes fields from the front of a compact form.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn number(&mut self, field: &'static str) -> Result<u64, Misfit> {
        varint::take(&mut self.rest).ok_or(Misfit { field, what: "no number" })
    }

    pub(crate) fn signed(&mut self, field: &'static str) -> Result<i64, Misfit> {
        varint::take_signed(&mut self.rest).ok_or(Misfit { field, what: "no number" })
    }

    fn slice(&mut self, length: usize, field: &'static str) -> Result<&'a [u8], Misfit> {
        let (first, rest) =
            self.rest.split_at_checked(length).ok_or(Misfit { field, what: "the bytes end within it" })?;
        self.rest = rest;
        Ok(first)
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, Misfit> {
        let length = self.number(field)?;
        let Some(length) = length.checked_sub(1) else {
            let id = Uuid::from_slice(self.slice(16, field)?);
            let id = id.map_err(|_| Misfit { field, what: "no UUID" })?;
            return Ok(id.hyphenated().to_string());
        };
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let text = std::str::from_utf8(self.slice(length, field)?);
        text.map(str::to_owned).map_err(|_| Misfit { field, what: "no UTF-8" })
    }

    pub(crate) fn decimal(&mut self, field: &'static str) -> Result<Decimal, Misfit> {
        let no_decimal = Misfit { field, what: "no decimal" };
        let [first] = *self.slice(1, field)? else { return Err(no_decimal) };
        let (places, negative) = (first & (NEGATIVE - 1), first & NEGATIVE != 0);
        let size = self.digits().filter(|size| *size <= LARGEST).ok_or(no_decimal)?;
        let digits = if negative { -(size as i128) } else { size as i128 };
        if first >> 6 != 0 || places > MOST_PLACES || negative && size == 0 {
            return Err(no_decimal);
        }
        Decimal::try_from_i128_with_scale(digits, u32::from(places)).map_err(|_| no_decimal)
    }

    fn digits(&mut self) -> Option<u128> {
        let long = self.rest.len() > 9 && self.rest[..9].iter().all(|byte| byte & 0x80 != 0);
        if !long {
            return varint::take(&mut self.rest).map(u128::from);
        }
        let (low, mut rest) = self.rest.split_at(9);
        let low = low.iter().rev().fold(0, |low, byte| low << 7 | u128::from(byte & 0x7f));
        // Where nothing were left it would have ended before.
        let high = varint::take(&mut rest).filter(|high| *high != 0)?;
        self.rest = rest;
        Some(u128::from(high) << 63 | low)
    }

    /// That nothing is left.
    pub(crate) fn end(self) -> Result<(), Misfit> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Misfit { field: "", what: "something follows the last field" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes_of(value: &Decimal) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        put_decimal(&mut bytes, value).map(|()| bytes)
    }

    proptest! {
        #[test]
        fn a_decimal_is_read_back_with_its_zeros(
            low: u32, mid: u32, high in 0_u32..=u32::MAX, negative: bool, scale in 0_u32..=28,
        ) {
            for (mid, high) in [(0, 0), (mid, 0), (mid, high), (u32::MAX, 0), (0, 1)] {
                let value = Decimal::from_parts(low, mid, high, negative, scale);
                let Some(bytes) = bytes_of(&value) else {
                    prop_assert!(value.mantissa().unsigned_abs() > LARGEST);
                    continue;
                };
                let mut fields = Fields::of(&bytes);
                let again = fields.decimal("d").unwrap();
                prop_assert_eq!((again.mantissa(), again.scale()), (value.mantissa(), value.scale()));
                prop_assert_eq!(fields.end(), Ok(()));
            }
        }

        #[test]
        fn any_bytes_are_the_one_form_of_a_decimal_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
            let mut fields = Fields::of(&bytes);
            if let Ok(value) = fields.decimal("d") {
                let read = bytes.len() - fields.rest.len();
                prop_assert_eq!(bytes_of(&value).unwrap(), &bytes[..read]);
            }
        }

        #[test]
        fn a_text_is_read_back(text in "\\PC{0,40}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}") {
            let mut bytes = Vec::new();
            put_text(&mut bytes, &text);
            let mut fields = Fields::of(&bytes);
            prop_assert_eq!(fields.text("t"), Ok(text));
            prop_assert_eq!(fields.end(), Ok(()));
        }
    }

    #[test]
    fn a_uuid_takes_sixteen_bytes_as_it_is_written_usually_and_no_other() {
        let length = |text| {
            let mut bytes = Vec::new();
            put_text(&mut bytes, text);
            bytes.len()
        };
        assert_eq!(length("9fbc9c6c-ea43-8e08-a600-18eb5458469c"), 17);
        assert_eq!(length("9FBC9C6C-ea43-8e08-a600-18eb5458469c"), 37);
        assert_eq!(length("9fbc9c6cea438e08a60018eb5458469c"), 33);
    }
}
