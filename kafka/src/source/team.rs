//! The threads that read. Each takes batches of whichever partition has records and decodes them; who finds the desk
//! free admits what is decoded, in the order of each partition, while the others go on decoding.
//!
//! At a low rate one thread does it all; the others sleep until it finds more than it can take.

use std::{
    collections::BTreeMap,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use super::{
    super::fault::KafkaFault,
    desk::Desk,
    ending::{Lifeline, Shared},
    lane::{Decoded, Lane},
};

/// How long the reading threads sleep at most: they note their progress now and then.
const REST: Duration = Duration::from_millis(500);
/// What comes in within so long is taken in together.
const GATHER: Duration = Duration::from_millis(2);
/// How long to wait for somebody else's batch before the end of the session is looked at again.
const PATIENCE: Duration = Duration::from_millis(50);

/// Batches that are decoded, until it is their turn.
struct Waiting<'l> {
    /// For each lane: the number of the batch that comes next.
    next: Vec<u64>,
    batches: BTreeMap<(usize, u64), Decoded<'l>>,
}

impl<'l> Waiting<'l> {
    fn has_ready(&self) -> bool {
        self.next.iter().enumerate().any(|(lane, number)| self.batches.contains_key(&(lane, *number)))
    }

    /// What can be admitted now: of each lane the batches that follow on one another.
    fn take_ready(&mut self) -> Vec<(usize, Decoded<'l>)> {
        let mut ready = Vec::new();
        for (lane, number) in self.next.iter_mut().enumerate() {
            let Some(mut first) = self.batches.remove(&(lane, *number)) else { continue };
            *number += 1;
            while first.has_room()
                && let Some(next) = self.batches.remove(&(lane, *number))
            {
                first.join(next);
                *number += 1;
            }
            ready.push((lane, first));
        }
        ready
    }
}

/// All that the reading threads share.
pub(super) struct Team<'l> {
    lanes: &'l [Lane],
    shared: &'l Shared<'l>,
    waiting: Mutex<Waiting<'l>>,
    handed_in: Condvar,
    desk: Mutex<Desk<'l>>,
}

impl<'l> Team<'l> {
    pub(super) fn new(lanes: &'l [Lane], desk: Desk<'l>, shared: &'l Shared<'l>) -> Self {
        let waiting = Waiting { next: vec![0; lanes.len()], batches: BTreeMap::new() };
        let (waiting, handed_in, desk) = (Mutex::new(waiting), Condvar::new(), Mutex::new(desk));
        Self { lanes, shared, waiting, handed_in, desk }
    }

    /// What one of the threads does until the session ends; a fault ends it.
    pub(super) fn read(&self, thread: usize) {
        let _lifeline = Lifeline(self.shared);
        if let Err(fault) = self.work(thread) {
            self.shared.end(Some(fault));
        }
    }

    /// Notes how far every partition came.
    pub(super) fn finish(self) -> Result<(), KafkaFault> {
        self.desk.into_inner().map_or(Ok(()), |mut desk| desk.note(true))
    }

    fn work(&self, thread: usize) -> Result<(), KafkaFault> {
        let Some(bell) = self.shared.bells.0.get(thread) else { return Ok(()) };
        while !self.shared.is_ending() {
            if self.turn(thread)? {
                continue;
            }
            bell.wait(REST);
            if thread == 0 {
                thread::sleep(GATHER);
                if let Ok(mut desk) = self.desk.try_lock() {
                    desk.note(false)?;
                }
            }
        }
        Ok(())
    }

    /// Looks at every partition once; answers whether there was anything, and so may be more: a queue only tells of
    /// what comes in after it was found empty.
    fn turn(&self, thread: usize) -> Result<bool, KafkaFault> {
        let mut any = false;
        let from = thread * self.lanes.len() / self.shared.bells.0.len();
        for index in (from..self.lanes.len()).chain(0..from) {
            let lane = &self.lanes[index];
            let Some(gathered) = lane.gather() else { continue };
            any = true;
            let is_full = gathered.is_full();
            if is_full {
                self.shared.bells.ring_all();
            }
            let decoded = lane.decode(gathered)?;
            self.hand_in(index, decoded);
            if is_full {
                self.admit()?;
            }
        }
        self.admit()?;
        Ok(any)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<'l>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_in(&self, lane: usize, decoded: Decoded<'l>) {
        self.waiting().batches.insert((lane, decoded.number), decoded);
        self.handed_in.notify_all();
    }

    /// Admits what is ready. Somebody who is at it sees to the rest; but when too much waits, everybody does, so that
    /// what is decoded ahead is bounded.
    fn admit(&self) -> Result<(), KafkaFault> {
        let most = self.shared.bells.0.len();
        while !self.shared.is_ending() {
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
            let desk = if crowded { self.desk.lock().ok() } else { self.desk.try_lock().ok() };
            // Busy; or left by a thread that panicked, which ends the session.
            let Some(mut desk) = desk else { return Ok(()) };
            let ready = self.waiting().take_ready();
            if !self.shared.is_ending() {
                desk.admit(ready)?;
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
        let hand_in = |waiting: &mut Waiting<'static>, lane, number| {
            waiting.batches.insert((lane, number), batch(number, 10));
            waiting.has_ready()
        };
        assert!(!hand_in(&mut waiting, 0, 1) && !hand_in(&mut waiting, 0, 2) && !hand_in(&mut waiting, 1, 1));
        assert!(waiting.take_ready().is_empty());
        assert!(hand_in(&mut waiting, 0, 0));
        let ready = waiting.take_ready();
        // The three of the first lane go as one; the second still waits for its first.
        assert_eq!(ready.iter().map(|(lane, batch)| (*lane, batch.bytes)).collect::<Vec<_>>(), [(0, 30)]);
        assert!(!waiting.has_ready() && hand_in(&mut waiting, 1, 0));
        assert_eq!(waiting.take_ready().len(), 1);
        assert!(waiting.batches.is_empty() && waiting.next == [3, 2]);
    }

    #[test]
    fn what_goes_as_one_is_bounded_in_bytes() {
        let mut waiting = Waiting { next: vec![0], batches: BTreeMap::new() };
        (0..3).for_each(|number| {
            drop(waiting.batches.insert((0, number), batch(number, super::super::lane::MOST_BYTES)));
        });
        assert_eq!((0..3).map(|_| waiting.take_ready().len()).collect::<Vec<_>>(), [1, 1, 1]);
    }
}
