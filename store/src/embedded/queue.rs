//! Requests on their way to the writer, bounded in number and bytes: appenders wait, nothing is dropped.

use std::{
    collections::VecDeque,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use crate::{AppendError, Appended, Request};

/// Most requests that become one batch.
const BATCH_REQUESTS: usize = 4096;
/// Most bytes that become one batch, unless a single request has more.
const BATCH_BYTES: usize = 1 << 20;
/// Most requests that wait.
const WAITING_REQUESTS: usize = 2 * BATCH_REQUESTS;
/// Most bytes that wait, unless a single request has more.
const WAITING_BYTES: usize = 16 << 20;
/// What an event takes beside its payload on disk, roughly.
const EVENT_BYTES: usize = 80;

/// The answer to an append.
pub(super) type Answer = Result<Appended, AppendError>;

/// Where the answer to a request goes.
pub(super) struct Reply(SyncSender<Answer>);

impl Reply {
    pub(super) fn send(&self, answer: Answer) {
        // The appender waits for it; if its thread has died, nobody misses the answer.
        let _ = self.0.send(answer);
    }
}

/// A request on its way.
pub(super) struct Job {
    pub request: Request,
    pub reply: Reply,
    bytes: usize,
}

impl Job {
    /// A request, and where its answer will come.
    pub(super) fn new(request: Request) -> (Self, Receiver<Answer>) {
        let bytes = request.events.iter().map(|event| event.payload.len() + EVENT_BYTES).sum();
        let (reply, answer) = sync_channel(1);
        (Self { request, reply: Reply(reply), bytes }, answer)
    }
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    bytes: usize,
    closed: bool,
}

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    drained: Condvar,
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; false when the queue is closed. Wakes nobody who could take it out, unless it is full.
    pub(super) fn push(&self, job: Job) -> bool {
        let mut state = self.state();
        while !state.closed && state.is_full_for(&job) {
            self.filled.notify_one();
            state = self.drained.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        state.bytes += job.bytes;
        state.jobs.push_back(job);
        true
    }

    /// Takes what makes one batch; nothing when none wait.
    pub(super) fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.state();
        let (mut jobs, mut bytes) = (Vec::new(), 0);
        while let Some(job) = state.jobs.front() {
            if !jobs.is_empty() && (jobs.len() >= BATCH_REQUESTS || bytes + job.bytes > BATCH_BYTES) {
                break;
            }
            bytes += job.bytes;
            jobs.extend(state.jobs.pop_front());
        }
        state.bytes -= bytes;
        drop(state);
        self.drained.notify_all();
        (!jobs.is_empty()).then_some(jobs)
    }

    /// Waits, once it is woken, until there are requests; false when the queue is closed and empty.
    pub(super) fn wait(&self) -> bool {
        let mut state = self.state();
        while state.jobs.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        !state.jobs.is_empty()
    }

    /// Wakes who waits for requests.
    pub(super) fn wake(&self) {
        self.filled.notify_one();
    }

    /// Takes nothing more; what waits is still taken out.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.filled.notify_all();
        self.drained.notify_all();
    }

    /// How many requests wait.
    pub(super) fn len(&self) -> usize {
        self.state().jobs.len()
    }
}

impl State {
    fn is_full_for(&self, job: &Job) -> bool {
        !self.jobs.is_empty()
            && (self.jobs.len() >= WAITING_REQUESTS || self.bytes + job.bytes > WAITING_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread, time::Duration};

    use super::*;
    use crate::{
        Expected,
        contract::{request, tick},
    };

    fn job(bytes: usize) -> Job {
        let mut request = request("s", Expected::Any, [tick(1)]);
        request.events[0].payload = vec![b' '; bytes];
        Job::new(request).0
    }

    #[test]
    fn a_batch_is_bounded_in_requests_and_bytes() {
        let queue = Queue::default();
        (0..5000).for_each(|_| assert!(queue.push(job(10))));
        assert_eq!(queue.take().unwrap().len(), BATCH_REQUESTS);
        assert_eq!(queue.take().unwrap().len(), 5000 - BATCH_REQUESTS);
        let sizes = [400 << 10, 400 << 10, 400 << 10, 2 << 20, 10];
        assert!(sizes.into_iter().all(|bytes| queue.push(job(bytes))));
        let sizes: Vec<_> = (0..4).map(|_| queue.take().unwrap().len()).collect();
        assert_eq!(sizes, [2, 1, 1, 1], "one that is larger than a batch goes alone");
    }

    #[test]
    fn who_finds_no_room_waits_and_nothing_is_dropped() {
        let queue = Arc::new(Queue::default());
        assert!(queue.push(job(WAITING_BYTES)), "a large one goes alone");
        let appender = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || queue.push(job(10)))
        };
        thread::sleep(Duration::from_millis(50));
        assert_eq!(queue.len(), 1, "the second waits");
        assert_eq!(queue.take().unwrap().len(), 1);
        assert!(appender.join().unwrap());
        assert_eq!(queue.take().unwrap().len(), 1);
    }

    #[test]
    fn a_closed_queue_takes_nothing_and_gives_out_what_it_has() {
        let queue = Queue::default();
        assert!(queue.push(job(10)));
        queue.close();
        assert!(!queue.push(job(10)));
        assert!(queue.wait());
        assert_eq!(queue.take().map(|jobs| jobs.len()), Some(1));
        assert!(queue.take().is_none() && !queue.wait());
    }
}
