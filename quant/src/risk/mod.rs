//! How much is at stake, how it should be spread, and which orders lead there. It places no orders.
//!
//! Money of an account is exact (decimals); statistics of returns are doubles.

mod apportion;
mod exposure;
mod portfolio;
mod rebalance;
mod tail;
mod target;

pub use apportion::apportion;
pub use exposure::{Exposure, Limits, Position, RiskLevel, exposure};
pub use portfolio::{Covariance, equal_risk_contribution, inverse_volatility, min_variance};
pub use rebalance::{Asset, Costs, Order, OrderSide, Rebalance, rebalance};
pub use tail::{Tail, historical_tail, normal_value_at_risk};
pub use target::{Group, GroupDrift, drift, targets};

use crate::live::ExactSum;
use rust_decimal::Decimal;

/// Why a risk figure or an allocation cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RiskError {
    /// A value is out of bounds.
    #[error("{name} is {value}; {allowed}")]
    OutOfBounds {
        /// What it is, with the symbol it belongs to.
        name: String,
        /// Its value.
        value: Decimal,
        /// What is allowed.
        allowed: &'static str,
    },
    /// An exact result has more digits than a decimal holds.
    #[error("{0} needs more than 28 digits")]
    TooManyDigits(&'static str),
    /// Series or weights that do not belong together.
    #[error("{what}: {got} where {wanted} are needed")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many there are.
        got: usize,
        /// How many are needed.
        wanted: usize,
    },
    /// A covariance matrix that belongs to no returns.
    #[error("the covariance matrix must be finite, symmetric and have variances above 0")]
    NoCovariance,
}

/// Places of amounts of money: products are rounded to them, so that sums of them are exact in any order.
const MONEY_PLACES: u32 = 12;

fn bound(name: impl Into<String>, value: Decimal, ok: bool, allowed: &'static str) -> Result<(), RiskError> {
    if ok { Ok(()) } else { Err(RiskError::OutOfBounds { name: name.into(), value, allowed }) }
}

/// a · b, to 12 places.
fn product(a: Decimal, b: Decimal) -> Result<Decimal, RiskError> {
    Ok(a.checked_mul(b).ok_or(RiskError::TooManyDigits("a product"))?.round_dp(MONEY_PLACES))
}

/// a / b, to 12 places towards zero: what is bought with an amount never costs more than it.
fn quotient(a: Decimal, b: Decimal) -> Result<Decimal, RiskError> {
    Ok(a.checked_div(b).ok_or(RiskError::TooManyDigits("a quotient"))?.trunc_with_scale(MONEY_PLACES))
}

fn total(amounts: impl IntoIterator<Item = Decimal>) -> Result<Decimal, RiskError> {
    amounts.into_iter().sum::<ExactSum>().to_decimal().ok_or(RiskError::TooManyDigits("a sum"))
}

/// 100 · part / whole as a double.
fn percent(part: Decimal, whole: Decimal) -> f64 {
    ExactSum::from(part).to_f64() / ExactSum::from(whole).to_f64() * 100.0
}

#[cfg(test)]
mod tests;
