//! Whether a request may be appended, and where its events go: the same rules for every log.

use events::Uuid;

use crate::{AppendError, Appended, Duplicate, Duplicates, Expected, Placed, Request, id_map::IdMap};

/// Checks a request and places it; its new events take the positions that `next` gives, from 1 on. `known` finds the position of an id,
/// `revision` that of the stream.
pub(crate) fn place(
    request: &Request,
    next: impl Fn(u64) -> u64,
    mut known: impl FnMut(Uuid) -> Result<Option<u64>, AppendError>,
    revision: impl FnOnce() -> Result<u64, AppendError>,
) -> Result<Appended, AppendError> {
    let (mut placed, mut duplicates) = (Vec::with_capacity(request.events.len()), Vec::new());
    // Two equal ids need two events.
    let room = if request.events.len() > 1 { request.events.len() } else { 0 };
    let mut fresh: IdMap<u64> = IdMap::with_capacity_and_hasher(room, Default::default());
    for (index, prepared) in request.events.iter().enumerate() {
        let id = prepared.event.event_id;
        let stored = known(id)?;
        if let Some(position) = stored.or_else(|| fresh.get(&id).copied()) {
            placed.push(Placed { position, duplicate: true });
            duplicates.push(Duplicate { index, position: stored });
        } else {
            let position = next(1 + fresh.len() as u64);
            fresh.insert(id, position);
            placed.push(Placed { position, duplicate: false });
        }
    }
    if request.duplicates == Duplicates::Refuse && !duplicates.is_empty() {
        return Err(AppendError::Duplicates(duplicates));
    }
    let actual = revision()?;
    match request.expected {
        Expected::Revision(expected) if expected != actual && !fresh.is_empty() => {
            Err(AppendError::WrongRevision { stream: request.stream.clone(), expected, actual })
        }
        _ => Ok(Appended { placed, revision: actual + fresh.len() as u64 }),
    }
}
