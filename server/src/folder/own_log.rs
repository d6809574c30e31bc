//! Which log a data folder belongs to. A missing, empty or exchanged `log/` would forget every halt without a word: an
//! unmounted disk is enough. So the log's id is kept beside the token, and views and snapshots tell as well.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use events::Uuid;
use store::{EmbeddedLog, EventLog as _, OpenError, Options, Snapshots, plain};
use views::sqlite;

use super::DataFolder;

const NAME: &str = "log-id";

/// Why the log of a folder is not opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnLogError {
    /// What lies beside `log/` was made of a log, and none is there.
    #[error(
        "{log} is missing or empty, but {trace} is of a log that was here{}: every fact and every halt would be forgotten. \
         Mount its disk, or restore {log} from a backup; tradewarden run --new-log begins anew and forgets them",
        id.map(|id| format!(" ({id})")).unwrap_or_default()
    )]
    Missing {
        /// Where it should be.
        log: String,
        /// What tells that there was one.
        trace: String,
        /// Its id, where it is told.
        id: Option<Uuid>,
    },
    /// Another log is there.
    #[error(
        "{log} holds log {found}, but {trace} is of log {known}: its halts would be forgotten. Put the right log back; \
         tradewarden run --new-log goes on with the one that is there, and makes views and snapshots anew"
    )]
    Foreign {
        /// Where it is.
        log: String,
        /// The log that is there.
        found: Uuid,
        /// The log that belongs there.
        known: Uuid,
        /// What tells so.
        trace: String,
    },
    /// There is nothing to begin anew.
    #[error(
        "{log} holds the log that belongs there: --new-log is for a folder whose log is gone or another one"
    )]
    NotGone {
        /// Where it is.
        log: String,
    },
    /// The log does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system refused.
    #[error("{file}: {error}")]
    Io {
        /// The file or folder.
        file: String,
        /// What it said.
        error: io::Error,
    },
}

/// What tells of a log, and of which one.
struct Trace {
    path: PathBuf,
    ids: Vec<Uuid>,
}

/// Opens the folder's log for writing, and makes one where there was none; `anew`: also where it is gone, or another one.
///
/// # Errors
/// See [`OwnLogError`].
pub(crate) fn open(
    folder: &DataFolder,
    options: Options,
    anew: bool,
) -> Result<Arc<EmbeddedLog>, OwnLogError> {
    if anew {
        begin_anew(folder)?;
    } else {
        check(folder)?;
    }
    let log = EmbeddedLog::open(&folder.log(), options)?;
    let path = folder.path().join(NAME);
    if !path.exists() {
        plain::write(&path, format!("{}\n", log.log_id()).as_bytes()).map_err(|error| io_at(&path, error))?;
    }
    Ok(Arc::new(log))
}

/// Opens the folder's log for reading; changes no byte.
///
/// # Errors
/// See [`OwnLogError`].
pub(crate) fn read(folder: &DataFolder) -> Result<Arc<EmbeddedLog>, OwnLogError> {
    check(folder)?;
    Ok(Arc::new(EmbeddedLog::open_read_only(&folder.log())?))
}

/// That `log/` is the folder's own, or that the folder has none yet.
///
/// # Errors
/// See [`OwnLogError`].
pub(crate) fn check(folder: &DataFolder) -> Result<(), OwnLogError> {
    let (found, log) = (EmbeddedLog::id_in(&folder.log())?, folder.log().display().to_string());
    let Some(Trace { path, ids }) = trace(folder)? else { return Ok(()) };
    let trace = path.display().to_string();
    match (found, ids.first()) {
        (None, known) => Err(OwnLogError::Missing { log, trace, id: known.copied() }),
        (Some(found), Some(known)) if !ids.contains(&found) => {
            Err(OwnLogError::Foreign { log, found, known: *known, trace })
        }
        (Some(_), _) => Ok(()),
    }
}

/// What was made of the log that is gone goes, too.
fn begin_anew(folder: &DataFolder) -> Result<(), OwnLogError> {
    if check(folder).is_ok() {
        return match EmbeddedLog::id_in(&folder.log())? {
            Some(_) => Err(OwnLogError::NotGone { log: folder.log().display().to_string() }),
            None => Ok(()),
        };
    }
    for part in [folder.views(), folder.snapshots()] {
        gone(fs::remove_dir_all(&part)).map_err(|error| io_at(&part, error))?;
    }
    forget(folder).map_err(|error| io_at(&folder.path().join(NAME), error))
}

/// Removes what tells of the folder's log, for one that is emptied.
///
/// # Errors
/// When the system refuses.
pub(crate) fn forget(folder: &DataFolder) -> io::Result<()> {
    gone(fs::remove_file(folder.path().join(NAME)))
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn io_at(path: &Path, error: io::Error) -> OwnLogError {
    OwnLogError::Io { file: path.display().to_string(), error }
}

/// What tells of a log: the file beside the token, else views and snapshots.
fn trace(folder: &DataFolder) -> Result<Option<Trace>, OwnLogError> {
    let path = folder.path().join(NAME);
    match plain::read(&path) {
        Ok(bytes) => {
            let id = String::from_utf8_lossy(&bytes).trim().parse();
            let id = id.map_err(|_| {
                io_at(
                    &path,
                    io::Error::other("no id of a log; delete it when the log in log/ is the right one"),
                )
            });
            return Ok(Some(Trace { path, ids: vec![id?] }));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io_at(&path, error)),
    }
    let (views, snapshots) = (folder.views(), folder.snapshots());
    let mut ids = sqlite::logs_in(&views);
    ids.extend(Snapshots::logs_in(&snapshots));
    let holds_something =
        |folder: &PathBuf| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    let found = [snapshots, views].into_iter().find(holds_something);
    Ok(found.map(|path| Trace { path, ids }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options::default()
    }

    /// A folder with a log, and a snapshot of it.
    fn used(path: &Path) -> (DataFolder, Uuid) {
        let folder = DataFolder::new(path);
        let id = open(&folder, options(), false).unwrap().log_id();
        let snapshots = Snapshots::open(&folder.snapshots(), id).unwrap();
        snapshots.save("guard", 1, &store::Snapshot { after: Uuid::nil(), state: vec![1] }).unwrap();
        (folder, id)
    }

    #[test]
    fn a_log_that_is_gone_is_not_begun_anew_by_itself() {
        for keeps_id in [true, false] {
            for empty in [true, false] {
                let dir = tempfile::tempdir().unwrap();
                let (folder, id) = used(dir.path());
                assert!(open(&folder, options(), false).is_ok() && read(&folder).is_ok());
                fs::remove_dir_all(folder.log()).unwrap();
                if empty {
                    fs::create_dir(folder.log()).unwrap();
                }
                if !keeps_id {
                    forget(&folder).unwrap();
                }
                for told in [open(&folder, options(), false).err(), read(&folder).err()] {
                    let told = told.unwrap().to_string();
                    assert!(told.contains("is missing or empty") && told.contains("--new-log"), "{told}");
                    assert!(told.contains(&id.to_string()), "{told}");
                }
                let anew = open(&folder, options(), true).unwrap().log_id();
                assert!(anew != id && !folder.snapshots().exists());
                assert_eq!(open(&folder, options(), false).unwrap().log_id(), anew);
            }
        }
    }

    #[test]
    fn a_log_of_another_folder_is_refused_until_it_is_wanted() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let ((folder, known), (donor, found)) = (used(dir.path()), used(other.path()));
        fs::remove_dir_all(folder.log()).unwrap();
        fs::rename(donor.log(), folder.log()).unwrap();
        for keeps_id in [true, false] {
            if !keeps_id {
                forget(&folder).unwrap();
            }
            let told = open(&folder, options(), false).err().unwrap().to_string();
            assert!(told.contains(&known.to_string()) && told.contains(&found.to_string()), "{told}");
        }
        assert_eq!(open(&folder, options(), true).unwrap().log_id(), found);
        assert_eq!(read(&folder).unwrap().log_id(), found);
    }

    #[test]
    fn the_right_log_is_not_begun_anew_and_a_folder_without_an_id_gets_one() {
        let dir = tempfile::tempdir().unwrap();
        let (folder, id) = used(dir.path());
        forget(&folder).unwrap();
        assert_eq!(open(&folder, options(), false).unwrap().log_id(), id);
        assert!(folder.path().join(NAME).exists());
        assert!(matches!(open(&folder, options(), true), Err(OwnLogError::NotGone { .. })));
        let fresh = tempfile::tempdir().unwrap();
        open(&DataFolder::new(fresh.path()), options(), true).unwrap();
    }
}
