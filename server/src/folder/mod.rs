//! The data folder: what lies where, who holds it, and where a running server is reached.

mod hold;
mod server_file;
mod token;

use std::path::{Path, PathBuf};

pub use hold::{Hold, HoldError, Holder};
pub use server_file::ServerFile;
pub use token::Token;

/// The data folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataFolder(PathBuf);

impl DataFolder {
    /// A folder, which need not be there yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The event log and nothing else.
    pub fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    /// Views: may be deleted while nothing runs.
    pub fn views(&self) -> PathBuf {
        self.0.join("views")
    }

    /// Snapshots of actors: may be deleted while nothing runs.
    pub fn snapshots(&self) -> PathBuf {
        self.0.join("snapshots")
    }
}

impl std::fmt::Display for DataFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.display().fmt(f)
    }
}
