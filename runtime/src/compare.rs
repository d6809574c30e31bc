//! After a start: the state of each actor that came from a snapshot is compared with what the log folds to. Where they
//! differ the actor folds anew, and a halt that the wrong state kept it from is decided late rather than never.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    thread,
    time::Duration,
};

use events::{Event, SnapshotDiffered, id};
use store::{AppendError, ReadError, now, panic_message};

use crate::{
    audit::{Audited, Mark, Missed},
    roster::Kind,
    status::ActorState,
    supervisor,
    system::Shared,
};

/// How often the actors are looked at.
const LOOK: Duration = Duration::from_millis(50);

/// How long an instance that is replaced may take to end.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Why an actor could not be compared.
#[derive(Debug, thiserror::Error)]
enum CompareError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("{0}")]
    Panic(String),
}

/// What is known of an actor.
enum Known {
    /// Nothing yet.
    Nothing,
    /// Its state is that of the log. Once it has decided on everything up to a position, what it missed before is known.
    State(Box<dyn Audited>, u64),
    /// All.
    All,
    /// It could not be compared; the next start tries again.
    GivenUp,
}

/// Compares whatever comes from a snapshot, until the process ends: an actor that failed starts from one, too.
pub(crate) fn run(shared: &Shared) {
    let mut known: Vec<Known> = shared.current().iter().map(|_| Known::Nothing).collect();
    while !shared.stopping() {
        for (index, known) in known.iter_mut().enumerate() {
            let before = std::mem::replace(known, Known::GivenUp);
            let turned = catch_unwind(AssertUnwindSafe(|| turn(shared, index, before)));
            match turned.unwrap_or_else(|panic| Err(CompareError::Panic(panic_message(&*panic)))) {
                Ok(after) => {
                    if matches!(after, Known::All) {
                        shared.slot(index).1.set_compared();
                    }
                    *known = after;
                }
                Err(_) if shared.stopping() => {}
                Err(error) => {
                    let actor = shared.slot(index).0.name;
                    tracing::error!(
                        actor, %error,
                        "the actor's state could not be compared with the log; the next start tries again"
                    );
                }
            }
        }
        thread::sleep(LOOK);
    }
}

fn turn(shared: &Shared, index: usize, known: Known) -> Result<Known, CompareError> {
    let (kind, status) = shared.slot(index);
    if matches!(known, Known::GivenUp) {
        return Ok(known);
    }
    if let Some(snapshot) = status.snapshot() {
        return compare(shared, index, snapshot);
    }
    match known {
        // Without a snapshot there is nothing to compare, but a state that was wrong before may have missed something.
        Known::Nothing if status.is(ActorState::Running) => {
            state(kind, (kind.audit)(&shared.log)?, shared.log.head())
        }
        Known::State(mut audit, up_to) if status.position() >= up_to && status.is(ActorState::Running) => {
            if !audit.fold_to(up_to, &|| shared.stopping())? {
                return Ok(Known::Nothing);
            }
            audit.missed().into_iter().try_for_each(|missed| make_up(shared, missed))?;
            Ok(Known::All)
        }
        other => Ok(other),
    }
}

fn state(kind: Kind, audit: Box<dyn Audited>, up_to: u64) -> Result<Known, CompareError> {
    Ok(if kind.guards { Known::State(audit, up_to) } else { Known::All })
}

fn compare(shared: &Shared, index: usize, snapshot: Mark) -> Result<Known, CompareError> {
    let (kind, status) = shared.slot(index);
    let mut audit = (kind.audit)(&shared.log)?;
    if !audit.fold_to(snapshot.position, &|| shared.stopping())? {
        return Ok(Known::Nothing);
    }
    let found = audit.mark();
    if found == snapshot {
        status.trust();
        return state(kind, audit, shared.log.head());
    }
    match differs(shared, index, snapshot, found)? {
        Some(up_to) => state(kind, audit, up_to),
        None => Ok(Known::Nothing),
    }
}

/// The state is not the log's: its instance ends, that is told, the snapshot is put aside, and another instance folds anew.
/// Answers where it was told; nothing when the process ends meanwhile: the next start finds the snapshot again.
fn differs(shared: &Shared, index: usize, snapshot: Mark, found: Mark) -> Result<Option<u64>, CompareError> {
    let (kind, old) = shared.slot(index);
    let Some(snapshots) = &shared.snapshots else { return Ok(None) };
    let actor = kind.name;
    let position = snapshot.position;
    let kept_as = snapshots.name_aside(kind.name);
    old.tell("its snapshot differed from the log; it folds anew");
    old.replace();
    if !shared.ends(index, END_PATIENCE) {
        return Ok(None);
    }
    tracing::error!(
        actor,
        position,
        kept_as,
        "the snapshot of the actor's state differs from what the log folds to; it is put aside, and the actor folds anew"
    );
    let event = SnapshotDiffered {
        actor: actor.to_owned(),
        position,
        kept_as: kept_as.clone(),
        snapshot_digest: snapshot.digest,
        log_digest: found.digest,
    };
    let (recorder, moment) = (&shared.recorder, now());
    let id = id::derive(&[b"snapshot.differed", recorder.run_id.as_bytes(), &moment.micros().to_le_bytes()]);
    let told = recorder.root(id, moment, Event::SnapshotDiffered(event));
    // Told first: a kill in between leaves the snapshot to be found again, never a wrong decision without a word.
    let appended = recorder.append(supervisor::STREAM, told)?;
    snapshots.put_aside(actor, &kept_as)?;
    shared.succeed(index, &old)?;
    Ok(appended.placed.first().map(|placed| placed.position))
}

fn make_up(shared: &Shared, missed: Missed) -> Result<(), CompareError> {
    let Missed { cause, correlation, halt } = missed;
    let (strategy, position) = (halt.strategy.clone(), halt.at_position);
    tracing::error!(
        strategy,
        position,
        "a halt was missed, as the guard's state was wrong; it is decided now"
    );
    let id = id::derive(&[b"halt.missed", cause.as_bytes(), strategy.as_bytes()]);
    let mut event = shared.recorder.root(id, now(), Event::HaltMissed(halt));
    (event.causation_id, event.correlation_id) = (Some(cause), correlation);
    shared.recorder.append(supervisor::STREAM, event)?;
    Ok(())
}
