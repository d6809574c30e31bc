//! Sums of decimals, exact whatever comes in. It does not round or compare with a tolerance.

use ethnum::{I256, U256};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::cmp::Ordering;
use std::fmt;
use std::ops::{Add, AddAssign, Neg, Sub};
use std::str::FromStr;

/// Decimal places of every sum: the most that a `Decimal` has.
const PLACES: u32 = 28;

/// The most significant digits that a `Decimal` has.
const DIGITS: u32 = 29;

/// By exponent.
const POWERS_OF_TEN: [i128; PLACES as usize + 1] = powers_of_ten();

/// A running sum of decimals that is always exact.
///
/// A `Decimal` has 96 bits of mantissa and at most 28 places, so it is a multiple of 10⁻²⁸ of at most 190 bits. The sum is
/// that multiple in 256 bits: 2⁶⁴ terms of any magnitude fit, in any order.
///
/// As text, and in every readable format, it is a decimal without trailing zeros, so that equal sums have equal text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExactSum(I256);

impl ExactSum {
    /// Zero.
    pub const ZERO: Self = Self(I256::ZERO);

    /// Whether it is exactly zero.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == I256::ZERO
    }

    /// The distance from zero.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.abs())
    }

    /// The sum `times` over, exactly.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self(self.0 * I256::from(times))
    }

    /// The sum as a `Decimal` without trailing zeros; `None` when it has more digits than a `Decimal` holds.
    #[must_use]
    pub fn to_decimal(self) -> Option<Decimal> {
        let mut mantissa = self.0;
        let mut scale = if self.is_zero() { 0 } else { PLACES };
        let ten = I256::from(10);
        while scale > 0 && mantissa % ten == I256::ZERO {
            mantissa /= ten;
            scale -= 1;
        }
        Decimal::try_from_i128_with_scale(i128::try_from(mantissa).ok()?, scale).ok()
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        // Both numbers are doubles then, so the division rounds once. Otherwise the text is read, which does too.
        let hundred_millionths = I256::from(POWERS_OF_TEN[20]);
        if self.0 % hundred_millionths == I256::ZERO
            && let Ok(mantissa) = i64::try_from(self.0 / hundred_millionths)
            && mantissa.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS
        {
            return mantissa as f64 / 1e8;
        }
        number(&self.to_string())
    }

    /// This sum divided by `divisor`, to some 20 digits and from there to the nearest double. `None` for a divisor of 0.
    #[must_use]
    pub fn ratio(self, divisor: Decimal) -> Option<f64> {
        if divisor.is_zero() {
            return None;
        }
        let mut dividend = self.0;
        let mut exponent = i64::from(divisor.scale()) - i64::from(PLACES);
        // As long as there is room: a `Decimal` has at most 29 digits, so that the quotient keeps at least 47.
        while !self.is_zero()
            && let Some(longer) = dividend.checked_mul(I256::from(10))
        {
            dividend = longer;
            exponent -= 1;
        }
        let quotient = dividend / I256::from(divisor.mantissa());
        Some(number(&format!("{quotient}e{exponent}")))
    }

    /// Compares this sum with the product a · b, exactly.
    #[must_use]
    pub fn cmp_product(self, a: Decimal, b: Decimal) -> Ordering {
        let product = I256::from(a.mantissa()) * I256::from(b.mantissa());
        let places = a.scale() + b.scale();
        let power = I256::from(POWERS_OF_TEN[places.abs_diff(PLACES) as usize]);
        // To multiply the side with fewer places could take more than 256 bits. So the other one is divided, and what is
        // left over tells which of two equal quotients is the larger number.
        if places <= PLACES {
            self.0.div_euclid(power).cmp(&product).then(self.0.rem_euclid(power).cmp(&I256::ZERO))
        } else {
            self.0.cmp(&product.div_euclid(power)).then(I256::ZERO.cmp(&product.rem_euclid(power)))
        }
    }

    /// The mean of `count` terms with all the digits that a `Decimal` holds, the last one rounded half to even. `None`
    /// without terms, and where so few terms cannot make up the sum.
    #[must_use]
    pub fn mean(self, count: u64) -> Option<Decimal> {
        if count == 0 {
            return None;
        }
        let (sum, count) = (self.0.unsigned_abs(), U256::from(count));
        let digits = (sum / count).to_string().len() as u32;
        // 29 digits may be too many, 28 never are.
        (digits.saturating_sub(DIGITS)..=PLACES).find_map(|dropped| {
            let divisor = count.checked_mul(U256::from(POWERS_OF_TEN[dropped as usize].unsigned_abs()))?;
            let rounded = i128::try_from(divided_half_to_even(sum, divisor)).ok()?;
            let signed = if self.0.is_negative() { -rounded } else { rounded };
            Some(Decimal::try_from_i128_with_scale(signed, PLACES - dropped).ok()?.normalize())
        })
    }
}

fn divided_half_to_even(number: U256, divisor: U256) -> U256 {
    let (whole, rest) = (number / divisor, number % divisor);
    let up = match rest.cmp(&(divisor - rest)) {
        Ordering::Less => U256::ZERO,
        Ordering::Equal => whole % U256::new(2),
        Ordering::Greater => U256::ONE,
    };
    whole + up
}

fn number(text: &str) -> f64 {
    text.parse().expect("invariant: digits, a point and an exponent are a number")
}

impl From<Decimal> for ExactSum {
    #[inline]
    fn from(value: Decimal) -> Self {
        let power = POWERS_OF_TEN[(PLACES - value.scale()) as usize];
        Self(I256::from(value.mantissa()) * I256::from(power))
    }
}

impl<T: Into<Self>> Add<T> for ExactSum {
    type Output = Self;

    #[inline]
    fn add(self, term: T) -> Self {
        Self(self.0 + term.into().0)
    }
}

impl<T: Into<Self>> AddAssign<T> for ExactSum {
    #[inline]
    fn add_assign(&mut self, term: T) {
        *self = *self + term;
    }
}

impl<T: Into<Self>> Sub<T> for ExactSum {
    type Output = Self;

    #[inline]
    fn sub(self, term: T) -> Self {
        Self(self.0 - term.into().0)
    }
}

impl Neg for ExactSum {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl<T: Into<Self>> std::iter::Sum<T> for ExactSum {
    fn sum<I: Iterator<Item = T>>(terms: I) -> Self {
        terms.fold(Self::ZERO, |sum, term| sum + term)
    }
}

impl fmt::Display for ExactSum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0>29}", self.0.unsigned_abs().to_string());
        let (whole, places) = digits.split_at(digits.len() - PLACES as usize);
        let places = places.trim_end_matches('0');
        let sign = if self.0.is_negative() { "-" } else { "" };
        let point = if places.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{places}")
    }
}

/// A text that is no sum: not a plain decimal, more than 28 places, or too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a decimal number of at most 28 places")]
pub struct NoSum;

impl FromStr for ExactSum {
    type Err = NoSum;

    /// Reads what [`Display`](fmt::Display) writes: sign, digits, point, no exponent.
    fn from_str(text: &str) -> Result<Self, NoSum> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, places) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !all_digits(whole) || !all_digits(places) || places.len() > PLACES as usize {
            return Err(NoSum);
        }
        let digits = format!("{whole}{places:0<28}");
        let magnitude = I256::from_str_radix(&digits, 10).map_err(|_| NoSum)?;
        Ok(Self(if negative { -magnitude } else { magnitude }))
    }
}

impl Serialize for ExactSum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.to_le_bytes().serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for ExactSum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            text.parse().map_err(de::Error::custom)
        } else {
            Ok(Self(I256::from_le_bytes(<[u8; 32]>::deserialize(deserializer)?)))
        }
    }
}

const fn powers_of_ten() -> [i128; PLACES as usize + 1] {
    let mut powers = [1; PLACES as usize + 1];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn sum(terms: &[&str]) -> String {
        terms.iter().map(|term| decimal(term)).sum::<ExactSum>().to_string()
    }

    /// Multiples of 10⁻²⁸, by integers without bounds.
    fn big(value: Decimal) -> BigInt {
        BigInt::from(value.mantissa()) * BigInt::from(10).pow(PLACES - value.scale())
    }

    /// Any decimal, zeros of every scale and both ends of the range among them.
    fn any_decimal() -> impl Strategy<Value = Decimal> {
        let mantissa = prop_oneof![
            Just(0),
            -999_i128..999,
            any::<i64>().prop_map(i128::from),
            any::<i128>().prop_map(|any| any >> 32),
            Just(Decimal::MAX.mantissa()),
            Just(Decimal::MIN.mantissa()),
        ];
        (mantissa, 0..=28_u32).prop_map(|(mantissa, scale)| {
            Decimal::try_from_i128_with_scale(mantissa, scale).unwrap_or(Decimal::MAX)
        })
    }

    #[test]
    fn a_sum_keeps_every_digit() {
        assert_eq!(sum(&["0.1", "0.02", "-0.12"]), "0");
        assert_eq!(sum(&["0.00", "0.3"]), "0.3");
        assert_eq!(sum(&["2.18", "-2.18", "-50.5"]), "-50.5");
        assert_eq!(sum(&["100", "0.0000000000000000000000000001"]), "100.0000000000000000000000000001");
        assert_eq!(
            sum(&["-79228162514264337593543950335", "-1", "-0.0000000000000000000000000001"]),
            "-79228162514264337593543950336.0000000000000000000000000001"
        );
    }

    #[test]
    fn a_sum_beyond_a_decimal_is_told_and_kept() {
        let beyond = ExactSum::from(Decimal::MAX) + Decimal::ONE;
        assert_eq!(beyond.to_decimal(), None);
        assert_eq!((beyond - Decimal::ONE).to_decimal(), Some(Decimal::MAX));
        assert_eq!(beyond.to_f64(), 79_228_162_514_264_337_593_543_950_336.0);
    }

    #[test]
    fn text_is_the_stored_form_in_readable_formats() {
        let sum = ExactSum::from(decimal("-12.500"));
        assert_eq!(serde_json::to_string(&sum).unwrap(), "\"-12.5\"");
        assert_eq!(serde_json::from_str::<ExactSum>("\"-12.50\"").unwrap(), sum);
        for text in ["", "-", "1e5", ".5", "+1", "1.00000000000000000000000000000", "NaN", "1.2.3", "--1"] {
            assert_eq!(text.parse::<ExactSum>(), Err(NoSum), "{text}");
        }
        assert_eq!("9".repeat(80).parse::<ExactSum>(), Err(NoSum));
    }

    #[test]
    fn a_mean_has_all_the_digits_of_a_decimal_and_is_rounded_half_to_even() {
        let mean = |terms: &[&str], count| {
            terms.iter().map(|term| decimal(term)).sum::<ExactSum>().mean(count).map(|mean| mean.to_string())
        };
        assert_eq!(mean(&["-0.1"], 3).unwrap(), "-0.0333333333333333333333333333");
        assert_eq!(mean(&["14.5"], 3).unwrap(), "4.8333333333333333333333333333");
        assert_eq!(mean(&["0.0000000000000000000000000003"], 2).unwrap(), "0.0000000000000000000000000002");
        assert_eq!(mean(&["0.0000000000000000000000000001"], 2).unwrap(), "0");
        let largest = "79228162514264337593543950335";
        assert_eq!(mean(&[largest, largest, largest], 3).unwrap(), largest);
        assert_eq!(mean(&[largest, largest, "1"], 3).unwrap(), "52818775009509558395695966890");
        assert_eq!(mean(&["-79228162514264337593543950335"], 4).unwrap(), "-19807040628566084398385987584");
        assert_eq!((mean(&["1"], 0), mean(&[largest, largest], 1)), (None, None));
    }

    #[test]
    fn a_ratio_is_the_nearest_double() {
        let loss = ExactSum::from(decimal("-205000.500000000026"));
        assert_eq!(loss.times(100).ratio(decimal("1000000")), Some(-20.500_05));
        assert_eq!(ExactSum::from(decimal("1")).ratio(decimal("3")), Some(1.0 / 3.0));
        assert_eq!(ExactSum::ZERO.ratio(decimal("7")), Some(0.0));
        assert_eq!(loss.ratio(Decimal::ZERO), None);
    }

    proptest! {
        #[test]
        fn any_order_and_mix_of_magnitudes_gives_the_sum_of_big_integers(
            terms in prop::collection::vec(any_decimal(), 0..40), rotation in 0..40_usize
        ) {
            let expected: BigInt = terms.iter().map(|term| big(*term)).sum();
            let mut rotated = terms.clone();
            rotated.rotate_left(rotation % terms.len().max(1));
            for order in [&terms, &rotated] {
                let sum: ExactSum = order.iter().copied().sum();
                prop_assert_eq!(sum.0.to_string(), expected.to_string());
                prop_assert_eq!(sum.to_string().parse(), Ok(sum));
                let stored = postcard::to_allocvec(&sum).unwrap();
                prop_assert_eq!(postcard::from_bytes::<ExactSum>(&stored).unwrap(), sum);
                if let Some(decimal) = sum.to_decimal() {
                    prop_assert_eq!(big(decimal), expected.clone());
                }
            }
        }

        #[test]
        fn the_double_is_the_nearest(value in any_decimal()) {
            let nearest: f64 = value.to_string().parse().unwrap();
            prop_assert_eq!(ExactSum::from(value).to_f64(), nearest);
        }

        #[test]
        fn a_product_is_compared_exactly(
            terms in prop::collection::vec(any_decimal(), 1..4), a in any_decimal(), b in any_decimal(),
            near in -1..=1_i128
        ) {
            let product = BigInt::from(a.mantissa()) * BigInt::from(b.mantissa());
            let places = a.scale() + b.scale();
            let compared = |sum: BigInt| {
                (sum * BigInt::from(10).pow(56 - PLACES)).cmp(&(product.clone() * BigInt::from(10).pow(56 - places)))
            };
            let sum: ExactSum = terms.iter().copied().sum();
            prop_assert_eq!(sum.cmp_product(a, b), compared(terms.iter().map(|term| big(*term)).sum()));
            // One smallest step beside the product, where they are all but equal.
            if let Some(beside) = a.checked_mul(b) {
                let beside = ExactSum(ExactSum::from(beside).0 + I256::from(near));
                prop_assert_eq!(beside.cmp_product(a, b), compared(beside.0.to_string().parse().unwrap()));
            }
        }
    }
}
