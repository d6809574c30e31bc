//! The newest events, shared with everybody who follows: decoded once, bounded in number and bytes. Who is too slow
//! for it reads from disk. The head moves together with it under one lock, so the two join without a gap.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Instant,
};

use events::{FamilySet, Recorded};

use crate::Batch;

/// Most events kept.
const MAX_EVENTS: usize = 16_384;
/// Most bytes kept, as far as they can be told.
const MAX_BYTES: usize = 16 << 20;
/// What an event takes beside its payload, roughly.
const EVENT_BYTES: usize = 512;

#[derive(Default)]
struct State {
    head: u64,
    /// The events up to the head, with their sizes.
    ring: VecDeque<(Arc<Recorded>, usize)>,
    bytes: usize,
}

/// Events that left the ring.
type Evicted = Vec<Arc<Recorded>>;

/// Batches of them that wait to be freed, at most.
const UNFREED: usize = 8;

/// Head and newest events.
pub(super) struct Live {
    state: Mutex<State>,
    published: Condvar,
    /// To the thread that frees them, which comes with the first and ends with this.
    freeing: OnceLock<Option<SyncSender<Evicted>>>,
}

impl Live {
    pub(super) fn new(head: u64) -> Self {
        let state = Mutex::new(State { head, ..State::default() });
        Self { state, published: Condvar::new(), freeing: OnceLock::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The position of the last durable event.
    pub(super) fn head(&self) -> u64 {
        self.state().head
    }

    /// Publishes durable events with the sizes of their payloads; they follow on the head.
    pub(super) fn publish(&self, events: Vec<(Arc<Recorded>, usize)>) {
        let mut state = self.state();
        state.head += events.len() as u64;
        for (event, payload) in events {
            state.bytes += payload + EVENT_BYTES;
            state.ring.push_back((event, payload + EVENT_BYTES));
        }
        let mut evicted = Vec::new();
        while state.ring.len() > MAX_EVENTS || state.bytes > MAX_BYTES {
            let Some((event, bytes)) = state.ring.pop_front() else { break };
            state.bytes -= bytes;
            evicted.push(event);
        }
        drop(state);
        self.published.notify_all();
        if !evicted.is_empty() {
            self.free(evicted);
        }
    }

    /// Freeing a thousand events takes as long as making their frames, and an appender waits for none of it, unless the
    /// thread that does it is behind.
    fn free(&self, evicted: Evicted) {
        let start = || {
            let (freeing, evicted) = sync_channel::<Evicted>(UNFREED);
            let free = move || evicted.into_iter().for_each(drop);
            thread::Builder::new().name("log-free".to_owned()).spawn(free).ok().map(|_| freeing)
        };
        let Some(freeing) = self.freeing.get_or_init(start) else { return drop(evicted) };
        match freeing.try_send(evicted) {
            Ok(()) => {}
            Err(TrySendError::Full(evicted) | TrySendError::Disconnected(evicted)) => drop(evicted),
        }
    }

    /// Events after a position, if they are at hand; else the head up to which they can be read from disk.
    pub(super) fn take(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, u64> {
        let state = self.state();
        if after >= state.head {
            return Ok(Batch { events: Vec::new(), read_to: after });
        }
        let before_ring = state.head - state.ring.len() as u64;
        let Some(skip) = after.checked_sub(before_ring) else { return Err(state.head) };
        let start = skip as usize;
        let end = start.saturating_add(max).min(state.ring.len());
        let wanted = state.ring.range(start..end).map(|(event, _)| event);
        let events = wanted.filter(|event| families.contains(event.event.family())).cloned().collect();
        Ok(Batch { events, read_to: after + (end - start) as u64 })
    }

    /// Waits until the head is beyond a position; false when the time was over before.
    pub(super) fn wait(&self, after: u64, until: Instant) -> bool {
        let mut state = self.state();
        while state.head <= after {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.published.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::tick;
    use events::{Family, Timestamp};

    fn events(positions: std::ops::RangeInclusive<u64>, payload: usize) -> Vec<(Arc<Recorded>, usize)> {
        let at = |position| (position, Arc::from("s"), position);
        let event = |position| tick(position).placed(at(position), Timestamp::default());
        positions.map(|position| (Arc::new(event(position)), payload)).collect()
    }

    #[test]
    fn what_is_kept_is_bounded_in_number_and_bytes() {
        let live = Live::new(0);
        live.publish(events(1..=20_000, 10));
        assert_eq!((live.head(), live.state().ring.len()), (20_000, MAX_EVENTS));
        live.publish(events(20_001..=20_004, 5 << 20));
        let state = live.state();
        assert!(
            state.ring.len() <= 3 && state.bytes <= MAX_BYTES,
            "{} events, {} bytes",
            state.ring.len(),
            state.bytes
        );
        assert_eq!(state.bytes, state.ring.iter().map(|(_, bytes)| bytes).sum::<usize>());
    }

    #[test]
    fn what_left_the_ring_is_freed_by_another_thread_and_all_of_it() {
        let live = Live::new(0);
        let kept: Vec<_> = (0..20).map(|n| events(n * 1000 + 1..=n * 1000 + 1000, 10)).collect();
        let seen: Vec<_> = kept.iter().flatten().map(|(event, _)| Arc::downgrade(event)).collect();
        kept.into_iter().for_each(|batch| live.publish(batch));
        let gone = || seen.iter().filter(|event| event.strong_count() == 0).count();
        let until = Instant::now() + Duration::from_secs(60);
        while gone() < 20_000 - MAX_EVENTS && Instant::now() < until {
            thread::yield_now();
        }
        assert_eq!(gone(), 20_000 - MAX_EVENTS);
    }

    #[test]
    fn what_is_not_at_hand_is_left_to_the_disk_up_to_the_head() {
        let live = Live::new(100);
        live.publish(events(101..=110, 10));
        assert_eq!(live.take(99, FamilySet::ALL, 5).unwrap_err(), 110);
        let batch = live.take(100, FamilySet::ALL, 5).unwrap();
        assert_eq!((batch.events[0].position, batch.events.len(), batch.read_to), (101, 5, 105));
        let others = live.take(105, FamilySet::of(&[Family::Trade]), 50).unwrap();
        assert_eq!((others.events.len(), others.read_to), (0, 110));
        assert_eq!(live.take(110, FamilySet::ALL, 5).unwrap().read_to, 110);
    }
}
