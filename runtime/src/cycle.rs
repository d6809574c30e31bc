//! An actor's cycle, one turn at a time: read a batch, decide, append. It knows neither threads nor actix, so that
//! the host and the seeded simulation turn the same wheel.

use std::{sync::Arc, time::Duration};

use actors::{Decider, Fold};
use events::{NewEvent, Recorded, Timestamp, Uuid};
use store::{AppendError, EventLog, Expected, ReadError, Snapshots, Subscription};

use crate::{own::OwnDecisions, record};

/// Events looked at in one turn.
pub(crate) const BATCH: usize = 4096;

/// Inputs after which a snapshot is worth its write, at least.
const SNAPSHOT_EVERY: u64 = 100_000;

/// Why a turn failed; the actor refolds from the log.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Appending failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// A decider at work on a log.
pub struct Cycle<D: Decider> {
    log: Arc<dyn EventLog>,
    snapshots: Option<Snapshots>,
    run_id: Uuid,
    producer: Arc<str>,
    fold: Fold<D>,
    own: OwnDecisions,
    subscription: Box<dyn Subscription>,
    read_to: u64,
    saved_at: u64,
    saved_bytes: u64,
    /// Whether the state holds nothing but what is durable: not within a turn, nor after one that failed.
    sound: bool,
}

impl<D: Decider> Cycle<D> {
    /// Starts from the newest snapshot, or from the beginning.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn resume(
        log: &Arc<dyn EventLog>,
        snapshots: Option<Snapshots>,
        run_id: Uuid,
    ) -> Result<Self, ReadError> {
        let fold = snapshots.as_ref().and_then(load::<D>).filter(|fold| fold.position() <= log.head());
        let fold = fold.unwrap_or_default();
        let read_to = fold.position();
        Ok(Self {
            own: OwnDecisions::after::<D>(log, fold.revision())?,
            subscription: log.subscribe(read_to, Fold::<D>::families()),
            log: Arc::clone(log),
            snapshots,
            run_id,
            producer: Arc::from(format!("actor:{}", D::NAME)),
            fold,
            read_to,
            saved_at: read_to,
            saved_bytes: 0,
            sound: true,
        })
    }

    /// The actor with its state.
    pub const fn fold(&self) -> &Fold<D> {
        &self.fold
    }

    /// Everything up to here has been decided, and the decisions are durable.
    pub const fn position(&self) -> u64 {
        self.read_to
    }

    /// When the actor wants to be woken; only known once everything was read.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.fold.next_deadline()
    }

    /// Reads what is there, at most a batch, decides and appends. Answers how many decisions were taken.
    ///
    /// # Errors
    /// When the log cannot be read or appended to; the state then holds decisions that are not durable and has to
    /// be refolded.
    pub fn turn(&mut self, wait: Duration, at: &mut dyn FnMut(u64)) -> Result<usize, CycleError> {
        let batch = self.subscription.next(BATCH, wait)?;
        self.sound = false;
        let mut decisions = Vec::new();
        for input in &batch.events {
            at(input.position);
            self.take(input, &mut decisions)?;
        }
        let decided = decisions.len();
        if decided > 0 {
            let before = Expected::Revision(self.fold.revision() - decided as u64);
            record::append(&*self.log, &D::stream(), before, decisions)?;
        }
        self.read_to = self.read_to.max(batch.read_to);
        self.sound = true;
        self.save_if_due();
        Ok(decided)
    }

    /// What was decided before is folded, what was not is decided.
    fn take(&mut self, input: &Recorded, decisions: &mut Vec<NewEvent>) -> Result<(), ReadError> {
        if input.position <= self.own.last_basis() {
            let own = self.own.take(input.position)?;
            self.fold.replay(input, own.iter().map(AsRef::as_ref));
        } else {
            decisions.extend(self.fold.step(input, self.run_id, &self.producer));
        }
        Ok(())
    }

    /// Saves a snapshot when enough was read since the last one: more for a large state, so that writing stays cheap.
    fn save_if_due(&mut self) {
        let due = SNAPSHOT_EVERY.max(self.saved_bytes / 100);
        if self.fold.position() >= self.saved_at.saturating_add(due) {
            self.save();
        }
    }

    /// Saves a snapshot now. A snapshot is a cache: a failure is told and costs time only. After a turn that failed,
    /// or panicked, nothing is saved: the state holds decisions that are not durable, or half an input.
    pub fn save(&mut self) {
        let Some(snapshots) = &self.snapshots else { return };
        if !self.sound || self.fold.position() == self.saved_at {
            return;
        }
        let saved = postcard::to_allocvec(&self.fold).map_err(|error| error.to_string()).and_then(|state| {
            let saved = snapshots.save(D::NAME, D::STATE_VERSION, &state).map_err(|error| error.to_string());
            saved.map(|()| state.len() as u64)
        });
        match saved {
            Ok(bytes) => self.saved_bytes = bytes,
            Err(why) => tracing::warn!(actor = D::NAME, why, "snapshot not saved"),
        }
        self.saved_at = self.fold.position();
    }
}

/// An actor's newest usable snapshot.
pub(crate) fn load<D: Decider>(snapshots: &Snapshots) -> Option<Fold<D>> {
    let state = snapshots.load(D::NAME, D::STATE_VERSION)?;
    postcard::from_bytes(&state).ok()
}
