//! An actor's cycle, one turn at a time: read a batch, decide, append. It knows neither threads nor actix, so that
//! the host and the seeded simulation turn the same wheel.

use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::Arc,
    time::Duration,
};

use actors::{Decider, Fold};
use events::{NewEvent, Recorded, Timestamp, Uuid, id};
use store::{AppendError, EventLog, Expected, ReadError, Snapshot, SnapshotFault, Snapshots, Subscription};

use crate::{audit::Mark, own::OwnDecisions};

/// Events looked at in one turn.
pub(crate) const BATCH: usize = 4096;

/// Inputs after which a snapshot is worth its write, at least.
const SNAPSHOT_EVERY: u64 = 100_000;

/// The decisions of a turn, and the revision of the stream that they follow.
#[derive(Default)]
struct Decided {
    after: u64,
    events: Vec<NewEvent>,
}

/// What a cycle is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It decides on the input at this position.
    Deciding(u64),
    /// It appends what it has decided: how long that takes is the disk's affair.
    Appending,
}

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
    /// The snapshot that the state came from, until it is known to be what the log folds to.
    snapshot: Option<Mark>,
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
        let saved = load_or_warn::<D>(log, snapshots.as_ref());
        let snapshot = saved.as_ref().map(Mark::of);
        let fold = saved.unwrap_or_default();
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
            snapshot,
            sound: true,
        })
    }

    /// The actor with its state.
    pub const fn fold(&self) -> &Fold<D> {
        &self.fold
    }

    /// The snapshot that the state came from, until [`Self::trust`].
    pub(crate) const fn snapshot(&self) -> Option<Mark> {
        self.snapshot
    }

    /// The snapshot is known to be what the log folds to.
    pub const fn trust(&mut self) {
        self.snapshot = None;
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
    ///
    /// # Panics
    /// When the decider does; what it had decided on earlier inputs is appended before.
    pub fn turn(&mut self, wait: Duration, at: &mut dyn FnMut(Doing)) -> Result<usize, CycleError> {
        let batch = self.subscription.next(BATCH, wait)?;
        self.sound = false;
        let mut decided = Decided::default();
        let taken = catch_unwind(AssertUnwindSafe(|| {
            batch.events.iter().try_for_each(|input| {
                at(Doing::Deciding(input.position));
                self.take(input, &mut decided)
            })
        }));
        let decisions = decided.events.len();
        if decisions > 0 {
            self.append(decided, at)?;
        }
        taken.unwrap_or_else(|panic| resume_unwind(panic))?;
        self.read_to = self.read_to.max(batch.read_to);
        self.sound = true;
        self.save_if_due();
        Ok(decisions)
    }

    /// A decision that cannot be encoded fails at its input; what was decided on earlier ones holds, as with a panic.
    fn append(&self, decided: Decided, at: &mut dyn FnMut(Doing)) -> Result<(), CycleError> {
        let mut prepared = Vec::with_capacity(decided.events.len());
        let mut failed = None;
        for event in decided.events {
            let basis = event.basis_position;
            match store::prepare(event) {
                Ok(event) => prepared.push(event),
                Err(error) => {
                    prepared.retain(|earlier| earlier.event.basis_position < basis);
                    failed = Some((basis, error));
                    break;
                }
            }
        }
        if !prepared.is_empty() {
            at(Doing::Appending);
            store::append_prepared(&*self.log, &D::stream(), Expected::Revision(decided.after), prepared)?;
        }
        let Some((basis, error)) = failed else { return Ok(()) };
        at(Doing::Deciding(basis.unwrap_or(0)));
        Err(error.into())
    }

    /// What was decided before is folded, what was not is decided.
    fn take(&mut self, input: &Recorded, decided: &mut Decided) -> Result<(), ReadError> {
        if input.position <= self.own.last_basis() {
            let own = self.own.take(input.position)?;
            self.fold.replay(input, own.iter().map(AsRef::as_ref));
            return Ok(());
        }
        let before = self.fold.revision();
        let events = self.fold.step(input, self.run_id, &self.producer);
        if decided.events.is_empty() {
            decided.after = before;
        }
        decided.events.extend(events);
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
    /// or panicked, nothing is saved: the state holds decisions that are not durable, or half an input. Nor is a state that came
    /// from a snapshot which was not compared with the log yet: what is wrong would look like ours.
    pub fn save(&mut self) {
        let Some(snapshots) = &self.snapshots else { return };
        if !self.sound || self.snapshot.is_some() || self.fold.position() == self.saved_at {
            return;
        }
        match self.save_to(snapshots) {
            Ok(bytes) => self.saved_bytes = bytes,
            Err(why) => tracing::warn!(actor = D::NAME, why, "snapshot not saved"),
        }
        self.saved_at = self.fold.position();
    }

    fn save_to(&self, snapshots: &Snapshots) -> Result<u64, String> {
        let state = postcard::to_allocvec(&self.fold).map_err(|error| error.to_string())?;
        let after = mark_of(&self.log, self.fold.position()).map_err(|error| error.to_string())?;
        let snapshot = Snapshot { after, state };
        let saved = snapshots.save(D::NAME, D::STATE_VERSION, &snapshot);
        saved.map(|()| snapshot.state.len() as u64).map_err(|error| error.to_string())
    }
}

/// Tells the event at a position from every other one; nil where there is none. Its id alone does not: a trade that comes
/// again after a backup was restored has the same.
fn mark_of(log: &Arc<dyn EventLog>, position: u64) -> Result<Uuid, ReadError> {
    Ok(log.event_at(position)?.map_or(Uuid::nil(), |event| {
        id::derive(&[b"snapshot", event.event_id.as_bytes(), &event.recorded_at.micros().to_le_bytes()])
    }))
}

/// An actor's newest snapshot, if it is of this log's history.
///
/// # Errors
/// When there is one that cannot be used.
pub(crate) fn load<D: Decider>(
    log: &Arc<dyn EventLog>,
    snapshots: &Snapshots,
) -> Result<Option<Fold<D>>, SnapshotFault> {
    let Some(snapshot) = snapshots.load(D::NAME, D::STATE_VERSION)? else { return Ok(None) };
    let fault = |problem: &str| snapshots.fault(D::NAME, problem);
    let fold: Fold<D> = postcard::from_bytes(&snapshot.state)
        .map_err(|error| fault(&format!("does not hold the actor's state ({error})")))?;
    let found = mark_of(log, fold.position()).map_err(|error| fault(&format!("has no event ({error})")))?;
    if fold.position() > log.head() || found != snapshot.after {
        return Err(fault("is of another history of this log"));
    }
    Ok(Some(fold))
}

/// The same; one that cannot be used is told in the process's messages.
pub(crate) fn load_or_warn<D: Decider>(
    log: &Arc<dyn EventLog>,
    snapshots: Option<&Snapshots>,
) -> Option<Fold<D>> {
    load::<D>(log, snapshots?).unwrap_or_else(|fault| {
        tracing::warn!(actor = D::NAME, "{fault}");
        None
    })
}
