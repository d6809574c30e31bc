//! What is at stake, and the rule that calls it HIGH.

use super::{RiskError, bound, percent, product, total};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An open position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Its market; several positions of one symbol count together.
    pub symbol: String,
    /// Units of the base currency, below 0 for a short position.
    pub quantity: Decimal,
    /// Price it was entered at, above 0.
    pub entry_price: Decimal,
    /// Price now, above 0.
    pub price: Decimal,
}

/// Above any of these the risk is HIGH; at them it is not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Σ |value| / equity, in percent.
    pub max_exposure_pct: Decimal,
    /// Unrealised loss / equity, in percent.
    pub max_unrealised_loss_pct: Decimal,
    /// |value| of one symbol / equity, in percent.
    pub max_position_pct: Decimal,
}

impl Default for Limits {
    /// 80 % exposure, 10 % unrealised loss, 20 % in one position.
    fn default() -> Self {
        Self {
            max_exposure_pct: Decimal::from(80),
            max_unrealised_loss_pct: Decimal::from(10),
            max_position_pct: Decimal::from(20),
        }
    }
}

/// How much is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RiskLevel {
    /// Within all limits.
    Normal,
    /// Above at least one limit.
    High,
}

/// What is at stake, in percent of the equity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// Symbols with a position that the figures rest on.
    pub positions: u64,
    /// HIGH when any limit is exceeded.
    pub level: RiskLevel,
    /// Which limits are exceeded: `exposure`, `unrealised_loss`, `position`.
    pub exceeded: Vec<String>,
    /// Σ |value| / equity · 100.
    pub exposure_pct: f64,
    /// Loss of all open positions together / equity · 100; 0 when they have gained.
    pub unrealised_loss_pct: f64,
    /// The largest position; `None` without positions.
    pub largest_symbol: Option<String>,
    /// Its |value| / equity · 100; 0 without positions.
    pub largest_position_pct: f64,
    /// Concentration: Σ of the squared shares of the gross value (Herfindahl), 1 / positions to 1; `None` without
    /// positions.
    pub concentration: Option<f64>,
}

/// What the positions put at stake of an account's `equity`. Their order does not matter.
///
/// # Errors
/// Equity or a price that is not above 0, or amounts beyond 28 digits.
pub fn exposure(positions: &[Position], equity: Decimal, limits: &Limits) -> Result<Exposure, RiskError> {
    bound("equity", equity, equity > Decimal::ZERO, "it must be above 0")?;
    let mut values: BTreeMap<&str, Decimal> = BTreeMap::new();
    let mut gains = Vec::with_capacity(positions.len());
    for position in positions {
        check(position)?;
        let value = product(position.quantity, position.price)?;
        gains.push(total([value, -product(position.quantity, position.entry_price)?])?);
        let symbol = values.entry(&position.symbol).or_default();
        *symbol = total([*symbol, value])?;
    }
    values.retain(|_, value| !value.is_zero());
    let gross = total(values.values().map(Decimal::abs))?;
    let loss = (-total(gains)?).max(Decimal::ZERO);
    // Of equal positions the first by name, so that the order given does not matter.
    let largest = values.iter().rev().max_by_key(|(_, value)| value.abs());
    let largest_value = largest.map_or(Decimal::ZERO, |(_, value)| value.abs());
    let checks = [
        ("exposure", gross, limits.max_exposure_pct),
        ("unrealised_loss", loss, limits.max_unrealised_loss_pct),
        ("position", largest_value, limits.max_position_pct),
    ];
    let mut exceeded = Vec::new();
    for (name, amount, limit) in checks {
        if product(amount, Decimal::ONE_HUNDRED)? > product(limit, equity)? {
            exceeded.push(name.to_owned());
        }
    }
    Ok(Exposure {
        positions: values.len() as u64,
        level: if exceeded.is_empty() { RiskLevel::Normal } else { RiskLevel::High },
        exceeded,
        exposure_pct: percent(gross, equity),
        unrealised_loss_pct: percent(loss, equity),
        largest_symbol: largest.map(|(symbol, _)| (*symbol).to_owned()),
        largest_position_pct: percent(largest_value, equity),
        concentration: concentration(values.values(), gross),
    })
}

fn check(position: &Position) -> Result<(), RiskError> {
    for (name, price) in [("price", position.price), ("entry_price", position.entry_price)] {
        bound(format!("{name} of {}", position.symbol), price, price > Decimal::ZERO, "it must be above 0")?;
    }
    Ok(())
}

fn concentration<'a>(values: impl Iterator<Item = &'a Decimal>, gross: Decimal) -> Option<f64> {
    let shares = values.map(|value| percent(value.abs(), gross) / 100.0);
    (!gross.is_zero()).then(|| shares.map(|share| share * share).sum())
}
