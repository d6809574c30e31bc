//! One process writes a log. A lock of the operating system decides, so it ends with its holder however that ends;
//! the process id in the file only serves the message. Readers of a closed log share the lock and change no byte.
//!
//! The newest segment is locked as well (see `recovery` and `Segment::create`): a lock file can be removed while it is held.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::plain::{self, Links};

/// Name of the lock file in the log's folder.
pub(super) const LOCK: &str = "LOCK";

/// The folder's lock, held until this is dropped. Nothing is held for a folder without a lock file.
pub struct FolderLock {
    held: Option<(File, PathBuf)>,
}

/// Why the lock was not given.
#[derive(Debug)]
pub enum LockError {
    /// A process writes the log; its id, where the file tells it.
    Writer(Option<u32>),
    /// Processes that only read are in the folder.
    Readers,
    /// The system refused.
    Io(io::Error),
}

impl FolderLock {
    /// For writing: nobody else may be in the folder.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn exclusive(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(LOCK);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = plain::open(&path, options, Links::Refused).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(holder(file)),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(LockError::Io)?;
        Ok(Self { held: Some((file, path)) })
    }

    /// For reading: nobody may be writing. A copy without a lock file is read without one.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn shared(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(LOCK);
        let file = match plain::open(&path, OpenOptions::new().read(true), Links::Refused) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::none()),
            Err(error) => return Err(LockError::Io(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { held: Some((file, path)) }),
            Err(TryLockError::WouldBlock) => Err(holder(file)),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }

    /// For a folder that no other process can reach.
    #[must_use]
    pub const fn none() -> Self {
        Self { held: None }
    }

    /// Whether the file that is locked is still the one that another process would lock.
    pub(super) fn is_in_place(&self) -> bool {
        self.held.as_ref().is_none_or(|(file, path)| {
            let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
            let same =
                file.metadata().and_then(|held| Ok(identity(held) == identity(fs::symlink_metadata(path)?)));
            // What cannot be looked at may well be there.
            same.unwrap_or_else(|error| error.kind() != io::ErrorKind::NotFound)
        })
    }
}

/// Who stands in the way. With readers only, the id in the file is that of an earlier writer.
fn holder(mut file: File) -> LockError {
    if file.try_lock_shared().is_ok() {
        return LockError::Readers;
    }
    let mut text = String::new();
    // A holder that has not written its id yet is still a holder.
    let _ = file.read_to_string(&mut text);
    LockError::Writer(text.trim().parse().ok())
}
