//! Reading the log in pages: each call looks at a bounded number of events.

use events::{FamilySet, Recorded};

use store::EventLog;

use super::{Limit, Page, raw};
use crate::problem::Problem;

/// Events that one call looks at, at most.
const LOOKED_AT: usize = 200_000;

/// Events read at a time.
const STEP: usize = 2048;

/// Where to read, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Events after this position.
    pub after: u64,
    /// Of these families.
    pub families: FamilySet,
    /// Items, at most.
    pub limit: Limit,
    /// Whether somebody waits for what comes: then there is always a next page.
    pub follows: bool,
}

/// The events of a span that are wanted.
pub(super) fn scan(
    log: &dyn EventLog,
    span: Span,
    wanted: impl Fn(&Recorded) -> bool,
) -> Result<Page, Problem> {
    let limit = span.limit.get();
    let head = log.head();
    let mut at = span.after;
    let mut looked_at = 0;
    let mut items = Vec::new();
    while at < head && looked_at < LOOKED_AT {
        looked_at += STEP;
        let batch = log.read_all(at, span.families, STEP)?;
        for event in batch.events.iter().filter(|event| wanted(event)) {
            items.push(raw(&event.json())?);
            if items.len() == limit {
                return Ok(Page { items, next: Some(event.position) });
            }
        }
        at = batch.read_to.max(at + 1);
    }
    let more = at < head || span.follows;
    Ok(Page { items, next: more.then_some(at) })
}
