//! From text to decimals: exactly, or rounded half to even with the word that it was.

use super::Decimal;

/// Why a text is no decimal of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a number at all; NaN and infinities belong here.
    #[error("not a decimal number")]
    Malformed,
    /// More digits than can be kept without rounding.
    #[error("more than 28 significant digits or decimal places cannot be kept exactly")]
    TooManyDigits,
    /// Beyond the largest that can be kept, rounded or not.
    #[error("larger than can be kept; at most 79228162514264337593543950335 can")]
    TooLarge,
}

/// A decimal as it is kept, and whether that took rounding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The value.
    pub value: Decimal,
    /// Whether the text said something else.
    pub rounded: bool,
}

/// Reads a decimal: sign, digits, point, exponent (`-1.5e-3`). `-0` is 0.
///
/// # Errors
/// When the text is no number, or cannot be kept exactly.
pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
    match parse_short(text) {
        Some(decimal) => Ok(decimal),
        None => match parse_any(text, 0)? {
            Kept { rounded: true, .. } => Err(DecimalError::TooManyDigits),
            Kept { value, .. } => Ok(value),
        },
    }
}

/// Reads a decimal times 10 to the power of `shift`. Beyond 28 significant digits or 28 decimal places it is rounded
/// half to even, once, after the shift.
///
/// # Errors
/// When the text is no number, or is too large.
pub fn parse_rounding(text: &str, shift: u8) -> Result<Kept, DecimalError> {
    match parse_short(text).filter(|_| shift == 0) {
        Some(value) => Ok(Kept { value, rounded: false }),
        None => parse_any(text, i64::from(shift)),
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

fn parse_any(text: &str, shift: i64) -> Result<Kept, DecimalError> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
    let exponent = exponent.map_or(Ok(0), parse_exponent)?;
    let (negative, digits) = match mantissa.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        all => (false, all),
    };
    let mut digits = Digits::collect(digits)?;
    digits.scale -= exponent + shift;
    digits.keep(negative)
}

/// Exponents beyond are the same as these: 0, or far too large.
const FAR: i64 = 1 << 40;

fn parse_exponent(text: &str) -> Result<i64, DecimalError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    let size = digits.parse().unwrap_or(FAR).min(FAR);
    Ok(if text.starts_with('-') { -size } else { size })
}

/// Digits, and decimal places, that are kept.
const MOST: u32 = 28;

/// `value · 10^-scale`, and what was read after the digits that fit.
#[derive(Clone, Copy, Debug, Default)]
struct Digits {
    value: u128,
    scale: i64,
    /// The first digit that did not fit, if there was one.
    next: Option<u8>,
    /// Whether one after that is not 0.
    more: bool,
}

impl Digits {
    /// Digits with at most one point.
    fn collect(text: &[u8]) -> Result<Self, DecimalError> {
        let (mut digits, mut significant) = (Self::default(), 0);
        let (mut seen, mut point) = (false, false);
        for byte in text {
            match byte {
                b'.' if !point => {
                    point = true;
                    continue;
                }
                b'0'..=b'9' => seen = true,
                _ => return Err(DecimalError::Malformed),
            }
            let digit = byte - b'0';
            if significant < MOST {
                digits.value = digits.value * 10 + u128::from(digit);
                significant += u32::from(digits.value > 0);
                digits.scale += i64::from(point);
            } else {
                digits.more |= digits.next.is_some() && digit > 0;
                digits.next.get_or_insert(digit);
                digits.scale -= i64::from(!point);
            }
        }
        if seen { Ok(digits) } else { Err(DecimalError::Malformed) }
    }

    /// The decimal with what did not fit rounded half to even.
    fn keep(mut self, negative: bool) -> Result<Kept, DecimalError> {
        if self.value == 0 {
            let scale = u32::try_from(self.scale.clamp(0, i64::from(MOST))).unwrap_or(0);
            return Ok(Kept { value: Decimal::new(0, scale), rounded: false });
        }
        let rounded = self.cut();
        if self.next.is_some() || self.scale < 0 {
            self.strip_zeros();
        }
        let value = i128::try_from(self.value).map_err(|_| DecimalError::TooLarge)?;
        let value = decimal(if negative { -value } else { value }, self.scale)?;
        Ok(Kept { value, rounded })
    }

    /// Cuts off what has no place, rounding; answers whether the value changed.
    fn cut(&mut self) -> bool {
        let places = (self.scale - i64::from(MOST)).max(0);
        let next = self.next.unwrap_or(0);
        self.scale -= places;
        // So many places more than there are digits leave less than half of the last place.
        let Some(unit) = u32::try_from(places).ok().filter(|p| *p <= MOST).map(|p| 10_u128.pow(p)) else {
            self.value = 0;
            return true;
        };
        // Twice what is cut off, in tenths of the last digit that was read.
        let cut = self.value % unit * 10 + u128::from(next);
        self.value /= unit;
        let order = (cut * 2).cmp(&(unit * 10)).then(self.more.cmp(&false));
        let up = order.is_gt() || order.is_eq() && !self.value.is_multiple_of(2);
        self.value += u128::from(up);
        cut > 0 || self.more
    }

    fn strip_zeros(&mut self) {
        while self.value > 0 && self.value.is_multiple_of(10) && self.scale > 0 {
            (self.value, self.scale) = (self.value / 10, self.scale - 1);
        }
    }
}

/// `value · 10^-scale`, exactly.
fn decimal(value: i128, scale: i64) -> Result<Decimal, DecimalError> {
    if value == 0 {
        return Ok(Decimal::ZERO);
    }
    let up = u32::try_from(-scale.min(0)).ok().and_then(|zeros| 10_i128.checked_pow(zeros));
    let value = up.and_then(|factor| value.checked_mul(factor)).ok_or(DecimalError::TooLarge)?;
    let scale = u32::try_from(scale.max(0)).unwrap_or(u32::MAX);
    Decimal::try_from_i128_with_scale(value, scale).map_err(|_| DecimalError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn read(text: &str) -> String {
        parse(text).unwrap().to_string()
    }

    fn rounded(text: &str) -> (String, bool) {
        let kept = parse_rounding(text, 0).unwrap();
        (kept.value.to_string(), kept.rounded)
    }

    #[test]
    fn common_forms_are_read_exactly() {
        assert_eq!(read("1.50"), "1.50");
        assert_eq!(read("-0"), "0");
        assert_eq!(read("-0.00000000000000000000000000000000000000"), "0.0000000000000000000000000000");
        assert_eq!(read("+2"), "2");
        assert_eq!(read("1e-7"), "0.0000001");
        assert_eq!(read("1.5E+3"), "1500");
        assert_eq!(read("0.0000000000000000000000000001"), "0.0000000000000000000000000001");
        assert_eq!(read("9999999999999999999999999999"), "9999999999999999999999999999");
        assert_eq!(read("000000000000000000000000000000001.5"), "1.5");
        assert_eq!(read(".5"), "0.5");
        assert_eq!(read("0e99999999999999999999"), "0");
        assert_eq!(parse("1.50").unwrap(), parse("1.5").unwrap());
        assert_eq!(read("1.00000000000000000000000000000000"), "1");
    }

    #[test]
    fn what_an_exact_reading_cannot_keep_is_refused_not_rounded() {
        for text in ["1.2345678901234567890123456789", "10000000000000000000000000001", "1e-29"] {
            assert_eq!(parse(text), Err(DecimalError::TooManyDigits), "{text}");
        }
    }

    #[test]
    fn float_dust_and_floats_written_out_are_rounded_half_to_even_and_say_so() {
        for (text, kept) in [
            ("4.1217656775087266e-13", "0.0000000000004121765677508727"),
            ("-8.881784197001252e-16", "-0.0000000000000008881784197001"),
            ("0.41595999999999999641175918149441406135082244873046875", "0.4159599999999999964117591815"),
            ("1.2345678901234567890123456785", "1.234567890123456789012345678"),
            ("1.2345678901234567890123456775", "1.234567890123456789012345678"),
            ("1.23456789012345678901234567750000000000001", "1.234567890123456789012345678"),
            ("9.9999999999999999999999999999", "10"),
            ("12345678901234567890123456785", "12345678901234567890123456780"),
            ("5e-29", "0"),
            ("5.0000000001e-29", "0.0000000000000000000000000001"),
            ("-1e-99999999999999999999", "0"),
        ] {
            assert_eq!(rounded(text), (kept.to_owned(), true), "{text}");
        }
        assert_eq!(rounded("0.1"), ("0.1".to_owned(), false));
        assert!(!parse_rounding("-1e-999", 0).unwrap().value.is_sign_negative(), "no -0");
    }

    #[test]
    fn a_shift_is_taken_before_rounding() {
        let shifted = |text: &str| parse_rounding(text, 2).unwrap();
        assert_eq!(shifted("0.025").value, parse("2.5").unwrap());
        assert_eq!(shifted("-1.4802973661668753e-17").value.to_string(), "-0.0000000000000014802973661669");
        let smallest = shifted("0.000000000000000000000000000001");
        assert_eq!((smallest.value, smallest.rounded), (parse("1e-28").unwrap(), false));
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in
            ["", "-", ".", "NaN", "inf", "1,5", "1.2.3", "0x10", "1e", "1e+", " 1", "１", "--1", "+-1"]
        {
            assert_eq!(parse_rounding(text, 0), Err(DecimalError::Malformed), "{text}");
        }
        for text in ["1e29", "1e40", "-1e99999999999999999999", "79228162514264337593543950336"] {
            assert_eq!(parse_rounding(text, 0), Err(DecimalError::TooLarge), "{text}");
        }
        assert_eq!(rounded("7922816251426433759354395033e1").0, "79228162514264337593543950330");
    }

    /// The same number by big integers: mantissa · 10^-28, rounded half to even at 28 significant digits and places.
    fn by_big_integers(mantissa: &BigInt, exponent: i64) -> (BigInt, bool) {
        let ten = |n: i64| BigInt::from(10).pow(u32::try_from(n).unwrap());
        let digits = i64::try_from(mantissa.magnitude().to_string().len()).unwrap();
        let drop = (digits - 28).max(-exponent - 28).max(0);
        let unit = ten(drop);
        let (quotient, rest) = (mantissa / &unit, mantissa % &unit);
        let twice = BigInt::from(2) * BigInt::from(rest.magnitude().clone());
        let odd = &quotient % 2 != BigInt::ZERO;
        let away = twice > unit || twice == unit && odd;
        let step = if mantissa.sign() == num_bigint::Sign::Minus { -1 } else { 1 };
        let kept = if away { quotient + step } else { quotient };
        (kept * ten(exponent + drop + 28), rest != BigInt::ZERO)
    }

    fn written(digits: &str, point: usize, exponent: i64) -> String {
        let point = point.min(digits.len());
        let shown = exponent + i64::try_from(digits.len() - point).unwrap();
        format!("{}.{}e{shown}", &digits[..point], &digits[point..])
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,50}", shift in 0_u8..3) {
            let _ = parse(&text);
            let _ = parse_rounding(&text, shift);
        }

        #[test]
        fn any_form_reads_as_big_integers_say(
            negative in any::<bool>(),
            digits in "0{0,3}[0-9]{1,60}|[0-9]{1,28}[05]0{0,20}1?",
            point in 0_usize..80,
            exponent in -60_i64..10,
        ) {
            let text = format!("{}{}", if negative { "-" } else { "" }, written(&digits, point, exponent));
            let mantissa: BigInt = format!("{}{digits}", if negative { "-" } else { "" }).parse().unwrap();
            let (wanted, changed) = by_big_integers(&mantissa, exponent);
            match parse_rounding(&text, 0) {
                Ok(kept) => {
                    let scale = 28 - kept.value.scale();
                    prop_assert_eq!(BigInt::from(kept.value.mantissa()) * BigInt::from(10).pow(scale), wanted, "{}", text);
                    prop_assert_eq!(kept.rounded, changed, "{}", text);
                }
                Err(fault) => {
                    prop_assert_eq!(fault, DecimalError::TooLarge);
                    let most = BigInt::from(Decimal::MAX.mantissa()) * BigInt::from(10).pow(28);
                    prop_assert!(*wanted.magnitude() > *most.magnitude(), "{}", text);
                }
            }
        }

        #[test]
        fn what_is_written_is_read_back(mantissa in any::<i64>(), scale in 0u32..28) {
            let value = Decimal::new(mantissa, scale);
            prop_assert_eq!(parse(&value.to_string()).unwrap(), value);
        }

        #[test]
        fn short_and_long_ways_of_reading_agree(text in "[-+]?[0-9.]{0,20}") {
            if let Some(short) = parse_short(&text) {
                let long = parse_any(&text, 0).unwrap().value;
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
