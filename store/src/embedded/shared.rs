//! What the writer and the readers of one log share.

use std::{
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::Uuid;

use super::{files::Folder, live::Live, segment::Segment};

/// The segments, oldest first.
pub(super) type Segments = Arc<[Arc<Segment>]>;

pub(super) struct Shared {
    pub log_id: Uuid,
    pub folder: Arc<dyn Folder>,
    pub live: Live,
    segments: RwLock<Segments>,
    stopped: OnceLock<Arc<str>>,
    /// Bytes of the last segment that are published.
    active_bytes: AtomicU64,
    last_sync_us: AtomicU64,
    slowest_sync_us: AtomicU64,
    batches: AtomicU64,
}

/// Figures of a log in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of all segments and sidecars.
    pub bytes: u64,
    /// Number of segments.
    pub segments: u64,
    /// Batches made durable since the log was opened.
    pub batches: u64,
    /// How long the last fsync took.
    pub last_sync: Duration,
    /// How long the slowest fsync since the opening took.
    pub slowest_sync: Duration,
    /// Requests that wait for the writer.
    pub waiting: u64,
}

impl Shared {
    pub fn new(
        folder: Arc<dyn Folder>,
        log_id: Uuid,
        segments: Vec<Arc<Segment>>,
        head: u64,
        end: u64,
    ) -> Self {
        Self {
            log_id,
            folder,
            live: Live::new(head),
            segments: RwLock::new(segments.into()),
            stopped: OnceLock::new(),
            active_bytes: AtomicU64::new(end),
            last_sync_us: AtomicU64::new(0),
            slowest_sync_us: AtomicU64::new(0),
            batches: AtomicU64::new(0),
        }
    }

    pub fn segments(&self) -> Segments {
        Arc::clone(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn add_segment(&self, segment: Arc<Segment>, bytes: u64) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        *segments = segments.iter().cloned().chain([segment]).collect();
        self.active_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Stops the intake for good. The first reason is kept.
    pub fn stop(&self, reason: Arc<str>) -> Arc<str> {
        Arc::clone(self.stopped.get_or_init(|| reason))
    }

    pub fn stopped(&self) -> Option<Arc<str>> {
        self.stopped.get().cloned()
    }

    pub fn count_batch(&self, sync: Duration, end: u64) {
        let us = u64::try_from(sync.as_micros()).unwrap_or(u64::MAX);
        self.last_sync_us.store(us, Ordering::Relaxed);
        self.slowest_sync_us.fetch_max(us, Ordering::Relaxed);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.active_bytes.store(end, Ordering::Relaxed);
    }

    pub fn stats(&self, waiting: u64) -> Stats {
        let segments = self.segments();
        let sealed = segments.iter().rev().skip(1);
        let sealed_bytes = |s: &Arc<Segment>| {
            s.summary().map_or(0, |summary| summary.segment_bytes)
                + s.sidecar().map_or(0, |found| found.bytes())
        };
        Stats {
            bytes: sealed.map(sealed_bytes).sum::<u64>() + self.active_bytes.load(Ordering::Relaxed),
            segments: segments.len() as u64,
            batches: self.batches.load(Ordering::Relaxed),
            last_sync: Duration::from_micros(self.last_sync_us.load(Ordering::Relaxed)),
            slowest_sync: Duration::from_micros(self.slowest_sync_us.load(Ordering::Relaxed)),
            waiting,
        }
    }
}
