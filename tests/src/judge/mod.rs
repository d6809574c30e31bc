//! A second, naive opinion on whole histories: every decision of StrategyGuard and PerformanceAnalyst is worked out again
//! from all facts before it, by code that is none of theirs. A replay only shows that the same code decides the same.
//!
//! Nothing here is fast: sums are of whole numbers read from the text of the decimals, and made anew for every question.

pub mod analyst;
pub mod guard;
pub mod play;
mod sums;

use std::{collections::BTreeMap, sync::Arc};

use events::Recorded;

/// What a whole log, in the order of its positions, holds of wrong, missing and needless decisions.
#[must_use]
pub fn violations(history: &[Arc<Recorded>]) -> Vec<String> {
    let mut violations = guard::violations(history);
    violations.extend(analyst::violations(history));
    violations
}

/// The decisions in a stream by the position of what they were decided on.
fn by_basis<'e>(history: &'e [Arc<Recorded>], stream: &str) -> BTreeMap<u64, Vec<&'e Recorded>> {
    let mut decisions = BTreeMap::<u64, Vec<_>>::new();
    for event in history.iter().filter(|event| *event.stream == *stream) {
        decisions.entry(event.basis_position.unwrap_or(0)).or_default().push(event.as_ref());
    }
    decisions
}
