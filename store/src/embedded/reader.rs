//! Reading: from what is at hand where it is new, else from the segments. No lock of the writer is held during I/O.

use std::{
    ops::RangeInclusive,
    sync::Arc,
    time::{Duration, Instant},
};

use events::{FamilySet, Recorded, Uuid};

use super::{
    frame::{Frame, NameCache},
    ids,
    names::Names,
    scan::{FEW, MANY, Scanner, Step},
    segment::{HEADER, Segment},
    shared::Shared,
};
use crate::{Batch, ReadError, Subscription, id_map::IdMap};

/// A batch ends when its frames have this many bytes together, however many events were asked for.
const BATCH_BYTES: u64 = 16 << 20;
/// What a frame has, roughly; decides how much is read at once.
const FRAME_BYTES: usize = 256;
/// Waits are cut to this, so that the end of one is always a moment that exists.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Where a reader left off: position and offset of the next event, in the segment that starts at `segment`.
#[derive(Clone, Copy)]
pub(super) struct Place {
    segment: u64,
    position: u64,
    offset: u64,
}

/// Where in a list of segments a position is.
fn segment_of(segments: &[Arc<Segment>], position: u64) -> usize {
    segments.partition_point(|segment| segment.header.first_position <= position).saturating_sub(1)
}

fn unreadable(segment: &Segment, at: u64, why: &str) -> ReadError {
    segment.file.damaged(at, &format!("{why}; restore the file from a backup"))
}

impl Shared {
    /// Events after a position; `place` remembers where the next call goes on.
    pub(super) fn read_all(
        &self,
        after: u64,
        families: FamilySet,
        max: usize,
        place: &mut Option<Place>,
    ) -> Result<Batch, ReadError> {
        match self.live.take(after, families, max) {
            Ok(batch) => Ok(batch),
            Err(head) => {
                let to = head.min(after.saturating_add(max as u64));
                self.read_disk(after, to, families, place)
            }
        }
    }

    fn read_disk(
        &self,
        after: u64,
        to: u64,
        families: FamilySet,
        place: &mut Option<Place>,
    ) -> Result<Batch, ReadError> {
        let segments = self.segments();
        let (mut batch, mut bytes) = (Batch { events: Vec::new(), read_to: after }, 0);
        let mut cache = NameCache::default();
        while batch.read_to < to && bytes < BATCH_BYTES {
            let at = segment_of(&segments, batch.read_to + 1);
            // Up to `to` all is published, and so are the names.
            let names = segments[at].names()?;
            let last = segments.get(at + 1).map_or(u64::MAX, |next| next.header.first_position - 1);
            let offset = start_of(&segments[at], batch.read_to + 1, *place)?;
            let chunk = ((to - batch.read_to) as usize).saturating_mul(FRAME_BYTES).clamp(FEW, MANY);
            let mut scanner = Scanner::new(&segments[at], offset, chunk);
            while batch.read_to < to.min(last) && bytes < BATCH_BYTES {
                let next = (&mut scanner, &*segments[at]);
                bytes += take_next(next, families, (&names, &mut cache), &mut batch)?;
            }
            let segment = segments[at].header.first_position;
            *place = Some(Place { segment, position: batch.read_to + 1, offset: scanner.at() });
        }
        Ok(batch)
    }

    /// The revision of a stream's last event.
    pub(super) fn revision(&self, stream: &str) -> Result<u64, ReadError> {
        for segment in self.segments().iter().rev() {
            if let Some((_, last)) = segment.span(stream)? {
                return Ok(last);
            }
        }
        Ok(0)
    }

    /// A stream's events after a revision, oldest first.
    pub(super) fn read_stream(
        &self,
        stream: &str,
        after: u64,
        max: usize,
    ) -> Result<Vec<Arc<Recorded>>, ReadError> {
        let mut parts = Vec::new();
        for segment in self.segments().iter().rev() {
            let Some((first, last)) = segment.span(stream)? else { continue };
            if last > after {
                parts.push((Arc::clone(segment), first, last));
            }
            if first <= after.saturating_add(1) {
                break;
            }
        }
        let mut events = Vec::new();
        for (segment, first, last) in parts.into_iter().rev() {
            let left = (max - events.len()) as u64;
            if left == 0 {
                break;
            }
            let from = first.max(after + 1);
            events.extend(fetch(&segment, stream, from..=last.min(from.saturating_add(left - 1)))?);
        }
        Ok(events)
    }

    /// A stream's events before a revision, newest first.
    pub(super) fn read_stream_back(
        &self,
        stream: &str,
        before: u64,
        max: usize,
    ) -> Result<Vec<Arc<Recorded>>, ReadError> {
        let mut events: Vec<Arc<Recorded>> = Vec::new();
        for segment in self.segments().iter().rev() {
            let left = (max - events.len()) as u64;
            let Some((first, last)) = segment.span(stream)? else { continue };
            let to = last.min(before.saturating_sub(1));
            if left == 0 {
                break;
            }
            if to >= first {
                let part = fetch(segment, stream, first.max((to + 1).saturating_sub(left))..=to)?;
                events.extend(part.into_iter().rev());
            }
            if first == 1 {
                break;
            }
        }
        Ok(events)
    }
}

/// Those ids that may be in the log; the others certainly are not.
pub(super) fn suspects(
    segments: &[Arc<Segment>],
    ids: impl Iterator<Item = Uuid>,
) -> Result<IdMap<()>, ReadError> {
    let ids: Vec<_> = ids.collect();
    let fingerprints: Vec<_> = ids.iter().map(|id| ids::of_id(*id)).collect();
    let mut suspects = IdMap::default();
    for segment in segments {
        suspects.extend(segment.suspects(&fingerprints)?.into_iter().map(|n| (ids[n], ())));
    }
    Ok(suspects)
}

/// The position of an event id, however old.
pub(super) fn position_of(segments: &[Arc<Segment>], id: Uuid) -> Result<Option<u64>, ReadError> {
    let (fingerprint, mut candidates) = (ids::of_id(id), Vec::new());
    for segment in segments.iter().rev() {
        segment.candidates(fingerprint, &mut candidates)?;
        for offset in candidates.drain(..) {
            let mut scanner = Scanner::new(segment, u64::from(offset), FEW);
            let frame = next_frame(&mut scanner, segment)?;
            if frame.event_id == id {
                return Ok(Some(frame.position));
            }
        }
    }
    Ok(None)
}

fn start_of(segment: &Segment, position: u64, place: Option<Place>) -> Result<u64, ReadError> {
    if let Some(place) = place
        && (place.segment, place.position) == (segment.header.first_position, position)
    {
        return Ok(place.offset);
    }
    let near = segment.near(position)?;
    Ok(near.map_or(HEADER as u64, |(_, offset)| u64::from(offset)))
}

/// Takes the next frame into the batch, unless it is before it; answers its bytes.
fn take_next(
    (scanner, segment): (&mut Scanner<'_>, &Segment),
    families: FamilySet,
    (names, cache): (&Names, &mut NameCache),
    batch: &mut Batch,
) -> Result<u64, ReadError> {
    let at = scanner.at();
    let frame = next_frame(scanner, segment)?;
    if frame.position <= batch.read_to {
        return Ok(0);
    }
    if frame.position != batch.read_to + 1 {
        return Err(unreadable(segment, at, "the event here does not follow on the one before it"));
    }
    if families.contains_code(frame.family) {
        batch.events.push(Arc::new(frame.decode(names, cache)?));
    }
    batch.read_to = frame.position;
    Ok(frame.whole.len() as u64)
}

fn next_frame<'a>(scanner: &'a mut Scanner<'_>, segment: &Segment) -> Result<Frame<'a>, ReadError> {
    let at = scanner.at();
    match scanner.next()? {
        Step::Frame(_, frame) => Ok(frame),
        Step::Bad(at, why) => Err(unreadable(segment, at, why)),
        Step::End => Err(unreadable(segment, at, "the file ends before its last event")),
    }
}

/// A stream's events with these revisions, which the segment has, oldest first.
fn fetch(
    segment: &Segment,
    stream: &str,
    revisions: RangeInclusive<u64>,
) -> Result<Vec<Arc<Recorded>>, ReadError> {
    let offsets = segment.offsets(stream, &revisions)?;
    let dense = match offsets.as_slice() {
        [first, .., last] => u64::from(last.saturating_sub(*first)) < offsets.len() as u64 * FEW as u64,
        _ => false,
    };
    let mut scanner = Scanner::new(segment, HEADER as u64, if dense { MANY / 4 } else { FEW });
    let (names, mut cache) = (segment.names()?, NameCache::default());
    let mut events = Vec::with_capacity(offsets.len());
    for (offset, revision) in offsets.into_iter().zip(revisions) {
        scanner.seek(u64::from(offset));
        let frame = next_frame(&mut scanner, segment)?;
        if frame.stream(&names, &mut cache).as_deref() != Some(stream) || frame.revision != revision {
            let why = "the event here is not the one that the index names";
            return Err(unreadable(segment, u64::from(offset), why));
        }
        events.push(Arc::new(frame.decode(&names, &mut cache)?));
    }
    Ok(events)
}

/// Catches up from the segments, then follows what is at hand.
pub(super) struct Follower {
    pub shared: Arc<Shared>,
    pub families: FamilySet,
    pub read_to: u64,
    pub place: Option<Place>,
}

impl Subscription for Follower {
    fn next(&mut self, max: usize, wait: Duration) -> Result<Batch, ReadError> {
        let until = Instant::now() + wait.min(LONGEST_WAIT);
        loop {
            let batch = self.shared.read_all(self.read_to, self.families, max.max(1), &mut self.place)?;
            let advanced = batch.read_to > self.read_to;
            self.read_to = batch.read_to;
            if advanced || !self.shared.live.wait(self.read_to, until) {
                return Ok(batch);
            }
        }
    }
}
