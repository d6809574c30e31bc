//! What an actor held when it decided, folded anew from the log: its configuration and its state, with the input that
//! it decided on, before its decision.

use std::sync::Arc;

use actors::{Decider, Fold};
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
    let fold = fold_to::<D>(log, snapshots, basis)?;
    let (config, state) = (serde_json::to_value(fold.config())?, serde_json::to_value(fold.state())?);
    Ok(Held { actor: D::NAME, config, state })
}

/// Folds everything up to an input, but not what was decided on that.
fn fold_to<D: Decider>(
    log: &Arc<dyn EventLog>,
    snapshots: Option<&Snapshots>,
    basis: u64,
) -> Result<Fold<D>, ReadError> {
    let saved = cycle::load_or_warn::<D>(log, snapshots).filter(|fold| fold.position() < basis);
    let mut fold = saved.unwrap_or_default();
    let mut own = OwnDecisions::after::<D>(log, fold.revision())?;
    let mut at = fold.position();
    while at < basis {
        let batch = log.read_all(at, Fold::<D>::families(), BATCH)?;
        for input in batch.events.iter().take_while(|input| input.position <= basis) {
            if input.position == basis {
                fold.preview(input);
            } else {
                let decisions = own.take(input.position)?;
                fold.replay(input, decisions.iter().map(AsRef::as_ref));
            }
        }
        // A log that ends before the basis is not that decision's.
        if batch.read_to <= at {
            break;
        }
        at = batch.read_to;
    }
    Ok(fold)
}
