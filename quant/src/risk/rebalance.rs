//! The orders that lead an account back to its targets.

use super::{RiskError, bound, product, quotient, total};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An asset of the account and what it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asset {
    /// Its market.
    pub symbol: String,
    /// Value held now, in quote currency, not below 0.
    pub value: Decimal,
    /// Part of the equity it should have, 0 to 1.
    pub target: Decimal,
    /// Price of a unit, above 0.
    pub price: Decimal,
    /// Smallest step of a quantity; 0 for any.
    pub lot: Decimal,
    /// Smallest order in quote currency; 0 for any.
    pub min_order: Decimal,
}

/// What orders cost and when they are worth it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    /// Fee as a fraction of the notional.
    pub fee_rate: Decimal,
    /// Nothing is done while an asset is at most this far from its target, as a fraction of the equity.
    pub band: Decimal,
}

/// Side of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderSide {
    /// Buy.
    Buy,
    /// Sell.
    Sell,
}

/// An order to place; amounts in quote currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// Place of the asset.
    pub asset: usize,
    /// Its market.
    pub symbol: String,
    /// Buy or sell.
    pub side: OrderSide,
    /// Units of the base currency, a multiple of the lot.
    pub quantity: Decimal,
    /// Quantity · price.
    pub notional: Decimal,
    /// Fee.
    pub fee: Decimal,
}

/// The orders and what they come to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rebalance {
    /// Sells first: they pay for the buys.
    pub orders: Vec<Order>,
    /// Σ fees.
    pub fees: Decimal,
    /// Cash after all orders; never below 0.
    pub cash: Decimal,
    /// Σ notional / 2 / equity.
    pub turnover: Decimal,
}

/// The orders that bring assets outside of the band to their targets.
///
/// Sells come first and in full. Buys share what is then in cash, fees included: all in full if it suffices, else each
/// cut by the same factor. Quantities are rounded down to lots; an order below its minimum is left out.
///
/// # Errors
/// A value out of bounds, targets that add up to more than 1, no equity, or more than 28 digits.
pub fn rebalance(assets: &[Asset], cash: Decimal, costs: &Costs) -> Result<Rebalance, RiskError> {
    let equity = check(assets, cash, costs)?;
    let band = product(costs.band, equity)?;
    let mut differences = Vec::with_capacity(assets.len());
    for asset in assets {
        let difference = product(asset.target, equity)? - asset.value;
        differences.push(if difference.abs() > band { difference } else { Decimal::ZERO });
    }
    let mut plan = Plan { assets, fee_rate: costs.fee_rate, cash, orders: Vec::new() };
    for (asset, difference) in
        differences.iter().enumerate().filter(|(_, difference)| difference.is_sign_negative())
    {
        plan.order(asset, OrderSide::Sell, -*difference)?;
    }
    let buys = || differences.iter().enumerate().filter(|(_, difference)| **difference > Decimal::ZERO);
    let wanted = total(buys().map(|(_, wanted)| *wanted))?;
    let affordable = quotient(plan.cash, Decimal::ONE + costs.fee_rate)?;
    for (asset, &share) in buys() {
        let notional = if wanted <= affordable { share } else { part(affordable, share, wanted)? };
        plan.order(asset, OrderSide::Buy, notional)?;
    }
    let traded = total(plan.orders.iter().map(|order| order.notional))?;
    Ok(Rebalance {
        fees: total(plan.orders.iter().map(|order| order.fee))?,
        cash: plan.cash,
        turnover: quotient(traded, product(equity, Decimal::TWO)?)?,
        orders: plan.orders,
    })
}

/// `amount` · `share` / `whole`.
fn part(amount: Decimal, share: Decimal, whole: Decimal) -> Result<Decimal, RiskError> {
    let fraction = share.checked_div(whole).ok_or(RiskError::TooManyDigits("a quotient"))?;
    let part = amount.checked_mul(fraction).ok_or(RiskError::TooManyDigits("a product"))?;
    Ok(part.trunc_with_scale(super::MONEY_PLACES))
}

struct Plan<'a> {
    assets: &'a [Asset],
    fee_rate: Decimal,
    cash: Decimal,
    orders: Vec<Order>,
}

impl Plan<'_> {
    fn order(&mut self, asset: usize, side: OrderSide, wanted: Decimal) -> Result<(), RiskError> {
        let Asset { symbol, price, lot, min_order, .. } = &self.assets[asset];
        let (quantity, notional) = if lot.is_zero() {
            (quotient(wanted, *price)?, wanted)
        } else {
            let quantity = product(quotient(wanted, product(*price, *lot)?)?.floor(), *lot)?;
            (quantity, product(quantity, *price)?)
        };
        if notional.is_zero() || notional < *min_order {
            return Ok(());
        }
        let fee = product(notional, self.fee_rate)?;
        let paid = match side {
            OrderSide::Sell => total([notional, -fee])?,
            OrderSide::Buy => total([-notional, -fee])?,
        };
        let cash = total([self.cash, paid])?;
        // Rounding of many fees may want the last of the 12 places more than there is.
        if cash < Decimal::ZERO {
            return Ok(());
        }
        self.cash = cash;
        self.orders.push(Order { asset, symbol: symbol.clone(), side, quantity, notional, fee });
        Ok(())
    }
}

/// The equity.
fn check(assets: &[Asset], cash: Decimal, costs: &Costs) -> Result<Decimal, RiskError> {
    let positive = "it must not be below 0";
    bound("cash", cash, cash >= Decimal::ZERO, positive)?;
    let fraction = Decimal::ZERO..Decimal::ONE;
    bound(
        "fee_rate",
        costs.fee_rate,
        fraction.contains(&costs.fee_rate),
        "it must be at least 0 and below 1",
    )?;
    bound("band", costs.band, fraction.contains(&costs.band), "it must be at least 0 and below 1")?;
    for asset in assets {
        let of = |name: &str| format!("{name} of {}", asset.symbol);
        bound(of("price"), asset.price, asset.price > Decimal::ZERO, "it must be above 0")?;
        for (name, value) in [
            ("value", asset.value),
            ("target", asset.target),
            ("lot", asset.lot),
            ("min_order", asset.min_order),
        ] {
            bound(of(name), value, value >= Decimal::ZERO, positive)?;
        }
    }
    let targets = total(assets.iter().map(|asset| asset.target))?;
    bound("the sum of the targets", targets, targets <= Decimal::ONE, "it must be at most 1")?;
    let equity = total(assets.iter().map(|asset| asset.value).chain([cash]))?;
    bound("equity", equity, equity > Decimal::ZERO, "it must be above 0")?;
    Ok(equity)
}
