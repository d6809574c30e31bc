//! Files that were changed by a hand that knows the format: every checksum is right, the chain or a seal tells it.

use std::ops::ControlFlow;

use store::{
    Chained as _, EmbeddedLog,
    embedded::testing::{
        disk::{Disk, Random},
        tamper,
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
}

impl Forgery {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Altered, Self::AlteredAnew, Self::IdTwice];
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
    let segments: Vec<_> = (0..files.len()).filter(|n| files[*n].0.contains(".log")).collect();
    let at = segments[random.below(segments.len() as u64) as usize];
    let (name, packed) = (files[at].0.clone(), files[at].0.ends_with(".zst"));
    let whole = if packed { tamper::unpack(&files[at].1) } else { Some(files[at].1.clone()) };
    let mut bytes = whole.ok_or_else(|| format!("{name} cannot be unpacked"))?;
    change(kind, &mut bytes, &mut random)?;
    if kind == Forgery::Altered {
        tamper::mend(file_name(&name), seal.log_id, &mut bytes);
    } else {
        let chain = tamper::chain_anew(&mut bytes);
        head_anew(&mut files, seal.log_id, &seal.chain, &chain);
    }
    files[at].1 = if packed { tamper::pack(&bytes) } else { bytes };
    let verified = open(&files).and_then(|log| {
        let verified = log.verify_against(&[seal], &mut |_| ControlFlow::Continue(()));
        verified.map(drop).map_err(|fault| fault.to_string())
    });
    match verified {
        Err(_) => Ok(true),
        Ok(()) => Err(format!("{kind:?} in {name} was not noticed")),
    }
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
    let named = |name: &[u8]| bytes[one..].windows(name.len()).position(|window| window == name);
    let payload = named(b"{\"actor\"").ok_or("a frame without a payload")?;
    bytes[one + payload + 2] ^= 1;
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
