//! Reads the whole log, checks every byte of it and computes the chain anew. Changes nothing.
//!
//! One thread reads and hashes, the caller's decodes: the two take about equally long.

use std::{
    cmp::Reverse,
    ops::{ControlFlow, Range},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use events::Recorded;

use super::{
    chain::{self, Hash, Link},
    frame::{self, NameCache},
    index::Index,
    load::{entry, misplaced, unchained},
    names::Names,
    promises::{Earlier, known_id, same_id},
    scan::{MANY, Scanner, Step},
    segment::{HEADER, Segment},
    shared::Shared,
    sidecar::Sidecar,
    witness::Seal,
};
use crate::ReadError;

/// What a whole log proves to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many events were checked; also the position of the last one.
    pub events: u64,
    /// The chain's value after it.
    pub chain: [u8; 32],
}

/// The first thing that is wrong with a log.
#[derive(Clone, Debug, thiserror::Error)]
#[error("position {position}: {error}")]
pub struct Fault {
    /// The first position that cannot be relied on.
    pub position: u64,
    /// File, byte and what is wrong.
    #[source]
    pub error: ReadError,
}

/// Frames of one segment that were checked.
struct Chunk {
    bytes: Vec<u8>,
    frames: Vec<Range<usize>>,
    first_position: u64,
    /// Those of its segment up to its end.
    names: Arc<Names>,
}

const CHUNKS_AHEAD: usize = 4;

/// Checks up to the head and hands out each event in order. Ends early, with what was checked so far, when `each`
/// breaks.
pub(super) fn verify(
    shared: &Shared,
    seals: &[Seal],
    each: &mut dyn FnMut(Arc<Recorded>) -> ControlFlow<()>,
) -> Result<Verified, Fault> {
    let (sender, receiver) = sync_channel(CHUNKS_AHEAD);
    thread::scope(|scope| {
        // The sender moves into the thread: the receiver ends with it.
        let checker = scope.spawn(move || check(shared, seals, &sender));
        let decoded = decode(receiver, each);
        let checked = checker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // What is not understood may well be what was written: the chain says more.
        checked.and_then(|checked| decoded.map(|()| checked))
    })
}

/// Hands out events up to the first that is not understood; the rest is taken all the same, so that it is checked.
fn decode(
    chunks: Receiver<Chunk>,
    each: &mut dyn FnMut(Arc<Recorded>) -> ControlFlow<()>,
) -> Result<(), Fault> {
    let mut cache = NameCache::default();
    let mut decode_all = |chunk: Chunk| {
        for (n, range) in chunk.frames.into_iter().enumerate() {
            let position = chunk.first_position + n as u64;
            let Some(frame) = frame::parse_checked(&chunk.bytes[range]) else { continue };
            let event = frame.decode(&chunk.names, &mut cache).map_err(|error| Fault { position, error })?;
            if each(Arc::new(event)).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    };
    let mut chunks = chunks.into_iter();
    while let Some(chunk) = chunks.next() {
        match decode_all(chunk) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => return Ok(()),
            Err(fault) => {
                chunks.for_each(drop);
                return Err(fault);
            }
        }
    }
    Ok(())
}

/// Where the check stands.
#[derive(Default)]
struct Check {
    position: u64,
    batch: u64,
    chain: Hash,
    link: Link,
    /// The position before the batch that is being read, and where it starts.
    batch_after: u64,
    batch_at: u64,
    /// What was kept elsewhere and is not yet come to, the next one last.
    seals: Vec<Seal>,
    /// What the sidecar of the segment that is being read has to say.
    index: Index,
    /// Whether there was one when the reading began.
    indexed: bool,
    cache: NameCache,
    /// What has to be told of the segments before this one.
    earlier: Earlier,
}

fn check(shared: &Shared, seals: &[Seal], out: &SyncSender<Chunk>) -> Result<Verified, Fault> {
    let head = shared.live.head();
    let start = chain::genesis(shared.log_id);
    let mut check = Check { position: 0, batch: 0, chain: start, ..Check::default() };
    check.seals = seals.to_vec();
    // The next one last.
    check.seals.sort_unstable_by_key(|seal| Reverse(seal.position));
    let folder: Arc<str> = shared.folder.path().display().to_string().into();
    let unlike = |position: u64, message: String| {
        let error = ReadError::Damaged { file: Arc::clone(&folder), at: 0, message: message.into() };
        Fault { position, error }
    };
    if let Some(seal) = seals.iter().find(|seal| seal.log_id != shared.log_id) {
        return Err(unlike(1, format!("the seal is of log {}, this is log {}", seal.log_id, shared.log_id)));
    }
    if let Some(Seal { position, .. }) = check.seals.first().filter(|seal| seal.position > head) {
        let message = format!(
            "the log ends at position {head}, but the seal is of position {position}: events are missing"
        );
        return Err(unlike(head + 1, message));
    }
    while let Some(seal) = check.seals.pop_if(|seal| seal.position == 0) {
        if seal.chain != start {
            return Err(unlike(1, "the seal of position 0 is not that of an empty log".to_owned()));
        }
    }
    let segments = shared.segments();
    for (n, segment) in segments.iter().enumerate() {
        check.link.start(&check.chain, check.batch + 1);
        check.earlier.begin(&segments[..n], std::mem::take(&mut check.index));
        let go_on = check.segment(segment, head, out);
        if go_on.map_err(|error| Fault { position: check.position + 1, error })?.is_break() {
            break;
        }
    }
    Ok(Verified { events: check.position, chain: check.chain })
}

impl Check {
    fn segment(
        &mut self,
        segment: &Segment,
        head: u64,
        out: &SyncSender<Chunk>,
    ) -> Result<ControlFlow<()>, ReadError> {
        let sidecar = segment.sidecar();
        self.indexed = sidecar.is_some();
        sidecar.map_or(Ok(()), Sidecar::check)?;
        let mut scanner = Scanner::new(segment, HEADER as u64, MANY);
        self.batch_at = HEADER as u64;
        while self.position < head {
            let chunk = self.chunk(segment, &mut scanner, head)?;
            let ended = chunk.frames.is_empty();
            if ended {
                return self.end_of(segment).map(|()| ControlFlow::Continue(()));
            }
            if out.send(chunk).is_err() {
                return Ok(ControlFlow::Break(()));
            }
        }
        // Nothing may have been written since the segment was sealed.
        let last = segment.summary().map(|summary| summary.first_position + summary.events - 1);
        if last == Some(head) {
            self.end_of(segment)?;
        }
        Ok(ControlFlow::Break(()))
    }

    /// Checks some frames and copies them out; none where the segment ends.
    fn chunk(&mut self, segment: &Segment, scanner: &mut Scanner<'_>, head: u64) -> Result<Chunk, ReadError> {
        let (bytes, frames) = (Vec::with_capacity(MANY + MANY / 8), Vec::with_capacity(1024));
        let (first_position, names) = (self.position + 1, Arc::default());
        let mut chunk = Chunk { bytes, frames, first_position, names };
        let mut ids = Vec::with_capacity(1024);
        while self.position < head && chunk.bytes.len() < MANY {
            match scanner.next()? {
                Step::Frame(at, frame) => {
                    self.frame(segment, at, &frame)?;
                    ids.push((frame.event_id, at));
                    let start = chunk.bytes.len();
                    chunk.bytes.extend_from_slice(frame.whole);
                    chunk.frames.push(start..chunk.bytes.len());
                }
                Step::End => break,
                Step::Bad(at, why) => return Err(segment.file.damaged(at, &format!("{why}; {RESTORE}"))),
            }
        }
        chunk.names = Arc::clone(&self.index.names);
        if let Some((n, before)) = self.earlier.has_one_of(&ids)? {
            self.position = chunk.first_position + n as u64 - 1;
            return Err(known_id(segment, ids[n].1, before));
        }
        Ok(chunk)
    }

    fn frame(&mut self, segment: &Segment, at: u64, frame: &frame::Frame<'_>) -> Result<(), ReadError> {
        if (frame.position, frame.batch) != (self.position + 1, self.batch + 1) {
            return Err(misplaced(segment, at));
        }
        let expected = (frame.batch, frame.position);
        let entry = entry(segment, at, frame, expected, (&mut self.index.names, &mut self.cache))?;
        if let Some(before) = same_id(segment, &self.index, entry.fingerprint, frame.event_id)? {
            return Err(known_id(segment, at, before));
        }
        let (streams, stream) = (self.index.streams.len(), Arc::clone(&entry.stream));
        let mut follows = self.index.add(entry);
        if self.index.streams.len() > streams {
            follows = self.earlier.is_followed_by(&stream, frame.revision);
        }
        follows.then_some(()).ok_or_else(|| misplaced(segment, at))?;
        self.link.add(frame.last_of_transaction, frame.header, frame.payload);
        self.position += 1;
        let Some(stored) = frame.chain else { return Ok(()) };
        if self.link.value() != *stored {
            self.position = self.batch_after;
            return Err(unchained(segment, self.batch_at));
        }
        self.compare(segment, stored)?;
        self.batch_after = self.position;
        self.batch_at = at + frame.whole.len() as u64;
        self.batch += 1;
        self.chain = *stored;
        self.link.start(&self.chain, self.batch + 1);
        Ok(())
    }

    /// A batch whose chain holds by itself has to hold to what was kept elsewhere, too.
    fn compare(&mut self, segment: &Segment, stored: &Hash) -> Result<(), ReadError> {
        while let Some(seal) = self.seals.pop_if(|seal| seal.position <= self.position) {
            if (seal.position, &seal.chain) != (self.position, stored) {
                self.position = self.batch_after;
                let message = format!(
                    "the log is not the one that was sealed at position {}: up to there something was altered, moved, \
                     left out or put in, and the chain computed anew; {RESTORE}",
                    seal.position
                );
                return Err(segment.file.damaged(self.batch_at, &message));
            }
        }
        Ok(())
    }

    /// A segment has to end where its sidecar says.
    fn end_of(&self, segment: &Segment) -> Result<(), ReadError> {
        let Some(summary) = segment.summary() else {
            let message = format!("the log ends before its last event; {RESTORE}");
            return Err(segment.file.damaged(segment.file.size()?, &message));
        };
        let next = (summary.first_position + summary.events, summary.last_batch, summary.chain);
        if next != (self.position + 1, self.batch, self.chain) {
            let message = format!("the segment does not end as it was sealed; {RESTORE}");
            return Err(segment.file.damaged(summary.segment_bytes, &message));
        }
        // An index that hid a stream's events, or an id, would deceive without one altered event.
        let sidecar = segment.sidecar().filter(|_| self.indexed);
        sidecar.map_or(Ok(()), |sidecar| sidecar.check_against(&self.index))
    }
}

const RESTORE: &str = "restore the file from a backup";
