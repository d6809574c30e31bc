//! What the log promises of its events besides their bytes, checked while it is verified: that no id is there twice, and
//! that the revisions of a stream count on from segment to segment.

use std::{collections::HashMap, sync::Arc};

use events::Uuid;

use super::{
    ids::Fingerprint,
    index::Index,
    reader::{position_of, suspects},
    scan::{FEW, Scanner, Step},
    segment::Segment,
};
use crate::ReadError;

/// The segments before the one that is being read.
#[derive(Default)]
pub(super) struct Earlier {
    segments: Vec<Arc<Segment>>,
    /// The last revision of each stream.
    revisions: HashMap<Arc<str>, u64>,
}

impl Earlier {
    /// Goes on in the next segment; `before` is the index of the one that was read last.
    pub(super) fn begin(&mut self, segments: &[Arc<Segment>], before: Index) {
        self.segments = segments.to_vec();
        let last = before.streams.into_iter().map(|(stream, part)| (stream, part.last_revision()));
        self.revisions.extend(last);
    }

    /// Whether a revision is the next one of a stream.
    pub(super) fn is_followed_by(&self, stream: &str, revision: u64) -> bool {
        self.revisions.get(stream).copied().unwrap_or(0) + 1 == revision
    }

    /// The first of these ids that an event before has as well, and the position of that one. Filters tell at once of
    /// almost all ids that they are new.
    pub(super) fn has_one_of(&self, ids: &[(Uuid, u64)]) -> Result<Option<(usize, u64)>, ReadError> {
        let suspects = suspects(&self.segments, ids.iter().map(|(id, _)| *id))?;
        if suspects.is_empty() {
            return Ok(None);
        }
        for (n, (id, _)) in ids.iter().enumerate().filter(|(_, (id, _))| suspects.contains_key(id)) {
            if let Some(before) = position_of(&self.segments, *id)? {
                return Ok(Some((n, before)));
            }
        }
        Ok(None)
    }
}

/// The position of the event with this id among those of a segment that were read already.
pub(super) fn same_id(
    segment: &Segment,
    index: &Index,
    fingerprint: Fingerprint,
    id: Uuid,
) -> Result<Option<u64>, ReadError> {
    let mut candidates = Vec::new();
    index.ids.candidates(fingerprint, &mut candidates);
    for offset in candidates {
        let mut scanner = Scanner::new(segment, u64::from(offset), FEW);
        if let Step::Frame(_, frame) = scanner.next()?
            && frame.event_id == id
        {
            return Ok(Some(frame.position));
        }
    }
    Ok(None)
}

/// An id that is there twice.
pub(super) fn known_id(segment: &Segment, at: u64, before: u64) -> ReadError {
    let message =
        format!("the event here has the id of the one at position {before}; restore the file from a backup");
    segment.file.damaged(at, &message)
}
