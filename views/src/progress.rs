//! What the projector tells about each projection, and waiting for it to come so far.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use events::Timestamp;
use serde::Serialize;

use super::live_view::LiveView;
use crate::sqlite::ViewPath;
use store::now;

/// Behind for so long without getting on: it stands still.
const STALLED_AFTER_S: i64 = 10;

/// What a projection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProjectionState {
    /// At the head of the log, or on the way there.
    Running,
    /// Behind, and has not got on for a while.
    Stalled,
    /// Failed, and waits before it is tried again.
    BackingOff,
}

/// A projection as shown to people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectionStatus {
    /// Its name.
    pub name: &'static str,
    /// Its version.
    pub version: u32,
    /// What it is doing.
    pub state: ProjectionState,
    /// Every event up to here is seen by queries.
    pub position: u64,
    /// The log's last event.
    pub head: u64,
    /// Events between the two, where the log can count them.
    pub lag_events: Option<u64>,
    /// How long ago the oldest of those was recorded; 0 without any.
    pub lag_seconds: f64,
    /// When it last got on.
    pub last_advance: Timestamp,
    /// Failures since the start.
    pub failures: u64,
    /// The failure that it is held up by.
    pub failure: Option<ProjectionFailure>,
    /// While it is being rebuilt: how much of that is done, 0 to 1.
    pub rebuild_progress: Option<f64>,
}

/// Why a projection is held up.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectionFailure {
    /// The event at which it failed.
    pub at_position: u64,
    /// What it said.
    pub message: String,
    /// How often in a row.
    pub attempts: u32,
    /// When it is tried again.
    pub retry_at: Timestamp,
}

/// Why a query cannot see everything up to a position.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NotCaughtUp {
    /// No projection has this name.
    #[error("there is no projection {name}: there are {known}")]
    Unknown {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// It is held up by a failure.
    #[error(
        "the view {name} stands still at position {position} of {wanted}: {failure}; it is tried again at {retry_at}"
    )]
    StandsStill {
        /// The projection.
        name: &'static str,
        /// Where it is.
        position: u64,
        /// Where it should be.
        wanted: u64,
        /// What it said.
        failure: String,
        /// When it is tried again.
        retry_at: Timestamp,
    },
    /// It did not come so far in time.
    #[error("the view {name} is still at position {position} of {wanted}: ask again when it has caught up")]
    Late {
        /// The projection.
        name: &'static str,
        /// Where it is.
        position: u64,
        /// Where it should be.
        wanted: u64,
    },
}

/// How far one projection is.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) version: u32,
    pub(super) path: ViewPath,
    pub(super) visible: u64,
    pub(super) failures: u64,
    pub(super) failure: Option<ProjectionFailure>,
    pub(super) rebuild_progress: Option<f64>,
    last_advance: Timestamp,
}

/// How far every view is: shared between the projector's thread and those who ask.
pub(super) struct Progress {
    entries: Mutex<Vec<Entry>>,
    advanced: Condvar,
}

impl Progress {
    pub(super) fn new(views: &[LiveView]) -> Self {
        let entry = |view: &LiveView| Entry {
            name: view.name(),
            version: view.kind().version,
            path: view.path().clone(),
            visible: view.visible(),
            failures: 0,
            failure: None,
            rebuild_progress: None,
            last_advance: now(),
        };
        Self { entries: Mutex::new(views.iter().map(entry).collect()), advanced: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    pub(super) fn entry(&self, name: &str) -> Result<Entry, NotCaughtUp> {
        let entries = self.lock();
        entries.iter().find(|entry| entry.name == name).cloned().ok_or_else(|| unknown(name, &entries))
    }

    /// Changes one entry and wakes those who wait.
    pub(super) fn update(&self, name: &str, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.lock().iter_mut().find(|entry| entry.name == name) {
            change(entry);
        }
        self.advanced.notify_all();
    }

    /// Notes how far the views are.
    pub(super) fn show(&self, views: &[LiveView]) {
        let mut entries = self.lock();
        let mut any = false;
        for (entry, view) in entries.iter_mut().zip(views) {
            if entry.visible != view.visible() {
                (entry.visible, entry.last_advance, any) = (view.visible(), now(), true);
            }
        }
        drop(entries);
        if any {
            self.advanced.notify_all();
        }
    }

    /// Waits until a view shows everything up to a position; `nudge` asks for a save.
    pub(super) fn wait_for(
        &self,
        name: &str,
        wanted: u64,
        patience: Duration,
        nudge: &dyn Fn(),
    ) -> Result<(), NotCaughtUp> {
        let begun = Instant::now();
        let mut entries = self.lock();
        loop {
            let entry = entries.iter().find(|entry| entry.name == name);
            let entry = entry.ok_or_else(|| unknown(name, &entries))?;
            if entry.visible >= wanted {
                return Ok(());
            }
            let left = patience.saturating_sub(begun.elapsed());
            if left.is_zero() || is_out_of_reach(entry, left) {
                return Err(not_caught_up(entry, wanted));
            }
            nudge();
            let wait = left.min(Duration::from_millis(20));
            entries = self.advanced.wait_timeout(entries, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Failures in a row after which nobody waits: a disk that is full stays so.
const HOPELESS: u32 = 4;

/// Whether the next attempt comes too late for who waits, or is as likely to fail.
fn is_out_of_reach(entry: &Entry, left: Duration) -> bool {
    let last_moment = now().plus_micros(i64::try_from(left.as_micros()).unwrap_or(i64::MAX));
    let failure = entry.failure.as_ref();
    failure.is_some_and(|failure| failure.attempts >= HOPELESS || failure.retry_at > last_moment)
}

fn not_caught_up(entry: &Entry, wanted: u64) -> NotCaughtUp {
    let (name, position) = (entry.name, entry.visible);
    match &entry.failure {
        Some(failure) => NotCaughtUp::StandsStill {
            name,
            position,
            wanted,
            failure: failure.message.clone(),
            retry_at: failure.retry_at,
        },
        None => NotCaughtUp::Late { name, position, wanted },
    }
}

fn unknown(name: &str, entries: &[Entry]) -> NotCaughtUp {
    let known: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    NotCaughtUp::Unknown { name: name.to_owned(), known: known.join(", ") }
}

impl Entry {
    /// The entry as shown; `recorded_at` is that of the first event that the view does not show.
    pub(super) fn status(
        &self,
        head: u64,
        lag_events: Option<u64>,
        recorded_at: Option<Timestamp>,
    ) -> ProjectionStatus {
        let age_us = |since: Timestamp| now().micros().saturating_sub(since.micros()).max(0);
        let waits_for_us = recorded_at.map_or(0, age_us).min(age_us(self.last_advance));
        let state = if self.failure.is_some() {
            ProjectionState::BackingOff
        } else if self.visible < head && waits_for_us > STALLED_AFTER_S * 1_000_000 {
            ProjectionState::Stalled
        } else {
            ProjectionState::Running
        };
        ProjectionStatus {
            name: self.name,
            version: self.version,
            state,
            position: self.visible,
            head,
            lag_events,
            lag_seconds: recorded_at.map_or(0.0, |at| age_us(at) as f64 / 1e6),
            last_advance: self.last_advance,
            failures: self.failures,
            failure: self.failure.clone(),
            rebuild_progress: self.rebuild_progress,
        }
    }
}
