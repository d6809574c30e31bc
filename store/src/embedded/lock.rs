//! One process writes a log. A lock of the operating system decides, so it ends with its holder however that ends;
//! the process id in the file only serves the message. Readers of a closed log share the lock and change no byte.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    path::Path,
};

/// Name of the lock file in the log's folder.
pub(super) const LOCK: &str = "LOCK";

/// The folder's lock, held until this is dropped. Nothing is held for a folder without a lock file.
pub struct FolderLock {
    _held: Option<File>,
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
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(holder(file)),
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        let written = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(LockError::Io)?;
        Ok(Self { _held: Some(file) })
    }

    /// For reading: nobody may be writing. A copy without a lock file is read without one.
    ///
    /// # Errors
    /// See [`LockError`].
    pub fn shared(folder: &Path) -> Result<Self, LockError> {
        let file = match File::open(folder.join(LOCK)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self { _held: None }),
            Err(error) => return Err(LockError::Io(error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Self { _held: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(holder(file)),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }

    /// For a folder that no other process can reach.
    pub fn none() -> Self {
        Self { _held: None }
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
