//! What may be asked of a list: how much of it, of which types, of which time.

use events::{Event, Timestamp};
use intake::nearest;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// How many items an answer holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Limit(usize);

impl Limit {
    /// The largest.
    pub const MOST: usize = 1000;

    /// So many, or as many as may be asked for at once.
    pub fn up_to(count: usize) -> Self {
        Self(count.clamp(1, Self::MOST))
    }

    /// As a number.
    pub const fn get(self) -> usize {
        self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(100)
    }
}

impl TryFrom<u64> for Limit {
    type Error = String;

    fn try_from(count: u64) -> Result<Self, String> {
        let count = usize::try_from(count).ok().filter(|count| (1..=Self::MOST).contains(count));
        count.map(Self).ok_or_else(|| {
            format!("wanted is a number from 1 to {}; ask again with after for more", Self::MOST)
        })
    }
}

impl From<Limit> for u64 {
    fn from(limit: Limit) -> Self {
        limit.0 as Self
    }
}

/// Refuses a stretch of time that ends before it begins.
///
/// # Errors
/// When it does.
pub(super) fn check_span(since: Option<Timestamp>, until: Option<Timestamp>) -> Result<(), Problem> {
    match (since, until) {
        (Some(since), Some(until)) if since > until => Err(Problem::usage(format!(
            "since is {since} and until is {until}: until has to be the later one"
        ))),
        _ => Ok(()),
    }
}

/// Refuses names that no event has; tells the nearest one.
///
/// # Errors
/// When there is one among them.
pub(super) fn check_types(types: &[String], decisions: bool) -> Result<(), Problem> {
    let known = || Event::types().filter(|(_, is_decision)| *is_decision || !decisions).map(|(name, _)| name);
    let Some(wrong) = types.iter().find(|name| !known().any(|known| known == *name)) else { return Ok(()) };
    if Event::types().any(|(name, _)| name == wrong) {
        let detail =
            format!("{wrong} is no decision; tradewarden events list --type {wrong} shows these events");
        return Err(Problem::usage(detail));
    }
    let what = if decisions { "decision" } else { "event" };
    let hint = nearest(wrong, known()).map_or_else(
        || format!("there are {}", known().collect::<Vec<_>>().join(", ")),
        |near| format!("the nearest is {near}"),
    );
    Err(Problem::usage(format!("{wrong:?} is no type of {what}; {hint}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_there_is_not_is_refused_with_the_nearest() {
        let check = |name: &str, decisions| {
            check_types(&[name.to_owned()], decisions).map_err(|problem| problem.detail)
        };
        assert_eq!(check("TradeClosed", false), Ok(()));
        assert_eq!(check("StrategyDisabled", true), Ok(()));
        assert!(check("StrategyDisable", true).unwrap_err().ends_with("the nearest is StrategyDisabled"));
        assert!(check("TradeClosed", true).unwrap_err().contains("events list --type TradeClosed"));
        assert!(check("???", true).unwrap_err().contains("there are StrategyDisabled, "));
    }

    #[test]
    fn a_limit_has_a_range() {
        assert!(Limit::try_from(0).is_err() && Limit::try_from(1001).is_err());
        assert_eq!(Limit::try_from(1000).map(Limit::get), Ok(1000));
        assert_eq!((Limit::up_to(0).get(), Limit::up_to(usize::MAX).get()), (1, 1000));
    }
}
