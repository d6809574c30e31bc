//! Admission: decoded records become facts in the log, in one atomic request a batch.
//!
//! A trade that the log knows already is dropped when it tells the same, and goes to the dead letters with both
//! versions when it does not. Dead letters stand in the same request as the trades around them, and every id is
//! derived, so a crash at any point neither loses nor doubles one. Nothing here waits, retries or drops by itself.

mod dead_letter;
mod in_flight;
mod plan;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use events::{Event, NewEvent, Origin, Recorded, Timestamp, TradeClosed, Uuid, id};
use store::{AppendError, Appended, Duplicate, Duplicates, EventLog, Expected, Prepared, ReadError, Request};

use super::{Rejection, checks};
pub use dead_letter::conflict;

use in_flight::InFlight;
use plan::Plan;

/// Where a record stands outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// In a topic.
    Kafka {
        /// Name of the topic.
        topic: &'a str,
        /// Partition in the topic.
        partition: i32,
        /// Offset in the partition.
        offset: i64,
    },
    /// In a file.
    File {
        /// The file's name as it was given.
        file: &'a str,
        /// Row, from 1, the header not counted.
        row: u64,
    },
    /// In a request over HTTP: it has no place, the same bytes are one record.
    Http,
}

impl Place<'_> {
    fn offset(&self) -> Option<i64> {
        match *self {
            Self::Kafka { offset, .. } => Some(offset),
            Self::File { row, .. } => i64::try_from(row).ok(),
            Self::Http => None,
        }
    }

    fn origin(&self, value: &[u8]) -> Origin {
        match *self {
            Self::Kafka { topic, partition, offset } => {
                Origin::Kafka { topic: topic.to_owned(), partition, offset }
            }
            Self::File { file, row } => Origin::File { file: file.to_owned(), row },
            Self::Http => Origin::Http { digest: id::derive(&[b"record", value]).to_string() },
        }
    }
}

/// A record's bytes as they came. They are kept until the record is admitted: a dead letter holds them.
pub trait Raw {
    /// Its key.
    fn key(&self) -> Option<&[u8]>;

    /// Its value.
    fn value(&self) -> &[u8];
}

/// Bytes that somebody else keeps.
#[derive(Clone, Copy, Debug)]
pub struct RawBytes<'a> {
    /// The key.
    pub key: Option<&'a [u8]>,
    /// The value.
    pub value: &'a [u8],
}

impl Raw for RawBytes<'_> {
    fn key(&self) -> Option<&[u8]> {
        self.key
    }

    fn value(&self) -> &[u8] {
        self.value
    }
}

/// A record as it came, and what was read of it.
#[derive(Debug)]
pub struct Incoming<'a, R> {
    /// Where it stands.
    pub place: Place<'a>,
    /// Its bytes.
    pub raw: R,
    /// The trade, or why it is none.
    pub decoded: Result<TradeClosed, Rejection>,
}

/// A record that is ready to be appended; a trade is encoded.
#[derive(Debug)]
pub struct Candidate<'a, R> {
    place: Place<'a>,
    raw: R,
    /// The trade, or why it is none; nothing while the log has it.
    prepared: Result<Option<Prepared>, Rejection>,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is in the log now.
    Taken {
        /// Of its `TradeClosed`.
        event_id: Uuid,
        /// Of its `TradeClosed`.
        position: u64,
    },
    /// It was in the log before, or stands earlier in the same batch; nothing was appended for it.
    Duplicate {
        /// Of the event that is there.
        event_id: Uuid,
        /// Of the event that is there.
        position: u64,
        /// The reason, when what is there is the dead letter of this very record.
        rejection: Option<Rejection>,
    },
    /// It is in the dead letters now.
    Rejected {
        /// Of its `RecordRejected`.
        event_id: Uuid,
        /// Of its `RecordRejected`.
        position: u64,
        /// Why.
        rejection: Rejection,
    },
}

/// A batch is durable in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// One for each record, in their order.
    pub answers: Vec<Answer>,
    /// The stream's revision after it.
    pub revision: u64,
}

/// How many records became what; they add up to the records that came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// New trades.
    pub taken: u64,
    /// Known trades and known dead letters.
    pub duplicate: u64,
    /// New dead letters.
    pub rejected: u64,
}

impl Admitted {
    /// How many records became what.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for answer in &self.answers {
            match answer {
                Answer::Taken { .. } => counts.taken += 1,
                Answer::Duplicate { .. } => counts.duplicate += 1,
                Answer::Rejected { .. } => counts.rejected += 1,
            }
        }
        counts
    }
}

/// Why a batch was not admitted; nothing of it was appended.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The log did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log could not be read to compare a duplicate.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A fact has no JSON form.
    #[error("a record has no stored form: {0}")]
    Encode(#[from] serde_json::Error),
    /// What was encoded cannot be read again.
    #[error(transparent)]
    Decode(#[from] events::DecodeError),
}

/// Who appends records, and to which stream.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The stream of the source.
    pub stream: Arc<str>,
    /// `source:kafka`, `source:http` …
    pub producer: Arc<str>,
    /// The run of this process.
    pub run_id: Uuid,
}

impl Admission {
    /// Encodes a record; this is most of the work and may be done on any thread.
    ///
    /// # Errors
    /// When the trade has no JSON form.
    pub fn prepare<'a, R: Raw>(&self, incoming: Incoming<'a, R>) -> Result<Candidate<'a, R>, AdmitError> {
        let Incoming { place, raw, decoded } = incoming;
        let prepared = match decoded {
            Ok(trade) => Ok(Some(Prepared::new(self.trade_event(trade, place))?)),
            Err(rejection) => Err(owned(rejection, raw.key())),
        };
        Ok(Candidate { place, raw, prepared })
    }

    fn trade_event(&self, trade: TradeClosed, place: Place<'_>) -> NewEvent {
        let event_id = id::closed_trade(&trade.strategy, &trade.trade_id);
        self.event(event_id, trade.closed_at, place, Event::TradeClosed(trade))
    }

    fn event(&self, event_id: Uuid, occurred_at: Timestamp, place: Place<'_>, event: Event) -> NewEvent {
        let mut new = NewEvent::root(event_id, occurred_at, &self.producer, self.run_id, event);
        new.source_offset = place.offset();
        new
    }

    /// Appends a batch in the order of its records and answers for each; `now` is when dead letters happened.
    ///
    /// # Errors
    /// See [`AdmitError`]; nothing of the batch was appended then.
    pub fn admit<R: Raw>(
        &self,
        log: &dyn EventLog,
        expected: Expected,
        now: Timestamp,
        candidates: Vec<Candidate<'_, R>>,
    ) -> Result<Admitted, AdmitError> {
        let mut attempt = Attempt::new(Share { admission: self, expected, candidates });
        loop {
            let request = match attempt.request(log, now)? {
                Next::Ask(request) => request,
                Next::Done(admitted) => return Ok(admitted),
            };
            if let Some(admitted) = attempt.learn(log, log.append(request))? {
                return Ok(admitted);
            }
        }
    }
}

/// What its content does not name belongs to the record's key: that is the strategy.
fn owned(mut rejection: Rejection, key: Option<&[u8]>) -> Rejection {
    if rejection.strategy.is_none() {
        let name = key.and_then(|key| std::str::from_utf8(key).ok()).and_then(checks::sane_name);
        rejection.strategy = name.map(str::to_owned);
    }
    rejection
}

/// A batch for one stream.
pub struct Share<'s, 'c, R> {
    /// Who appends, and where.
    pub admission: &'s Admission,
    /// What is known of the stream.
    pub expected: Expected,
    /// The records.
    pub candidates: Vec<Candidate<'c, R>>,
}

/// Appends batches for several streams, each as [`Admission::admit`] does, together made durable. Every one is answered
/// once, with its number; one that fails does not keep the others back.
pub fn admit_all<'s, 'c, R: Raw>(
    log: &dyn EventLog,
    now: Timestamp,
    shares: Vec<Share<'s, 'c, R>>,
    mut answer: impl FnMut(usize, Result<Admitted, AdmitError>),
) {
    let mut open: Vec<_> = shares.into_iter().map(Attempt::new).enumerate().collect();
    while !open.is_empty() {
        let (mut asked, mut requests) = (Vec::with_capacity(open.len()), Vec::with_capacity(open.len()));
        for (number, mut attempt) in open.drain(..) {
            match attempt.request(log, now) {
                Ok(Next::Ask(request)) => {
                    asked.push((number, attempt));
                    requests.push(request);
                }
                Ok(Next::Done(admitted)) => answer(number, Ok(admitted)),
                Err(error) => answer(number, Err(error)),
            }
        }
        for ((number, mut attempt), appended) in asked.into_iter().zip(log.append_all(requests)) {
            match attempt.learn(log, appended) {
                Ok(Some(admitted)) => answer(number, Ok(admitted)),
                Ok(None) => open.push((number, attempt)),
                Err(error) => answer(number, Err(error)),
            }
        }
    }
}

/// A share on its way: asked again after each refusal that taught something.
struct Attempt<'s, 'c, R> {
    share: Share<'s, 'c, R>,
    seen: Seen,
    in_flight: InFlight,
    plan: Option<Plan>,
    ids: Vec<Uuid>,
}

enum Next {
    Ask(Request),
    /// There is nothing to append.
    Done(Admitted),
}

impl<'s, 'c, R: Raw> Attempt<'s, 'c, R> {
    fn new(share: Share<'s, 'c, R>) -> Self {
        let (seen, in_flight) = (Seen::default(), InFlight::default());
        Self { share, seen, in_flight, plan: None, ids: Vec::new() }
    }

    fn request(&mut self, log: &dyn EventLog, now: Timestamp) -> Result<Next, AdmitError> {
        let Share { admission, expected, candidates } = &mut self.share;
        let mut plan = Plan::of(admission, candidates, &self.seen, now, &mut self.in_flight)?;
        let events = std::mem::take(&mut plan.events);
        if events.is_empty() {
            let revision = current_revision(log, &admission.stream, *expected)?;
            return Ok(Next::Done(plan.answers(&Appended { placed: Vec::new(), revision })));
        }
        self.ids.clear();
        self.ids.extend(events.iter().map(|event| event.event.event_id));
        self.plan = Some(plan);
        let stream = Arc::clone(&admission.stream);
        Ok(Next::Ask(Request { stream, expected: *expected, duplicates: Duplicates::Refuse, events }))
    }

    /// The answers; nothing when the refusal was learned from and it has to be asked again.
    fn learn(
        &mut self,
        log: &dyn EventLog,
        appended: Result<Appended, AppendError>,
    ) -> Result<Option<Admitted>, AdmitError> {
        let Some(plan) = self.plan.take() else { return Ok(None) };
        match appended {
            Ok(appended) => Ok(Some(plan.answers(&appended))),
            Err(fault) => {
                self.seen.learn(log, fault, &plan, &self.ids)?;
                self.in_flight.restore(self.share.admission, &mut self.share.candidates)?;
                Ok(None)
            }
        }
    }
}

fn current_revision(log: &dyn EventLog, stream: &str, expected: Expected) -> Result<u64, ReadError> {
    match expected {
        Expected::Revision(revision) => Ok(revision),
        Expected::Any => log.revision(stream),
    }
}

/// What refused requests taught: which ids the log knows, and which dead letters are too large for it.
#[derive(Default)]
struct Seen {
    recorded: HashMap<Uuid, Arc<Recorded>>,
    /// For a candidate: how many bytes of its record its dead letter may keep.
    kept: HashMap<usize, usize>,
}

impl Seen {
    /// Learns from a refusal, or hands it on where trying again would not help.
    fn learn(
        &mut self,
        log: &dyn EventLog,
        fault: AppendError,
        plan: &Plan,
        ids: &[Uuid],
    ) -> Result<(), AdmitError> {
        match fault {
            AppendError::Duplicates(duplicates) => self.learn_recorded(log, duplicates, ids),
            AppendError::TooLarge { index, bytes, limit } => {
                let letter = plan.letter_of(index);
                let kept = |candidate| self.kept.get(&candidate).copied().unwrap_or(limit);
                match letter.map(|candidate| (candidate, kept(candidate))) {
                    None | Some((_, 0)) => Err(AppendError::TooLarge { index, bytes, limit }.into()),
                    Some((candidate, kept)) => {
                        self.kept.insert(candidate, kept / 2);
                        Ok(())
                    }
                }
            }
            fault => Err(fault.into()),
        }
    }

    fn learn_recorded(
        &mut self,
        log: &dyn EventLog,
        duplicates: Vec<Duplicate>,
        ids: &[Uuid],
    ) -> Result<(), AdmitError> {
        let known_before = self.recorded.len();
        for Duplicate { index, position } in &duplicates {
            let found = match position {
                Some(position) => log.event_at(*position)?,
                None => None,
            };
            if let Some(recorded) = found.filter(|recorded| recorded.event_id == ids[*index]) {
                self.recorded.insert(recorded.event_id, recorded);
            }
        }
        if self.recorded.len() == known_before {
            return Err(AppendError::Duplicates(duplicates).into());
        }
        Ok(())
    }
}
