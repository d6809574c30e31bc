//! Sums of decimals that are exact or refused. It does not round, divide or compare with a tolerance.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// `rust_decimal` keeps 96 bits of mantissa.
const MANTISSA_END: u128 = 1 << 96;

/// By the difference of two scales.
const POWERS_OF_TEN: [i128; 29] = powers_of_ten();

/// A running sum of decimals that never rounds.
///
/// `Decimal`'s own `+` silently drops digits beyond 28. This sum keeps mantissa and scale apart in an `i128`, which
/// is faster as well, and refuses the first addition whose exact result a `Decimal` cannot hold.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(from = "TextDecimal", into = "TextDecimal")]
pub struct ExactSum {
    mantissa: i128,
    scale: u32,
}

impl ExactSum {
    /// Zero.
    pub const ZERO: Self = Self { mantissa: 0, scale: 0 };

    /// This sum and `other`, or `None` when a `Decimal` cannot hold the exact result.
    #[inline]
    pub fn plus(self, other: impl Into<Self>) -> Option<Self> {
        let other = other.into();
        if self.scale == other.scale
            && let Some(mantissa) = self.mantissa.checked_add(other.mantissa)
            && mantissa.unsigned_abs() < MANTISSA_END
        {
            return Some(Self { mantissa, scale: self.scale });
        }
        self.plus_rescaled(other)
    }

    /// The exact difference, or `None` when a `Decimal` cannot hold it.
    #[inline]
    pub fn minus(self, other: impl Into<Self>) -> Option<Self> {
        let other = other.into();
        self.plus(Self { mantissa: -other.mantissa, ..other })
    }

    /// The sum as a `Decimal` without trailing zeros, so that equal sums have equal text.
    #[must_use]
    pub fn value(self) -> Decimal {
        let shortest = self.shortest();
        Decimal::from_i128_with_scale(shortest.mantissa, shortest.scale)
    }

    /// The nearest double.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        let Self { mantissa, scale } = self.shortest();
        // Both numbers are doubles then, so the division rounds once. Otherwise the text is read, which does too.
        if mantissa.unsigned_abs() <= 1 << f64::MANTISSA_DIGITS && scale <= 22 {
            return mantissa as f64 / 10f64.powi(scale as i32);
        }
        let text = self.value().to_string();
        text.parse().expect("invariant: the text of a decimal is a number")
    }

    /// Scales differ, or the mantissa outgrew 96 bits: only digits that are not zero may make it fail.
    fn plus_rescaled(self, other: Self) -> Option<Self> {
        match self.aligned_plus(other) {
            Some(sum) if sum.mantissa.unsigned_abs() < MANTISSA_END => Some(sum),
            _ => {
                let sum = self.shortest().aligned_plus(other.shortest())?.shortest();
                (sum.mantissa.unsigned_abs() < MANTISSA_END).then_some(sum)
            }
        }
    }

    fn aligned_plus(self, other: Self) -> Option<Self> {
        let scale = self.scale.max(other.scale);
        let mantissa = self.mantissa_at(scale)?.checked_add(other.mantissa_at(scale)?)?;
        Some(Self { mantissa, scale })
    }

    #[inline]
    fn mantissa_at(self, scale: u32) -> Option<i128> {
        if self.scale == scale {
            return Some(self.mantissa);
        }
        let power = POWERS_OF_TEN[(scale - self.scale) as usize];
        // Nearly always both fit 64 bits, where the product cannot overflow and is many times faster.
        match (i64::try_from(self.mantissa), i64::try_from(power)) {
            (Ok(mantissa), Ok(power)) => Some(i128::from(mantissa) * i128::from(power)),
            _ => self.mantissa.checked_mul(power),
        }
    }

    fn shortest(mut self) -> Self {
        if self.mantissa == 0 {
            return Self::ZERO;
        }
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        self
    }
}

impl From<Decimal> for ExactSum {
    #[inline]
    fn from(value: Decimal) -> Self {
        Self { mantissa: value.mantissa(), scale: value.scale() }
    }
}

impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ExactSum {}

impl PartialOrd for ExactSum {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ExactSum {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        match (self.mantissa_at(scale), other.mantissa_at(scale)) {
            (Some(ours), Some(theirs)) => ours.cmp(&theirs),
            _ => self.value().cmp(&other.value()),
        }
    }
}

/// How a sum is stored: as a decimal in text, which every format keeps exactly.
#[derive(Serialize, Deserialize)]
struct TextDecimal(#[serde(with = "rust_decimal::serde::str")] Decimal);

impl From<ExactSum> for TextDecimal {
    fn from(sum: ExactSum) -> Self {
        Self(sum.value())
    }
}

impl From<TextDecimal> for ExactSum {
    fn from(text: TextDecimal) -> Self {
        text.0.into()
    }
}

const fn powers_of_ten() -> [i128; 29] {
    let mut powers = [1; 29];
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
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    fn sum(terms: &[&str]) -> Option<Decimal> {
        let total = terms.iter().try_fold(ExactSum::ZERO, |sum, term| sum.plus(decimal(term)));
        total.map(ExactSum::value)
    }

    #[test]
    fn a_sum_keeps_every_digit() {
        assert_eq!(sum(&["0.1", "0.02", "-0.12"]), Some(Decimal::ZERO));
        assert_eq!(sum(&["79228162514264337593543950334", "1"]), Some(Decimal::MAX));
        assert_eq!(
            sum(&["1", "0.0000000000000000000000000001"]),
            Some(decimal("1.0000000000000000000000000001"))
        );
    }

    #[test]
    fn a_sum_that_would_be_rounded_or_overflow_is_refused() {
        assert_eq!(sum(&["79228162514264337593543950335", "1"]), None);
        assert_eq!(sum(&["100", "0.0000000000000000000000000001"]), None);
        assert_eq!(sum(&["-79228162514264337593543950335", "0.1"]), None);
    }

    #[test]
    fn trailing_zeros_never_make_a_sum_fail() {
        assert_eq!(
            sum(&["5.000000000000000000000000000", "5.0000000000000000000000000000"]),
            Some(decimal("10"))
        );
        assert_eq!(
            sum(&["79228162514264337593543950335", "0.0000000000000000000000000000"]),
            Some(Decimal::MAX)
        );
    }

    #[test]
    fn text_is_the_stored_form() {
        let sum = ExactSum::from(decimal("-12.500"));
        assert_eq!(serde_json::to_string(&sum).unwrap(), "\"-12.5\"");
        assert_eq!(serde_json::from_str::<ExactSum>("\"-12.5\"").unwrap(), sum);
    }

    proptest! {
        #[test]
        fn an_accepted_sum_is_the_exact_one(
            terms in prop::collection::vec((any::<i64>(), 0u32..=28), 1..20)
        ) {
            let terms = terms.iter().map(|&(m, s)| Decimal::from_i128_with_scale(m.into(), s));
            let mut sum = ExactSum::ZERO;
            for term in terms {
                let Some(next) = sum.plus(term) else { return Ok(()) };
                // Taking the term away again gives back what was there: nothing was lost.
                prop_assert_eq!(next.minus(term), Some(sum));
                prop_assert_eq!(next.cmp(&sum), term.cmp(&Decimal::ZERO));
                sum = next;
            }
        }

        #[test]
        fn the_double_is_the_nearest(m in any::<i64>(), s in 0u32..=28) {
            let value = Decimal::from_i128_with_scale(m.into(), s);
            let nearest: f64 = value.to_string().parse().unwrap();
            prop_assert_eq!(ExactSum::from(value).to_f64(), nearest);
        }
    }
}
