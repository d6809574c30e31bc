//! The program itself on a data folder of which something is gone or wrong: it refuses with a reason, or has forgotten
//! nothing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use store::embedded::testing::disk::Random;
use tempfile::TempDir;

use super::program::{ask, losses, text};

/// What was done to the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The folder of the log is gone.
    LogMissing,
    /// It is empty, as a mount point without its disk.
    LogEmpty,
    /// It is another one's.
    LogForeign,
    /// The newest segment is gone.
    NewestMissing,
    /// The newest segment is cut.
    NewestCut,
    /// The record of the head is gone.
    HeadMissing,
    /// A pipe stands in the place of the newest segment.
    Pipe,
    /// A snapshot holds anything.
    SnapshotDamaged,
    /// The views hold anything.
    ViewsDamaged,
    /// Views and snapshots are gone.
    CachesMissing,
}

impl Harm {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::LogMissing,
        Self::LogEmpty,
        Self::LogForeign,
        Self::NewestMissing,
        Self::NewestCut,
        Self::HeadMissing,
        Self::Pipe,
        Self::SnapshotDamaged,
        Self::ViewsDamaged,
        Self::CachesMissing,
    ];

    /// What is made of the log is no reason to refuse.
    const fn is_of_caches(self) -> bool {
        matches!(self, Self::SnapshotDamaged | Self::ViewsDamaged | Self::CachesMissing)
    }
}

/// A data folder in which the strategy `bad` was halted.
fn used(folder: &TempDir, name: &str) -> Result<PathBuf, String> {
    let (file, data) = (folder.path().join("trades.jsonl"), folder.path().join(name));
    fs::write(&file, losses("bad", 0, 12)?).map_err(text)?;
    let path = file.to_string_lossy().into_owned();
    let (code, said) = ask(&data, &["rehearse", &path])?;
    fs::remove_file(data.join("rehearsal")).map_err(|error| format!("{error}: {code:?} {said}"))?;
    Ok(data)
}

/// Does harm to a folder and gives the program an order there; answers whether it refused.
///
/// # Errors
/// When it did anything else than refuse with a reason, or go on with all that it knew.
pub fn harmed(kind: Harm, seed: u64) -> Result<bool, String> {
    let folder = tempfile::tempdir().map_err(text)?;
    let data = used(&folder, "data")?;
    let order = ["strategies", "disable", "bad", "--reason", "harmed"];
    let knows = |said: &str| said.contains("HALTED");
    if !knows(&ask(&data, &["strategies"])?.1) || ask(&data, &order)?.0 != Some(0) {
        return Err("the folder was not good before".to_owned());
    }
    harm(kind, &folder, &data, &mut Random(seed))?;
    let (code, said) = ask(&data, &order)?;
    let told = said.contains("log_missing")
        || said.contains("log_foreign")
        || ["segment", ".log", "HEAD"].iter().any(|name| said.contains(name));
    match code {
        Some(1) if told && !kind.is_of_caches() => Ok(true),
        Some(0) if knows(&ask(&data, &["strategies"])?.1) && said.contains("HALTED") => Ok(false),
        _ => Err(format!("{kind:?}: exit code {code:?}: {said}")),
    }
}

fn harm(kind: Harm, folder: &TempDir, data: &Path, random: &mut Random) -> Result<(), String> {
    let (log, snapshots, views) = (data.join("log"), data.join("snapshots"), data.join("views"));
    let newest = || {
        let entries = fs::read_dir(&log).map_err(text)?.flatten().map(|entry| entry.path());
        let segments = entries.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
        segments.max().ok_or_else(|| "there is no segment".to_owned())
    };
    match kind {
        Harm::LogMissing => fs::remove_dir_all(&log).map_err(text),
        Harm::LogEmpty => fs::remove_dir_all(&log).and_then(|()| fs::create_dir(&log)).map_err(text),
        Harm::LogForeign => {
            let other = used(folder, "other")?;
            fs::remove_dir_all(&log).and_then(|()| fs::rename(other.join("log"), &log)).map_err(text)
        }
        Harm::NewestMissing => fs::remove_file(newest()?).map_err(text),
        Harm::NewestCut => {
            let file = fs::File::options().write(true).open(newest()?).map_err(text)?;
            let length = file.metadata().map_err(text)?.len();
            file.set_len(random.below(length)).map_err(text)
        }
        Harm::HeadMissing => fs::remove_file(log.join("HEAD")).map_err(text),
        Harm::Pipe => {
            let path = newest()?;
            fs::remove_file(&path).map_err(text)?;
            Command::new("mkfifo").arg(&path).status().map(drop).map_err(text)
        }
        Harm::SnapshotDamaged => scribble(&snapshots, random),
        Harm::ViewsDamaged => scribble(&views, random),
        Harm::CachesMissing => {
            fs::remove_dir_all(&snapshots).and_then(|()| fs::remove_dir_all(&views)).map_err(text)
        }
    }
}

/// Writes anything over a part of each file.
fn scribble(folder: &Path, random: &mut Random) -> Result<(), String> {
    for path in fs::read_dir(folder).map_err(text)?.flatten().map(|entry| entry.path()) {
        let mut bytes = fs::read(&path).map_err(text)?;
        let from = random.below(bytes.len() as u64) as usize;
        bytes.iter_mut().skip(from).take(4096).for_each(|byte| *byte = random.next() as u8);
        fs::write(&path, bytes).map_err(text)?;
    }
    Ok(())
}
