//! What the program does to its disk, written down by `disk.c` while it works, and done again to a disk of the test's making
//! up to any moment: the power is cut in a real run.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
    process::Command,
};

use store::embedded::{
    files::Access,
    testing::disk::{Disk, Random},
};
use tempfile::TempDir;

use super::program::text;

/// Numbers of an operation.
const NUMBERS: usize = 3 * 8;

/// A folder whose disk is written down, or slow, for the programs that get [`Self::environment`].
pub(super) struct WatchedDisk {
    folder: TempDir,
    /// Without links, as the system names open files.
    below: PathBuf,
}

impl WatchedDisk {
    pub(super) fn new() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(text)?;
        let at = |name: &str| folder.path().join(name);
        fs::write(at("disk.c"), include_str!("disk.c")).map_err(text)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-O1", "-shared", "-fPIC", "-o"]).args([at("disk.so"), at("disk.c")]).arg("-ldl");
        let made = compiler.output().map_err(|error| format!("cc: {error}"))?;
        if !made.status.success() {
            return Err(format!("cc: {}", String::from_utf8_lossy(&made.stderr)));
        }
        fs::create_dir(at("disk")).map_err(text)?;
        let below = at("disk").canonicalize().map_err(text)?;
        Ok(Self { folder, below })
    }

    /// What is below it is written down.
    pub(super) fn root(&self) -> &Path {
        &self.below
    }

    /// A place beside it, for what is none of the program's.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// For the program.
    pub(super) fn environment(&self) -> [(&'static str, PathBuf); 4] {
        [
            ("LD_PRELOAD", self.beside("disk.so")),
            ("CRASH_DISK_BELOW", self.below.clone()),
            ("CRASH_DISK_RECORD", self.beside("record")),
            ("CRASH_DISK_DELAY", self.beside("delay")),
        ]
    }

    /// From now on each sync takes so much longer.
    pub(super) fn delay_syncs(&self, microseconds: u64) -> Result<(), String> {
        // Renamed, as it is read meanwhile.
        fs::write(self.beside("delay.new"), microseconds.to_string()).map_err(text)?;
        fs::rename(self.beside("delay.new"), self.beside("delay")).map_err(text)
    }

    /// How much is written down by now.
    pub(super) fn recorded(&self) -> Result<u64, String> {
        Ok(fs::metadata(self.beside("record")).map_err(text)?.len())
    }

    /// All that was written down.
    pub(super) fn recording(&self) -> Result<Recording, String> {
        let bytes = fs::read(self.beside("record")).map_err(text)?;
        let (mut operations, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let operation = Operation::at(&bytes, at).ok_or("the record ends within an operation")?;
            at = operation.path.end.max(operation.bytes.end);
            operations.push(operation);
        }
        let root = self.below.to_str().ok_or("the folder has no name in UTF-8")?.to_owned();
        Ok(Recording { root, bytes, operations })
    }
}

/// See [`WatchedDisk::recording`].
pub(super) struct Recording {
    root: String,
    bytes: Vec<u8>,
    operations: Vec<Operation>,
}

struct Operation {
    letter: u8,
    at: u64,
    path: Range<usize>,
    bytes: Range<usize>,
}

impl Operation {
    fn at(record: &[u8], at: usize) -> Option<Self> {
        let numbers = record.get(at + 1..at + 1 + NUMBERS)?.chunks_exact(8);
        let mut numbers = numbers.filter_map(|number| Some(u64::from_ne_bytes(number.try_into().ok()?)));
        let (offset, path, bytes) = (numbers.next()?, numbers.next()? as usize, numbers.next()? as usize);
        let path = at + 1 + NUMBERS..at + 1 + NUMBERS + path;
        let bytes = path.end..path.end + bytes;
        (bytes.end <= record.len()).then_some(Self { letter: record[at], at: offset, path, bytes })
    }
}

impl Recording {
    /// How many operations there are.
    pub(super) const fn operations(&self) -> usize {
        self.operations.len()
    }

    /// How many operations are in the first bytes of it.
    pub(super) fn operations_within(&self, recorded: u64) -> usize {
        self.operations.partition_point(|operation| operation.bytes.end as u64 <= recorded)
    }

    /// The operations on files and folders whose path has a part of this name.
    pub(super) fn touching(&self, name: &str) -> Vec<usize> {
        let touches = |operation: &Operation| self.path(operation).split('/').any(|part| part == name);
        (0..self.operations.len()).filter(|n| touches(&self.operations[*n])).collect()
    }

    /// What is left in a new folder when the power is cut after so many operations; `forgotten` is a folder whose files the
    /// disk never synced.
    pub(super) fn cut(
        &self,
        operations: usize,
        forgotten: Option<&str>,
        random: &mut Random,
    ) -> Result<TempDir, String> {
        let disk = Disk::new();
        for operation in &self.operations[..operations] {
            let path = self.path(operation);
            let is_forgotten = |name: &str| path.contains(&format!("/{name}/"));
            if operation.letter == b's' && forgotten.is_some_and(is_forgotten) {
                continue;
            }
            self.repeat(operation, &disk).map_err(|error| format!("{path}: {error}"))?;
        }
        let left = tempfile::tempdir().map_err(text)?;
        let disk = disk.after_power_cut(random);
        // Those above come first.
        for folder in disk.folders() {
            fs::create_dir(left.path().join(folder)).map_err(text)?;
        }
        for (name, bytes) in disk.files() {
            fs::write(left.path().join(name), bytes).map_err(text)?;
        }
        Ok(left)
    }

    /// The path below the root.
    fn path(&self, operation: &Operation) -> &str {
        let path = std::str::from_utf8(&self.bytes[operation.path.clone()]).unwrap_or_default();
        path.strip_prefix(&self.root).map_or(path, |path| path.trim_start_matches('/'))
    }

    fn repeat(&self, operation: &Operation, disk: &Disk) -> std::io::Result<()> {
        let (path, bytes) = (self.path(operation), &self.bytes[operation.bytes.clone()]);
        let (root, file) = (disk.folder(), || disk.folder().open(path, Access::Write));
        match operation.letter {
            b'd' => disk.make_folder(path),
            b'c' => root.open(path, Access::Create).map(drop),
            b'w' => file()?.write_all_at(bytes, operation.at),
            b'z' => file()?.set_size(operation.at),
            b'r' => {
                let to = std::str::from_utf8(bytes).unwrap_or_default();
                root.rename(path, to.strip_prefix(&self.root).unwrap_or(to).trim_start_matches('/'))
            }
            b'u' => root.remove(path),
            _ if disk.is_folder(path) => disk.sync_folder(path),
            _ => file()?.sync(),
        }
    }
}
