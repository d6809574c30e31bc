//! Why a log does not open, or cannot be written to.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use super::{
    bytes::Bytes,
    files::{Folder, Named, is_out_of_descriptors, path_of, remedy},
    lock::LockError,
};
use crate::ReadError;

/// Version of all files of the log.
pub(super) const FORMAT_VERSION: u32 = 2;
/// How long until something is tried again for which no descriptor was left.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

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
    /// An older tradewarden has written here.
    #[error(
        "{file} has format version {version}, this tradewarden knows {known}; read this log with the tradewarden that wrote \
         it, or begin a new log in an empty folder (--data DIR)"
    )]
    Older {
        /// The file.
        file: Arc<str>,
        /// Its version.
        version: u32,
        /// The version known here.
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
            OpenFault::Version { file, version } if version > FORMAT_VERSION => {
                Self::Newer { file, version, known: FORMAT_VERSION }
            }
            OpenFault::Version { file, version } => Self::Older { file, version, known: FORMAT_VERSION },
        }
    }
}

/// Why a file of the log cannot be opened.
#[derive(Debug)]
pub(super) enum OpenFault {
    Read(ReadError),
    /// Another version of tradewarden wrote it.
    Version {
        file: Arc<str>,
        version: u32,
    },
}

/// The version stands at the same place in every file of ours, so one of another version is told from a damaged one.
pub(super) fn refuse_other_version(file: &Named, start: &[u8], magic: &[u8; 8]) -> Result<(), OpenFault> {
    let version = Bytes(start.get(8..).unwrap_or_default()).u64().unwrap_or_default();
    let is_one = (1..1 << 16).contains(&version) && version != u64::from(FORMAT_VERSION);
    if start.starts_with(magic) && is_one {
        return Err(OpenFault::Version { file: Arc::clone(&file.path), version: version as u32 });
    }
    Ok(())
}

impl From<ReadError> for OpenFault {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Why something could not be written.
pub(super) enum Setback {
    /// No descriptor was left, so nothing was written: it is tried again.
    NoDescriptor(Arc<str>),
    /// Anything else ends the intake.
    Fault(Arc<str>),
}

impl Setback {
    pub(super) fn of(what: &str, path: &str, error: &io::Error) -> Self {
        if is_out_of_descriptors(error) {
            Self::no_descriptor(what, path)
        } else {
            Self::Fault(failure(what, path, error))
        }
    }

    pub(super) fn no_descriptor(what: &str, path: &str) -> Self {
        let message = "no file descriptor is left; close connections, or raise the limit of open files (ulimit -n). The log \
                       goes on meanwhile, and it is tried again";
        Self::NoDescriptor(format!("{what} {path} has to wait: {message}").into())
    }
}

/// What a failure means for an operator.
pub(super) fn failure(what: &str, path: &str, error: &io::Error) -> Arc<str> {
    format!("{what} {path} failed ({error}); {}. Everything that was acknowledged is kept", remedy(error))
        .into()
}
