//! What the writer and the readers of one log share.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use events::Uuid;

use super::{chain::Hash, files::Folder, head::Head, live::Live, segment::Segment, witness::Seal};

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
    syncs: Syncs,
    batches: AtomicU64,
    /// Position and chain after the last durable batch.
    sealed: Mutex<(u64, Hash)>,
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
    /// How long their fsyncs took together.
    pub sync_time: Duration,
    /// How many of them took at most each of [`SYNC_BOUNDS_US`].
    pub syncs_within: [u64; SYNC_BOUNDS_US.len()],
    /// Requests that wait for the writer.
    pub waiting: u64,
}

/// Bounds, in microseconds, by which the times of fsyncs are counted.
pub const SYNC_BOUNDS_US: [u64; 11] =
    [250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000];

/// How long fsyncs took.
#[derive(Default)]
struct Syncs {
    together_us: AtomicU64,
    /// For each bound, those that took at most that long and longer than the bound before.
    counts: [AtomicU64; SYNC_BOUNDS_US.len()],
}

impl Syncs {
    fn count(&self, sync: Duration) {
        let us = u64::try_from(sync.as_micros()).unwrap_or(u64::MAX);
        self.together_us.fetch_add(us, Ordering::Relaxed);
        if let Some(count) = self.counts.get(SYNC_BOUNDS_US.partition_point(|bound| *bound < us)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn within(&self) -> [u64; SYNC_BOUNDS_US.len()] {
        let mut so_far = 0;
        self.counts.each_ref().map(|count| {
            so_far += count.load(Ordering::Relaxed);
            so_far
        })
    }
}

impl Shared {
    pub fn new(
        folder: Arc<dyn Folder>,
        log_id: Uuid,
        segments: Vec<Arc<Segment>>,
        head: &Head,
        end: u64,
    ) -> Self {
        Self {
            log_id,
            folder,
            live: Live::new(head.position),
            segments: RwLock::new(segments.into()),
            stopped: OnceLock::new(),
            active_bytes: AtomicU64::new(end),
            syncs: Syncs::default(),
            batches: AtomicU64::new(0),
            sealed: Mutex::new((head.position, head.chain)),
        }
    }

    /// Notes the chain's value after a batch that is durable.
    pub fn seal(&self, position: u64, chain: Hash) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = (position, chain);
    }

    pub fn newest_seal(&self) -> Seal {
        let (position, chain) = *self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        Seal { log_id: self.log_id, position, chain }
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
        self.syncs.count(sync);
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
            sync_time: Duration::from_micros(self.syncs.together_us.load(Ordering::Relaxed)),
            syncs_within: self.syncs.within(),
            waiting,
        }
    }
}
