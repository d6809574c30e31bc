//! Where the server of a folder is reached. The file may be left over: the folder's lock decides whether it counts.

use std::{fs, io, net::SocketAddr};

use serde::{Deserialize, Serialize};
use store::plain;

use super::DataFolder;

const NAME: &str = "server.json";

/// The way to a running server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServerFile {
    /// Its process.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
}

impl ServerFile {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn write(&self, folder: &DataFolder) -> io::Result<()> {
        plain::write(&folder.path().join(NAME), &serde_json::to_vec(self)?)
    }

    /// Reads the file; nothing when there is none, or it is not readable.
    pub(crate) fn read(folder: &DataFolder) -> Option<Self> {
        let text = plain::read(&folder.path().join(NAME)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Removes the file of a server that ends.
    pub(crate) fn remove(folder: &DataFolder) {
        // Left over it does no harm: the lock is gone.
        let _ = fs::remove_file(folder.path().join(NAME));
    }
}
