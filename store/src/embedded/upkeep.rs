//! What is done to sealed segments beside the writing: older ones are compressed, and those older than a given time move
//! to the archive, a folder that may lie on another disk. Readers notice neither.
//!
//! Nothing is removed before its frames and the hash chain were checked, and what takes its place is durable and was
//! compared with it, byte for byte. A fault changes nothing and stops nothing: it is told, and tried again later.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use events::Timestamp;

use super::{
    error::{OpenError, OpenFault},
    files::{Access, DiskFolder, Folder, LogFile, UNFINISHED, fill, packed_name, path_of, segment_name},
    held,
    packed::{Packed, pack},
    scan::{FEW, MANY, Scanner, Step},
    segment::Segment,
    shared::Shared,
    sidecar::Sidecar,
};
use crate::{ReadError, append::now};

/// Where old segments go.
#[derive(Clone)]
pub struct Archive {
    /// The folder. It has to exist: were it made, the folder of a disk that is not mounted would be made on another one.
    pub folder: Arc<dyn Folder>,
    /// Segments whose newest event was recorded longer ago than this.
    pub after: Duration,
}

impl Archive {
    /// An archive in a folder of the file system.
    #[must_use]
    pub fn in_folder(path: &Path, after: Duration) -> Self {
        Self { folder: Arc::new(DiskFolder::existing(path)), after }
    }
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Segments that were compressed.
    pub compressed: u64,
    /// Segments that were moved to the archive.
    pub archived: u64,
}

pub(super) struct Keeper {
    shared: Arc<Shared>,
    /// How many of the newest sealed segments stay as they were written.
    uncompressed: usize,
    archive: Option<Archive>,
    closing: AtomicBool,
    /// What went wrong the last time.
    fault: Mutex<Option<Arc<str>>>,
    /// One at a time works, its own thread or who asked for it.
    at_work: Mutex<()>,
}

/// A process that only wants to append something is not slowed down.
const AFTER_OPENING: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_secs(3600);
/// After so long at work it rests as long.
const SHIFT: Duration = Duration::from_millis(5);

/// Asked between blocks: false ends the work.
type GoOn<'a> = &'a mut dyn FnMut() -> bool;

impl Keeper {
    pub(super) fn new(shared: &Arc<Shared>, uncompressed: usize, archive: Option<Archive>) -> Self {
        let (closing, fault, at_work) = Default::default();
        Self { shared: Arc::clone(shared), uncompressed, archive, closing, fault, at_work }
    }

    /// Works when a segment was sealed, and once an hour, with half of one processor at most.
    pub(super) fn run(&self) {
        thread::park_timeout(AFTER_OPENING);
        while !self.closing() {
            let mut began = Instant::now();
            let mut go_on = || {
                if began.elapsed() >= SHIFT {
                    thread::sleep(began.elapsed());
                    began = Instant::now();
                }
                !self.closing()
            };
            // What went wrong is kept for who asks.
            let _ = self.tidy(&mut go_on);
            thread::park_timeout(EVERY);
        }
    }

    fn closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Ends `run` after the block that it is at.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.shared.wake_keeper();
    }

    fn last_fault(&self) -> MutexGuard<'_, Option<Arc<str>>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why something could not be done the last time.
    pub(super) fn fault(&self) -> Option<Arc<str>> {
        self.last_fault().clone()
    }

    /// Does what is due.
    pub(super) fn tidy(&self, go_on: GoOn<'_>) -> Result<Tidied, Arc<str>> {
        let _at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let done = self.try_tidy(go_on);
        *self.last_fault() = done.as_ref().err().cloned();
        done
    }

    fn try_tidy(&self, go_on: GoOn<'_>) -> Result<Tidied, Arc<str>> {
        let segments = self.shared.segments();
        let sealed: Vec<_> = segments.iter().filter(|segment| segment.sidecar().is_some()).collect();
        let packed_before = sealed.len().saturating_sub(self.uncompressed);
        let (mut done, mut older, mut damaged) = (Tidied::default(), true, None);
        for (n, segment) in sealed.into_iter().enumerate() {
            // What lies in the archive is not read only to be left there; it may also be there by hand.
            if segment.archived {
                continue;
            }
            // The next one is younger than this one.
            older = match self.due(segment, n < packed_before, older, go_on) {
                Ok(Some(old)) => old,
                Ok(None) => break,
                Err(error) => {
                    damaged.get_or_insert_with(|| left_as_it_is(&error));
                    continue;
                }
            };
            let Some(segment) = self.compressed(segment, &mut done, go_on)? else { break };
            let Some(archive) = self.archive.as_ref().filter(|_| older) else { continue };
            if !self.move_to(archive, &segment, go_on)? {
                break;
            }
            done.archived += 1;
        }
        damaged.map_or(Ok(done), Err)
    }

    /// Whether a segment that is to be compressed is to be archived as well; nothing when neither is due, or the work was
    /// ended. `older`: the one before it is to be archived.
    fn due(
        &self,
        segment: &Segment,
        compressed: bool,
        older: bool,
        go_on: GoOn<'_>,
    ) -> Result<Option<bool>, ReadError> {
        let old = match &self.archive {
            Some(archive) if older => is_old(segment, archive.after)?,
            _ => false,
        };
        let copied = old || (compressed && segment.packed_bytes.is_none());
        let holds = !copied || held::holds(segment, go_on)?;
        Ok((holds && (compressed || old)).then_some(old))
    }

    /// The segment in its compressed form; nothing when the work was ended.
    fn compressed(
        &self,
        segment: &Arc<Segment>,
        done: &mut Tidied,
        go_on: GoOn<'_>,
    ) -> Result<Option<Arc<Segment>>, Arc<str>> {
        if segment.packed_bytes.is_some() {
            return Ok(self.remove_twin(segment, go_on)?.then(|| Arc::clone(segment)));
        }
        let name = packed_name(segment.header.first_position);
        if !self.make(&*self.shared.folder, &name, &*segment.file.file, Way::Packed, go_on)? {
            return Ok(None);
        }
        let packed = self.take_over(segment)?;
        self.remove(&segment.name())?;
        done.compressed += 1;
        Ok(Some(packed))
    }

    /// A process that was killed may have left the segment as it was beside the compressed one.
    fn remove_twin(&self, packed: &Segment, go_on: GoOn<'_>) -> Result<bool, Arc<str>> {
        let (folder, name) = (&*self.shared.folder, segment_name(packed.header.first_position));
        let path = path_of(folder, &name);
        let raw = match folder.open(&name, Access::Read) {
            Ok(raw) => raw,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) => return Err(failure("reading", &path, &error)),
        };
        let agree = agree((&path, &*raw), (&packed.file.path, &*packed.file.file), go_on)?;
        if agree { self.remove(&name).map(|()| true) } else { Ok(false) }
    }

    /// Copies a compressed segment and lets a link take the place of its file.
    fn move_to(&self, archive: &Archive, segment: &Arc<Segment>, go_on: GoOn<'_>) -> Result<bool, Arc<str>> {
        let (here, name) = (&*self.shared.folder, segment.name());
        let away = archive.folder.subfolder(&self.shared.log_id.to_string());
        let away = away.map_err(|error| failure("opening", &path_of(&*archive.folder, ""), &error))?;
        let file = here.open(&name, Access::Read);
        let file = file.map_err(|error| failure("reading", &path_of(here, &name), &error))?;
        let there = match away.open(&name, Access::Read) {
            // A copy of this log may use the same archive, and may have gone another way since.
            Ok(there) => agree((&path_of(&*away, &name), &*there), (&path_of(here, &name), &*file), go_on)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make(&*away, &name, &*file, Way::AsItIs, go_on)?
            }
            Err(error) => return Err(failure("reading", &path_of(&*away, &name), &error)),
        };
        if !there {
            return Ok(false);
        }
        let link = format!("{name}{UNFINISHED}");
        // What an earlier attempt left behind.
        let _ = here.remove(&link);
        let linked = here.link(&link, &away.path().join(&name)).and_then(|()| here.rename(&link, &name));
        let linked = linked.and_then(|()| here.sync());
        linked.map_err(|error| failure("linking", &path_of(here, &name), &error))?;
        self.take_over(segment).map(|_| true)
    }

    /// Makes a file out of another, durably and compared; false, and nothing made, when the work was ended.
    fn make(
        &self,
        folder: &dyn Folder,
        name: &str,
        from: &dyn LogFile,
        way: Way,
        go_on: GoOn<'_>,
    ) -> Result<bool, Arc<str>> {
        let unfinished = format!("{name}{UNFINISHED}");
        let made = folder.open(&unfinished, Access::Create).and_then(|out| self.write(out, from, way, go_on));
        if !matches!(made, Ok(true)) {
            // What is left of it is removed at the next opening at the latest.
            let _ = folder.remove(&unfinished);
        }
        let made = made.and_then(|made| {
            if made {
                folder.rename(&unfinished, name)?;
                folder.sync()?;
            }
            Ok(made)
        });
        made.map_err(|error| failure("making", &path_of(folder, name), &error))
    }

    /// Writes to an empty file and compares; false when the work was ended.
    fn write(
        &self,
        out: Arc<dyn LogFile>,
        from: &dyn LogFile,
        way: Way,
        go_on: GoOn<'_>,
    ) -> io::Result<bool> {
        let written = match way {
            Way::Packed => pack(from, &*out, go_on)?,
            Way::AsItIs => copy(from, &*out, go_on)?,
        };
        if !written {
            return Ok(false);
        }
        let made: Arc<dyn LogFile> = match way {
            Way::Packed => Arc::new(Packed::open(out, &self.shared.unpacking)?),
            Way::AsItIs => out,
        };
        match same(from, &*made, go_on)? {
            Some(true) => Ok(true),
            Some(false) => Err(io::Error::other("what was written does not read back as it was")),
            None => Ok(false),
        }
    }

    /// From now on the segment is read from the compressed file that stands in its place.
    fn take_over(&self, segment: &Segment) -> Result<Arc<Segment>, Arc<str>> {
        let (folder, first) = (&*self.shared.folder, segment.header.first_position);
        let open = || -> Result<_, OpenFault> {
            let packed = Segment::open_packed(folder, first, &self.shared.unpacking)?;
            packed.set_sidecar(Sidecar::open(folder, packed.header.log_id, first)?);
            Ok(Arc::new(packed))
        };
        let packed = open().map_err(|fault| Arc::from(OpenError::from(fault).to_string()))?;
        self.shared.replace_segment(&packed);
        Ok(packed)
    }

    fn remove(&self, name: &str) -> Result<(), Arc<str>> {
        let folder = &*self.shared.folder;
        let removed = folder.remove(name).and_then(|()| folder.sync());
        removed.map_err(|error| failure("removing", &path_of(folder, name), &error))
    }
}

/// How a file is made out of another.
#[derive(Clone, Copy)]
enum Way {
    Packed,
    AsItIs,
}

fn failure(what: &str, path: &str, error: &io::Error) -> Arc<str> {
    format!("{what} {path} failed ({error}); nothing is lost, and it is tried again within an hour").into()
}

/// What was damaged since it was sealed is not touched: a copy of it, under a fresh checksum, would hide that.
fn left_as_it_is(error: &ReadError) -> Arc<str> {
    format!("{error}. It is neither compressed nor archived; tradewarden verify checks the whole log").into()
}

/// Copies a file into one that is empty, and makes it durable; false when the work was ended.
fn copy(from: &dyn LogFile, to: &dyn LogFile, go_on: GoOn<'_>) -> io::Result<bool> {
    let (mut bytes, mut at) = (vec![0; MANY], 0);
    loop {
        let read = fill(from, &mut bytes, at)?;
        to.write_all_at(&bytes[..read], at)?;
        at += read as u64;
        if read < bytes.len() {
            return to.sync().map(|()| true);
        }
        if !go_on() {
            return Ok(false);
        }
    }
}

/// That two files have the same bytes; false when the work was ended before that was known.
fn agree(a: (&str, &dyn LogFile), b: (&str, &dyn LogFile), go_on: GoOn<'_>) -> Result<bool, Arc<str>> {
    match same(a.1, b.1, go_on) {
        Ok(Some(true)) => Ok(true),
        Ok(Some(false)) => {
            let message = "differ; move the one that is damaged, or belongs to a copy of this log, elsewhere";
            Err(format!("{} and {} {message}", a.0, b.0).into())
        }
        Ok(None) => Ok(false),
        Err(error) => Err(failure("comparing", a.0, &error)),
    }
}

/// Whether two files have the same bytes; nothing when the work was ended.
fn same(a: &dyn LogFile, b: &dyn LogFile, go_on: GoOn<'_>) -> io::Result<Option<bool>> {
    let (mut of_a, mut of_b, mut at) = (vec![0; MANY], vec![0; MANY], 0);
    loop {
        let (read, other) = (fill(a, &mut of_a, at)?, fill(b, &mut of_b, at)?);
        if of_a[..read] != of_b[..other] {
            return Ok(Some(false));
        }
        if read < of_a.len() {
            return Ok(Some(true));
        }
        at += read as u64;
        if !go_on() {
            return Ok(None);
        }
    }
}

/// Whether the newest event of a segment was recorded so long ago.
fn is_old(segment: &Segment, after: Duration) -> Result<bool, ReadError> {
    let recorded_at = last_recorded_at(segment)?;
    let age = now().micros().saturating_sub(recorded_at.micros());
    Ok(u128::try_from(age).is_ok_and(|age| age >= after.as_micros()))
}

/// When the newest event of a sealed segment was recorded.
fn last_recorded_at(segment: &Segment) -> Result<Timestamp, ReadError> {
    let last = segment.summary().map_or(0, |summary| summary.first_position + summary.events - 1);
    let near = segment.near(last)?;
    let (_, offset) =
        near.ok_or_else(|| segment.file.damaged(0, "its index does not lead to its last event"))?;
    let mut scanner = Scanner::new(segment, u64::from(offset), FEW);
    loop {
        match scanner.next()? {
            Step::Frame(_, frame) if frame.position == last => {
                return Ok(frame.recorded_at());
            }
            Step::Frame(..) => {}
            Step::End => {
                return Err(segment.file.damaged(segment.file.size()?, "it ends before its last event"));
            }
            Step::Bad(at, why) => return Err(segment.file.damaged(at, why)),
        }
    }
}
