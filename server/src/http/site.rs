//! What the handlers share.

use std::sync::atomic::{AtomicU64, Ordering};

use runtime::{
    intake::{TradeFormat, admit::Admission},
    kafka::PublisherStatus,
};

use super::health::Part;
use crate::{calls::Desk, folder::Token};

/// Asks a part of the process how it is.
pub type Probe = Box<dyn Fn() -> Part + Send + Sync>;

/// Asks the publisher how it stands.
pub type PublisherProbe = Box<dyn Fn() -> PublisherStatus + Send + Sync>;

/// Everything that the handlers work with.
pub struct Site {
    /// Answers calls.
    pub desk: Desk,
    /// Lets in.
    pub token: Token,
    /// How records of trades are read.
    pub trades: TradeFormat,
    /// Takes facts in.
    pub admission: Admission,
    /// Sources and publisher.
    pub probes: Vec<Probe>,
    /// How the publisher stands; nothing where there is none.
    pub publisher: Option<PublisherProbe>,
    /// What came in over HTTP since the start of the process.
    pub taken_over_http: Tally,
}

/// Counts what became of facts.
#[derive(Debug, Default)]
pub struct Tally {
    taken: AtomicU64,
    duplicate: AtomicU64,
    rejected: AtomicU64,
}

impl Tally {
    /// Adds the facts of a request.
    pub fn add(&self, taken: u64, duplicate: u64, rejected: u64) {
        self.taken.fetch_add(taken, Ordering::Relaxed);
        self.duplicate.fetch_add(duplicate, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// Taken, duplicate, rejected.
    pub fn counts(&self) -> [u64; 3] {
        [&self.taken, &self.duplicate, &self.rejected].map(|count| count.load(Ordering::Relaxed))
    }
}
