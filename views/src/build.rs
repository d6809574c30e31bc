//! Building views beside the live ones, and comparing a built copy with a live one.

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
};

use events::FamilySet;
use serde::Serialize;
use store::{Batch, EventLog, ReadError};

use super::{
    driver::{BATCH, interests},
    live_view::{Fault, LiveView},
};
use crate::sqlite::{Found, Query, ViewError, ViewReader};

/// Batches that are read ahead of the fold.
const AHEAD: usize = 2;
/// Documents that are compared at a time.
const PAGE: usize = 256;

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct RebuildProgress {
    /// Folded up to here.
    pub position: u64,
    /// Of so many events.
    pub head: u64,
}

/// Why a view could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The view could not be saved.
    #[error(transparent)]
    View(#[from] ViewError),
    /// The projection failed.
    #[error("the projection {name} failed at position {position}: {message}")]
    Failed {
        /// Its name.
        name: &'static str,
        /// The event.
        position: u64,
        /// What it said.
        message: String,
    },
    /// The swap was not seen in time.
    #[error("the rebuilt view {0} was not taken over")]
    NotTakenOver(&'static str),
}

impl BuildError {
    fn of(view: &LiveView, fault: Fault) -> Self {
        Self::Failed { name: view.name(), position: fault.at_position, message: fault.message }
    }
}

/// Folds up to a position, all projections from one reading of the log, and saves.
pub(super) fn build_to(
    views: &mut [LiveView],
    log: &Arc<dyn EventLog>,
    to: u64,
    progress: &mut dyn FnMut(RebuildProgress),
) -> Result<(), BuildError> {
    let from = views.iter().map(LiveView::applied).min().unwrap_or(to);
    let families = interests(views.iter());
    thread::scope(|scope| {
        // Decoding and folding take about as long as each other: two threads.
        let (sender, batches) = sync_channel(AHEAD);
        scope.spawn(move || read_ahead(&**log, from, to, families, &sender));
        for batch in batches {
            let batch = batch?;
            for view in &mut *views {
                let folded = view.fold(&batch.events, batch.read_to);
                let saved = folded.and_then(|()| view.save_if_due(false, true));
                saved.map_err(|fault| BuildError::of(view, fault))?;
            }
            progress(RebuildProgress { position: batch.read_to, head: to });
        }
        views.iter_mut().try_for_each(|view| view.save().map_err(|fault| BuildError::of(view, fault)))
    })
}

/// Reads until the end, a fault, or nobody listens any more.
fn read_ahead(
    log: &dyn EventLog,
    mut from: u64,
    to: u64,
    families: FamilySet,
    sender: &SyncSender<Result<Batch, ReadError>>,
) {
    while from < to {
        let max = usize::try_from(to - from).unwrap_or(BATCH).min(BATCH);
        let batch = log.read_all(from, families, max);
        let read_to = batch.as_ref().map_or(to, |batch| batch.read_to);
        if sender.send(batch).is_err() || read_to <= from {
            return;
        }
        from = read_to;
    }
}

/// The first document in which a live view differs from a rebuilt copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The projection.
    pub projection: String,
    /// The collection.
    pub collection: String,
    /// The document.
    pub key: String,
    /// What the live view holds; null: nothing.
    pub live: Option<String>,
    /// What the events give; null: nothing.
    pub rebuilt: Option<String>,
}

/// Compares one collection of two views, a page at a time.
pub(super) fn first_difference(
    projection: &str,
    collection: &str,
    live: &ViewReader,
    rebuilt: &ViewReader,
) -> Result<Option<Difference>, ViewError> {
    let mut page = Query { limit: PAGE, ..Query::all_of(collection) };
    loop {
        let (ours, theirs) = (live.find(&page)?, rebuilt.find(&page)?);
        if ours != theirs {
            return Ok(differing(projection, collection, &ours, &theirs));
        }
        let Some(last) = ours.last() else { return Ok(None) };
        page.after = Some(last.cursor());
    }
}

fn differing(projection: &str, collection: &str, live: &[Found], rebuilt: &[Found]) -> Option<Difference> {
    let mut places = 0..live.len().max(rebuilt.len());
    let place = places.find(|place| live.get(*place) != rebuilt.get(*place))?;
    let (ours, theirs) = (live.get(place), rebuilt.get(place));
    let key = ours.into_iter().chain(theirs).map(|found| &found.key).min()?.clone();
    // Of two different keys the smaller one is missing on the other side.
    let text = |found: Option<&Found>| {
        let found = found.filter(|found| found.key == key)?;
        Some(found.time.map_or_else(|| found.body.to_string(), |time| format!("{} at {time} us", found.body)))
    };
    Some(Difference {
        projection: projection.to_owned(),
        collection: collection.to_owned(),
        key: key.to_string(),
        live: text(ours),
        rebuilt: text(theirs),
    })
}
