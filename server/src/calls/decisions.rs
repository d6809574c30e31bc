//! The decisions, in the order of the log.

use std::time::Duration;

use events::{Family, FamilySet, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Call, Desk, Needs, Page,
    scan::{Span, scan},
};
use crate::problem::Problem;

/// Which decisions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decisions {
    /// After this position.
    #[serde(default)]
    pub after: u64,
    /// Of these types; none: all.
    #[serde(default, rename = "type", skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// About this strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// Happened at or after this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// At most so many in one answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// How long to wait for the next one when there is none yet, at most half a minute.
    #[serde(default)]
    pub wait_ms: u64,
}

/// The longest that an answer is waited for.
pub(super) const LONGEST_WAIT_MS: u64 = 30_000;

impl Call for Decisions {
    type Answer = Page;
    const PATH: &'static str = "/api/decisions";
    const NEEDS: Needs = Needs::Log;

    fn answer(&self, desk: &Desk) -> Result<Page, Problem> {
        let span = Span {
            after: self.after,
            families: FamilySet::of(&[Family::Strategy, Family::Performance, Family::Alert]),
            limit: self.limit.unwrap_or(super::scan::PAGE),
            wait: Duration::from_millis(self.wait_ms.min(LONGEST_WAIT_MS)),
        };
        scan(desk, span, |event| {
            event.event.is_decision()
                && (self.types.is_empty() || self.types.iter().any(|t| t == event.event.event_type()))
                && self.strategy.as_deref().is_none_or(|s| event.event.strategy() == Some(s))
                && self.since.is_none_or(|since| event.occurred_at >= since)
        })
    }
}
