//! Where the views are: the data folder, or a scratch copy of it where that cannot be written.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    process,
};

use crate::sqlite::{ViewError, ViewFiles};

/// The folder, and what has to be removed with it.
pub(super) struct ViewFolder {
    pub(super) files: ViewFiles,
    /// Kept as long as the views are open.
    pub(super) scratch: Option<Scratch>,
}

impl ViewFolder {
    /// Opens the folder. Where it cannot be written, what is in it is copied to a scratch folder and caught up there, so
    /// that a query of a read-only data folder gives the same answer.
    pub(super) fn open(folder: &Path) -> Result<Self, ViewError> {
        match ViewFiles::open(folder) {
            Ok(files) => Ok(Self { files, scratch: None }),
            Err(refused) => {
                tracing::info!(reason = %refused, "the views are kept in a scratch folder");
                let scratch = Scratch::new().map_err(|_| refused)?;
                copy(folder, &scratch.0);
                Ok(Self { files: ViewFiles::open(&scratch.0)?, scratch: Some(scratch) })
            }
        }
    }

    /// A scratch folder with nothing in it.
    pub(super) fn elsewhere() -> Result<Self, ViewError> {
        let scratch = Scratch::new();
        let scratch = scratch.map_err(|error| ViewError::Io {
            file: env::temp_dir().display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { files: ViewFiles::open(&scratch.0)?, scratch: Some(scratch) })
    }
}

/// A folder of our own among the system's temporary files, removed when it is dropped.
pub(super) struct Scratch(PathBuf);

/// In memory, on Linux.
const MEMORY: &str = "/dev/shm";
/// What has to find room in a scratch folder before it is used.
const ROOM: usize = 1 << 20;

impl Scratch {
    fn new() -> io::Result<Self> {
        Self::new_in(&env::temp_dir()).or_else(|refused| Self::new_in(Path::new(MEMORY)).map_err(|_| refused))
    }

    fn new_in(folder: &Path) -> io::Result<Self> {
        let mut n = 0;
        let scratch = loop {
            let path = folder.join(format!("tradewarden-views-{}-{n}", process::id()));
            match make_private(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && n < 1000 => n += 1,
                made => break made.map(|()| Self(path))?,
            }
        };
        let probe = scratch.0.join("room");
        fs::write(&probe, vec![0; ROOM])?;
        fs::remove_file(probe)?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Makes a new folder that nobody else can read.
fn make_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Copies what can be read: what is missing is built again.
fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            let _ = fs::copy(entry.path(), to.join(name));
        }
    }
}
