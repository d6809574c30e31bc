//! One process works in a data folder. A lock of the operating system decides, so it ends with its holder however
//! that ends; what the file says only serves messages and the way to the holder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use store::plain::{self, Links};

use super::DataFolder;

const LOCK: &str = "LOCK";
const RETRY: Duration = Duration::from_millis(20);

/// Who holds a folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    /// The process.
    pub pid: u32,
    /// Its command: `run`, `strategies` …
    pub command: String,
}

impl Holder {
    /// Whether it answers over HTTP, or soon will.
    pub(crate) fn is_server(&self) -> bool {
        self.command == "run"
    }
}

/// The folder is ours until this is dropped.
#[derive(Debug)]
pub(crate) struct Hold {
    _lock: File,
}

/// Why the folder is not ours.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    /// Another process holds it.
    #[error("{}", in_use(folder, holder.as_ref()))]
    InUse {
        /// The folder.
        folder: DataFolder,
        /// The process, unless it has only just begun.
        holder: Option<Holder>,
    },
    /// The system refused.
    #[error("{folder}: {error}")]
    Io {
        /// The folder.
        folder: DataFolder,
        /// What it said.
        error: io::Error,
    },
}

fn in_use(folder: &DataFolder, holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { pid, command }) => format!(
            "{folder} is in use by process {pid} (tradewarden {command}); wait for it, stop it, or give another \
             folder with --data"
        ),
        None => format!("{folder} is in use by another process; try again"),
    }
}

impl Hold {
    /// Takes the folder, making it when it is missing; waits as long as `patience` for who has it.
    ///
    /// # Errors
    /// When another process keeps it, or the system refuses.
    pub(crate) fn take(folder: &DataFolder, command: &str, patience: Duration) -> Result<Self, HoldError> {
        let io = |error| HoldError::Io { folder: folder.clone(), error };
        let path = folder.path().join(LOCK);
        let at_lock = |error| io(io::Error::new(io::Error::kind(&error), format!("{LOCK}: {error}")));
        plain::create_folder(folder.path()).map_err(io)?;
        let begun = Instant::now();
        loop {
            let mut open = OpenOptions::new();
            let open = open.read(true).write(true).create(true).truncate(false);
            let mut file = plain::open(&path, open, Links::Refused).map_err(at_lock)?;
            match file.try_lock() {
                Ok(()) => {
                    let holder = Holder { pid: std::process::id(), command: command.to_owned() };
                    match write_holder(&mut file, &holder) {
                        // The text only serves messages, and a way out of a full disk has to be left.
                        Err(error) if error.kind() != io::ErrorKind::StorageFull => {
                            return Err(at_lock(error));
                        }
                        _ => {}
                    }
                    return Ok(Self { _lock: file });
                }
                Err(TryLockError::Error(error)) => return Err(io(error)),
                Err(TryLockError::WouldBlock) => {}
            }
            let holder = read_holder(file);
            // A server stays: waiting for it is of no use.
            if begun.elapsed() >= patience || holder.as_ref().is_some_and(Holder::is_server) {
                return Err(HoldError::InUse { folder: folder.clone(), holder });
            }
            thread::sleep(RETRY);
        }
    }

    /// Who holds a folder now, without touching it; nothing when nobody does.
    pub(crate) fn holder_of(folder: &DataFolder) -> Option<Holder> {
        let file =
            plain::open(&folder.path().join(LOCK), OpenOptions::new().read(true), Links::Refused).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => read_holder(file),
            _ => None,
        }
    }
}

fn write_holder(file: &mut File, holder: &Holder) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(serde_json::to_string(holder)?.as_bytes())
}

fn read_holder(mut file: File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_a_link_is_refused_and_nothing_is_emptied_through_it() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, target) = (DataFolder::new(dir.path().join("data")), dir.path().join("precious"));
        std::fs::write(&target, "kept").unwrap();
        std::fs::create_dir(folder.path()).unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join(LOCK)).unwrap();
        let told = Hold::take(&folder, "run", Duration::ZERO).unwrap_err().to_string();
        assert!(told.contains("LOCK: a symbolic link is there"), "{told}");
        assert_eq!(std::fs::read_to_string(target).unwrap(), "kept");
    }

    #[test]
    fn a_folder_is_held_once_and_says_by_whom() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::new(dir.path());
        assert_eq!(Hold::holder_of(&folder), None);
        let hold = Hold::take(&folder, "run", Duration::ZERO).unwrap();
        let told = Hold::take(&folder, "strategies", Duration::from_secs(60)).unwrap_err().to_string();
        assert!(told.contains(&format!("process {} (tradewarden run)", std::process::id())), "{told}");
        assert!(Hold::holder_of(&folder).is_some_and(|holder| holder.is_server()));
        drop(hold);
        assert_eq!(Hold::holder_of(&folder), None);
        Hold::take(&folder, "strategies", Duration::ZERO).unwrap();
    }
}
