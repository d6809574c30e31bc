//! What would have been decided: recorded trades through the true actors, with a clock that follows the trades.
//!
//! One thread plays everything in the order in which it would have happened, so the same files always give the same
//! log. Nothing is sent anywhere.

mod cast;
mod order;
mod stage;
mod write;

use std::{
    collections::BTreeMap,
    sync::{Arc, mpsc},
};

use events::{RecordRejected, ReduceCause, StrategyDisabled, Timestamp, TradeClosed, Uuid};
use serde::Serialize;
use store::{AppendError, EventLog};

use crate::system::SystemConfig;
use order::in_order;
use stage::{Closed, Stage};
use write::{Writer, appender, encoder};

/// A row of the files, in the order of the files and rows.
#[derive(Clone, Debug)]
pub enum Row {
    /// A trade, and where it stands.
    Trade(Box<TradeClosed>, Place),
    /// A row that is none.
    Rejected(Box<RecordRejected>),
}

/// A row of a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// Row, from 1, the header not counted.
    pub row: u64,
}

/// A strategy that would have been halted.
#[derive(Clone, Debug, Serialize)]
pub struct Halt {
    /// The decision.
    pub event_id: Uuid,
    /// Its position.
    pub position: u64,
    /// The close of the trade that caused it.
    pub at: Timestamp,
    /// Everything that was decided.
    pub decision: StrategyDisabled,
}

/// A strategy that would have been reduced.
#[derive(Clone, Debug, Serialize)]
pub struct Reduction {
    /// Which strategy.
    pub strategy: String,
    /// How often.
    pub times: u64,
    /// The first decision.
    pub event_id: Uuid,
    /// Its position.
    pub position: u64,
    /// When.
    pub at: Timestamp,
    /// Why.
    pub causes: Vec<ReduceCause>,
}

/// A trade with an id that an earlier one has, and other content.
#[derive(Clone, Debug)]
pub struct Conflict {
    /// Where it stands.
    pub place: Place,
    /// What differs, and what to do.
    pub detail: String,
}

/// What a rehearsal did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Trades that were played.
    pub trades: u64,
    /// The same trade again.
    pub duplicates: u64,
    /// Rows in the dead letters, conflicting duplicates among them.
    pub rejected: u64,
    /// Events in the log.
    pub events: u64,
    /// The first close.
    pub first_closed_at: Option<Timestamp>,
    /// The last close.
    pub last_closed_at: Option<Timestamp>,
    /// Decisions by type.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Every halt, in order.
    pub halts: Vec<Halt>,
    /// Every strategy that was reduced, in order of the first time.
    pub reductions: Vec<Reduction>,
    /// The conflicting duplicates among what was rejected.
    #[serde(skip)]
    pub conflicts: Vec<Conflict>,
}

/// Why a rehearsal could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The log is not empty.
    #[error("the log already holds {0} events: a rehearsal needs an empty one")]
    NotEmpty(u64),
    /// The log takes nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Somebody else wrote to the log meanwhile.
    #[error("somebody else appended to the log of the rehearsal at position {0}")]
    Disturbed(u64),
    /// An event has no stored form.
    #[error("a row has no stored form: {0}")]
    Encode(#[from] serde_json::Error),
    /// A thread could not be started.
    #[error("starting the rehearsal: {0}")]
    Io(#[from] std::io::Error),
}

/// Plays rows through the actors into an empty log.
///
/// # Errors
/// When the log is not empty or takes nothing.
pub fn rehearse(
    log: &Arc<dyn EventLog>,
    rows: Vec<Row>,
    config: &SystemConfig,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, RehearseError> {
    if log.head() > 0 {
        return Err(RehearseError::NotEmpty(log.head()));
    }
    let mut summary = Summary::default();
    let rows = in_order(rows, &mut summary);
    let (sender, played) = mpsc::sync_channel(4);
    let (encoder, encoded) = encoder(played)?;
    let appender = appender(Arc::clone(log), encoded)?;
    let mut stage = Stage::new(log, sender, summary);
    let played = stage.play(rows, config, progress);
    let summary = stage.finish();
    // A closed channel means that who reads it failed: their reason is the one that counts.
    let ended = |thread: Writer| thread.join().unwrap_or(Err(RehearseError::Disturbed(summary.events)));
    ended(appender)?;
    ended(encoder)?;
    played.map_err(|Closed| RehearseError::Disturbed(summary.events))?;
    Ok(summary)
}
