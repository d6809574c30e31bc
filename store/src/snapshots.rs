//! Snapshots of actors' states: a cache in one file for each actor. Losing one costs time, never a decision.
//!
//! A file that is damaged, of another log or of another version of the state is as good as none.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use events::Uuid;

const MAGIC: &[u8; 8] = b"twsnap01";
const HEADER: usize = 8 + 16 + 4 + 32;

/// The folder of the snapshots of one log.
#[derive(Clone, Debug)]
pub struct Snapshots {
    folder: PathBuf,
    log_id: Uuid,
}

impl Snapshots {
    /// The snapshots in a folder, which is made when it is missing.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path, log_id: Uuid) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), log_id })
    }

    /// The snapshots in a folder that is only read.
    pub fn read_only(folder: &Path, log_id: Uuid) -> Self {
        Self { folder: folder.to_owned(), log_id }
    }

    /// Replaces an actor's snapshot.
    ///
    /// # Errors
    /// When the disk refuses; the old snapshot is kept then.
    pub fn save(&self, actor: &str, state_version: u32, state: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER + state.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.log_id.as_bytes());
        bytes.extend_from_slice(&state_version.to_le_bytes());
        bytes.extend_from_slice(blake3::hash(state).as_bytes());
        bytes.extend_from_slice(state);
        let (path, written) = (self.path(actor), self.folder.join(format!("{actor}.tmp")));
        fs::write(&written, &bytes)?;
        fs::rename(&written, &path)
    }

    /// An actor's snapshot, if there is a whole one of this log and version.
    pub fn load(&self, actor: &str, state_version: u32) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path(actor)).ok()?;
        let (header, state) = bytes.split_at_checked(HEADER)?;
        let wanted = [MAGIC.as_slice(), self.log_id.as_bytes(), &state_version.to_le_bytes()].concat();
        let intact = header.starts_with(&wanted) && header[28..] == *blake3::hash(state).as_bytes();
        intact.then(|| state.to_vec())
    }

    fn path(&self, actor: &str) -> PathBuf {
        self.folder.join(format!("{actor}.snapshot"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshots(folder: &Path, log: u8) -> Snapshots {
        Snapshots::open(folder, Uuid::from_bytes([log; 16])).unwrap()
    }

    #[test]
    fn only_a_whole_snapshot_of_the_same_log_and_version_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let ours = snapshots(folder.path(), 1);
        assert_eq!(ours.load("guard", 1), None);
        ours.save("guard", 1, b"state").unwrap();
        assert_eq!(ours.load("guard", 1).as_deref(), Some(b"state".as_slice()));
        assert_eq!(ours.load("guard", 2), None);
        assert_eq!(snapshots(folder.path(), 2).load("guard", 1), None);
    }

    #[test]
    fn any_damage_makes_it_none() {
        let folder = tempfile::tempdir().unwrap();
        let ours = snapshots(folder.path(), 1);
        ours.save("guard", 1, b"state").unwrap();
        let path = folder.path().join("guard.snapshot");
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(ours.load("guard", 1), None, "cut at {cut}");
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert_eq!(ours.load("guard", 1), None, "flipped at {cut}");
        }
    }
}
