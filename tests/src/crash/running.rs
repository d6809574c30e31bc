//! Files that are changed on a real disk while the log is at work.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use store::{
    EmbeddedLog, OpenError, Options,
    embedded::{Archive, testing::disk::Random},
};

use super::{SMALL, check, script::Script};

/// Requests of a run: some ten segments.
const REQUESTS: u64 = 60;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Running {
    /// The lock file is removed.
    LockRemoved,
    /// Another lock file takes its place.
    LockReplaced,
    /// A segment is cut.
    SegmentCut,
    /// A byte of a segment is another.
    SegmentChanged,
    /// A segment is removed.
    SegmentRemoved,
}

impl Running {
    /// All kinds.
    pub const ALL: [Self; 5] =
        [Self::LockRemoved, Self::LockReplaced, Self::SegmentCut, Self::SegmentChanged, Self::SegmentRemoved];

    const fn is_of_lock(self) -> bool {
        matches!(self, Self::LockRemoved | Self::LockReplaced)
    }
}

/// Changes a file between two appends; answers whether the log refused it afterwards (else nothing was missing).
///
/// # Errors
/// When something is missing or other than it was given, and nobody said so, or another process could write.
pub fn running(kind: Running, seed: u64) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let (dir, script, mut random) = (folder.path(), Script::new(seed, REQUESTS), Random(!seed));
    let log = open(dir, seed).map_err(text)?;
    script.run_to(&log, 1 + random.below(REQUESTS) as usize);
    let spoiled = spoil(kind, &dir.join("log"), &mut random)?;
    if kind.is_of_lock() && !matches!(open(dir, seed), Err(OpenError::InUse { .. })) {
        return Err(format!("{kind:?}: a second process may write"));
    }
    let (acknowledged, given) = script.run(&log);
    drop(log);
    let log = open(dir, seed).map_err(text);
    let told = match log.and_then(|log| check(&log, &script, acknowledged, given)) {
        Ok(_) => return Ok(false),
        Err(told) => told,
    };
    // Compressed meanwhile or not: its number stays.
    let number = spoiled.file_name().and_then(|name| name.to_str()).map_or("", |name| &name[..20]);
    if !kind.is_of_lock() && told.contains(number) {
        return Ok(true);
    }
    Err(format!("{kind:?} of {}: {told}", spoiled.display()))
}

fn open(dir: &Path, seed: u64) -> Result<EmbeddedLog, OpenError> {
    let folder = dir.join("archive");
    // Where it cannot be made the log says so.
    let _ = fs::create_dir_all(&folder);
    let archive = seed.is_multiple_of(2).then(|| Archive::in_folder(&folder, Duration::ZERO));
    EmbeddedLog::open(&dir.join("log"), Options { archive, lock_wait: Duration::ZERO, ..SMALL })
}

/// Answers the file that was changed.
fn spoil(kind: Running, log: &Path, random: &mut Random) -> Result<PathBuf, String> {
    let lock = log.join("LOCK");
    if kind.is_of_lock() {
        fs::remove_file(&lock).map_err(text)?;
        if kind == Running::LockReplaced {
            fs::write(&lock, b"").map_err(text)?;
        }
        return Ok(lock);
    }
    let entries = fs::read_dir(log).map_err(text)?.flatten().map(|entry| entry.path());
    let is_file = |path: &PathBuf| path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let mut segments: Vec<_> =
        entries.filter(|path| path.to_string_lossy().contains(".log") && is_file(path)).collect();
    segments.sort_unstable();
    let path = segments.swap_remove(random.below(segments.len() as u64) as usize);
    let file = fs::File::options().read(true).write(true).open(&path).map_err(text)?;
    let at = random.below(file.metadata().map_err(text)?.len());
    match kind {
        Running::SegmentCut => file.set_len(at).map_err(text)?,
        Running::SegmentRemoved => fs::remove_file(&path).map_err(text)?,
        _ => {
            use std::os::unix::fs::FileExt as _;
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).map_err(text)?;
            file.write_all_at(&[byte[0] ^ 1], at).map_err(text)?;
        }
    }
    Ok(path)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
