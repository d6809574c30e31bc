//! The default log: one folder of segment files, durable before acknowledged, hash-chained.
//!
//! `docs/log.md` tells the format, what is promised and what the chain proves. Where to read on: `commit` and `writer`
//! (group commit), `recovery` (what opens and what does not), `reader`, `verify`.

mod batch;
mod bytes;
mod chain;
mod commit;
mod error;
pub mod files;
mod frame;
mod head;
mod held;
mod ids;
mod index;
mod inventory;
mod live;
mod load;
mod lock;
mod names;
mod packed;
mod paged;
mod promises;
mod queue;
mod reader;
mod recovery;
mod scan;
mod seal;
mod segment;
mod shared;
mod sidecar;
mod tail;
#[cfg(any(test, feature = "contract"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod upkeep;
mod verify;
mod witness;
mod writer;

use std::{
    io,
    ops::ControlFlow,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{FamilySet, Recorded, Uuid};

use self::{
    commit::{Committer, Ticket},
    files::{DiskFolder, Folder},
    reader::Follower,
    shared::Shared,
    upkeep::Keeper,
    writer::Writer,
};
use crate::{AppendError, Appended, Batch, Chained, EventLog, ReadError, Request, Subscription};

pub use self::{
    error::OpenError,
    lock::{FolderLock, LockError},
    shared::{SYNC_BOUNDS_US, Stats},
    upkeep::{Archive, Tidied},
    verify::{Fault, Verified},
    witness::{NoSeal, Seal},
};

/// How a log is written.
#[derive(Clone)]
pub struct Options {
    /// Size at which a segment is sealed, in bytes; between 64 KiB and 1 GiB. A segment in use takes about 20 bytes of
    /// memory an event, a sealed one less than two.
    pub segment_bytes: u64,
    /// How long to wait for another process to leave the folder.
    pub lock_wait: Duration,
    /// How many of the newest sealed segments stay as they were written; older ones are compressed, to a quarter or so.
    pub uncompressed: usize,
    /// Where old segments go; without it they stay.
    pub archive: Option<Archive>,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 256 << 20, lock_wait: Duration::ZERO, uncompressed: 4, archive: None }
    }
}

const READ_ONLY: &str = "it was opened for reading only";
const LOCK_RETRY: Duration = Duration::from_millis(50);

/// The log in a folder. Dropping it writes what waits and closes the log.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    /// Nothing for reading only.
    writing: Option<Writing>,
    notices: Vec<String>,
    // Last: released when everything else is over.
    _lock: Arc<FolderLock>,
}

/// What a log has that is written: each part with its thread.
struct Writing {
    committer: (Arc<Committer>, JoinHandle<()>),
    keeper: (Arc<Keeper>, JoinHandle<()>),
}

impl EmbeddedLog {
    /// Opens the log in a folder for writing; makes both when they are missing.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing was changed then, save that missing sidecars may have been made.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let existing = DiskFolder::existing(dir);
        let folder = DiskFolder::create(dir).map_err(|error| OpenError::io(&existing, &error))?;
        let folder: Arc<dyn Folder> = Arc::new(folder);
        Self::open_on(&folder, options)
    }

    /// The same on a folder of the caller's making: for tests that stand in for the disk.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_on(folder: &Arc<dyn Folder>, options: Options) -> Result<Self, OpenError> {
        let lock = Arc::new(wait_for_lock(&**folder, options.lock_wait)?);
        let recovered = recovery::recover(&**folder, true)?;
        let shared = share(folder, &recovered);
        let segment_bytes = options.segment_bytes.clamp(64 << 10, 1 << 30);
        let writer = Writer::new(&shared, &lock, &recovered, segment_bytes)
            .ok_or_else(|| OpenError::missing(&**folder))?;
        let keeper = Keeper::new(&shared, options.uncompressed, options.archive);
        let writing = Writing::start(&shared, writer, keeper);
        let writing = writing.map_err(|error| OpenError::io(&**folder, &error))?;
        Ok(Self { shared, writing: Some(writing), notices: recovered.notices, _lock: lock })
    }

    /// Opens a log that nobody writes for reading; changes no byte. A torn end is left where it is and not read.
    /// Frames are checked, the hash chain is not: see [`Self::verify_chain`].
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only(dir: &Path) -> Result<Self, OpenError> {
        let folder: Arc<dyn Folder> = Arc::new(DiskFolder::existing(dir));
        if !dir.is_dir() {
            return Err(OpenError::missing(&*folder));
        }
        Self::open_read_only_on(&folder)
    }

    /// The id of the log in a folder, without opening it; nothing where there is no folder, or no file of a log in it.
    ///
    /// # Errors
    /// When a file there cannot be read, or is none of a log.
    pub fn id_in(dir: &Path) -> Result<Option<Uuid>, OpenError> {
        if !dir.is_dir() {
            return Ok(None);
        }
        recovery::identify(&DiskFolder::existing(dir))
    }

    /// The same on a folder of the caller's making.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_read_only_on(folder: &Arc<dyn Folder>) -> Result<Self, OpenError> {
        let lock = Arc::new(folder.lock(false).map_err(|error| OpenError::lock(&**folder, error))?);
        let recovered = recovery::recover(&**folder, false)?;
        let shared = share(folder, &recovered);
        shared.stop(Arc::from(READ_ONLY));
        Ok(Self { shared, writing: None, notices: recovered.notices, _lock: lock })
    }

    /// What an operator should know about the opening: a torn end that was cut off, a sidecar made anew.
    #[must_use]
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Figures for monitoring.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats(self.writing.as_ref().map_or(0, |writing| writing.committer.0.waiting() as u64))
    }

    /// Reads the whole log up to its head, checks every frame, sidecar and the hash chain, and hands out each event in
    /// order; the event's position over [`EventLog::head`] is the progress. When `each` breaks, the check ends with
    /// what it has seen.
    ///
    /// # Errors
    /// The first fault.
    pub fn verify_chain(
        &self,
        each: &mut dyn FnMut(Arc<Recorded>) -> ControlFlow<()>,
    ) -> Result<Verified, Fault> {
        self.verify_against(&[], each)
    }

    /// Compresses and moves the segments that are due, now, and returns when it is done. A log that is open for writing
    /// does so by itself: when a segment was sealed, and once an hour.
    ///
    /// # Errors
    /// What could not be done; nothing is lost then, and the log goes on.
    pub fn tidy(&self) -> Result<Tidied, Arc<str>> {
        match &self.writing {
            Some(writing) => writing.keeper.0.tidy(&mut || true),
            None => Err(Arc::from(READ_ONLY)),
        }
    }

    /// What keeps the log from its upkeep, while it takes events: why segments could not be compressed or moved the last
    /// time, or why no new segment can be begun just now.
    #[must_use]
    pub fn upkeep_fault(&self) -> Option<Arc<str>> {
        self.shared.strain().or_else(|| self.writing.as_ref()?.keeper.0.fault())
    }
}

impl Chained for EmbeddedLog {
    fn seal(&self) -> Seal {
        self.shared.newest_seal()
    }

    fn verify_against(
        &self,
        seals: &[Seal],
        each: &mut dyn FnMut(Arc<Recorded>) -> ControlFlow<()>,
    ) -> Result<Verified, Fault> {
        verify::verify(&self.shared, seals, each)
    }
}

fn wait_for_lock(folder: &dyn Folder, wait: Duration) -> Result<FolderLock, OpenError> {
    let started = Instant::now();
    loop {
        match folder.lock(true) {
            Ok(lock) => return Ok(lock),
            Err(LockError::Io(error)) => return Err(OpenError::io(folder, &error)),
            Err(held) if started.elapsed() >= wait => return Err(OpenError::lock(folder, held)),
            Err(_) => thread::sleep(LOCK_RETRY),
        }
    }
}

fn share(folder: &Arc<dyn Folder>, recovered: &recovery::Recovered) -> Arc<Shared> {
    Arc::new(Shared::new(Arc::clone(folder), recovered))
}

impl Writing {
    fn start(shared: &Arc<Shared>, writer: Writer, keeper: Keeper) -> io::Result<Self> {
        let keeper = Arc::new(keeper);
        let (committer, runs) = (Committer::start(shared, writer)?, Arc::clone(&keeper));
        let thread = thread::Builder::new().name("log-keeper".to_owned()).spawn(move || runs.run());
        let thread = thread.inspect_err(|_| committer.0.close())?;
        shared.set_keeper(thread.thread().clone());
        Ok(Self { committer, keeper: (keeper, thread) })
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        let Some(Writing { committer, keeper }) = self.writing.take() else {
            // Subscriptions may outlive the log, and with them the file.
            self.shared.segments().last().inspect(|newest| newest.file.file.unlock());
            return;
        };
        keeper.0.close();
        committer.0.close();
        // A writer that panicked has told so through `stopped`.
        let _ = (committer.1.join(), keeper.1.join());
    }
}

impl EmbeddedLog {
    fn submit(&self, request: Request) -> Result<Ticket<'_>, AppendError> {
        match &self.writing {
            Some(writing) => writing.committer.0.submit(request),
            None => Err(AppendError::Stopped(Arc::from(READ_ONLY))),
        }
    }
}

impl EventLog for EmbeddedLog {
    fn log_id(&self) -> Uuid {
        self.shared.log_id
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        self.submit(request)?.wait()
    }

    /// All of them wait together, so that they share their flushes.
    fn append_all(&self, requests: Vec<Request>) -> Vec<Result<Appended, AppendError>> {
        let submitted: Vec<_> = requests.into_iter().map(|request| self.submit(request)).collect();
        submitted.into_iter().map(|ticket| ticket?.wait()).collect()
    }

    fn head(&self) -> u64 {
        self.shared.live.head()
    }

    fn count(&self, after: u64, to: u64) -> Option<u64> {
        let head = self.head();
        Some(to.min(head).saturating_sub(after.min(head)))
    }

    fn revision(&self, stream: &str) -> Result<u64, ReadError> {
        self.shared.revision(stream)
    }

    fn read_stream(&self, stream: &str, after: u64, max: usize) -> Result<Vec<Arc<Recorded>>, ReadError> {
        self.shared.read_stream(stream, after, max)
    }

    fn read_stream_back(
        &self,
        stream: &str,
        before: u64,
        max: usize,
    ) -> Result<Vec<Arc<Recorded>>, ReadError> {
        self.shared.read_stream_back(stream, before, max)
    }

    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, ReadError> {
        self.shared.read_all(after, families, max, &mut None)
    }

    fn position_of(&self, event_id: Uuid) -> Result<Option<u64>, ReadError> {
        reader::position_of(&self.shared.segments(), event_id)
    }

    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        Box::new(Follower { shared: Arc::clone(&self.shared), families, read_to: after, place: None })
    }

    fn stopped(&self) -> Option<Arc<str>> {
        self.shared.stopped()
    }
}
