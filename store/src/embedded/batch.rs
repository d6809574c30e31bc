//! The batch that is being made: its frames, its part of the chain, and what it will add to the index once durable.

use std::{collections::HashMap, sync::Arc};

use events::{Recorded, Timestamp, Uuid};

use super::{
    chain::{Hash, Link},
    frame,
    head::Head,
    ids,
    index::Entry,
    names::{Names, Naming},
};
use crate::{Appended, Prepared, Request, id_map::IdMap};

/// An event of the batch.
struct Written {
    recorded: Arc<Recorded>,
    offset: u32,
    payload: usize,
}

#[derive(Default)]
pub(super) struct OpenBatch {
    /// The frames as they will stand in the file.
    pub frames: Vec<u8>,
    written: Vec<Written>,
    ids: IdMap<u64>,
    revisions: HashMap<Arc<str>, u64>,
    link: Link,
    naming: Naming,
    last_frame: usize,
    recorded_at: Timestamp,
    before: u64,
    number: u64,
    starts_at: u64,
    salt: u32,
}

impl OpenBatch {
    /// Begins the batch after `head` at an offset of a segment, in which `names` have numbers.
    pub(super) fn start(
        &mut self,
        head: &Head,
        (starts_at, salt): (u64, u32),
        names: Arc<Names>,
        now: Timestamp,
    ) {
        self.frames.clear();
        self.written.clear();
        self.ids.clear();
        self.revisions.clear();
        self.naming.start(names);
        self.link.start(&head.chain, head.batch + 1);
        (self.before, self.number) = (head.position, head.batch + 1);
        (self.starts_at, self.salt, self.recorded_at) = (starts_at, salt, now);
    }

    /// The position of the last event in it, or of the one before it.
    pub(super) fn position(&self) -> u64 {
        self.before + self.written.len() as u64
    }

    pub(super) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The position of an id that is in it.
    pub(super) fn position_of(&self, id: Uuid) -> Option<u64> {
        self.ids.get(&id).copied()
    }

    /// The revision of a stream that it appends to.
    pub(super) fn revision(&self, stream: &str) -> Option<u64> {
        self.revisions.get(stream).copied()
    }

    /// Adds the new events of a request that was admitted.
    pub(super) fn add(&mut self, request: Request, appended: &Appended) {
        let placed = &appended.placed;
        let Some(last) = placed.iter().rposition(|placed| !placed.duplicate) else { return };
        let fresh = placed.iter().filter(|placed| !placed.duplicate).count() as u64;
        let mut revision = appended.revision - fresh;
        for (n, (prepared, placed)) in request.events.into_iter().zip(placed).enumerate() {
            if !placed.duplicate {
                revision += 1;
                self.add_event(&request.stream, revision, prepared, n == last);
            }
        }
        self.revisions.insert(request.stream, revision);
    }

    fn add_event(&mut self, stream: &Arc<str>, revision: u64, prepared: Prepared, is_last: bool) {
        self.last_frame = self.frames.len();
        let offset = (self.starts_at + self.last_frame as u64) as u32;
        let place = frame::Place {
            batch: self.number,
            position: self.position() + 1,
            stream,
            revision,
            recorded_at: self.recorded_at,
            at: offset,
        };
        let header = frame::encode(&mut self.frames, &place, &prepared, &mut self.naming);
        frame::close(&mut self.frames, self.last_frame, is_last, self.salt);
        self.link.add(is_last, &self.frames[header], &prepared.payload);
        let place = (self.position() + 1, Arc::clone(stream), revision);
        let payload = prepared.payload.len();
        let recorded = prepared.placed(place, self.recorded_at);
        self.ids.insert(recorded.event_id, recorded.position);
        self.written.push(Written { recorded, offset, payload });
    }

    /// Ends the batch with the chain's value after it.
    pub(super) fn finish(&mut self) -> Hash {
        let chain = self.link.value();
        frame::close_batch(&mut self.frames, self.last_frame, &chain, self.salt);
        chain
    }

    /// The names that have numbers once it is durable.
    pub(super) fn names(&self) -> Arc<Names> {
        Arc::clone(&self.naming.names)
    }

    /// What the index has to know of the batch.
    pub(super) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.written.iter().map(|written| Entry {
            fingerprint: ids::of_id(written.recorded.event_id),
            offset: written.offset,
            stream: Arc::clone(&written.recorded.stream),
            revision: written.recorded.stream_revision,
        })
    }

    /// Its events, with the sizes of their payloads.
    pub(super) fn take_recorded(&mut self) -> Vec<(Arc<Recorded>, usize)> {
        self.written.drain(..).map(|written| (written.recorded, written.payload)).collect()
    }
}
