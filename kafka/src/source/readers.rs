//! The threads that read. Each takes batches of whichever partition has records and decodes them; whoever finds the
//! appender free admits what is decoded, in the order of each partition, while the others go on decoding.
//!
//! ```text
//! librdkafka ── has fetched ──▶ wakes thread 0             one queue for each partition
//! thread 0   ── full batch ───▶ wakes threads 1, 2, … n    at a low rate it does all by itself
//! any thread ── gather, decode ──▶ waiting batches         out of order, a number for each partition
//! any thread ── appender is free ─▶ appender ─▶ log        in order, one thread at a time
//! thread 0   ── nothing to do ──▶ notes progress           it alone, twice a second
//! any thread ── fault, panic ──▶ session ends              which wakes all of them
//! ```

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{
    super::fault::KafkaFault,
    appender::Appender,
    ending::{Lifeline, Session},
    partition::{Decoded, Partition},
};

/// How long the reading threads sleep at most: they note their progress now and then.
const REST: Duration = Duration::from_millis(500);
/// What comes in within so long is taken in together.
const GATHER: Duration = Duration::from_millis(2);
/// How long to wait for somebody else's batch before the end of the session is looked at again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Batches that are decoded, until it is their turn.
struct Waiting<'p> {
    /// For each partition: the number of the batch that comes next.
    next: Vec<u64>,
    batches: BTreeMap<(usize, u64), Decoded<'p>>,
}

impl<'p> Waiting<'p> {
    fn has_ready(&self) -> bool {
        self.next
            .iter()
            .enumerate()
            .any(|(partition, number)| self.batches.contains_key(&(partition, *number)))
    }

    /// What can be admitted now: of each partition the batches that follow on one another.
    fn take_ready(&mut self) -> Vec<(usize, Decoded<'p>)> {
        let mut ready = Vec::new();
        for (partition, number) in self.next.iter_mut().enumerate() {
            let Some(mut first) = self.batches.remove(&(partition, *number)) else { continue };
            *number += 1;
            while first.has_room()
                && let Some(next) = self.batches.remove(&(partition, *number))
            {
                first.join(next);
                *number += 1;
            }
            ready.push((partition, first));
        }
        ready
    }
}

/// All that the reading threads share.
pub(super) struct Readers<'p> {
    partitions: &'p [Partition],
    session: &'p Session<'p>,
    waiting: Mutex<Waiting<'p>>,
    handed_in: Condvar,
    appender: Mutex<Appender<'p>>,
}

impl<'p> Readers<'p> {
    pub(super) fn new(partitions: &'p [Partition], appender: Appender<'p>, session: &'p Session<'p>) -> Self {
        let waiting = Waiting { next: vec![0; partitions.len()], batches: BTreeMap::new() };
        let (waiting, handed_in, appender) = (Mutex::new(waiting), Condvar::new(), Mutex::new(appender));
        Self { partitions, session, waiting, handed_in, appender }
    }

    /// What one of the threads does until the session ends; a fault ends it.
    pub(super) fn read(&self, thread: usize) {
        let _lifeline = Lifeline(self.session);
        if let Err(fault) = self.work(thread) {
            self.session.end(Some(fault));
        }
    }

    /// Notes how far every partition came.
    pub(super) fn finish(self) -> Result<(), KafkaFault> {
        self.appender.into_inner().map_or(Ok(()), |mut appender| appender.note(true))
    }

    fn work(&self, thread: usize) -> Result<(), KafkaFault> {
        let Some(wakeup) = self.session.wakeups.0.get(thread) else { return Ok(()) };
        while !self.session.is_ending() {
            if self.turn(thread)? {
                continue;
            }
            wakeup.wait(REST);
            if thread == 0 {
                thread::sleep(GATHER);
                if let Ok(mut appender) = self.appender.try_lock() {
                    appender.note(false)?;
                }
            }
        }
        Ok(())
    }

    /// Looks at every partition once; answers whether there was anything, and so may be more: a queue only tells of
    /// what comes in after it was found empty.
    pub(super) fn turn(&self, thread: usize) -> Result<bool, KafkaFault> {
        let mut any = false;
        let from = thread * self.partitions.len() / self.session.wakeups.0.len();
        for index in (from..self.partitions.len()).chain(0..from) {
            let partition = &self.partitions[index];
            let Some(gathered) = partition.gather() else { continue };
            any = true;
            let is_full = gathered.is_full();
            if is_full {
                self.session.wakeups.wake_all();
            }
            let decoded = partition.decode(gathered)?;
            self.hand_in(index, decoded);
            if is_full {
                self.admit()?;
            }
        }
        self.admit()?;
        Ok(any)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<'p>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_in(&self, partition: usize, decoded: Decoded<'p>) {
        self.waiting().batches.insert((partition, decoded.number), decoded);
        self.handed_in.notify_all();
    }

    /// Admits what is ready. Somebody who is at it sees to the rest; but when too much waits, everybody does, so that
    /// what is decoded ahead is bounded.
    fn admit(&self) -> Result<(), KafkaFault> {
        let most = self.session.wakeups.0.len();
        while !self.session.is_ending() {
            let waiting = self.waiting();
            let crowded = waiting.batches.len() > most;
            if !waiting.has_ready() {
                if !crowded {
                    return Ok(());
                }
                // The batch before them is still being decoded.
                drop(self.handed_in.wait_timeout(waiting, PATIENCE));
                continue;
            }
            drop(waiting);
            let appender = if crowded { self.appender.lock().ok() } else { self.appender.try_lock().ok() };
            // Busy; or left by a thread that panicked, which ends the session.
            let Some(mut appender) = appender else { return Ok(()) };
            let ready = self.waiting().take_ready();
            if !self.session.is_ending() {
                appender.admit(ready)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(number: u64, bytes: usize) -> Decoded<'static> {
        Decoded {
            number,
            candidates: Vec::new(),
            bytes,
            gap: None,
            last: None,
            passed: None,
            at_end: false,
            fault: None,
        }
    }

    #[test]
    fn batches_leave_in_the_order_of_their_lane_however_they_were_decoded() {
        let mut waiting = Waiting { next: vec![0; 2], batches: BTreeMap::new() };
        let hand_in = |waiting: &mut Waiting<'static>, partition, number| {
            waiting.batches.insert((partition, number), batch(number, 10));
            waiting.has_ready()
        };
        assert!(!hand_in(&mut waiting, 0, 1) && !hand_in(&mut waiting, 0, 2) && !hand_in(&mut waiting, 1, 1));
        assert!(waiting.take_ready().is_empty());
        assert!(hand_in(&mut waiting, 0, 0));
        let ready = waiting.take_ready();
        // The three of the first partition go as one; the second still waits for its first.
        assert_eq!(
            ready.iter().map(|(partition, batch)| (*partition, batch.bytes)).collect::<Vec<_>>(),
            [(0, 30)]
        );
        assert!(!waiting.has_ready() && hand_in(&mut waiting, 1, 0));
        assert_eq!(waiting.take_ready().len(), 1);
        assert!(waiting.batches.is_empty() && waiting.next == [3, 2]);
    }

    #[test]
    fn what_goes_as_one_is_bounded_in_bytes() {
        let mut waiting = Waiting { next: vec![0], batches: BTreeMap::new() };
        (0..3).for_each(|number| {
            drop(waiting.batches.insert((0, number), batch(number, super::super::partition::MOST_BYTES)));
        });
        assert_eq!((0..3).map(|_| waiting.take_ready().len()).collect::<Vec<_>>(), [1, 1, 1]);
    }
}
