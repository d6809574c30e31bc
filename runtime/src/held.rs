//! What an actor holds, folded anew from the log: its configuration and its state. When it decided: with the input that it
//! decided on, before its decision. And the guard's as it stands now.

use std::sync::Arc;

use actors::{
    Decider, Fold, StrategyGuard,
    strategy_guard::{self, Standing},
};
use events::Recorded;
use serde::Serialize;
use serde_json::Value;
use store::{EventLog, ReadError, Snapshots};

use crate::{
    cycle::{self, BATCH},
    own::OwnDecisions,
    roster,
};

/// An actor as it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// Its name.
    pub actor: &'static str,
    /// The configuration in force.
    pub config: Value,
    /// Its state.
    pub state: Value,
}

/// Why that cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum HeldError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The state has no JSON form.
    #[error("the state has no JSON form: {0}")]
    Encode(#[from] serde_json::Error),
}

/// What the actor that took a decision held then; nothing when it is no decision of an actor.
///
/// # Errors
/// When the log cannot be read.
pub fn held(
    log: &Arc<dyn EventLog>,
    snapshots: Option<&Snapshots>,
    decision: &Recorded,
) -> Result<Option<Held>, HeldError> {
    let Some(basis) = decision.basis_position else { return Ok(None) };
    match roster::of_stream(&decision.stream) {
        Some(kind) => (kind.held)(log, snapshots, basis).map(Some),
        None => Ok(None),
    }
}

/// What one actor held when it decided on an input.
pub(crate) fn held_by<D: Decider>(
    log: &Arc<dyn EventLog>,
    snapshots: Option<&Snapshots>,
    basis: u64,
) -> Result<Held, HeldError> {
    let mut fold = fold_before::<D>(log, snapshots, basis)?;
    let input = log.read_all(basis.saturating_sub(1), Fold::<D>::families(), 1)?.events.pop();
    if let Some(input) = input.filter(|input| input.position == basis) {
        fold.preview(&input);
    }
    let (config, state) = (serde_json::to_value(fold.config())?, serde_json::to_value(fold.state())?);
    Ok(Held { actor: D::NAME, config, state })
}

/// How a strategy stands with its guard, by what is in the log: what the guard has not decided on yet is counted all the
/// same.
///
/// # Errors
/// When the log cannot be read.
pub fn standing(
    log: &Arc<dyn EventLog>,
    snapshots: Option<&Snapshots>,
    strategy: &str,
) -> Result<Standing, ReadError> {
    let fold = fold_before::<StrategyGuard>(log, snapshots, log.head() + 1)?;
    Ok(strategy_guard::standing(fold.state(), strategy, fold.config()))
}

/// Folds everything before a position, with the decisions that were recorded on it.
fn fold_before<D: Decider>(
    log: &Arc<dyn EventLog>,
    snapshots: Option<&Snapshots>,
    end: u64,
) -> Result<Fold<D>, ReadError> {
    let saved = cycle::load_or_warn::<D>(log, snapshots).filter(|fold| fold.position() < end);
    let mut fold = saved.unwrap_or_default();
    let mut own = OwnDecisions::after::<D>(log, fold.revision())?;
    let mut at = fold.position();
    while at + 1 < end {
        let batch = log.read_all(at, Fold::<D>::families(), BATCH)?;
        for input in batch.events.iter().take_while(|input| input.position < end) {
            let decisions = own.take(input.position)?;
            fold.replay(input, decisions.iter().map(AsRef::as_ref));
        }
        // A log that ends before that is not the decision's.
        if batch.read_to <= at {
            break;
        }
        at = batch.read_to;
    }
    Ok(fold)
}
