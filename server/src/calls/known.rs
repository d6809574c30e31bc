//! Whether a name is that of a strategy: a typing error halts nobody, and must not look as if it did.

use std::collections::BTreeSet;

use events::{Event, Family, FamilySet, StrategyState};
use intake::nearest;

use super::Log;
use crate::problem::Problem;

/// Events read at a time.
const STEP: usize = 4096;

/// Names that are remembered for a hint, at most.
const REMEMBERED: usize = 1000;

/// Refuses a name that no trade ever had and nothing was decided about; tells the nearest one. What changes such a
/// strategy all the same is told by `otherwise`.
///
/// # Errors
/// When the name is not known, or the log cannot be read.
pub(super) fn check(log: &Log, name: &str, otherwise: &str) -> Result<(), Problem> {
    // A view that fails or lags answers nothing; the log always does.
    let in_view = log.views.as_ref().and_then(|views| views.strategy(name).ok().flatten());
    if in_view.is_some_and(|known| known.trades > 0 || known.state != StrategyState::Active) {
        return Ok(());
    }
    let mut others = BTreeSet::new();
    if is_in_log(log, name, &mut others)? {
        return Ok(());
    }
    let detail = not_known(name, others.iter().map(String::as_str), otherwise);
    Err(Problem::new(404, "unknown_strategy", detail))
}

/// What is said of a name that nobody knows.
pub(super) fn not_known<'k>(name: &str, known: impl Iterator<Item = &'k str>, otherwise: &str) -> String {
    let hint = nearest(name, known).map_or(String::new(), |near| format!("; the nearest name is {near:?}"));
    format!("no trade of a strategy {name:?} is known{hint}. {otherwise}")
}

fn is_in_log(log: &Log, name: &str, others: &mut BTreeSet<String>) -> Result<bool, Problem> {
    let families = FamilySet::of(&[Family::Trade, Family::Strategy]);
    let (mut at, head) = (0, log.events.head());
    while at < head {
        let batch = log.events.read_all(at, families, STEP)?;
        for event in &batch.events {
            let about = match &event.event {
                Event::TradeClosed(trade) => &trade.strategy,
                Event::StrategyDisabled(decision) => &decision.strategy,
                Event::StrategyReduced(decision) => &decision.strategy,
                _ => continue,
            };
            if about == name {
                return Ok(true);
            }
            if others.len() < REMEMBERED && !others.contains(about) {
                others.insert(about.clone());
            }
        }
        at = batch.read_to.max(at + 1);
    }
    Ok(false)
}
