//! Reading a whole segment: its index, and where it ends.

use std::sync::Arc;

use super::{
    chain::{Hash, Link},
    frame::{Frame, NameCache},
    ids,
    index::{Entry, Index},
    names::Names,
    scan::{MANY, Scanner, Step},
    segment::{HEADER, Segment},
    sidecar::Summary,
};
use crate::ReadError;

/// What reading a whole segment gives.
pub(super) struct Loaded {
    pub index: Index,
    /// Of the last event in a complete batch.
    pub position: u64,
    pub batch: u64,
    pub chain: Hash,
    pub last_batch_at: u64,
    /// Where the last complete batch ends.
    pub end: u64,
    /// Where it does not read on, and why.
    pub bad: Option<(u64, &'static str)>,
}

/// What is done about the hash chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chain {
    /// It is computed anew and has to hold.
    Checked,
    /// It is taken as it stands.
    Taken,
}

/// Reads a whole segment. A frame that is valid but does not belong where it stands is an error; where there is no
/// valid frame, reading ends.
pub(super) fn load(segment: &Segment, chain: Chain) -> Result<Loaded, ReadError> {
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
    let (mut scanner, mut cache) = (Scanner::new(segment, HEADER as u64, MANY), NameCache::default());
    // Those of a batch that is not complete do not count.
    let mut names: Arc<Names> = Arc::default();
    let (mut open, mut link): (Vec<Entry>, Link) = Default::default();
    link.start(&loaded.chain, loaded.batch + 1);
    loop {
        match scanner.next()? {
            Step::Frame(at, frame) => {
                let position = loaded.position + 1 + open.len() as u64;
                let expected = (loaded.batch + 1, position);
                open.push(entry(segment, at, &frame, expected, (&mut names, &mut cache))?);
                if chain == Chain::Checked {
                    link.add(frame.last_of_transaction, frame.header, frame.payload);
                }
                let Some(stored) = frame.chain else { continue };
                if chain == Chain::Checked && link.value() != *stored {
                    return Err(unchained(segment, loaded.end));
                }
                let end = at + frame.whole.len() as u64;
                loaded.index.names = Arc::clone(&names);
                let follows = loaded.take_batch(&mut open, *stored, end);
                follows.then_some(()).ok_or_else(|| misplaced(segment, at))?;
                link.start(&loaded.chain, loaded.batch + 1);
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
    /// The segment as a whole, when nothing more is appended to it.
    pub(super) fn summary(&self, segment: &Segment) -> Summary {
        Summary {
            log_id: segment.header.log_id,
            first_position: segment.header.first_position,
            events: self.index.events,
            last_batch: self.batch,
            segment_bytes: self.end,
            chain: self.chain,
        }
    }

    fn take_batch(&mut self, open: &mut Vec<Entry>, chain: Hash, end: u64) -> bool {
        self.position += open.len() as u64;
        self.batch += 1;
        self.chain = chain;
        self.last_batch_at = self.end;
        self.end = end;
        open.drain(..).all(|entry| self.index.add(entry))
    }
}

/// What the index has to know of a frame that belongs to this batch and has this position. The names that it gives are
/// added to those before it.
pub(super) fn entry(
    segment: &Segment,
    at: u64,
    frame: &Frame<'_>,
    expected: (u64, u64),
    (names, cache): (&mut Arc<Names>, &mut NameCache),
) -> Result<Entry, ReadError> {
    let offset = u32::try_from(at).ok().filter(|_| (frame.batch, frame.position) == expected);
    let offset = offset.ok_or_else(|| misplaced(segment, at))?;
    let misnamed = |why: &str| segment.file.damaged(at, &format!("{why}; restore the file from a backup"));
    Names::follow(names, frame, offset).map_err(misnamed)?;
    let stream = frame.stream(names, cache).ok_or_else(|| misplaced(segment, at))?;
    Ok(Entry { fingerprint: ids::of_id(frame.event_id), offset, stream, revision: frame.revision })
}

pub(super) fn misplaced(segment: &Segment, at: u64) -> ReadError {
    segment
        .file
        .damaged(at, "the event here does not follow on the one before it; restore the file from a backup")
}

/// A batch that is whole by itself and is not the one that was written.
pub(super) fn unchained(segment: &Segment, at: u64) -> ReadError {
    segment.file.damaged(
        at,
        "the hash chain does not hold: the batch here is not the one written; restore the file from a backup",
    )
}
