//! Targets by group of assets, and how far an account is from them.

use super::{RiskError, apportion, bound, percent, product, total};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Smallest part of a share.
const SHARE_STEP: Decimal = Decimal::from_parts(1, 0, 0, false, 10);

/// Assets that share a part of the equity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Its name, such as `mains` or `alts`.
    pub name: String,
    /// Its part of the equity, 0 to 1 (0.5 = 50 %).
    pub share: Decimal,
    /// Places of its assets among those of the account.
    pub members: Vec<usize>,
}

/// How far a group is from its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupDrift {
    /// Name of the group.
    pub name: String,
    /// Part of the equity now, in percent.
    pub current_pct: f64,
    /// Part of the equity it should have, in percent.
    pub target_pct: f64,
    /// Current − target, in points.
    pub drift_pct: f64,
}

/// The part of the equity that each asset should have: each group's share spread over its members in the proportions
/// they have now, equally where they have no value. The parts add up to the groups' shares exactly (to 10 places).
///
/// # Errors
/// A share out of bounds, shares that add up to more than 1, a member that is no asset or in two groups, a group
/// without members, or a negative value.
pub fn targets(groups: &[Group], values: &[Decimal]) -> Result<Vec<Decimal>, RiskError> {
    check(groups, values.len())?;
    let mut targets = vec![Decimal::ZERO; values.len()];
    for group in groups {
        let mut weights: Vec<Decimal> = group.members.iter().map(|&member| values[member]).collect();
        if weights.iter().all(Decimal::is_zero) {
            weights.fill(Decimal::ONE);
        }
        let parts = apportion(group.share, &weights, SHARE_STEP)?;
        group.members.iter().zip(parts).for_each(|(&member, part)| targets[member] = part);
    }
    Ok(targets)
}

/// How far each group is from its share of `equity`.
///
/// # Errors
/// As [`targets`], or equity that is not above 0.
pub fn drift(groups: &[Group], values: &[Decimal], equity: Decimal) -> Result<Vec<GroupDrift>, RiskError> {
    check(groups, values.len())?;
    bound("equity", equity, equity > Decimal::ZERO, "it must be above 0")?;
    let of = |group: &Group| {
        let value = total(group.members.iter().map(|&member| values[member]))?;
        Ok(GroupDrift {
            name: group.name.clone(),
            current_pct: percent(value, equity),
            target_pct: percent(group.share, Decimal::ONE),
            drift_pct: percent(total([value, -product(group.share, equity)?])?, equity),
        })
    };
    groups.iter().map(of).collect()
}

fn check(groups: &[Group], assets: usize) -> Result<(), RiskError> {
    let mut taken = vec![false; assets];
    for group in groups {
        let share = group.share;
        let within = (Decimal::ZERO..=Decimal::ONE).contains(&share);
        bound(format!("share of {}", group.name), share, within, "it must lie between 0 and 1")?;
        if group.members.is_empty() {
            return Err(RiskError::Count { what: "members of a group", got: 0, wanted: 1 });
        }
        for &member in &group.members {
            let known = taken.get(member).is_some_and(|taken| !taken);
            let allowed = "a member must be the place of an asset, in one group only";
            bound(format!("member of {}", group.name), member.into(), known, allowed)?;
            taken[member] = true;
        }
    }
    let shares = total(groups.iter().map(|group| group.share))?;
    bound("the sum of the shares", shares, shares <= Decimal::ONE, "it must be at most 1")
}
