//! The folder of the views: which file of a projection is the live one, names for new ones, what is left over.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::ViewError;

/// The views' folder.
///
/// A view is `<name>-v<version>.sqlite` or, built beside another one, `<name>-v<version>-<n>.sqlite`. Beside them
/// `<name>.live` holds the name of the file that is in use; a view that was still being built when the process ended
/// is not in it and is removed at the next start.
#[derive(Clone, Debug)]
pub struct ViewFiles {
    folder: PathBuf,
}

/// A view's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViewPath(PathBuf);

impl ViewPath {
    /// The path.
    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    pub(super) fn text(&self) -> String {
        self.0.display().to_string()
    }

    /// Removes the file and what SQLite keeps beside it. Readers that have it open keep what they see.
    pub fn remove(&self) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let mut path = self.0.clone().into_os_string();
            path.push(suffix);
            // What cannot be removed is left over and tried again at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

impl ViewFiles {
    /// Opens the folder, made if it is missing.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn open(folder: &Path) -> Result<Self, ViewError> {
        let error = |error| ViewError::io(folder, &error);
        fs::create_dir_all(folder).map_err(error)?;
        let probe = folder.join(".writable");
        fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(error)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// The live file of a projection and version, if there is one.
    #[must_use]
    pub fn live(&self, name: &str, version: u32) -> Option<ViewPath> {
        let file = fs::read_to_string(self.pointer(name)).ok()?;
        let path = self.folder.join(file.trim());
        let fits = number_of(file.trim(), name, version).is_some();
        (fits && path.is_file()).then_some(ViewPath(path))
    }

    /// A name for a new file, beside those that are there.
    #[must_use]
    pub fn fresh(&self, name: &str, version: u32) -> ViewPath {
        let taken = self.names().into_iter().filter_map(|file| number_of(&file, name, version)).max();
        ViewPath(self.folder.join(match taken {
            None => format!("{name}-v{version}.sqlite"),
            Some(n) => format!("{name}-v{version}-{}.sqlite", n + 1),
        }))
    }

    /// Makes a file the live one, durably enough: the pointer is replaced as a whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn set_live(&self, name: &str, path: &ViewPath) -> Result<(), ViewError> {
        let pointer = self.pointer(name);
        let written = pointer.with_extension("live.new");
        let file = path.0.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let replace = || -> io::Result<()> {
            fs::write(&written, file)?;
            fs::rename(&written, &pointer)
        };
        replace().map_err(|error| ViewError::io(&pointer, &error))
    }

    /// Removes the files of a projection that are not live: older versions, and those whose building was cut short.
    pub fn sweep(&self, name: &str, version: u32) {
        let live = self.live(name, version);
        let prefix = format!("{name}-v");
        for file in self.names().into_iter().filter(|file| file.starts_with(&prefix)) {
            let path = ViewPath(self.folder.join(&file));
            if file.ends_with(".sqlite") && Some(&path) != live.as_ref() {
                path.remove();
            }
        }
    }

    fn pointer(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.live"))
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    }
}

/// The n of a file's name; 0 for the one without.
fn number_of(file: &str, name: &str, version: u32) -> Option<u64> {
    let rest = file.strip_prefix(name)?.strip_prefix("-v")?.strip_suffix(".sqlite")?;
    let (found, n) = rest.split_once('-').map_or((rest, Some(0)), |(v, n)| (v, n.parse().ok()));
    (found.parse() == Ok(version)).then_some(n).flatten()
}
