//! A log in memory, for tests and simulation. It keeps nothing over a restart and evicts nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use events::{FamilySet, Recorded, Timestamp, Uuid};

use crate::{
    AppendError, Appended, Batch, EventLog, Prepared, ReadError, Request, Subscription, admission::place,
    append::now, id_map::IdMap,
};

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Waits are cut to this, so that the end of one is always a moment that exists.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// A log in memory.
pub struct MemoryLog {
    log_id: Uuid,
    clock: Clock,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    appended: Condvar,
}

struct State {
    /// The distance between positions.
    stride: u64,
    events: Vec<Arc<Recorded>>,
    streams: HashMap<Arc<str>, Vec<u64>>,
    ids: IdMap<u64>,
}

impl MemoryLog {
    /// An empty log with a random id that stamps events with the wall clock.
    pub fn new() -> Self {
        let mut random = [0; 16];
        // Without a source of randomness all logs in memory share one id, which only a shared Kafka topic would notice.
        let _ = getrandom::fill(&mut random);
        let log_id = uuid::Builder::from_random_bytes(random).into_uuid();
        Self { log_id, clock: Arc::new(now), shared: Arc::default() }
    }

    /// An empty log that stamps events with the given clock; its id is always the same, so a run can be repeated.
    pub fn with_clock(clock: Clock) -> Self {
        let log_id = events::id::derive(&[b"log", b"memory"]);
        Self { log_id, clock, shared: Arc::default() }
    }

    /// [`MemoryLog::with_clock`], with positions that are so far apart: as in a log that is shared with others.
    pub fn with_gaps(clock: Clock, stride: u64) -> Self {
        let log = Self::with_clock(clock);
        log.state().stride = stride.max(1);
        log
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Default for State {
    fn default() -> Self {
        Self { stride: 1, events: Vec::new(), streams: HashMap::new(), ids: IdMap::default() }
    }
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn head(&self) -> u64 {
        self.events.len() as u64 * self.stride
    }

    /// How many events are not after a position.
    fn up_to(&self, position: u64) -> usize {
        usize::try_from(position / self.stride).unwrap_or(usize::MAX).min(self.events.len())
    }

    fn revision(&self, stream: &str) -> u64 {
        self.streams.get(stream).map_or(0, |positions| positions.len() as u64)
    }

    fn at(&self, position: u64) -> Arc<Recorded> {
        Arc::clone(&self.events[self.up_to(position) - 1])
    }

    fn append(&mut self, request: Request, now: Timestamp) -> Result<Appended, AppendError> {
        request.check_sizes()?;
        let known = |id| Ok(self.ids.get(&id).copied());
        let next = |n| self.head() + n * self.stride;
        let appended = place(&request, next, known, || Ok(self.revision(&request.stream)))?;
        for (prepared, place) in request.events.into_iter().zip(&appended.placed) {
            if !place.duplicate {
                self.push(&request.stream, prepared, now);
            }
        }
        Ok(appended)
    }

    fn push(&mut self, stream: &Arc<str>, prepared: Prepared, now: Timestamp) {
        let position = self.head() + self.stride;
        let positions = self.streams.entry(Arc::clone(stream)).or_default();
        positions.push(position);
        self.ids.insert(prepared.event.event_id, position);
        let revision = positions.len() as u64;
        let place = (position, Arc::clone(stream), revision);
        self.events.push(prepared.placed(place, now));
    }

    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Batch {
        let start = self.up_to(after);
        let looked_at = &self.events[start..start.saturating_add(max).min(self.events.len())];
        let wanted = looked_at.iter().filter(|event| families.contains(event.event.family()));
        let read_to = looked_at.last().map_or(after, |last| last.position);
        Batch { events: wanted.cloned().collect(), read_to }
    }
}

impl EventLog for MemoryLog {
    fn log_id(&self) -> Uuid {
        self.log_id
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        let appended = self.state().append(request, (self.clock)());
        self.shared.appended.notify_all();
        appended
    }

    fn head(&self) -> u64 {
        self.state().head()
    }

    fn count(&self, after: u64, to: u64) -> Option<u64> {
        let state = self.state();
        (state.stride == 1).then(|| state.up_to(to).saturating_sub(state.up_to(after)) as u64)
    }

    fn revision(&self, stream: &str) -> Result<u64, ReadError> {
        Ok(self.state().revision(stream))
    }

    fn read_stream(&self, stream: &str, after: u64, max: usize) -> Result<Vec<Arc<Recorded>>, ReadError> {
        let state = self.state();
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let positions = state.streams.get(stream).into_iter().flatten();
        Ok(positions.skip(after).take(max).map(|position| state.at(*position)).collect())
    }

    fn read_stream_back(
        &self,
        stream: &str,
        before: u64,
        max: usize,
    ) -> Result<Vec<Arc<Recorded>>, ReadError> {
        let state = self.state();
        let Some(positions) = state.streams.get(stream) else { return Ok(Vec::new()) };
        let below = usize::try_from(before.saturating_sub(1)).unwrap_or(usize::MAX).min(positions.len());
        Ok(positions[..below].iter().rev().take(max).map(|position| state.at(*position)).collect())
    }

    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, ReadError> {
        Ok(self.state().read_all(after, families, max))
    }

    fn position_of(&self, event_id: Uuid) -> Result<Option<u64>, ReadError> {
        Ok(self.state().ids.get(&event_id).copied())
    }

    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        Box::new(MemorySubscription { shared: Arc::clone(&self.shared), read_to: after, families })
    }

    fn stopped(&self) -> Option<Arc<str>> {
        None
    }
}

struct MemorySubscription {
    shared: Arc<Shared>,
    read_to: u64,
    families: FamilySet,
}

impl Subscription for MemorySubscription {
    fn next(&mut self, max: usize, wait: Duration) -> Result<Batch, ReadError> {
        let deadline = Instant::now() + wait.min(LONGEST_WAIT);
        let mut state = self.shared.state();
        loop {
            let batch = state.read_all(self.read_to, self.families, max);
            let left = deadline.saturating_duration_since(Instant::now());
            let advanced = batch.read_to > self.read_to;
            self.read_to = batch.read_to;
            if advanced || left.is_zero() {
                return Ok(batch);
            }
            let waited = self.shared.appended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expected, contract};

    #[test]
    fn keeps_the_contract() {
        contract::check_all(&|| Arc::new(MemoryLog::new()));
    }

    #[test]
    fn with_gaps_a_reader_goes_on_after_what_it_has() {
        let log = MemoryLog::with_gaps(Arc::new(|| Timestamp::from_micros(7)), 7);
        let appended =
            log.append(contract::request("s", Expected::Any, (1..=3).map(contract::tick))).unwrap();
        assert_eq!(appended.placed.iter().map(|place| place.position).collect::<Vec<_>>(), [7, 14, 21]);
        let positions = |batch: Batch| batch.events.iter().map(|event| event.position).collect::<Vec<_>>();
        let read = |after, max| log.read_all(after, FamilySet::ALL, max).unwrap();
        assert_eq!((read(0, 2).read_to, positions(read(0, 2))), (14, vec![7, 14]));
        assert_eq!(
            (read(14, 9).read_to, positions(read(15, 9)), positions(read(21, 9))),
            (21, vec![21], vec![])
        );
        assert_eq!((log.head(), log.revision("s").unwrap(), log.count(0, 21)), (21, 3, None));
        assert!(log.event_at(14).unwrap().is_some() && log.event_at(15).unwrap().is_none());
    }

    #[test]
    fn a_given_clock_stamps_the_events_and_runs_repeat() {
        let log = || MemoryLog::with_clock(Arc::new(|| Timestamp::from_micros(7)));
        let one = log();
        one.append(contract::request("s", Expected::Any, [contract::tick(1)])).unwrap();
        assert_eq!(one.read_stream("s", 0, 1).unwrap()[0].recorded_at, Timestamp::from_micros(7));
        assert_eq!(one.log_id(), log().log_id());
        assert_ne!(MemoryLog::new().log_id(), MemoryLog::new().log_id());
    }
}
