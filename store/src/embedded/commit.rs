//! Who writes. An appender that finds nobody writing writes its batch itself: it would only wait, and two changes of
//! threads cost as much as a fast fsync. While somebody writes, requests collect in the queue, and the writer's thread
//! makes one batch of them. Only one at a time holds the writer, so there is one order.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, mpsc::Receiver},
    thread::{self, JoinHandle},
};

use super::{
    queue::{Answer, Job, Queue},
    shared::Shared,
    writer::Writer,
};
use crate::{AppendError, Request};

/// Commits batches, one after the other.
pub(super) struct Committer {
    writer: Mutex<Writer>,
    queue: Queue,
    shared: Arc<Shared>,
}

/// Ends a turn at writing, after the writer was released: what came meanwhile is for the writer's thread.
struct Turn<'a>(&'a Committer);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.0.queue.len() > 0 {
            self.0.queue.wake();
        }
    }
}

/// Stops the log when a batch ends by a panic, while the writer is still held: whoever holds it next has to find the
/// log stopped.
struct Unfinished<'a>(&'a Shared);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            let reason = "its writer has failed; this is a fault of tradewarden, please report it";
            self.0.stop(Arc::from(reason));
        }
    }
}

/// However the writer's thread ends, nobody may wait for it afterwards.
struct Farewell(Arc<Committer>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.queue.close();
        while self.0.queue.take().is_some() {}
    }
}

impl Committer {
    /// Starts the writer's thread.
    pub(super) fn start(shared: &Arc<Shared>, writer: Writer) -> io::Result<(Arc<Self>, JoinHandle<()>)> {
        let (writer, queue, shared) = (Mutex::new(writer), Queue::default(), Arc::clone(shared));
        let committer = Arc::new(Self { writer, queue, shared });
        let farewell = Farewell(Arc::clone(&committer));
        let thread = thread::Builder::new().name("log-writer".to_owned()).spawn(move || farewell.0.run())?;
        Ok((committer, thread))
    }

    fn run(&self) {
        while self.queue.wait() {
            self.write(self.writer.lock().unwrap_or_else(PoisonError::into_inner), Turn(self));
        }
        self.writer.lock().unwrap_or_else(PoisonError::into_inner).close();
    }

    /// Writes one batch of what is in line. The writer is released before the turn ends, also by a panic.
    fn write(&self, writer: MutexGuard<'_, Writer>, _turn: Turn<'_>) {
        let mut writer = writer;
        let _unfinished = Unfinished(&self.shared);
        if let Some(jobs) = self.queue.take() {
            writer.commit(jobs);
        }
    }

    /// Puts a request in line; waits for room.
    pub(super) fn submit(&self, request: Request) -> Result<Ticket<'_>, AppendError> {
        request.check_sizes()?;
        let (job, answer) = Job::new(request);
        if self.queue.push(job) { Ok(Ticket { committer: self, answer }) } else { Err(self.why_stopped()) }
    }

    /// Writes what is in line, unless somebody is at it: then they see to it that it is written.
    fn write_if_free(&self) {
        match self.writer.try_lock() {
            Ok(writer) => self.write(writer, Turn(self)),
            Err(TryLockError::Poisoned(_)) => self.queue.wake(),
            Err(TryLockError::WouldBlock) => {}
        }
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes nothing more; what is in line is still written.
    pub(super) fn close(&self) {
        self.queue.close();
    }

    fn why_stopped(&self) -> AppendError {
        let reason = self.shared.stopped();
        AppendError::Stopped(reason.unwrap_or_else(|| Arc::from("it is being closed")))
    }
}

/// A request in line. It is written at the latest when somebody waits for its answer.
#[must_use]
pub(super) struct Ticket<'a> {
    committer: &'a Committer,
    answer: Receiver<Answer>,
}

impl Ticket<'_> {
    /// Waits until the request is durable, or refused.
    pub(super) fn wait(&self) -> Answer {
        self.committer.write_if_free();
        self.answer.recv().unwrap_or_else(|_| Err(self.committer.why_stopped()))
    }
}
