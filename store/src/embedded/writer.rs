//! Writing: all that waits becomes one batch, written and synced once, published and answered; meanwhile the next batch
//! collects in the queue. No timer decides, so one append alone waits for nobody. Who writes is told in `commit`.
//!
//! After any failed write or fsync it takes nothing more: whether a failed fsync can be repeated is not known, so it is
//! never tried. Readers go on.

use std::{
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    batch::OpenBatch,
    error::{PAUSE, Setback, failure},
    files::{Access, LogFile, Named, path_of},
    head::{HEAD, Head},
    lock::FolderLock,
    names::Names,
    queue::Job,
    reader::{position_of, suspects},
    recovery::Recovered,
    seal::seal,
    segment::{HEADER, Segment},
    shared::{Segments, Shared},
    sidecar::Summary,
};
use crate::{AppendError, Appended, ReadError, Request, admission::place, append::now};

/// How often it is looked whether a segment is sealed, where the next one is full before.
const SEALING: Duration = Duration::from_millis(1);

/// The file is made longer in steps of this: an fsync that has no new length to record takes a third less time. What is
/// not written reads as zeros and takes no room on the disk.
const STEP: u64 = 1 << 20;
/// A segment that cannot be followed by a new one is written on up to here: offsets in it have 32 bits.
const LONGEST_SEGMENT: u64 = 3 << 30;

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// That of the folder.
    lock: Arc<FolderLock>,
    active: Arc<Segment>,
    end: u64,
    /// How long the file is.
    length: u64,
    head: Head,
    segment_bytes: u64,
    batch: OpenBatch,
    /// Those that have numbers on the disk.
    names: Arc<Names>,
    sealing: Option<JoinHandle<()>>,
    /// A descriptor that is given back when the next segment needs one.
    spare: Option<Arc<dyn LogFile>>,
    /// When a new segment is tried again.
    roll_at: Option<Instant>,
}

impl Writer {
    /// Goes on at the end of a log; nothing where it has no segment.
    pub(super) fn new(
        shared: &Arc<Shared>,
        lock: &Arc<FolderLock>,
        recovered: &Recovered,
        segment_bytes: u64,
    ) -> Option<Self> {
        let active = recovered.segments.last().cloned()?;
        Some(Self {
            shared: Arc::clone(shared),
            lock: Arc::clone(lock),
            spare: spare(shared, &active),
            roll_at: None,
            names: active.names().ok()?,
            active,
            end: recovered.end,
            length: recovered.end,
            head: recovered.head,
            segment_bytes,
            batch: OpenBatch::default(),
            sealing: None,
        })
    }

    /// Makes one batch of the requests and answers them.
    pub(super) fn commit(&mut self, jobs: Vec<Job>) {
        if let Some(reason) = self.shared.stopped() {
            jobs.iter().for_each(|job| job.reply.send(Err(AppendError::Stopped(Arc::clone(&reason)))));
            return;
        }
        let names = Arc::clone(&self.names);
        self.batch.start(&self.head, (self.end, self.active.salt), names, now());
        let (segments, mut answers) = (self.shared.segments(), Vec::with_capacity(jobs.len()));
        for Job { request, reply, .. } in jobs {
            answers.push((reply, self.take(&segments, request)));
        }
        if self.shared.stopped().is_none() && !self.batch.is_empty() {
            self.write();
        }
        let stopped = self.shared.stopped();
        for (reply, answer) in answers {
            let answer = stopped.clone().map_or(answer, |reason| Err(AppendError::Stopped(reason)));
            reply.send(answer);
        }
        if stopped.is_none() && self.end >= self.segment_bytes {
            self.roll();
        }
    }

    /// Takes a request into the batch, or says why not. Where that cannot be told for sure, the log stops.
    fn take(&mut self, segments: &Segments, request: Request) -> Result<Appended, AppendError> {
        let (shared, batch) = (&self.shared, &self.batch);
        let stop = |error: ReadError| AppendError::Stopped(shared.stop(unsure(&error)));
        let ids = request.events.iter().map(|prepared| prepared.event.event_id);
        let suspects = suspects(segments, ids).map_err(stop)?;
        let known = |id| match batch.position_of(id) {
            None if suspects.contains_key(&id) => position_of(segments, id).map_err(stop),
            in_batch => Ok(in_batch),
        };
        let revision = || match batch.revision(&request.stream) {
            Some(revision) => Ok(revision),
            None => shared.revision(&request.stream).map_err(stop),
        };
        let before = batch.position();
        let appended = place(&request, |n| before + n, known, revision)?;
        self.batch.add(request, &appended);
        Ok(appended)
    }

    /// Makes the batch durable and publishes it, or stops the log.
    fn write(&mut self) {
        let chain = self.batch.finish();
        let end = self.end + self.batch.frames.len() as u64;
        if let Err(reason) = self.make_durable(end) {
            self.shared.stop(reason);
            return;
        }
        self.head = Head { position: self.batch.position(), batch: self.head.batch + 1, chain, ..self.head };
        self.end = end;
        self.shared.seal(self.head.position, chain);
        self.names = self.batch.names();
        self.active.add(self.batch.entries(), Arc::clone(&self.names));
        self.shared.live.publish(self.batch.take_recorded());
    }

    fn make_durable(&mut self, end: u64) -> Result<(), Arc<str>> {
        if end > self.length {
            self.set_length(end.next_multiple_of(STEP))?;
        }
        let (file, path) = (&self.active.file.file, &self.active.file.path);
        file.write_all_at(&self.batch.frames, self.end).map_err(|error| failure("writing", path, &error))?;
        let started = Instant::now();
        file.sync().map_err(|error| failure("fsync of", path, &error))?;
        self.shared.count_batch(started.elapsed(), end);
        Ok(())
    }

    fn set_length(&mut self, length: u64) -> Result<(), Arc<str>> {
        let Named { file, path, .. } = &self.active.file;
        file.set_size(length).map_err(|error| failure("making room in", path, &error))?;
        self.length = length;
        Ok(())
    }

    /// Leaves the file with what was written and nothing behind it.
    fn end_file(&mut self) -> Result<(), Arc<str>> {
        if self.length > self.end {
            self.set_length(self.end)?;
            let Named { file, path, .. } = &self.active.file;
            file.sync().map_err(|error| failure("fsync of", path, &error))?;
        }
        Ok(())
    }

    /// Goes on in a new segment; the sidecar of the full one is made beside the writing. While no descriptor is left, the
    /// full one is written on.
    fn roll(&mut self) {
        if self.roll_at.is_some_and(|at| at > Instant::now()) || self.sealing_is_held_up() {
            return;
        }
        match self.try_roll() {
            Ok(()) => self.roll_at = None,
            Err(Setback::NoDescriptor(reason)) if self.end < LONGEST_SEGMENT => {
                self.shared.set_strain(Some(reason));
                self.roll_at = Some(Instant::now() + PAUSE);
            }
            Err(Setback::NoDescriptor(reason) | Setback::Fault(reason)) => drop(self.shared.stop(reason)),
        }
    }

    fn try_roll(&mut self) -> Result<(), Setback> {
        self.finish_sealing();
        self.check_lock().map_err(Setback::Fault)?;
        // Before there is a next one: only the last segment may have something behind its end.
        self.end_file().map_err(Setback::Fault)?;
        let summary = self.summary();
        self.spare = None;
        let next = Segment::create(&*self.shared.folder, summary.next_header());
        let next = next.map_err(|(path, error)| Setback::of("making", &path, &error));
        self.spare = spare(&self.shared, &self.active);
        let next = Arc::new(next?);
        let full = std::mem::replace(&mut self.active, Arc::clone(&next));
        full.file.file.unlock();
        full.set_summary(summary);
        (self.end, self.length) = (HEADER as u64, HEADER as u64);
        self.names = Arc::default();
        self.shared.add_segment(next, self.end);
        self.shared.set_strain(None);
        let shared = Arc::clone(&self.shared);
        let sealing = move || seal(&shared, &full, &summary);
        let thread = thread::Builder::new().name("log-sealer".to_owned()).spawn(sealing);
        let thread =
            thread.map_err(|error| Setback::Fault(failure("sealing", &self.active.file.path, &error)))?;
        self.sealing = Some(thread);
        Ok(())
    }

    /// A lock file that was removed, or put there anew, keeps nobody away.
    fn check_lock(&self) -> Result<(), Arc<str>> {
        if self.lock.is_in_place() {
            return Ok(());
        }
        let folder = self.shared.folder.path().display();
        let message = format!(
            "the lock file of {folder} was removed or replaced while it was held: another process could write there; \
             see that none does, then start again. Everything that was acknowledged is kept"
        );
        Err(message.into())
    }

    /// Whether the segment before this one cannot be sealed yet, as no descriptor is left for its sidecar. Waits until
    /// that is known: to wait for its end would be to wait for a descriptor.
    fn sealing_is_held_up(&self) -> bool {
        let Some(sealing) = self.sealing.as_ref().filter(|_| self.end < LONGEST_SEGMENT) else {
            return false;
        };
        while !sealing.is_finished() {
            if self.shared.strain().is_some() {
                return true;
            }
            thread::sleep(SEALING);
        }
        false
    }

    fn summary(&self) -> Summary {
        let first_position = self.active.header.first_position;
        Summary {
            log_id: self.head.log_id,
            first_position,
            events: self.head.position + 1 - first_position,
            last_batch: self.head.batch,
            segment_bytes: self.end,
            chain: self.head.chain,
        }
    }

    /// One segment is sealed at a time, so what waits to be sealed is bounded.
    fn finish_sealing(&mut self) {
        if let Some(sealing) = self.sealing.take()
            && sealing.join().is_err()
        {
            self.shared.stop(Arc::from("a segment could not be sealed; start again"));
        }
    }

    /// Waits for what is being sealed and records the head.
    pub(super) fn close(&mut self) {
        self.shared.close();
        self.finish_sealing();
        if self.shared.stopped().is_some() {
            return;
        }
        if let Err(reason) = self.end_file() {
            self.shared.stop(reason);
            return;
        }
        let folder = &*self.shared.folder;
        if let Err(error) = self.head.write(folder) {
            // The log is whole without it: the record only protects the last batch.
            self.shared.stop(failure("writing", &path_of(folder, HEAD), &error));
        }
    }
}

impl Drop for Writer {
    /// Readers may keep the file open after the log is closed.
    fn drop(&mut self) {
        self.active.file.file.unlock();
    }
}

fn spare(shared: &Shared, active: &Segment) -> Option<Arc<dyn LogFile>> {
    // One that cannot be had now is had at the next segment.
    shared.folder.open(&active.name(), Access::Read).ok()
}

fn unsure(error: &ReadError) -> Arc<str> {
    Arc::from(format!("whether an event is already in the log cannot be told: {error}"))
}
