//! Where the events of one segment are, in memory: for the segment that is written, and until its sidecar is there.
//! About 20 bytes an event.

use std::{collections::HashMap, ops::RangeInclusive, sync::Arc};

use super::{
    ids::{Fingerprint, IdTable},
    names::Names,
};

/// Every how many events the offset is kept; those between are found by stepping over frames.
pub(super) const SPARSE: u64 = 64;

/// An event of the segment.
pub(super) struct Entry {
    pub fingerprint: Fingerprint,
    pub offset: u32,
    pub stream: Arc<str>,
    pub revision: u64,
}

/// A stream's events in one segment; their revisions have no gaps.
pub(super) struct StreamPart {
    pub first_revision: u64,
    pub offsets: Vec<u32>,
}

impl StreamPart {
    /// The revision of its last event.
    pub(super) fn last_revision(&self) -> u64 {
        self.first_revision + self.offsets.len() as u64 - 1
    }

    fn offsets_of(&self, revisions: &RangeInclusive<u64>) -> Vec<u32> {
        let first = revisions.start().saturating_sub(self.first_revision) as usize;
        let end = (revisions.end() + 1).saturating_sub(self.first_revision) as usize;
        self.offsets.get(first..end.min(self.offsets.len())).unwrap_or_default().to_vec()
    }
}

/// The index of one segment.
#[derive(Default)]
pub(super) struct Index {
    pub events: u64,
    pub sparse: Vec<u32>,
    pub ids: IdTable,
    pub streams: HashMap<Arc<str>, StreamPart>,
    /// The names that have numbers there.
    pub names: Arc<Names>,
}

impl Index {
    /// Adds the next event; false when its revision does not follow on that of its stream.
    pub(super) fn add(&mut self, entry: Entry) -> bool {
        match self.streams.get_mut(&entry.stream) {
            Some(part) if part.last_revision() + 1 == entry.revision => part.offsets.push(entry.offset),
            Some(_) => return false,
            None => {
                let part = StreamPart { first_revision: entry.revision, offsets: vec![entry.offset] };
                self.streams.insert(entry.stream, part);
            }
        }
        if self.events.is_multiple_of(SPARSE) {
            self.sparse.push(entry.offset);
        }
        self.events += 1;
        self.ids.insert(entry.fingerprint, entry.offset);
        true
    }

    /// The n-th event's offset (from 0), or that of one at most [`SPARSE`] − 1 before it, and which one that is.
    pub(super) fn near(&self, n: u64) -> Option<(u64, u32)> {
        let at = n / SPARSE;
        self.sparse.get(at as usize).map(|offset| (at * SPARSE, *offset))
    }

    /// First and last revision of a stream here.
    pub(super) fn span(&self, stream: &str) -> Option<(u64, u64)> {
        self.streams.get(stream).map(|part| (part.first_revision, part.last_revision()))
    }

    pub(super) fn offsets(&self, stream: &str, revisions: &RangeInclusive<u64>) -> Vec<u32> {
        self.streams.get(stream).map_or_else(Vec::new, |part| part.offsets_of(revisions))
    }
}
