//! Damaged files of a log that was closed: what is damaged is refused, with the file's name, or nothing is missing.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, OnceLock},
};

use store::{
    EmbeddedLog,
    embedded::testing::disk::{Disk, Random},
};

use super::{check, options, script::Script};

/// A kind of damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// One bit is another.
    Bit,
    /// 4 KiB are zeros.
    Page,
    /// The end is missing.
    Truncated,
    /// The file is missing.
    Missing,
    /// A copy of another file stands in its place.
    Duplicated,
    /// Two files have changed places.
    Swapped,
}

impl Damage {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Bit, Self::Page, Self::Truncated, Self::Missing, Self::Duplicated, Self::Swapped];
}

pub(super) const SEED: u64 = 77;
pub(super) const REQUESTS: u64 = 60;

pub(super) type Files = Vec<(String, Vec<u8>)>;
pub(super) type Links = Vec<(String, String)>;

/// The files of a closed log of several segments, most of them compressed; of every second seed also moved.
pub(super) fn image(seed: u64) -> &'static (Files, Links) {
    static IMAGES: [OnceLock<(Files, Links)>; 2] = [OnceLock::new(), OnceLock::new()];
    IMAGES[(seed % 2) as usize].get_or_init(|| {
        let disk = Disk::new();
        if let Ok(log) = EmbeddedLog::open_on(&disk.folder(), options(&disk, seed)) {
            Script::new(SEED, REQUESTS).run(&log);
        }
        (disk.files(), disk.links())
    })
}

/// The last part of a file's path.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Does damage to a random file; answers whether the log refused it (else nothing was missing).
///
/// # Errors
/// When something is missing or other than it was given, and nobody said so, or the file was not named.
pub fn damage(kind: Damage, seed: u64) -> Result<bool, String> {
    let (mut random, (mut files, links)) = (Random(seed), image(seed).clone());
    let at = random.below(files.len() as u64) as usize;
    let name = files[at].0.clone();
    let Some(named) = spoil(kind, &mut files, at, &mut random) else { return Ok(false) };
    let told = match read(files, links, seed) {
        Ok(()) => return Ok(false),
        Err(told) => told,
    };
    if named.iter().any(|name| told.contains(file_name(name))) {
        return Ok(true);
    }
    Err(format!("{kind:?} of {name} was told without its name: {told}"))
}

/// Changes bytes of several files at random, also their lengths; answers whether the log refused them (else nothing was
/// missing).
///
/// # Errors
/// When something is missing or other than it was given, and nobody said so; or no file was named; or it panicked.
pub fn fuzz(seed: u64) -> Result<bool, String> {
    let (mut random, (mut files, links)) = (Random(seed), image(seed).clone());
    for _ in 0..=random.below(5) {
        let at = random.below(files.len() as u64) as usize;
        mutate(&mut files[at].1, &mut random);
    }
    let names: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let read = panic::catch_unwind(AssertUnwindSafe(|| read(files, links, seed)));
    match read.map_err(|_| "reading it panicked".to_owned())? {
        Ok(()) => Ok(false),
        Err(told) if names.iter().any(|name| told.contains(file_name(name))) => Ok(true),
        Err(told) => Err(format!("told without a name: {told}")),
    }
}

/// One change of a file's bytes.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = bytes.len() as u64;
    let from = random.below(length) as usize;
    let to = (from + 1 + random.below(64) as usize).min(bytes.len());
    match random.below(7) {
        0 => bytes[from..to].fill_with(|| random.next() as u8),
        1 => bytes[from..to].fill([0, 0xff][random.below(2) as usize]),
        2 => drop(bytes.drain(from..to)),
        3 => {
            let copy = bytes[from..to].to_vec();
            bytes.splice(from..from, copy);
        }
        4 => bytes.truncate(from),
        5 => bytes.extend((0..random.below(5000)).map(|_| 0)),
        _ => {
            let garbage: Vec<u8> = (0..random.below(5000)).map(|_| random.next() as u8).collect();
            bytes.extend(garbage);
        }
    }
    if bytes.is_empty() {
        bytes.push(0);
    }
}

/// Damages a file; the names of the files of which one has to be told, or nothing where nothing changed.
fn spoil(kind: Damage, files: &mut Files, at: usize, random: &mut Random) -> Option<Vec<String>> {
    let name = files[at].0.clone();
    let other = (at + 1 + random.below(files.len() as u64 - 1) as usize) % files.len();
    let before = files[at].1.clone();
    match kind {
        Damage::Missing => {
            files.remove(at);
            // What is missing can be noticed where the next file does not follow on.
            let names = files.iter().map(|(other, _)| other.clone()).chain([name]);
            return Some(names.collect());
        }
        Damage::Bit => {
            let byte = random.below(before.len() as u64) as usize;
            *files[at].1.get_mut(byte)? ^= 1 << random.below(8);
        }
        Damage::Page => {
            let page = (random.below(before.len() as u64) as usize) & !4095;
            let end = (page + 4096).min(before.len());
            files[at].1[page..end].fill(0);
        }
        Damage::Truncated => files[at].1.truncate(random.below(before.len() as u64) as usize),
        Damage::Duplicated => files[at].1 = files[other].1.clone(),
        Damage::Swapped => {
            files[at].1 = std::mem::replace(&mut files[other].1, before.clone());
        }
    }
    let changed = files[at].1 != before;
    changed.then(|| vec![name, files[other].0.clone()])
}

/// Opens a log and reads everything in it. It was closed, so nothing may be missing.
fn read(files: Files, links: Links, seed: u64) -> Result<(), String> {
    let (script, disk) = (Script::new(SEED, REQUESTS), Disk::with(files, links));
    let log =
        EmbeddedLog::open_on(&disk.folder(), options(&disk, seed)).map_err(|error| error.to_string())?;
    match check(&Arc::new(log), &script, script.events(), script.events()) {
        Ok(_) => Ok(()),
        Err(wrong) => Err(wrong),
    }
}
