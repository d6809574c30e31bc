//! Why a log does not open.

use std::{io, path::PathBuf, sync::Arc};

use super::{
    files::{Folder, path_of, remedy},
    lock::LockError,
    segment::{FORMAT_VERSION, OpenFault},
};
use crate::ReadError;

/// Why a log does not open. Each text says what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes this log.
    #[error("{} is in use by {}; stop it first, or ask it over HTTP", folder.display(), Holder(*pid))]
    InUse {
        /// The log's folder.
        folder: PathBuf,
        /// The other process, unless it has only just begun.
        pid: Option<u32>,
    },
    /// Another process reads this log and would be disturbed.
    #[error("{} is being read by another process (verify, for example); wait until it has finished", folder.display())]
    BeingRead {
        /// The log's folder.
        folder: PathBuf,
    },
    /// A newer tradewarden has written here.
    #[error("{file} has format version {version}, this tradewarden knows {known}; use a newer tradewarden")]
    Newer {
        /// The file.
        file: Arc<str>,
        /// Its version.
        version: u32,
        /// The newest version known here.
        known: u32,
    },
    /// There is no log, and it was to be read only.
    #[error("there is no event log in {}", folder.display())]
    Missing {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// The system refused something that opening needs.
    #[error("{file}: {message}")]
    Io {
        /// The folder or file.
        file: Arc<str>,
        /// What the system said, and what to do.
        message: Arc<str>,
    },
    /// The disk failed, or the bytes are not what was written.
    #[error(transparent)]
    Read(#[from] ReadError),
}

struct Holder(Option<u32>);

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(pid) => write!(f, "process {pid}"),
            None => write!(f, "another process"),
        }
    }
}

impl OpenError {
    pub(super) fn io(folder: &dyn Folder, error: &io::Error) -> Self {
        Self::io_at(&Arc::from(folder.path().to_string_lossy()), error)
    }

    pub(super) fn io_of(folder: &dyn Folder, name: &str, error: &io::Error) -> Self {
        Self::io_at(&path_of(folder, name), error)
    }

    pub(super) fn io_at(file: &Arc<str>, error: &io::Error) -> Self {
        Self::Io { file: Arc::clone(file), message: format!("{error}; {}", remedy(error)).into() }
    }

    pub(super) fn missing(folder: &dyn Folder) -> Self {
        Self::Missing { folder: folder.path().to_owned() }
    }

    pub(super) fn lock(folder: &dyn Folder, error: LockError) -> Self {
        let path = folder.path().to_owned();
        match error {
            LockError::Writer(pid) => Self::InUse { folder: path, pid },
            LockError::Readers => Self::BeingRead { folder: path },
            LockError::Io(error) => Self::io(folder, &error),
        }
    }
}

impl From<OpenFault> for OpenError {
    fn from(fault: OpenFault) -> Self {
        match fault {
            OpenFault::Read(error) => Self::Read(error),
            OpenFault::Newer { file, version } => Self::Newer { file, version, known: FORMAT_VERSION },
        }
    }
}
