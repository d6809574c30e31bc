//! Losses in the tail of returns.

use super::RiskError;
use crate::normal;
use serde::{Deserialize, Serialize};

/// Value at risk and what is lost on average beyond it, as returns (below 0 for losses).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Tail {
    /// The return that is undercut in 1 − `confidence` of the cases.
    pub value_at_risk: f64,
    /// Mean of the returns at or below it.
    pub expected_shortfall: f64,
    /// Returns that the figures rest on.
    pub returns: u64,
}

/// Value at risk of past returns: their quantile at 1 − `confidence`, interpolated between neighbours as NumPy does.
///
/// # Errors
/// No returns, one that is not finite, or a confidence outside of 0 to 1.
pub fn historical_tail(returns: &[f64], confidence: f64) -> Result<Tail, RiskError> {
    check(confidence)?;
    let mut sorted = returns.to_vec();
    sorted.retain(|value| value.is_finite());
    if sorted.is_empty() || sorted.len() < returns.len() {
        return Err(RiskError::Count {
            what: "finite returns",
            got: sorted.len(),
            wanted: returns.len().max(1),
        });
    }
    sorted.sort_by(f64::total_cmp);
    let place = (1.0 - confidence) * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    let value_at_risk = below + (above - below) * place.fract();
    let worse = sorted.partition_point(|&value| value <= value_at_risk).max(1);
    Ok(Tail {
        value_at_risk,
        expected_shortfall: sorted[..worse].iter().sum::<f64>() / worse as f64,
        returns: sorted.len() as u64,
    })
}

/// Value at risk of normally distributed returns: mean + Φ⁻¹(1 − confidence) · deviation.
///
/// # Errors
/// A confidence outside of 0 to 1.
pub fn normal_value_at_risk(mean: f64, deviation: f64, confidence: f64) -> Result<f64, RiskError> {
    check(confidence)?;
    Ok(mean + normal::quantile(1.0 - confidence) * deviation)
}

fn check(confidence: f64) -> Result<(), RiskError> {
    let within = confidence > 0.0 && confidence < 1.0;
    let value = rust_decimal::Decimal::try_from(confidence).unwrap_or_default();
    super::bound("confidence", value, within, "it must lie between 0 and 1")
}
