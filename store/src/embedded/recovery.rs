//! Opening a log: what is there, whether it is whole, where it ends.
//!
//! Sealed segments are checked against each other and their sidecars without reading them; the last one is read.
//! Where it does not read on, that is the torn end of a batch whose fsync never returned if and only if no valid frame
//! of a later batch follows: then it was never acknowledged and is cut off. Anything else is damage: the log does not
//! open, and says which file and byte. Nothing is ever repaired silently; what was done is told in `notices`.

use std::sync::Arc;

use events::Uuid;

use super::{
    chain::{self, Hash},
    error::OpenError,
    files::{Access, Folder, UNFINISHED, damaged, io_error, path_of},
    frame::{self, NameCache},
    head::{HEAD, Head},
    ids,
    index::{Entry, Index},
    lock::LOCK,
    scan::{MANY, Scanner, Step},
    segment::{HEADER, Segment, SegmentHeader, segment_name, sidecar_name},
    sidecar::{self, Sidecar, Summary},
};
use crate::ReadError;

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
}

/// What reading a whole segment gives.
pub(super) struct Loaded {
    index: Index,
    position: u64,
    batch: u64,
    chain: Hash,
    last_batch_at: u64,
    end: u64,
    /// Where it does not read on, and why.
    bad: Option<(u64, &'static str)>,
}

struct Inventory {
    segments: Vec<u64>,
    sidecars: Vec<u64>,
    unfinished: Vec<String>,
    has_head: bool,
}

impl Inventory {
    fn read(folder: &dyn Folder) -> Result<Self, OpenError> {
        let path = Arc::from(folder.path().to_string_lossy());
        let names = folder.names().map_err(|error| io_error(&path, &error))?;
        let mut found =
            Self { segments: Vec::new(), sidecars: Vec::new(), unfinished: Vec::new(), has_head: false };
        for name in names {
            found.sort_in(folder, name)?;
        }
        found.segments.sort_unstable();
        found.sidecars.sort_unstable();
        Ok(found)
    }

    fn sort_in(&mut self, folder: &dyn Folder, name: String) -> Result<(), OpenError> {
        let number = |ending| name.strip_suffix(ending).and_then(|stem| stem.parse().ok());
        if name == HEAD {
            self.has_head = true;
        } else if name.ends_with(UNFINISHED) {
            self.unfinished.push(name);
        } else if let Some(first) = number(".log").filter(|first| segment_name(*first) == name) {
            self.segments.push(first);
        } else if let Some(first) = number(".idx").filter(|first| sidecar_name(*first) == name) {
            self.sidecars.push(first);
        } else if name != LOCK {
            let message = "this file does not belong to the event log; move it elsewhere";
            return Err(damaged(&path_of(folder, &name), 0, message).into());
        }
        Ok(())
    }

    fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.sidecars.is_empty() && !self.has_head
    }
}

/// Opens what is in the folder; with `write` a missing log is made, and a torn end is cut off.
pub(super) fn recover(folder: &dyn Folder, write: bool) -> Result<Recovered, OpenError> {
    let inventory = Inventory::read(folder)?;
    let mut notices = Vec::new();
    if write {
        remove_unfinished(folder, &inventory)?;
        // Names that a killed process made may not be durable yet.
        folder.sync().map_err(|error| OpenError::io(folder, &error))?;
    }
    if inventory.is_empty() {
        return if write { create(folder) } else { Err(OpenError::missing(folder)) };
    }
    let sealed = open_sealed(folder, &inventory, write, &mut notices)?;
    let (last, loaded) = open_last(folder, &inventory, &sealed)?;
    let head = Head {
        log_id: last.header.log_id,
        position: loaded.position,
        batch: loaded.batch,
        chain: loaded.chain,
    };
    let known = known_head(folder, &inventory, &last, write)?;
    if let Some((at, why)) = loaded.bad {
        refuse_damage(&last, at, why, loaded.batch)?;
    }
    check_head(&last, &head, &known, loaded.end)?;
    if write {
        make_end_durable(&last, &loaded, head == known, &mut notices)?;
    }
    let end = loaded.end;
    last.set_index(loaded.index);
    let segments = sealed.into_iter().chain([last]).map(Arc::new).collect();
    Ok(Recovered { log_id: head.log_id, segments, end, head, notices })
}

fn remove_unfinished(folder: &dyn Folder, inventory: &Inventory) -> Result<(), OpenError> {
    inventory.unfinished.iter().try_for_each(|name| {
        folder.remove(name).map_err(|error| io_error(&path_of(folder, name), &error).into())
    })
}

fn create(folder: &dyn Folder) -> Result<Recovered, OpenError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| OpenError::io(folder, &error.into()))?;
    let log_id = uuid::Builder::from_random_bytes(random).into_uuid();
    let chain = chain::genesis(log_id);
    let header = SegmentHeader { log_id, first_position: 1, first_batch: 1, chain_before: chain };
    let segment = Segment::create(folder, header).map_err(|(path, error)| io_error(&path, &error))?;
    let head = Head { log_id, position: 0, batch: 0, chain };
    head.write(folder).map_err(|error| io_error(&path_of(folder, HEAD), &error))?;
    let segments = vec![Arc::new(segment)];
    Ok(Recovered { log_id, segments, end: HEADER as u64, head, notices: Vec::new() })
}

/// All segments but the last, each checked against the one before it.
fn open_sealed(
    folder: &dyn Folder,
    inventory: &Inventory,
    write: bool,
    notices: &mut Vec<String>,
) -> Result<Vec<Segment>, OpenError> {
    let Some((last, sealed)) = inventory.segments.split_last() else {
        let message = "the log's segments are missing; restore them from a backup";
        return Err(damaged(&path_of(folder, &segment_name(1)), 0, message).into());
    };
    if let Some(orphan) = inventory.sidecars.iter().find(|first| !sealed.contains(first)) {
        let what = if orphan == last { "the segment after this one" } else { "the segment of this file" };
        let message = format!("{what} is missing; restore it from a backup");
        return Err(damaged(&path_of(folder, &sidecar_name(*orphan)), 0, &message).into());
    }
    let mut segments: Vec<Segment> = Vec::new();
    for first in sealed {
        let segment = Segment::open(folder, *first, Access::Read)?;
        check_follows(&segment, segments.last())?;
        let has_sidecar = inventory.sidecars.contains(first);
        if has_sidecar {
            segment.set_sidecar(Sidecar::open(folder, segment.header.log_id, *first)?);
        } else {
            notices.push(index_anew(folder, &segment, write)?);
        }
        check_size(&segment)?;
        segments.push(segment);
    }
    Ok(segments)
}

/// For a segment whose sidecar was not finished (or was removed): everything in it is read and checked.
fn index_anew(folder: &dyn Folder, segment: &Segment, write: bool) -> Result<String, OpenError> {
    let loaded = load(segment)?;
    if let Some((at, why)) = loaded.bad {
        let message = format!("{why}; restore the file from a backup");
        return Err(segment.file.damaged(at, &message).into());
    }
    let summary = summary(segment, &loaded);
    let path = path_of(folder, &sidecar_name(summary.first_position));
    segment.set_summary(summary);
    if !write {
        segment.set_index(loaded.index);
        return Ok(format!("{path} is missing; its segment was read instead"));
    }
    sidecar::write(folder, &summary, &loaded.index).map_err(|error| io_error(&path, &error))?;
    segment.set_sidecar(Sidecar::open(folder, summary.log_id, summary.first_position)?);
    Ok(format!("{path} was missing and has been made anew from its segment"))
}

fn summary(segment: &Segment, loaded: &Loaded) -> Summary {
    Summary {
        log_id: segment.header.log_id,
        first_position: segment.header.first_position,
        events: loaded.index.events,
        last_batch: loaded.batch,
        segment_bytes: loaded.end,
        chain: loaded.chain,
    }
}

/// What a segment has to start with after the one before it.
fn check_follows(segment: &Segment, before: Option<&Segment>) -> Result<(), OpenError> {
    let header = segment.header;
    let expected = match before {
        None => SegmentHeader {
            log_id: header.log_id,
            first_position: 1,
            first_batch: 1,
            chain_before: chain::genesis(header.log_id),
        },
        Some(before) => before.summary().map_or(header, |summary| summary.next_header()),
    };
    if header == expected {
        return Ok(());
    }
    let message = if header.log_id != expected.log_id {
        "it belongs to another log; put the right file back from a backup".to_owned()
    } else if header.first_position != expected.first_position {
        format!(
            "the segment that starts at position {} is missing; restore it from a backup",
            expected.first_position
        )
    } else {
        "it does not follow on the segment before it; put the right files back from a backup".to_owned()
    };
    Err(segment.file.damaged(0, &message).into())
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

fn open_last(
    folder: &dyn Folder,
    inventory: &Inventory,
    sealed: &[Segment],
) -> Result<(Segment, Loaded), OpenError> {
    let first = inventory.segments.last().copied().unwrap_or(1);
    let segment = Segment::open(folder, first, Access::Write)?;
    check_follows(&segment, sealed.last())?;
    let loaded = load(&segment)?;
    Ok((segment, loaded))
}

/// Reads a whole segment. A frame that is valid but does not belong where it stands is an error; where there is no
/// valid frame, reading ends.
pub(super) fn load(segment: &Segment) -> Result<Loaded, ReadError> {
    let header = segment.header;
    let mut loaded = Loaded {
        index: Index::default(),
        position: header.first_position - 1,
        batch: header.first_batch - 1,
        chain: header.chain_before,
        last_batch_at: HEADER as u64,
        end: HEADER as u64,
        bad: None,
    };
    let (mut scanner, mut names) = (Scanner::new(segment, HEADER as u64, MANY), NameCache::default());
    let mut open: Vec<Entry> = Vec::new();
    loop {
        match scanner.next()? {
            Step::Frame(at, frame) => {
                let position = loaded.position + 1 + open.len() as u64;
                open.push(entry(segment, at, &frame, (loaded.batch + 1, position), &mut names)?);
                let Some(chain) = frame.chain else { continue };
                let end = at + frame.whole.len() as u64;
                let follows = loaded.take_batch(&mut open, *chain, end);
                follows.then_some(()).ok_or_else(|| misplaced(segment, at))?;
            }
            Step::End if open.is_empty() => return Ok(loaded),
            Step::End => {
                loaded.bad = Some((loaded.end, "the last batch is not complete"));
                return Ok(loaded);
            }
            Step::Bad(at, why) => {
                loaded.bad = Some((at, why));
                return Ok(loaded);
            }
        }
    }
}

impl Loaded {
    fn take_batch(&mut self, open: &mut Vec<Entry>, chain: Hash, end: u64) -> bool {
        self.position += open.len() as u64;
        self.batch += 1;
        self.chain = chain;
        self.last_batch_at = self.end;
        self.end = end;
        open.drain(..).all(|entry| self.index.add(entry))
    }
}

fn entry(
    segment: &Segment,
    at: u64,
    frame: &frame::Frame<'_>,
    (batch, position): (u64, u64),
    names: &mut NameCache,
) -> Result<Entry, ReadError> {
    let stream = frame.stream().filter(|_| (frame.batch, frame.position) == (batch, position));
    let stream = stream.ok_or_else(|| misplaced(segment, at))?;
    let offset = u32::try_from(at).map_err(|_| misplaced(segment, at))?;
    let fingerprint = ids::of_id(frame.event_id);
    Ok(Entry { fingerprint, offset, stream: names.get(stream), revision: frame.revision })
}

fn misplaced(segment: &Segment, at: u64) -> ReadError {
    segment
        .file
        .damaged(at, "the event here does not follow on the one before it; restore the file from a backup")
}

/// The recorded head. Only a log that was being made when its process ended has none.
fn known_head(
    folder: &dyn Folder,
    inventory: &Inventory,
    last: &Segment,
    write: bool,
) -> Result<Head, OpenError> {
    if inventory.has_head {
        return Ok(Head::read(folder)?);
    }
    let path = path_of(folder, HEAD);
    if last.header.first_position != 1 || last.file.size()? != HEADER as u64 {
        let message = "the record of the last known position is missing; restore it from a backup (an older one \
                       will do)";
        return Err(damaged(&path, 0, message).into());
    }
    let log_id = last.header.log_id;
    let head = Head { log_id, position: 0, batch: 0, chain: chain::genesis(log_id) };
    if write {
        head.write(folder).map_err(|error| io_error(&path, &error))?;
    }
    Ok(head)
}

fn check_head(last: &Segment, found: &Head, known: &Head, end: u64) -> Result<(), OpenError> {
    if found.log_id != known.log_id {
        let message = "it belongs to another log than HEAD; put the right files back from a backup";
        return Err(last.file.damaged(0, message).into());
    }
    if found.position < known.position {
        let message = format!(
            "the log ends here with position {}, but position {} was reached; restore this segment and those after \
             it from a backup",
            found.position, known.position
        );
        return Err(last.file.damaged(end, &message).into());
    }
    if found.position == known.position && found != known {
        let message = "the last batch is not the one that was recorded; restore the segment from a backup";
        return Err(last.file.damaged(end, message).into());
    }
    Ok(())
}

/// The rule that tells a torn end from damage.
fn refuse_damage(last: &Segment, at: u64, why: &str, batch: u64) -> Result<(), OpenError> {
    let Some(later) = find_later_batch(last, at, batch + 1)? else { return Ok(()) };
    let message = format!(
        "{why}, and events that were written later follow at byte {later}: this is damage, not the end of an \
         interrupted write; restore the file from a backup"
    );
    Err(last.file.damaged(at, &message).into())
}

/// The first valid frame behind `from` that belongs to a batch after the given one. Every byte may start one.
fn find_later_batch(segment: &Segment, from: u64, batch: u64) -> Result<Option<u64>, ReadError> {
    let size = segment.file.size()?;
    let batches = batch + 1..=batch + 1 + size / 64;
    let mut window = vec![0; MANY];
    let mut at = from;
    while at < size {
        let read = segment.file.read_some(&mut window, at)?;
        // The last bytes come again at the start of the next window.
        let starts = if at + (read as u64) < size { read - 16 } else { read };
        for start in 0..starts {
            let claimed = frame::claimed_batch(&window[start..read]);
            let offset = at + start as u64;
            if claimed.is_some_and(|claimed| batches.contains(&claimed)) && is_frame(segment, offset)? {
                return Ok(Some(offset));
            }
        }
        at += starts.max(1) as u64;
    }
    Ok(None)
}

fn is_frame(segment: &Segment, at: u64) -> Result<bool, ReadError> {
    let mut scanner = Scanner::new(segment, at, super::scan::FEW);
    Ok(matches!(scanner.next()?, Step::Frame(..)))
}

/// Cuts off a torn end. Then the last batch is written once more: after a failed fsync it may stand in the page cache
/// only, and a later fsync would not write what the system believes to be clean.
fn make_end_durable(
    last: &Segment,
    loaded: &Loaded,
    closed_cleanly: bool,
    notices: &mut Vec<String>,
) -> Result<(), OpenError> {
    let size = last.file.size()?;
    let path = &last.file.path;
    if size > loaded.end {
        let cut = size - loaded.end;
        last.file.file.set_size(loaded.end).map_err(|error| io_error(path, &error))?;
        notices.push(format!(
            "{path}: {cut} bytes of a write that was interrupted were cut off at byte {}; nothing acknowledged was in \
             them",
            loaded.end
        ));
    } else if closed_cleanly {
        return Ok(());
    }
    let mut batch = vec![0; (loaded.end - loaded.last_batch_at) as usize];
    last.file.read_exact(&mut batch, loaded.last_batch_at)?;
    let file = &last.file.file;
    let written = file.write_all_at(&batch, loaded.last_batch_at).and_then(|()| file.sync());
    written.map_err(|error| io_error(path, &error).into())
}
