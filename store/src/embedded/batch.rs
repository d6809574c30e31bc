//! The batch that is being made: its frames, its part of the chain, and what it will add to the index once durable.

use std::{collections::HashMap, sync::Arc};

use events::{NewEvent, Timestamp, Uuid};

use super::{
    chain::{Hash, Link},
    frame,
    head::Head,
    ids::{self, IdMap},
    index::Entry,
};
use crate::{Appended, Request, log::record};

/// An event of the batch.
pub(super) struct Written {
    event: NewEvent,
    offset: u32,
    place: (u64, Arc<str>, u64),
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
    last_frame: usize,
    recorded_at: Timestamp,
    before: u64,
    number: u64,
    starts_at: u64,
    salt: u32,
}

impl OpenBatch {
    /// Begins the batch after `head` at an offset of a segment.
    pub fn start(&mut self, head: &Head, starts_at: u64, salt: u32, now: Timestamp) {
        self.frames.clear();
        self.written.clear();
        self.ids.clear();
        self.revisions.clear();
        self.link.start(&head.chain, head.batch + 1);
        (self.before, self.number) = (head.position, head.batch + 1);
        (self.starts_at, self.salt, self.recorded_at) = (starts_at, salt, now);
    }

    /// The position of the last event in it, or of the one before it.
    pub fn position(&self) -> u64 {
        self.before + self.written.len() as u64
    }

    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// The position of an id that is in it.
    pub fn position_of(&self, id: Uuid) -> Option<u64> {
        self.ids.get(&id).copied()
    }

    /// The revision of a stream that it appends to.
    pub fn revision(&self, stream: &str) -> Option<u64> {
        self.revisions.get(stream).copied()
    }

    /// Adds the new events of a request that was admitted.
    pub fn add(&mut self, request: Request, appended: &Appended) {
        let stream = request.stream;
        let mut fresh: Vec<_> = request
            .events
            .into_iter()
            .zip(&appended.placed)
            .filter(|(_, placed)| !placed.duplicate)
            .collect();
        let Some(last) = fresh.pop() else { return };
        let mut revision = appended.revision - fresh.len() as u64;
        for (prepared, _) in fresh {
            self.add_event(&stream, revision, &prepared, false);
            self.keep(prepared.event, (revision, prepared.payload.len()), &stream);
            revision += 1;
        }
        self.add_event(&stream, revision, &last.0, true);
        self.keep(last.0.event, (revision, last.0.payload.len()), &stream);
        self.revisions.insert(stream, revision);
    }

    fn add_event(&mut self, stream: &Arc<str>, revision: u64, prepared: &crate::Prepared, is_last: bool) {
        self.last_frame = self.frames.len();
        let place = frame::Place {
            batch: self.number,
            position: self.position() + 1,
            stream,
            revision,
            recorded_at: self.recorded_at,
        };
        let header = frame::encode(&mut self.frames, &place, prepared);
        frame::close(&mut self.frames, self.last_frame, is_last, self.salt);
        self.link.add(is_last, &self.frames[header], &prepared.leaf);
    }

    fn keep(&mut self, event: NewEvent, (revision, payload): (u64, usize), stream: &Arc<str>) {
        let position = self.position() + 1;
        self.ids.insert(event.event_id, position);
        let offset = (self.starts_at + self.last_frame as u64) as u32;
        self.written.push(Written {
            event,
            offset,
            place: (position, Arc::clone(stream), revision),
            payload,
        });
    }

    /// Ends the batch with the chain's value after it.
    pub fn finish(&mut self) -> Hash {
        let chain = self.link.value();
        frame::close_batch(&mut self.frames, self.last_frame, &chain, self.salt);
        chain
    }

    /// What the index has to know of the batch.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.written.iter().map(|written| Entry {
            fingerprint: ids::of_id(written.event.event_id),
            offset: written.offset,
            stream: Arc::clone(&written.place.1),
            revision: written.place.2,
        })
    }

    /// Its events as they are recorded now, with the sizes of their payloads.
    pub fn take_recorded(&mut self) -> Vec<(Arc<events::Recorded>, usize)> {
        let recorded_at = self.recorded_at;
        let shared = |w: Written| (Arc::new(record(w.event, w.place, recorded_at)), w.payload);
        self.written.drain(..).map(shared).collect()
    }
}
