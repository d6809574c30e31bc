//! Decimals by their digits: whole numbers of the smallest part that a decimal can hold.

use std::fmt::Display;

use num_bigint::BigInt;

/// Decimal places that a decimal can hold.
const PLACES: usize = 28;

/// Places of a quotient: the smallest part over the largest number still has digits.
const QUOTIENT_PLACES: usize = 80;

/// A number in parts of 10⁻²⁸, from its text.
///
/// # Panics
/// When the text is no plain decimal.
pub(super) fn parts(number: impl Display) -> BigInt {
    let text = number.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    assert!(fraction.len() <= PLACES, "{text} has more places than a decimal");
    let digits = format!("{whole}{fraction:0<PLACES$}");
    digits.parse().expect("invariant: a decimal is shown by its digits")
}

/// How many parts are one.
pub(super) fn one() -> BigInt {
    parts(1)
}

/// A quotient as a double.
///
/// # Panics
/// When the divisor is 0.
pub(super) fn quotient(dividend: &BigInt, divisor: &BigInt) -> f64 {
    let digits = dividend * BigInt::from(10).pow(QUOTIENT_PLACES as u32) / divisor;
    format!("{digits}e-{QUOTIENT_PLACES}").parse().expect("invariant: digits with an exponent are a number")
}

/// Parts as a double.
pub(super) fn double(parts: &BigInt) -> f64 {
    quotient(parts, &one())
}

/// Whether two numbers differ by rounding at most.
pub(super) fn is_near(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance * one.abs().max(other.abs())
}

/// [`is_near`], or nothing both times.
pub(super) fn are_near(one: Option<f64>, other: Option<f64>, tolerance: f64) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => is_near(one, other, tolerance),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_of_the_text() {
        assert_eq!(parts("0.0000000000000000000000000001"), BigInt::from(1));
        assert_eq!(parts("-2.50"), one() * -5 / 2);
        assert_eq!(parts("-0.000"), BigInt::ZERO);
        assert_eq!(double(&parts("-12345.678")), -12345.678);
        assert_eq!(quotient(&BigInt::from(1), &BigInt::from(3)), 1.0 / 3.0);
    }
}
