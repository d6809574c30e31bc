//! What would have been decided: recorded trades through the true actors, with a clock that follows the trades.
//!
//! One thread plays everything in the order in which it would have happened, so the same files always give the same
//! log; others read what was kept of the rows before it, and encode and append behind it. Nothing is sent anywhere, and
//! memory does not follow the number of rows.

mod cast;
mod kept;
mod order;
mod sorter;
mod stage;
mod write;

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::{Arc, mpsc},
    thread,
};

use events::{RecordRejected, ReduceCause, StrategyDisabled, Timestamp, TradeClosed, Uuid};
use serde::Serialize;
use store::{AppendError, EventLog};

use crate::system::SystemConfig;
pub use order::Rows;
use order::{Again, Ordered, Timed};
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
    /// How many conflicting duplicates are among what was rejected.
    #[serde(skip)]
    pub conflicting: u64,
    /// The first of them.
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
    Io(#[from] io::Error),
    /// The rows that are being sorted cannot be kept.
    #[error(
        "{folder} does not keep the rows while they are sorted: {source}; there has to be about as much room as the \
        files have, unpacked (the folder is that of --data, else TMPDIR)"
    )]
    Keeping {
        /// Where they are kept.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
}

impl RehearseError {
    fn keeping(folder: &Path, source: io::Error) -> Self {
        Self::Keeping { folder: folder.display().to_string(), source }
    }
}

/// Plays rows through the actors into an empty log, or into none.
///
/// # Errors
/// When the log is not empty or takes nothing, or the rows cannot be read again.
pub fn rehearse(
    log: Option<&Arc<dyn EventLog>>,
    rows: Rows,
    config: &SystemConfig,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, RehearseError> {
    let head = log.map_or(0, |log| log.head());
    if head > 0 {
        return Err(RehearseError::NotEmpty(head));
    }
    let (reader, rows) = reader(rows.in_order()?)?;
    let (sender, played) = mpsc::sync_channel(4);
    let (encoder, encoded) = encoder(played)?;
    let appender = appender(log.cloned(), encoded)?;
    let mut stage = Stage::new(log, sender);
    let played = stage.play(rows, config, progress);
    let mut summary = stage.finish();
    // A closed channel means that who reads it failed: their reason is the one that counts.
    let ended = |thread: Writer| thread.join().unwrap_or(Err(RehearseError::Disturbed(summary.events)));
    ended(appender)?;
    ended(encoder)?;
    played.map_err(|Closed| RehearseError::Disturbed(summary.events))?;
    let again = reader.join().unwrap_or(Err(RehearseError::Disturbed(summary.events)))?;
    (summary.duplicates, summary.conflicting) = (again.duplicates, again.conflicting);
    summary.conflicts = again.conflicts;
    Ok(summary)
}

/// Rows that are handed over to the stage together.
const ROWS: usize = 512;

type Reader = thread::JoinHandle<Result<Again, RehearseError>>;

/// The thread before the stage: reads the rows in their order.
fn reader(mut ordered: Ordered) -> io::Result<(Reader, mpsc::Receiver<Vec<Timed>>)> {
    let (sender, rows) = mpsc::sync_channel(4);
    let read = move || {
        let mut batch = Vec::with_capacity(ROWS);
        while let Some(row) = ordered.next()? {
            batch.push(row);
            // Nobody takes them any more: whoever ended has a reason of their own.
            if batch.len() == ROWS
                && sender.send(std::mem::replace(&mut batch, Vec::with_capacity(ROWS))).is_err()
            {
                break;
            }
        }
        let _ = sender.send(batch);
        Ok(ordered.again)
    };
    Ok((thread::Builder::new().name("rows".into()).spawn(read)?, rows))
}
