//! The contract of the event log. Every implementation passes the same suite (`contract.rs`).
//!
//! Positions rise from 1 and may have gaps, as in a log that is shared with others: who goes on goes on after what it has,
//! and nobody counts with them. The logs of this crate have none. Revisions count the events of a stream, from 1 without
//! gaps. 0 stands for "before the first". All calls block: they are made from threads that may wait.
//!
//! Of an append the ids are looked at first, then the revision, and the revision only where something is left to
//! append: a request whose events are all known succeeds whatever it expected, so a repeat needs no care.

use std::{sync::Arc, time::Duration};

use events::{Codec, FamilySet, NewEvent, Recorded, Timestamp, Uuid};

/// What an appender knows of its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Nothing: append after whatever is there.
    Any,
    /// The stream's last event has this revision; 0: the stream does not exist.
    Revision(u64),
}

/// What happens with an event whose id is already in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// It is skipped and its position answered: an append whose answer was lost can be repeated.
    Skip,
    /// Nothing of the request is appended and the duplicates are answered: the appender compares contents first.
    Refuse,
}

/// The most bytes that one event may have: stream name, producer and payload together.
pub const MAX_EVENT_BYTES: usize = 16 << 20;

/// The most bytes that the events of one request may have together.
pub const MAX_REQUEST_BYTES: usize = 64 << 20;

/// The most bytes that the name of a stream or of a producer may have.
pub const MAX_NAME_BYTES: usize = 4096;

/// An event with its stored form, made on the appender's thread.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The event as it will be recorded, save for its place, which is still to come: made here so that the writer, which
    /// there is one of, only fills that in.
    pub event: Arc<Recorded>,
    /// The form of the fields that are stored.
    pub codec: Codec,
    /// The fields in that form.
    pub payload: Vec<u8>,
}

impl Prepared {
    /// Encodes an event.
    ///
    /// # Errors
    /// When the event has no JSON form.
    pub fn new(event: NewEvent) -> Result<Self, serde_json::Error> {
        let stored = event.event.to_stored()?;
        Ok(Self::stored(event, stored))
    }

    /// An event whose fields are known in a form.
    #[must_use]
    pub fn stored(event: NewEvent, (codec, payload): (Codec, Vec<u8>)) -> Self {
        // Any name will do until the stream is known.
        let nowhere = (0, Arc::clone(&event.producer), 0);
        Self { event: Arc::new(event.placed(nowhere, Timestamp::default())), codec, payload }
    }

    /// The event at its place.
    pub(crate) fn placed(mut self, place: (u64, Arc<str>, u64), recorded_at: Timestamp) -> Arc<Recorded> {
        // It is copied only where whoever appends it keeps it, too.
        let event = Arc::make_mut(&mut self.event);
        (event.position, event.stream, event.stream_revision) = place;
        event.recorded_at = recorded_at;
        self.event
    }
}

/// An append to one stream: all of it or nothing.
#[derive(Clone, Debug)]
pub struct Request {
    /// Name of the stream.
    pub stream: Arc<str>,
    /// What the appender knows of it.
    pub expected: Expected,
    /// What to do with known ids.
    pub duplicates: Duplicates,
    /// In this order, without gaps between them.
    pub events: Vec<Prepared>,
}

impl Request {
    /// Whether every event is small enough to be taken, and all together.
    pub(crate) fn check_sizes(&self) -> Result<(), AppendError> {
        let mut together = 0;
        self.events.iter().enumerate().try_for_each(|(index, event)| {
            let longest_name = self.stream.len().max(event.event.producer.len());
            let bytes = self.stream.len() + event.event.producer.len() + event.payload.len();
            if longest_name > MAX_NAME_BYTES {
                return Err(AppendError::TooLarge { index, bytes: longest_name, limit: MAX_NAME_BYTES });
            }
            if bytes > MAX_EVENT_BYTES {
                return Err(AppendError::TooLarge { index, bytes, limit: MAX_EVENT_BYTES });
            }
            together += bytes;
            if together > MAX_REQUEST_BYTES {
                return Err(AppendError::TooLarge { index, bytes: together, limit: MAX_REQUEST_BYTES });
            }
            Ok(())
        })
    }
}

/// Where an event ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its position.
    pub position: u64,
    /// Whether it was there before.
    pub duplicate: bool,
}

/// The answer to an append: it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// One for each event of the request, in its order.
    pub placed: Vec<Placed>,
    /// The stream's revision after it.
    pub revision: u64,
}

/// An event of a request whose id is already in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Which event of the request.
    pub index: usize,
    /// The position of the event with that id; nothing when both stand in the request itself.
    pub position: Option<u64>,
}

/// Why nothing was appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody else appended to the stream.
    #[error("stream {stream} is at revision {actual}, not at {expected}")]
    WrongRevision {
        /// The stream.
        stream: Arc<str>,
        /// What the appender believed.
        expected: u64,
        /// What it is.
        actual: u64,
    },
    /// [`Duplicates::Refuse`] met known ids.
    #[error("{} of the events are already in the log", .0.len())]
    Duplicates(Vec<Duplicate>),
    /// An event, a name in it, or the request up to it is larger than the log takes.
    #[error("event {index} of the request makes {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// Which event of the request.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// An event has no stored form: whoever made it is at fault, not the log.
    #[error("{event_type} cannot be encoded: {message}")]
    Encode {
        /// The type of the event.
        event_type: &'static str,
        /// Why.
        message: Arc<str>,
    },
    /// The disk failed or the folder is read-only. The log takes nothing more until it is opened again; what was
    /// acknowledged is kept. Whether this request is, shows then; to repeat it is safe.
    #[error("the event log is stopped: {0}")]
    Stopped(Arc<str>),
}

/// Why nothing could be read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk failed.
    #[error("reading {file}: {message}")]
    Io {
        /// The file.
        file: Arc<str>,
        /// What the system said.
        message: Arc<str>,
    },
    /// The bytes are not what was written.
    #[error("{file} is damaged at byte {at}: {message}")]
    Damaged {
        /// The file.
        file: Arc<str>,
        /// Where in it.
        at: u64,
        /// What is wrong and what to do.
        message: Arc<str>,
    },
    /// The stored event is not known to this version.
    #[error("event at position {position}: {message}")]
    Decode {
        /// The event.
        position: u64,
        /// Why.
        message: Arc<str>,
    },
}

/// Events in order of position, with the position up to which the log was looked at.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The events of the wanted families.
    pub events: Vec<Arc<Recorded>>,
    /// Every event up to here was looked at; read on after it.
    pub read_to: u64,
}

/// The log: the only way from one part to another.
pub trait EventLog: Send + Sync {
    /// The log's own id, made when it was created.
    fn log_id(&self) -> Uuid;

    /// Appends atomically; answers when the events are durable.
    ///
    /// # Errors
    /// See [`AppendError`]; save for [`AppendError::Stopped`] nothing was appended then.
    fn append(&self, request: Request) -> Result<Appended, AppendError>;

    /// Appends several requests, each atomic, in their order; answers when all are durable. A request that fails
    /// does not keep the later ones back.
    fn append_all(&self, requests: Vec<Request>) -> Vec<Result<Appended, AppendError>> {
        requests.into_iter().map(|request| self.append(request)).collect()
    }

    /// The position of the last durable event.
    fn head(&self) -> u64;

    /// How many events lie after one position and not after another; nothing where the log cannot count them.
    fn count(&self, after: u64, to: u64) -> Option<u64>;

    /// The revision of a stream's last event; 0 when there is none.
    ///
    /// # Errors
    /// When the disk fails.
    fn revision(&self, stream: &str) -> Result<u64, ReadError>;

    /// A stream's events with a revision above `after`, oldest first, at most `max`.
    ///
    /// # Errors
    /// When the disk fails or the log is damaged.
    fn read_stream(&self, stream: &str, after: u64, max: usize) -> Result<Vec<Arc<Recorded>>, ReadError>;

    /// A stream's events with a revision below `before`, newest first, at most `max`. `u64::MAX` starts at the end.
    ///
    /// # Errors
    /// When the disk fails or the log is damaged.
    fn read_stream_back(
        &self,
        stream: &str,
        before: u64,
        max: usize,
    ) -> Result<Vec<Arc<Recorded>>, ReadError>;

    /// Events after a position, of some families; looks at `max` events at most.
    ///
    /// # Errors
    /// When the disk fails or the log is damaged.
    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, ReadError>;

    /// The event at a position, if there is one.
    ///
    /// # Errors
    /// When the disk fails or the log is damaged.
    fn event_at(&self, position: u64) -> Result<Option<Arc<Recorded>>, ReadError> {
        let Some(after) = position.checked_sub(1) else { return Ok(None) };
        let next = self.read_all(after, FamilySet::ALL, 1)?.events.pop();
        Ok(next.filter(|event| event.position == position))
    }

    /// The position of an event id, however old.
    ///
    /// # Errors
    /// When the disk fails or the log is damaged.
    fn position_of(&self, event_id: Uuid) -> Result<Option<u64>, ReadError>;

    /// Catches up from a position, then follows live, without a gap. Memory is bounded however slow the reader is.
    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription>;

    /// Why the log takes nothing more, if so.
    fn stopped(&self) -> Option<Arc<str>>;
}

/// A reader's place in the log.
pub trait Subscription: Send {
    /// The next events, at most `max` looked at; waits until there are some or the time is over. A batch without
    /// events may come before the time is over: its `read_to` advances over events of other families.
    ///
    /// # Errors
    /// When the disk fails or the log is damaged.
    fn next(&mut self, max: usize, wait: Duration) -> Result<Batch, ReadError>;
}
