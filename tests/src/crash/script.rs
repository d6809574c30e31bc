//! What is appended: every request follows from the seed, so what the log holds can be told from what it was given.

use std::sync::Arc;

use events::{ActorRecovered, Decimal, Event, NewEvent, Recorded, Timestamp, Uuid, id, test_support::trade};
use store::{
    Duplicates, EmbeddedLog, EventLog, Expected, Prepared, Request, embedded::testing::disk::Random,
};

/// Streams that are appended to in turn.
const STREAMS: u64 = 3;

/// Requests, one after the other, from one appender.
pub(crate) struct Script {
    seed: u64,
    /// For each event by its number: its stream, its revision there.
    places: Vec<(u64, u64)>,
    /// How many events each request has.
    requests: Vec<u64>,
}

impl Script {
    /// So many requests.
    pub(crate) fn new(seed: u64, requests: u64) -> Self {
        let mut random = Random(seed);
        let (mut places, mut revisions) = (Vec::new(), [0; STREAMS as usize]);
        let requests = (0..requests).map(|_| {
            let (stream, events) = (random.below(STREAMS), 1 + random.below(12));
            for _ in 0..events {
                revisions[stream as usize] += 1;
                places.push((stream, revisions[stream as usize]));
            }
            events
        });
        let requests = requests.collect();
        Self { seed, places, requests }
    }

    /// How many events all requests have.
    pub(crate) fn events(&self) -> u64 {
        self.places.len() as u64
    }

    /// Appends on from what the log holds until a request fails or all are in, and lets it tidy up meanwhile; answers how
    /// many events are acknowledged, and how many were given.
    pub(crate) fn run(&self, log: &EmbeddedLog) -> (u64, u64) {
        self.run_to(log, self.requests.len())
    }

    /// The same up to a request.
    pub(crate) fn run_to(&self, log: &EmbeddedLog, requests: usize) -> (u64, u64) {
        let (mut at, mut given) = (0, log.head());
        for (n, events) in self.requests.iter().take(requests).enumerate() {
            if n % 4 == 3 {
                // What cannot be done loses nothing; that is what is looked at afterwards.
                let _ = log.tidy();
            }
            let (from, to) = (at, at + events);
            at = to;
            if to <= log.head() {
                continue;
            }
            // A request is there whole or not at all.
            given = to;
            if log.append(self.request(from, to)).is_err() {
                return (from, given);
            }
        }
        (at, given)
    }

    fn request(&self, from: u64, to: u64) -> Request {
        let (stream, revision) = self.places[from as usize];
        let events = (from..to).filter_map(|n| Prepared::new(event(self.seed, n)).ok()).collect();
        Request {
            stream: Arc::from(name(stream)),
            expected: Expected::Revision(revision - 1),
            duplicates: Duplicates::Refuse,
            events,
        }
    }

    /// What of an event, or of the look-up of its id, is not as it was given.
    pub(crate) fn wrong_in(&self, log: &EmbeddedLog, event: &Recorded) -> Option<String> {
        self.differs(event).or_else(|| match log.position_of(event.event_id) {
            Ok(Some(position)) if position == event.position => None,
            other => Some(format!("the id of position {} is found at {other:?}", event.position)),
        })
    }

    /// What of an event is not as it was given.
    pub(crate) fn differs(&self, found: &Recorded) -> Option<String> {
        let n = found.position - 1;
        let Some((stream, revision)) = self.places.get(n as usize) else {
            return Some(format!("position {} was never given", found.position));
        };
        differs(self.seed, n, found)
            .or_else(|| {
                (*found.stream != *name(*stream)).then(|| format!("position {}: stream", found.position))
            })
            .or_else(|| {
                (found.stream_revision != *revision).then(|| format!("position {}: revision", found.position))
            })
    }
}

fn name(stream: u64) -> String {
    format!("stream-{stream}")
}

/// The id of the n-th event of a seed.
pub(crate) fn id_of(seed: u64, n: u64) -> Uuid {
    id::derive(&[b"crash", &seed.to_le_bytes(), &n.to_le_bytes()])
}

/// The n-th event of a seed: up to 3,000 bytes; every fourth is a trade, which is stored in few.
pub(crate) fn event(seed: u64, n: u64) -> NewEvent {
    let mut random = Random(seed ^ n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let letters = (0..random.below(3000)).map(|_| char::from(b'a' + (random.next() % 26) as u8)).collect();
    let moment = Timestamp::from_micros((random.next() >> 14) as i64);
    let event = match n % 4 {
        0 => Event::TradeClosed(trade(
            "crash",
            &n.to_string(),
            Decimal::new((random.next() >> 30) as i64, 3),
            moment,
        )),
        _ => Event::ActorRecovered(ActorRecovered { actor: letters }),
    };
    NewEvent::root(id_of(seed, n), moment, &Arc::from("crash"), Uuid::from_u128(u128::from(seed)), event)
}

/// What of an event is not that of the n-th of a seed.
pub(crate) fn differs(seed: u64, n: u64, found: &Recorded) -> Option<String> {
    let given = event(seed, n);
    let same = given.event_id == found.event_id
        && given.occurred_at == found.occurred_at
        && given.event == found.event
        && given.run_id == found.run_id
        && given.producer == found.producer;
    (!same).then(|| format!("position {} is not as it was given", found.position))
}
