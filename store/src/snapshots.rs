//! Snapshots of actors' states: a cache in one file for each actor. Losing one costs time, never a decision.
//!
//! A file holds 8 bytes magic, 16 bytes log id, u32 version of the state, 16 bytes mark of the last event that was folded,
//! 32 bytes BLAKE3 over all that, the actor's name and the state, then the state. So a file of another actor, of another
//! log, or of another history of the same log (one that was restored from a backup, say) is not taken for the right one.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use events::Uuid;

use crate::plain;

const MAGIC: &[u8; 8] = b"twsnap01";
const IDENTITY: usize = 8 + 16 + 4 + 16;
const HEADER: usize = IDENTITY + 32;

/// A state that was saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Tells the last event that was folded from every other one.
    pub after: Uuid,
    /// The state.
    pub state: Vec<u8>,
}

/// A snapshot that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}: the state is folded anew from the log; delete the file", path.display())]
pub struct SnapshotFault {
    /// Its file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

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
        plain::create_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), log_id })
    }

    /// The snapshots in a folder that is only read.
    #[must_use]
    pub fn read_only(folder: &Path, log_id: Uuid) -> Self {
        Self { folder: folder.to_owned(), log_id }
    }

    /// Replaces an actor's snapshot.
    ///
    /// # Errors
    /// When the disk refuses; the old snapshot is kept then.
    pub fn save(&self, actor: &str, state_version: u32, snapshot: &Snapshot) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER + snapshot.state.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(self.log_id.as_bytes());
        bytes.extend_from_slice(&state_version.to_le_bytes());
        bytes.extend_from_slice(snapshot.after.as_bytes());
        bytes.extend_from_slice(hash(&bytes, actor, &snapshot.state).as_bytes());
        bytes.extend_from_slice(&snapshot.state);
        plain::write(&self.path(actor), &bytes)
    }

    /// An actor's snapshot; nothing when there is none of this version of the state.
    ///
    /// # Errors
    /// When there is one that is damaged, of another log or actor, or cannot be read.
    pub fn load(&self, actor: &str, state_version: u32) -> Result<Option<Snapshot>, SnapshotFault> {
        let bytes = match plain::read(&self.path(actor)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.fault(actor, &format!("cannot be read ({error})"))),
        };
        let damaged = || self.fault(actor, "is damaged");
        let (header, state) = bytes.split_at_checked(HEADER).ok_or_else(damaged)?;
        let (identity, checksum) = header.split_at(IDENTITY);
        if !identity.starts_with(MAGIC) || hash(identity, actor, state).as_bytes() != checksum {
            return Err(damaged());
        }
        if identity[8..24] != *self.log_id.as_bytes() {
            return Err(self.fault(actor, "is of another log"));
        }
        let after = identity[28..].try_into().map(Uuid::from_bytes).map_err(|_| damaged())?;
        let same_version = identity[24..28] == state_version.to_le_bytes();
        Ok(same_version.then(|| Snapshot { after, state: state.to_vec() }))
    }

    /// The logs that snapshots in a folder are of. What is no snapshot of ours says nothing.
    #[must_use]
    pub fn logs_in(folder: &Path) -> Vec<Uuid> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let snapshots = entries.filter(|path| path.extension().is_some_and(|ending| ending == "snapshot"));
        let log_id = |path: PathBuf| {
            let bytes = plain::read(&path).ok().filter(|bytes| bytes.starts_with(MAGIC))?;
            bytes.get(8..24)?.try_into().map(Uuid::from_bytes).ok()
        };
        let mut logs: Vec<Uuid> = snapshots.filter_map(log_id).collect();
        logs.sort_unstable();
        logs.dedup();
        logs
    }

    /// A name, beside the snapshot's own, that nothing has yet: what was put aside before is kept.
    #[must_use]
    pub fn name_aside(&self, actor: &str) -> String {
        let names = std::iter::once(String::new()).chain((2..).map(|n: u64| format!(".{n}")));
        let mut names = names.map(|number| format!("{actor}.differs{number}"));
        names.find(|name| !self.folder.join(name).exists()).unwrap_or_default()
    }

    /// Puts an actor's snapshot aside under a name, so that it can be looked at and is never loaded.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn put_aside(&self, actor: &str, name: &str) -> io::Result<()> {
        match fs::rename(self.path(actor), self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }

    /// That an actor's snapshot cannot be used.
    #[must_use]
    pub fn fault(&self, actor: &str, problem: &str) -> SnapshotFault {
        SnapshotFault { path: self.path(actor), problem: problem.to_owned() }
    }

    fn path(&self, actor: &str) -> PathBuf {
        self.folder.join(format!("{actor}.snapshot"))
    }
}

fn hash(identity: &[u8], actor: &str, state: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher
        .update(identity)
        .update(&(actor.len() as u64).to_le_bytes())
        .update(actor.as_bytes())
        .update(state);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshots(folder: &Path, log: u8) -> Snapshots {
        Snapshots::open(folder, Uuid::from_bytes([log; 16])).unwrap()
    }

    fn sample() -> Snapshot {
        Snapshot { after: Uuid::from_u128(9), state: b"state".to_vec() }
    }

    #[test]
    fn only_a_whole_snapshot_of_the_same_actor_log_and_version_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let ours = snapshots(folder.path(), 1);
        assert_eq!(ours.load("guard", 1).unwrap(), None);
        ours.save("guard", 1, &sample()).unwrap();
        assert_eq!(ours.load("guard", 1).unwrap(), Some(sample()));
        assert_eq!(ours.load("guard", 2).unwrap(), None);
        let other = snapshots(folder.path(), 2).load("guard", 1).unwrap_err().to_string();
        assert!(
            other.contains("guard.snapshot is of another log") && other.contains("delete the file"),
            "{other}"
        );
        fs::copy(folder.path().join("guard.snapshot"), folder.path().join("analyst.snapshot")).unwrap();
        assert!(ours.load("analyst", 1).unwrap_err().to_string().contains("analyst.snapshot is damaged"));
    }

    #[test]
    fn any_damage_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let ours = snapshots(folder.path(), 1);
        ours.save("guard", 1, &sample()).unwrap();
        let path = folder.path().join("guard.snapshot");
        let whole = fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert!(ours.load("guard", 1).is_err(), "cut at {cut}");
            let mut flipped = whole.clone();
            flipped[cut] ^= 1;
            fs::write(&path, &flipped).unwrap();
            assert!(ours.load("guard", 1).is_err(), "flipped at {cut}");
        }
    }
}
