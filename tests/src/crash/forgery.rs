//! Files that were changed by a hand that knows the format: every checksum is right, the chain or a seal tells it.

use std::ops::ControlFlow;

use store::{
    Chained as _, EmbeddedLog,
    embedded::{
        Seal,
        testing::{
            disk::{Disk, Random},
            tamper,
        },
    },
};

use super::{
    damage::{Files, file_name, image},
    options,
};

/// What the hand does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forgery {
    /// It changes what an event says.
    Altered,
    /// The same, and it computes the chain of the segment and the head anew.
    AlteredAnew,
    /// It gives an event the id of another one, and computes the chain and the head anew.
    IdTwice,
    /// It gives an event another type, stream, producer or run by a number.
    Renamed,
    /// The same, and it computes the chain and the head anew.
    RenamedAnew,
    /// It lets the index of a segment lead to other frames for its names.
    Misled,
}

impl Forgery {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Altered, Self::AlteredAnew, Self::IdTwice, Self::Renamed, Self::RenamedAnew, Self::Misled];
}

/// Where in a frame its event's id is.
const ID: std::ops::Range<usize> = 24..40;

/// Forges a random segment of a closed log, of which a seal was kept elsewhere.
///
/// # Errors
/// When nobody said so.
pub fn forge(kind: Forgery, seed: u64) -> Result<bool, String> {
    let (mut random, (mut files, links)) = (Random(seed), image(seed).clone());
    let open = |files: &Files| {
        let disk = Disk::with(files.clone(), links.clone());
        EmbeddedLog::open_on(&disk.folder(), options(&disk, seed)).map_err(|error| error.to_string())
    };
    let seal = open(&files)?.seal();
    if kind == Forgery::Misled {
        mislead(&mut files, seal.log_id, &mut random)?;
        return found(kind, "an index", open(&files), seal);
    }
    let segments: Vec<_> = (0..files.len()).filter(|n| files[*n].0.contains(".log")).collect();
    let at = segments[random.below(segments.len() as u64) as usize];
    let (name, packed) = (files[at].0.clone(), files[at].0.ends_with(".zst"));
    let whole = if packed { tamper::unpack(&files[at].1) } else { Some(files[at].1.clone()) };
    let mut bytes = whole.ok_or_else(|| format!("{name} cannot be unpacked"))?;
    change(kind, &mut bytes, &mut random)?;
    if matches!(kind, Forgery::Altered | Forgery::Renamed) {
        tamper::mend(file_name(&name), seal.log_id, &mut bytes);
    } else {
        let chain = tamper::chain_anew(&mut bytes);
        head_anew(&mut files, seal.log_id, &seal.chain, &chain);
    }
    files[at].1 = if packed { tamper::pack(&bytes) } else { bytes };
    found(kind, &name, open(&files), seal)
}

/// That somebody said so: the opening, or `verify`.
fn found(kind: Forgery, name: &str, log: Result<EmbeddedLog, String>, seal: Seal) -> Result<bool, String> {
    let verified = log.and_then(|log| {
        let verified = log.verify_against(&[seal], &mut |_| ControlFlow::Continue(()));
        verified.map(drop).map_err(|fault| fault.to_string())
    });
    match verified {
        Err(_) => Ok(true),
        Ok(()) => Err(format!("{kind:?} in {name} was not noticed")),
    }
}

/// Lets a random index lead elsewhere for one of its names.
fn mislead(files: &mut Files, log_id: events::Uuid, random: &mut Random) -> Result<(), String> {
    let mut indexes: Vec<_> = files.iter_mut().filter(|(name, _)| name.ends_with(".idx")).collect();
    let at = random.below(indexes.len() as u64) as usize;
    let (name, bytes) = &mut *indexes[at];
    let (before, number) = (bytes.clone(), random.next());
    let offset = 128 + random.below(60_000) as u32;
    let has_names = tamper::mislead(file_name(name), log_id, bytes, number, offset);
    if has_names && *bytes != before { Ok(()) } else { Err(format!("{name} could not be changed")) }
}

fn change(kind: Forgery, bytes: &mut [u8], random: &mut Random) -> Result<(), String> {
    let starts = tamper::frames(bytes);
    let any = |random: &mut Random| starts[random.below(starts.len() as u64) as usize];
    let (one, other) = (any(random), any(random));
    if kind == Forgery::IdTwice && one != other {
        let id: [u8; 16] = bytes[one + ID.start..one + ID.end].try_into().unwrap_or_default();
        bytes[other + ID.start..other + ID.end].copy_from_slice(&id);
        return Ok(());
    }
    if matches!(kind, Forgery::Renamed | Forgery::RenamedAnew) {
        let numbers = starts.iter().cycle().skip_while(|start| **start != one);
        let numbers = numbers.take(starts.len()).find_map(|start| tamper::numbers(bytes, *start));
        let numbers = numbers.ok_or("no frame with numbers for names")?;
        let at = numbers.start + random.below(numbers.len() as u64) as usize;
        bytes[at] = bytes[at] / 2 % 8 * 2 + 4;
        return Ok(());
    }
    let payload = tamper::payload(bytes, one).ok_or("a frame without a payload")?;
    bytes[payload.start + 2] ^= 1;
    Ok(())
}

/// Where the head vouches for the chain that was, it vouches for the new one.
fn head_anew(files: &mut Files, log_id: events::Uuid, before: &[u8; 32], after: &[u8; 32]) {
    for (name, bytes) in files.iter_mut().filter(|(name, _)| name == "HEAD") {
        let Some(at) = bytes.windows(32).position(|window| window == before) else { continue };
        bytes[at..at + 32].copy_from_slice(after);
        tamper::mend(name, log_id, bytes);
    }
}
