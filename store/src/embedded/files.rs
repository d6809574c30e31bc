//! The only door to the disk. Everything the log does to files goes through these two traits, so that a test can
//! stand in for the disk: record writes, fail a sync, fill up, lose what was never synced.
//!
//! Nothing here retries and nothing here knows what the bytes mean.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, FileExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::io::Errno;

use super::lock::{FolderLock, LockError};
use crate::{
    ReadError,
    plain::{self, Links},
};

/// Names of the files of the segment that begins at a position.
pub(super) fn segment_name(first_position: u64) -> String {
    format!("{first_position:020}.log")
}

pub(super) fn packed_name(first_position: u64) -> String {
    format!("{first_position:020}{PACKED}")
}

pub(super) fn sidecar_name(first_position: u64) -> String {
    format!("{first_position:020}.idx")
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading what is there.
    Read,
    /// Reading and writing what is there.
    Write,
    /// Reading and writing from empty; what was there is gone.
    Create,
}

/// A file, read and written by position. Positions are bytes from its start.
pub trait LogFile: Send + Sync {
    /// Its size in bytes.
    ///
    /// # Errors
    /// When the system refuses.
    fn size(&self) -> io::Result<u64>;

    /// Reads at most `out.len()` bytes; 0 at the end.
    ///
    /// # Errors
    /// When the system refuses.
    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all bytes.
    ///
    /// # Errors
    /// When the system refuses; any part may have been written.
    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Cuts the file.
    ///
    /// # Errors
    /// When the system refuses.
    fn set_size(&self, size: u64) -> io::Result<()>;

    /// Returns when contents and size are durable.
    ///
    /// # Errors
    /// When they may not be.
    fn sync(&self) -> io::Result<()>;

    /// Keeps other processes from it until [`Self::unlock`], or until the process ends; false when one holds it. What
    /// no other process can reach is never held.
    ///
    /// # Errors
    /// When the system refuses.
    fn try_lock(&self, _exclusive: bool) -> io::Result<bool> {
        Ok(true)
    }

    /// Lets other processes to it again.
    fn unlock(&self) {}
}

/// The log's folder. Names are those of files directly in it.
pub trait Folder: Send + Sync {
    /// Where it is, for messages.
    fn path(&self) -> &Path;

    /// Takes the folder's lock until the guard is dropped.
    ///
    /// # Errors
    /// When another process holds it.
    fn lock(&self, exclusive: bool) -> Result<FolderLock, LockError>;

    /// The names of all files.
    ///
    /// # Errors
    /// When the system refuses.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Opens or makes a file.
    ///
    /// # Errors
    /// When the system refuses.
    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn LogFile>>;

    /// Renames a file over another.
    ///
    /// # Errors
    /// When the system refuses.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// When the system refuses.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes a symbolic link to a file elsewhere.
    ///
    /// # Errors
    /// When the system refuses.
    fn link(&self, name: &str, target: &Path) -> io::Result<()>;

    /// Where a name leads, when it is a symbolic link.
    ///
    /// # Errors
    /// When the system refuses.
    fn target(&self, name: &str) -> io::Result<Option<PathBuf>>;

    /// A folder in this one, made durably when it is missing; this one has to be there.
    ///
    /// # Errors
    /// When the system refuses.
    fn subfolder(&self, name: &str) -> io::Result<Arc<dyn Folder>>;

    /// Returns when made, renamed and removed names are durable.
    ///
    /// # Errors
    /// When they may not be.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the file system.
pub struct DiskFolder {
    path: PathBuf,
    /// Kept open where it is written for good: that a new name becomes durable then needs no descriptor.
    open: Option<File>,
}

impl DiskFolder {
    /// The folder at a path, made durably when it is missing.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        plain::create_folder(path)?;
        Ok(Self { path: path.to_owned(), open: Some(File::open(path)?) })
    }

    /// The folder at a path that has to be there.
    #[must_use]
    pub fn existing(path: &Path) -> Self {
        Self { path: path.to_owned(), open: None }
    }
}

impl Folder for DiskFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self, exclusive: bool) -> Result<FolderLock, LockError> {
        if exclusive { FolderLock::exclusive(&self.path) } else { FolderLock::shared(&self.path) }
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn LogFile>> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read);
        if access == Access::Create {
            options.create(true).truncate(true);
        }
        // Only a compressed segment may be elsewhere: see the archive.
        let may_be_elsewhere = access == Access::Read && name.ends_with(PACKED);
        let links = if may_be_elsewhere { Links::Followed } else { Links::Refused };
        Ok(Arc::new(plain::open(&path, &mut options, links)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn link(&self, name: &str, target: &Path) -> io::Result<()> {
        // A relative one would be followed from this folder, not from where it was meant.
        std::os::unix::fs::symlink(std::path::absolute(target)?, self.path.join(name))
    }

    fn target(&self, name: &str) -> io::Result<Option<PathBuf>> {
        let path = self.path.join(name);
        if fs::symlink_metadata(&path)?.is_symlink() { fs::read_link(path).map(Some) } else { Ok(None) }
    }

    fn subfolder(&self, name: &str) -> io::Result<Arc<dyn Folder>> {
        let path = self.path.join(name);
        if !path.is_dir() {
            DirBuilder::new().mode(0o700).create(&path)?;
            self.sync()?;
        }
        Ok(Arc::new(Self { path, open: None }))
    }

    fn sync(&self) -> io::Result<()> {
        match &self.open {
            Some(folder) => folder.sync_all(),
            None => File::open(&self.path)?.sync_all(),
        }
    }
}

impl LogFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        FileExt::read_at(self, out, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, at)
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        self.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }

    fn try_lock(&self, exclusive: bool) -> io::Result<bool> {
        let taken = if exclusive { File::try_lock(self) } else { self.try_lock_shared() };
        match taken {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn unlock(&self) {
        // What cannot be unlocked is so when it is closed.
        let _ = File::unlock(self);
    }
}

/// Ending of the names of compressed segments.
pub(super) const PACKED: &str = ".log.zst";

/// Ending of files that are not finished; they are removed when the log is opened.
pub(super) const UNFINISHED: &str = ".tmp";

/// Writes a whole file so that it is there completely or not at all, also after a power cut.
pub(super) fn write_whole(folder: &dyn Folder, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = format!("{name}{UNFINISHED}");
    let file = folder.open(&unfinished, Access::Create)?;
    file.write_all_at(bytes, 0)?;
    file.sync()?;
    folder.rename(&unfinished, name)?;
    folder.sync()
}

/// A file with its path for messages.
#[derive(Clone)]
pub(super) struct Named {
    pub path: Arc<str>,
    pub file: Arc<dyn LogFile>,
    /// Positions are those of what the file unpacks to.
    pub unpacked: bool,
}

/// Bytes of a file that are not what was written, found by what reads it for others.
#[derive(Debug)]
pub(super) struct BadBytes {
    pub at: u64,
    pub message: &'static str,
}

impl std::fmt::Display for BadBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "byte {}: {}", self.at, self.message)
    }
}

impl std::error::Error for BadBytes {}

impl From<BadBytes> for io::Error {
    fn from(bad: BadBytes) -> Self {
        Self::new(io::ErrorKind::InvalidData, bad)
    }
}

/// The path of a file of the folder, as messages show it.
pub(super) fn path_of(folder: &dyn Folder, name: &str) -> Arc<str> {
    Arc::from(folder.path().join(name).to_string_lossy())
}

pub(super) fn io_error(path: &Arc<str>, error: &io::Error) -> ReadError {
    if let Some(bad) = error.get_ref().and_then(|inner| inner.downcast_ref::<BadBytes>()) {
        return damaged(path, bad.at, bad.message);
    }
    let message =
        if is_out_of_descriptors(error) { Arc::from(NO_DESCRIPTOR) } else { error.to_string().into() };
    ReadError::Io { file: Arc::clone(path), message }
}

/// What stands in an error when nothing more can be opened.
const NO_DESCRIPTOR: &str =
    "no file descriptor is left: close connections, or raise the limit of open files (ulimit -n)";

/// Whether nothing more can be opened just now; what is open already is not touched by that.
pub(super) fn is_out_of_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// The same for an error that was told already.
pub(super) fn told_out_of_descriptors(error: &ReadError) -> bool {
    matches!(error, ReadError::Io { message, .. } if **message == *NO_DESCRIPTOR)
}

/// What an operator can do about a failure.
pub(super) fn remedy(error: &io::Error) -> &'static str {
    use io::ErrorKind::{InvalidInput, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match error.kind() {
        _ if is_out_of_descriptors(error) => NO_DESCRIPTOR,
        InvalidInput => "then start again",
        StorageFull | QuotaExceeded => "the disk is full: free some space, then start again",
        ReadOnlyFilesystem | PermissionDenied => {
            "the folder is read-only: make it writable, then start again"
        }
        _ => "check the disk, then start again",
    }
}

pub(super) fn damaged(path: &Arc<str>, at: u64, message: &str) -> ReadError {
    ReadError::Damaged { file: Arc::clone(path), at, message: Arc::from(message) }
}

impl Named {
    pub(super) fn open(folder: &dyn Folder, name: &str, access: Access) -> Result<Self, ReadError> {
        let path = path_of(folder, name);
        match folder.open(name, access) {
            Ok(file) => Ok(Self { path, file, unpacked: false }),
            Err(error) => Err(io_error(&path, &error)),
        }
    }

    pub(super) fn size(&self) -> Result<u64, ReadError> {
        self.file.size().map_err(|error| io_error(&self.path, &error))
    }

    /// Fills as much of `out` as the file has.
    pub(super) fn read_some(&self, out: &mut [u8], at: u64) -> Result<usize, ReadError> {
        fill(&*self.file, out, at).map_err(|error| io_error(&self.path, &error))
    }

    /// Fills all of `out`; a file that ends before is damaged.
    pub(super) fn read_exact(&self, out: &mut [u8], at: u64) -> Result<(), ReadError> {
        let filled = self.read_some(out, at)?;
        if filled < out.len() {
            return Err(self.damaged(at + filled as u64, "the file ends here; restore it from a backup"));
        }
        Ok(())
    }

    pub(super) fn damaged(&self, at: u64, message: &str) -> ReadError {
        if self.unpacked {
            let message = format!("{message} (the byte is that of what the file unpacks to)");
            return damaged(&self.path, at, &message);
        }
        damaged(&self.path, at, message)
    }
}

/// Reads from a file as much of `out` as it has.
pub(super) fn fill(file: &dyn LogFile, out: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < out.len() {
        match file.read_at(&mut out[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
