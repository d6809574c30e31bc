//! The data folder: what lies where, who holds it, and where a running server is reached.

mod hold;
pub(crate) mod own_log;
mod server_file;
mod token;

use std::{
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use store::plain;

pub(crate) use hold::{Hold, HoldError, Holder};
pub(crate) use own_log::OwnLogError;
pub(crate) use server_file::ServerFile;
pub(crate) use token::Token;

/// What a start has to find room for: the first steps of log and views.
const ROOM: usize = 1 << 20;

/// The data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// A folder, which need not be there yet.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder's mode, where others than its owner may read it.
    pub(crate) fn open_to_others(&self) -> Option<u32> {
        let mode = fs::metadata(&self.0).ok()?.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }

    /// That there is some room on the disk.
    ///
    /// # Errors
    /// When the system refuses to write.
    pub(crate) fn check_room(&self) -> io::Result<()> {
        let probe = self.0.join("room");
        let written = plain::write(&probe, &vec![0; ROOM]);
        // Half of it would take the last room; what was never made is not there to be removed.
        let _ = (fs::remove_file(&probe), fs::remove_file(self.0.join("room.new")));
        written
    }

    /// The event log and nothing else.
    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Views: may be deleted while nothing runs.
    pub(crate) fn views(&self) -> PathBuf {
        self.0.join("views")
    }

    /// Snapshots of actors: may be deleted while nothing runs.
    pub(crate) fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }
}

impl std::fmt::Display for DataFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}
