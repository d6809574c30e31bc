//! The guard's decisions anew: at each fact from everything that came before it. It halts once for each halt and fails
//! closed: while it cannot know, no strategy is ACTIVE.

mod limits;
mod nobody;
mod strategy;
mod verdict;
mod watch;

use std::sync::Arc;

use events::Recorded;

use super::by_basis;
use watch::Watch;

/// Decisions that are wrong, missing or needless, and guards that fail open.
#[must_use]
pub fn violations(history: &[Arc<Recorded>]) -> Vec<String> {
    let mut decisions = by_basis(history, "actor-strategy_guard");
    let (mut watch, mut violations) = (Watch::default(), Vec::new());
    for event in history {
        let decided = decisions.remove(&event.position).unwrap_or_default();
        watch.learn(event);
        let wrong = watch.wrong(event, &decided);
        violations.extend(wrong.map(|what| format!("on {}: {what}", event.position)));
        decided.into_iter().for_each(|decision| watch.follow(decision));
        violations.extend(watch.fails_open().map(|what| format!("after {}: {what}", event.position)));
    }
    violations.extend(decisions.into_values().map(|decided| format!("decided on nothing: {decided:?}")));
    violations
}
