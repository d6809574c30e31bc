//! Opening a log: what is there, whether it is whole, where it ends.
//!
//! Sealed segments are checked against each other and their sidecars without reading them; the last one is read.
//! Where it does not read on, that is the torn end of a batch whose fsync never returned if and only if no valid frame
//! of a later batch follows: then it was never acknowledged and is cut off. Anything else is damage: the log does not
//! open, and says which file and byte. Nothing is ever repaired silently; what was done is told in `notices`.

use std::sync::Arc;

use events::Uuid;

use super::{
    chain,
    error::OpenError,
    files::{Access, Folder, damaged, packed_name, path_of, segment_name, sidecar_name},
    head::{HEAD, Head},
    inventory::Inventory,
    load::{Chain, Loaded, load},
    packed::Unpacking,
    segment::{HEADER, Segment, SegmentHeader},
    sidecar::{self, Sidecar},
    tail::{make_end_durable, refuse_damage},
};

/// A log that is whole.
pub(super) struct Recovered {
    pub log_id: Uuid,
    /// Oldest first; the last one is the one to append to.
    pub segments: Vec<Arc<Segment>>,
    /// Where the next frame goes in the last segment.
    pub end: u64,
    /// The last event's position, its batch and the chain's value after it.
    pub head: Head,
    /// What an operator should know about the opening.
    pub notices: Vec<String>,
    pub unpacking: Arc<Unpacking>,
}

/// Opens what is in the folder; with `write` a missing log is made, and a torn end is cut off.
pub(super) fn recover(folder: &dyn Folder, write: bool) -> Result<Recovered, OpenError> {
    let inventory = Inventory::read(folder)?;
    let newest = claim_newest(folder, &inventory, write)?;
    if write {
        remove_unfinished(folder, &inventory)?;
        // Names that a killed process made may not be durable yet.
        folder.sync().map_err(|error| OpenError::io(folder, &error))?;
    }
    if inventory.is_empty() {
        return if write { create(folder) } else { Err(OpenError::missing(folder)) };
    }
    let recorded = if inventory.has_head { Some(Head::read(folder)?) } else { None };
    let (notices, unpacking) = Default::default();
    Opening { folder, inventory, write, recorded, newest, notices, unpacking }.open()
}

/// The id of the log in a folder; nothing where there is none.
pub(super) fn identify(folder: &dyn Folder) -> Result<Option<Uuid>, OpenError> {
    let inventory = Inventory::read(folder)?;
    if inventory.has_head {
        return Ok(Some(Head::read(folder)?.log_id));
    }
    let first = inventory.segments.first().filter(|first| !inventory.packed.contains(first));
    Ok(first
        .map(|first| Segment::open(folder, *first, Access::Read))
        .transpose()?
        .map(|found| found.header.log_id))
}

/// Opens the newest segment and holds it, before anything is changed: the folder's lock file may have been removed under
/// the process that writes here.
fn claim_newest(
    folder: &dyn Folder,
    inventory: &Inventory,
    write: bool,
) -> Result<Option<Segment>, OpenError> {
    let plain = inventory.segments.last().filter(|newest| !inventory.packed.contains(newest));
    let Some(newest) = plain.copied() else { return Ok(None) };
    let access = if write { Access::Write } else { Access::Read };
    let segment = Segment::open(folder, newest, access)?;
    let held = segment.file.file.try_lock(write);
    let held = held.map_err(|error| OpenError::io_at(&segment.file.path, &error))?;
    // Whoever writes may have begun a newer one since the names were read.
    if !held || Inventory::read(folder)?.segments.last() != Some(&newest) {
        return Err(OpenError::InUse { folder: folder.path().to_owned(), pid: None });
    }
    Ok(Some(segment))
}

fn remove_unfinished(folder: &dyn Folder, inventory: &Inventory) -> Result<(), OpenError> {
    inventory
        .unfinished
        .iter()
        .try_for_each(|name| folder.remove(name).map_err(|error| OpenError::io_of(folder, name, &error)))
}

fn create(folder: &dyn Folder) -> Result<Recovered, OpenError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| OpenError::io(folder, &error.into()))?;
    let log_id = uuid::Builder::from_random_bytes(random).into_uuid();
    let segment = Segment::create(folder, first_header(log_id))
        .map_err(|(path, error)| OpenError::io_at(&path, &error))?;
    let head = first_head(log_id);
    head.write(folder).map_err(|error| OpenError::io_of(folder, HEAD, &error))?;
    let segments = vec![Arc::new(segment)];
    let (notices, unpacking) = Default::default();
    Ok(Recovered { log_id, segments, end: HEADER as u64, head, notices, unpacking })
}

fn first_header(log_id: Uuid) -> SegmentHeader {
    SegmentHeader { log_id, first_position: 1, first_batch: 1, chain_before: chain::genesis(log_id) }
}

fn first_head(log_id: Uuid) -> Head {
    Head { log_id, position: 0, batch: 0, chain: chain::genesis(log_id) }
}

/// A log that is there and is being opened.
struct Opening<'a> {
    folder: &'a dyn Folder,
    inventory: Inventory,
    write: bool,
    recorded: Option<Head>,
    newest: Option<Segment>,
    notices: Vec<String>,
    unpacking: Arc<Unpacking>,
}

impl Opening<'_> {
    fn open(mut self) -> Result<Recovered, OpenError> {
        let sealed = self.open_sealed()?;
        let last = self.open_last(sealed.last())?;
        // Whoever only reads may be asking for just this fault, with its position: see `verify`.
        let loaded = load(&last, if self.write { Chain::Checked } else { Chain::Taken })?;
        let recorded = self.recorded_head(&last)?;
        if let Some((at, why)) = loaded.bad {
            refuse_damage(&last, at, why, loaded.batch)?;
        }
        let (position, batch, chain) = (loaded.position, loaded.batch, loaded.chain);
        let head = Head { log_id: last.header.log_id, position, batch, chain };
        check_head(&last, &head, &recorded, loaded.end)?;
        if self.write {
            self.notices.extend(make_end_durable(&last, &loaded, head == recorded)?);
        }
        let end = loaded.end;
        last.set_index(loaded.index);
        let segments = sealed.into_iter().chain([last]).map(Arc::new).collect();
        let (notices, unpacking) = (self.notices, self.unpacking);
        Ok(Recovered { log_id: head.log_id, segments, end, head, notices, unpacking })
    }

    /// All segments but the last, each checked against the one before it.
    fn open_sealed(&mut self) -> Result<Vec<Segment>, OpenError> {
        let sealed = self.sealed_positions()?;
        let mut segments: Vec<Segment> = Vec::new();
        for first in sealed {
            let segment = if self.inventory.packed.contains(&first) {
                Segment::open_packed(self.folder, first, &self.unpacking)?
            } else {
                Segment::open(self.folder, first, Access::Read)?
            };
            self.check_follows(&segment, segments.last())?;
            if self.inventory.sidecars.contains(&first) {
                segment.set_sidecar(Sidecar::open(self.folder, segment.header.log_id, first)?);
            } else {
                self.index_anew(&segment)?;
            }
            check_size(&segment)?;
            segments.push(segment);
        }
        Ok(segments)
    }

    fn sealed_positions(&self) -> Result<Vec<u64>, OpenError> {
        let Some((last, sealed)) = self.inventory.segments.split_last() else {
            let message = "the log's segments are missing; restore them from a backup";
            return Err(damaged(&path_of(self.folder, &segment_name(1)), 0, message).into());
        };
        if let Some(orphan) = self.inventory.sidecars.iter().find(|first| !sealed.contains(first)) {
            let what = if orphan == last { "the segment after this one" } else { "the segment of this file" };
            let message = format!("{what} is missing; restore it from a backup");
            return Err(damaged(&path_of(self.folder, &sidecar_name(*orphan)), 0, &message).into());
        }
        Ok(sealed.to_vec())
    }

    fn open_last(&mut self, before: Option<&Segment>) -> Result<Segment, OpenError> {
        let first = self.inventory.segments.last().copied().unwrap_or(1);
        if self.inventory.packed.contains(&first) {
            let message = "only a segment that others follow is compressed: the one after it is missing; restore it from \
                           a backup";
            return Err(damaged(&path_of(self.folder, &packed_name(first)), 0, message).into());
        }
        let segment = match self.newest.take() {
            Some(claimed) => claimed,
            None => Segment::open(self.folder, first, Access::Read)?,
        };
        self.check_follows(&segment, before)?;
        Ok(segment)
    }

    /// What a segment has to start with after the one before it.
    fn check_follows(&self, segment: &Segment, before: Option<&Segment>) -> Result<(), OpenError> {
        let header = segment.header;
        let expected = match before.and_then(Segment::summary) {
            None => first_header(self.recorded.map_or(header.log_id, |head| head.log_id)),
            Some(before) => before.next_header(),
        };
        if header == expected {
            return Ok(());
        }
        let message = if header.log_id != expected.log_id {
            "it does not belong to the same log as the files before it and HEAD; put the right file back from a \
             backup"
                .to_owned()
        } else if header.first_position != expected.first_position {
            let missing = expected.first_position;
            format!("the segment that starts at position {missing} is missing; restore it from a backup")
        } else {
            "it does not follow on the segment before it; put the right files back from a backup".to_owned()
        };
        Err(segment.file.damaged(0, &message).into())
    }

    /// For a segment whose sidecar was not finished (or was removed): everything in it is read and checked.
    fn index_anew(&mut self, segment: &Segment) -> Result<(), OpenError> {
        let loaded = load(segment, Chain::Checked)?;
        if let Some((at, why)) = loaded.bad {
            return Err(segment.file.damaged(at, &format!("{why}; restore the file from a backup")).into());
        }
        let path = path_of(self.folder, &sidecar_name(segment.header.first_position));
        if self.write {
            self.write_sidecar(segment, &loaded, &path)?;
            self.notices.push(format!("{path} was missing and has been made anew from its segment"));
        } else {
            segment.set_summary(loaded.summary(segment));
            segment.set_index(loaded.index);
            self.notices.push(format!("{path} is missing; its segment was read instead"));
        }
        Ok(())
    }

    fn write_sidecar(&self, segment: &Segment, loaded: &Loaded, path: &Arc<str>) -> Result<(), OpenError> {
        let summary = loaded.summary(segment);
        sidecar::write(self.folder, &summary, &loaded.index)
            .map_err(|error| OpenError::io_at(path, &error))?;
        segment.set_sidecar(Sidecar::open(self.folder, summary.log_id, summary.first_position)?);
        Ok(())
    }

    /// The recorded head. Only a log that was being made when its process ended has none.
    fn recorded_head(&self, last: &Segment) -> Result<Head, OpenError> {
        if let Some(head) = self.recorded {
            return Ok(head);
        }
        let path = path_of(self.folder, HEAD);
        if last.header.first_position != 1 || last.file.size()? != HEADER as u64 {
            let message = "the record of the last known position is missing; restore it from a backup (an older one \
                           will do)";
            return Err(damaged(&path, 0, message).into());
        }
        let head = first_head(last.header.log_id);
        if self.write {
            head.write(self.folder).map_err(|error| OpenError::io_at(&path, &error))?;
        }
        Ok(head)
    }
}

fn check_size(segment: &Segment) -> Result<(), OpenError> {
    let (size, expected) =
        (segment.file.size()?, segment.summary().map_or(0, |summary| summary.segment_bytes));
    if size == expected {
        return Ok(());
    }
    let message =
        format!("the file has {size} bytes, it was sealed with {expected}; restore it from a backup");
    Err(segment.file.damaged(size.min(expected), &message).into())
}

fn check_head(last: &Segment, found: &Head, recorded: &Head, end: u64) -> Result<(), OpenError> {
    if found.position < recorded.position {
        let message = format!(
            "the log ends here with position {}, but position {} was reached; restore this segment and those after \
             it from a backup",
            found.position, recorded.position
        );
        return Err(last.file.damaged(end, &message).into());
    }
    if found.position == recorded.position && found != recorded {
        let message = "the last batch is not the one that was recorded; restore the segment from a backup";
        return Err(last.file.damaged(end, message).into());
    }
    Ok(())
}
