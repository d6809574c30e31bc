//! Amounts in whole steps that add up.

use super::{RiskError, bound, total};
use rust_decimal::Decimal;

/// Splits `amount` by `weights` into multiples of `step` whose sum is exactly `amount` rounded down to the step.
///
/// Largest remainders (Hamilton's method): each part gets its share rounded down, then the steps that are left go to the
/// parts that lost most, ties to the first.
///
/// # Errors
/// A negative amount or weight, a step that is not above 0, weights that add up to 0, or more than 28 digits.
pub fn apportion(amount: Decimal, weights: &[Decimal], step: Decimal) -> Result<Vec<Decimal>, RiskError> {
    bound("amount", amount, amount >= Decimal::ZERO, "it must not be below 0")?;
    bound("step", step, step > Decimal::ZERO, "it must be above 0")?;
    for &weight in weights {
        bound("a weight", weight, weight >= Decimal::ZERO, "it must not be below 0")?;
    }
    let whole = total(weights.iter().copied())?;
    bound("the sum of the weights", whole, whole > Decimal::ZERO, "it must be above 0")?;
    let steps = amount.checked_div(step).ok_or(TOO_MANY)?.floor();
    let mut parts = Vec::with_capacity(weights.len());
    for weight in weights {
        // The weight's part of the whole first: it is at most 1, so the product has room.
        let exact = (weight / whole).checked_mul(steps).ok_or(TOO_MANY)?;
        parts.push((exact.floor(), exact.fract()));
    }
    let mut left = steps - total(parts.iter().map(|(floor, _)| *floor))?;
    let mut order: Vec<usize> = (0..parts.len()).filter(|&part| !weights[part].is_zero()).collect();
    order.sort_by(|&a, &b| parts[b].1.cmp(&parts[a].1).then(a.cmp(&b)));
    for &part in order.iter().cycle() {
        if left <= Decimal::ZERO {
            break;
        }
        parts[part].0 += Decimal::ONE;
        left -= Decimal::ONE;
    }
    // A product rounded up in its 28th digit may have given a step too many.
    for &part in order.iter().rev().cycle() {
        if left >= Decimal::ZERO {
            break;
        }
        let taken = parts[part].0.min(Decimal::ONE);
        parts[part].0 -= taken;
        left += taken;
    }
    parts.into_iter().map(|(floor, _)| floor.checked_mul(step).ok_or(TOO_MANY)).collect()
}

const TOO_MANY: RiskError = RiskError::TooManyDigits("a part");
