//! Reading the log in pages: each call looks at a bounded number of events.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use events::{FamilySet, Recorded};
use store::EventLog;

use super::{Desk, Page, raw};
use crate::problem::Problem;

/// Items of a page, at most.
pub const PAGE: usize = 1000;

/// Events that one call looks at, at most.
const LOOKED_AT: u64 = 200_000;

/// Events read at a time.
const STEP: usize = 2048;

/// How long it takes at most until somebody who waits sees that the process ends.
const GLANCE: Duration = Duration::from_millis(200);

/// Where to read, and how much.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Events after this position.
    pub after: u64,
    /// Of these families.
    pub families: FamilySet,
    /// Items, at most.
    pub limit: usize,
    /// How long to wait for the first item when there is none yet.
    pub wait: Duration,
}

/// The events of a span that are wanted. With a wait there is always a next page: more may come.
pub fn scan(desk: &Desk, span: Span, wanted: impl Fn(&Recorded) -> bool) -> Result<Page, Problem> {
    let log = &*desk.log;
    let limit = span.limit.clamp(1, PAGE);
    let head = log.head();
    let (mut at, mut items) = (span.after, Vec::new());
    while at < head && at - span.after.min(at) < LOOKED_AT {
        let batch = log.read_all(at, span.families, STEP)?;
        for event in batch.events.iter().filter(|event| wanted(event)) {
            items.push(raw(&event.json())?);
            if items.len() == limit {
                return Ok(Page { items, next: Some(event.position) });
            }
        }
        at = batch.read_to.max(at + 1);
    }
    if !items.is_empty() || at < head || span.wait.is_zero() {
        let more = at < head || !span.wait.is_zero();
        return Ok(Page { items, next: more.then_some(at) });
    }
    follow(desk, Span { after: at, ..span }, wanted)
}

/// Waits for the next wanted events.
fn follow(desk: &Desk, span: Span, wanted: impl Fn(&Recorded) -> bool) -> Result<Page, Problem> {
    let mut subscription = desk.log.subscribe(span.after, span.families);
    let until = Instant::now() + span.wait;
    let mut at = span.after;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = if desk.stopping.load(Ordering::Relaxed) { Duration::ZERO } else { left };
        let batch = subscription.next(PAGE, left.min(GLANCE))?;
        at = at.max(batch.read_to);
        let items = batch.events.iter().filter(|event| wanted(event)).map(|event| raw(&event.json()));
        let items: Vec<_> = items.collect::<Result<_, _>>()?;
        if !items.is_empty() || left.is_zero() {
            return Ok(Page { items, next: Some(at) });
        }
    }
}

/// The event at a position.
pub fn event_at(log: &dyn EventLog, position: u64) -> Result<Option<Arc<Recorded>>, Problem> {
    if position == 0 || position > log.head() {
        return Ok(None);
    }
    Ok(log.read_all(position - 1, FamilySet::ALL, 1)?.events.pop())
}
