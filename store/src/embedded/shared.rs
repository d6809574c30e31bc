//! What the writer and the readers of one log share.

use std::{
    sync::{
        Arc, Mutex, OnceLock, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use events::Uuid;

use super::{
    chain::Hash, files::Folder, live::Live, packed::Unpacking, recovery::Recovered, segment::Segment,
    sidecar::Sidecar, witness::Seal,
};

/// The segments, oldest first.
pub(super) type Segments = Arc<[Arc<Segment>]>;

pub(super) struct Shared {
    pub log_id: Uuid,
    pub folder: Arc<dyn Folder>,
    pub live: Live,
    segments: RwLock<Segments>,
    stopped: OnceLock<Arc<str>>,
    /// What cannot be done just now and is tried again; nothing is lost by it.
    strain: Mutex<Option<Arc<str>>>,
    closing: AtomicBool,
    /// Bytes of the last segment that are published.
    active_bytes: AtomicU64,
    syncs: Syncs,
    batches: AtomicU64,
    /// Position and chain after the last durable batch.
    sealed: Mutex<(u64, Hash)>,
    pub unpacking: Arc<Unpacking>,
    /// Who compresses and moves what was sealed.
    keeper: OnceLock<Thread>,
}

/// Figures of a log in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of all segments and sidecars in the log's folder.
    pub bytes: u64,
    /// Bytes of the segments that were moved to the archive.
    pub archived_bytes: u64,
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
    pub(super) fn new(folder: Arc<dyn Folder>, recovered: &Recovered) -> Self {
        let head = &recovered.head;
        Self {
            log_id: recovered.log_id,
            folder,
            live: Live::new(head.position),
            segments: RwLock::new(recovered.segments.clone().into()),
            stopped: OnceLock::new(),
            strain: Mutex::default(),
            closing: AtomicBool::new(false),
            active_bytes: AtomicU64::new(recovered.end),
            syncs: Syncs::default(),
            batches: AtomicU64::new(0),
            sealed: Mutex::new((head.position, head.chain)),
            unpacking: Arc::clone(&recovered.unpacking),
            keeper: OnceLock::new(),
        }
    }

    /// Notes the chain's value after a batch that is durable.
    pub(super) fn seal(&self, position: u64, chain: Hash) {
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = (position, chain);
    }

    pub(super) fn newest_seal(&self) -> Seal {
        let (position, chain) = *self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        Seal { log_id: self.log_id, position, chain }
    }

    pub(super) fn segments(&self) -> Segments {
        Arc::clone(&self.segments.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn add_segment(&self, segment: Arc<Segment>, bytes: u64) {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        *segments = segments.iter().cloned().chain([segment]).collect();
        self.active_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Puts a segment in the place of the one that starts at the same position.
    pub(super) fn replace_segment(&self, segment: &Arc<Segment>) {
        let first = segment.header.first_position;
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let newer =
            |old: &Arc<Segment>| Arc::clone(if old.header.first_position == first { segment } else { old });
        *segments = segments.iter().map(newer).collect();
    }

    /// Tells who is to be woken when a segment was sealed.
    pub(super) fn set_keeper(&self, keeper: Thread) {
        // There is one at most.
        let _ = self.keeper.set(keeper);
    }

    pub(super) fn wake_keeper(&self) {
        if let Some(keeper) = self.keeper.get() {
            keeper.unpark();
        }
    }

    /// Stops the intake for good. The first reason is kept.
    pub(super) fn stop(&self, reason: Arc<str>) -> Arc<str> {
        Arc::clone(self.stopped.get_or_init(|| reason))
    }

    /// Tells what cannot be done just now; nothing: all is well again.
    pub(super) fn set_strain(&self, strain: Option<Arc<str>>) {
        *self.strain.lock().unwrap_or_else(PoisonError::into_inner) = strain;
    }

    pub(super) fn strain(&self) -> Option<Arc<str>> {
        self.strain.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on nobody tries anything again.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    pub(super) fn stopped(&self) -> Option<Arc<str>> {
        self.stopped.get().cloned()
    }

    pub(super) fn count_batch(&self, sync: Duration, end: u64) {
        self.syncs.count(sync);
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.active_bytes.store(end, Ordering::Relaxed);
    }

    pub(super) fn stats(&self, waiting: u64) -> Stats {
        let segments = self.segments();
        let sealed = || segments.iter().rev().skip(1);
        let sidecars = sealed().filter_map(|segment| segment.sidecar()).map(Sidecar::bytes);
        let here = sealed().filter(|segment| !segment.archived).map(|segment| segment.bytes_on_disk());
        let archived = sealed().filter(|segment| segment.archived);
        Stats {
            bytes: here.chain(sidecars).sum::<u64>() + self.active_bytes.load(Ordering::Relaxed),
            archived_bytes: archived.map(|segment| segment.bytes_on_disk()).sum(),
            segments: segments.len() as u64,
            batches: self.batches.load(Ordering::Relaxed),
            sync_time: Duration::from_micros(self.syncs.together_us.load(Ordering::Relaxed)),
            syncs_within: self.syncs.within(),
            waiting,
        }
    }
}
