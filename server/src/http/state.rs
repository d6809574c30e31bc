//! What the handlers share.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use intake::{TradeFormat, admit::Admission};

use crate::{calls::Sources, few::Few, folder::Token, parts::Part, problem::Problem};

/// Everything that the handlers work with.
pub(crate) struct AppState {
    /// Answers calls.
    pub sources: Sources,
    /// Lets in.
    pub token: Token,
    /// How records of trades are read.
    pub trades: TradeFormat,
    /// Takes facts in.
    pub admission: Admission,
    /// Everything that runs.
    pub parts: Vec<Arc<dyn Part>>,
    /// What came in over HTTP since the start of the process.
    pub taken_over_http: Tally,
    /// Who was not let in.
    pub refused: Refused,
}

/// Tells of requests that were not let in: a wrong token may be a guess, or a bot whose reports go nowhere.
pub(crate) struct Refused(Mutex<Few>);

impl Default for Refused {
    fn default() -> Self {
        Self(Mutex::new(Few::new(Instant::now())))
    }
}

impl Refused {
    /// Tells of one; what it showed and asked for in the address is told to nobody.
    pub(crate) fn tell(&self, why: &Problem, method: &str, path: &str, from: Option<SocketAddr>) {
        let mut few = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(more) = few.turned(Instant::now()) {
            tracing::warn!("{more} more requests were not let in since");
        }
        if few.next_is_told() {
            let from = from.map_or_else(|| "somewhere".to_owned(), |from| from.to_string());
            let path: String = path.chars().take(PATH_SHOWN).collect();
            // What to do about it is for whoever asks.
            let why = why.detail.split([':', ';']).next().unwrap_or_default();
            tracing::warn!("{method} {path} from {from} was not let in: {why}");
        }
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        let more = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).untold();
        if more > 0 {
            tracing::warn!("{more} more requests were not let in since");
        }
    }
}

/// As much of a path is told.
const PATH_SHOWN: usize = 100;

/// Counts what became of facts.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    taken: AtomicU64,
    duplicate: AtomicU64,
    rejected: AtomicU64,
}

impl Tally {
    /// Adds the facts of a request.
    pub(crate) fn add(&self, taken: u64, duplicate: u64, rejected: u64) {
        self.taken.fetch_add(taken, Ordering::Relaxed);
        self.duplicate.fetch_add(duplicate, Ordering::Relaxed);
        self.rejected.fetch_add(rejected, Ordering::Relaxed);
    }

    /// Taken, duplicate, rejected.
    pub(crate) fn counts(&self) -> [u64; 3] {
        [&self.taken, &self.duplicate, &self.rejected].map(|count| count.load(Ordering::Relaxed))
    }
}
