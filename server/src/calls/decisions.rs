//! The decisions, in the order of the log.

use std::time::Duration;

use events::{FamilySet, Timestamp};
use serde::{Deserialize, Serialize};
use views::{DecisionQuery, QueryError};

use super::{
    Call, Limit, Log, Page, asked, raw,
    scan::{Span, scan},
};
use crate::problem::Problem;

/// Which decisions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decisions {
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
    /// Happened before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// At most so many in one answer.
    #[serde(default)]
    pub limit: Limit,
    /// How long to wait for the next one when there is none yet, at most half a minute.
    #[serde(default)]
    pub wait_ms: u64,
}

/// The longest that an answer is waited for.
pub(super) const LONGEST_WAIT_MS: u64 = 30_000;

/// So few events are read from the log rather than looked for in the view.
const NEW: u64 = 2048;

impl Call for Decisions {
    type Answer = Page;
    type Given = Log;
    const PATH: &'static str = "/api/decisions";

    fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms.min(LONGEST_WAIT_MS))
    }

    fn goes_on_after(&mut self, page: &Page) -> bool {
        self.after = page.next.unwrap_or(self.after);
        page.items.is_empty()
    }

    fn answer(&self, log: &Log) -> Result<Page, Problem> {
        asked::check_types(&self.types, true)?;
        asked::check_span(self.since, self.until)?;
        // What is there is found in the index of a running server, and only what comes is read from the log.
        let (page, after) = self.indexed(log)?;
        if let Some(page) = page {
            return Ok(page);
        }
        let span = Span {
            after,
            families: FamilySet::DECISIONS,
            limit: self.limit,
            follows: !self.wait().is_zero(),
        };
        scan(&*log.events, span, |event| {
            event.event.is_decision()
                && (self.types.is_empty() || self.types.iter().any(|t| t == event.event.event_type()))
                && self.strategy.as_deref().is_none_or(|s| event.event.strategy() == Some(s))
                && self.since.is_none_or(|since| event.occurred_at >= since)
                && self.until.is_none_or(|until| event.occurred_at < until)
        })
    }
}

impl Decisions {
    /// A page out of the view, and where to read on in the log when there is none: up to there are no others. Without
    /// views, or while one is behind, everything is read from the log.
    fn indexed(&self, log: &Log) -> Result<(Option<Page>, u64), Problem> {
        let Some(views) = &log.views else { return Ok((None, self.after)) };
        // The view answers for everything that was there before it was asked.
        let head = log.events.head();
        // Whoever follows needs no index for the few events that are new.
        if head.saturating_sub(self.after) <= NEW {
            return Ok((None, self.after));
        }
        let limit = self.limit.get();
        let asked = DecisionQuery {
            types: self.types.clone(),
            strategy: self.strategy.clone(),
            since: self.since,
            until: self.until,
            from_position: Some(self.after.saturating_add(1)),
            limit,
            ..DecisionQuery::default()
        };
        let found = match views.decisions(&asked) {
            Err(QueryError::NotCaughtUp(_)) => return Ok((None, self.after)),
            found => found?,
        };
        let Some(last) = found.last().map(|entry| entry.position) else {
            return Ok((None, self.after.max(head)));
        };
        let items = found.iter().map(|entry| match log.events.event_at(entry.position)? {
            Some(event) => raw(&event.json()),
            None => Err(Problem::internal(format!("the log has no event at position {}", entry.position))),
        });
        let items = items.collect::<Result<_, _>>()?;
        let more = found.len() == limit || !self.wait().is_zero();
        Ok((Some(Page { items, next: more.then_some(last) }), last))
    }
}
