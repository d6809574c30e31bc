//! Admission: decoded records become facts in the log, in one atomic request a batch.
//!
//! A trade that the log knows already is dropped when it tells the same, and goes to the dead letters with both
//! versions when it does not. Dead letters stand in the same request as the trades around them, and every id is
//! derived, so a crash at any point neither loses nor doubles one. Nothing here waits, retries or drops by itself.

mod lent;
mod letter;
mod plan;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, sync::Arc};

use events::{Event, FamilySet, NewEvent, Origin, Recorded, Timestamp, TradeClosed, Uuid, id};
use store::{AppendError, Appended, Duplicate, Duplicates, EventLog, Expected, Prepared, ReadError, Request};

use super::Rejection;
use lent::Lent;
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

/// A record as it came, and what was read of it.
#[derive(Debug)]
pub struct Incoming<'a> {
    /// Where it stands.
    pub place: Place<'a>,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: &'a [u8],
    /// The trade, or why it is none.
    pub decoded: Result<TradeClosed, Rejection>,
}

/// A record that is ready to be appended; a trade is encoded.
#[derive(Debug)]
pub struct Candidate<'a> {
    place: Place<'a>,
    key: Option<&'a [u8]>,
    value: &'a [u8],
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
    pub fn prepare<'a>(&self, incoming: Incoming<'a>) -> Result<Candidate<'a>, AdmitError> {
        let Incoming { place, key, value, decoded } = incoming;
        let prepared = match decoded {
            Ok(trade) => Ok(Some(Prepared::new(self.trade_event(trade, place))?)),
            Err(rejection) => Err(rejection),
        };
        Ok(Candidate { place, key, value, prepared })
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
    pub fn admit(
        &self,
        log: &dyn EventLog,
        expected: Expected,
        now: Timestamp,
        mut candidates: Vec<Candidate<'_>>,
    ) -> Result<Admitted, AdmitError> {
        let (mut seen, mut lent) = (Seen::default(), Lent::default());
        loop {
            let mut plan = Plan::of(self, &mut candidates, &seen, now, &mut lent)?;
            let events = std::mem::take(&mut plan.events);
            if events.is_empty() {
                let revision = current_revision(log, &self.stream, expected)?;
                return Ok(plan.answers(&Appended { placed: Vec::new(), revision }));
            }
            let ids: Vec<Uuid> = events.iter().map(|event| event.event.event_id).collect();
            let stream = Arc::clone(&self.stream);
            match log.append(Request { stream, expected, duplicates: Duplicates::Refuse, events }) {
                Ok(appended) => return Ok(plan.answers(&appended)),
                Err(fault) => seen.learn(log, fault, &plan, &ids)?,
            }
            lent.restore(self, &mut candidates)?;
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
                Some(position) => log.read_all(position - 1, FamilySet::ALL, 1)?.events.pop(),
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
