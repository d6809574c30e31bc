//! What is recorded of actors that fail. Who decides that one has failed is elsewhere (`host`, `system`).

use events::{ActorFailed, ActorQuarantined, AlertKind, AlertRaised, Event, NewEvent, Severity, Uuid, id};
use store::{self, AppendError, Expected, Recorder, now};

/// The stream of failures, quarantines and what follows from them.
pub(crate) const STREAM: &str = "supervisor";

/// Failures at one input after which an actor is taken out of service, panics and standing still together.
pub(crate) const MAX_FAILURES: u32 = 3;

/// Records that an actor failed at an input. A log that takes nothing more is told elsewhere.
pub(crate) fn record_failure(
    recorder: &Recorder,
    actor: &str,
    at_position: u64,
    message: &str,
    attempt: u32,
) {
    let (actor, message) = (actor.to_owned(), message.to_owned());
    let moment = now();
    let id = id::derive(&[b"actor.failed", recorder.run_id.as_bytes(), &moment.micros().to_le_bytes()]);
    let event = Event::ActorFailed(ActorFailed { actor, at_position, message, attempt });
    tell(recorder.append(STREAM, recorder.root(id, moment, event)));
}

/// Takes an actor out of service. Strategies that stand without a guard are reduced by the stand-in.
pub(crate) fn record_quarantine(recorder: &Recorder, actor: &str, at_position: u64, message: &str) {
    let moment = now();
    let id = id::derive(&[b"actor.quarantined", recorder.run_id.as_bytes(), actor.as_bytes()]);
    let quarantined = ActorQuarantined { actor: actor.to_owned(), at_position, message: message.to_owned() };
    let root = recorder.root(id, moment, Event::ActorQuarantined(quarantined));
    let alert = Event::AlertRaised(AlertRaised {
        kind: AlertKind::ActorQuarantined,
        subject: actor.to_owned(),
        severity: Severity::Critical,
        message: format!("{actor} cannot get past position {at_position} and is out of service: {message}"),
    });
    let alert = caused(&root, b"alert", actor, alert);
    tell(store::append(&*recorder.log, STREAM, Expected::Any, vec![root, alert]));
}

/// An event that follows from a quarantine; its id is derived, so that it is recorded once.
pub(crate) fn caused(cause: &NewEvent, kind: &[u8], subject: &str, event: Event) -> NewEvent {
    let id = id::derive(&[b"supervisor", kind, cause.event_id.as_bytes(), subject.as_bytes()]);
    let mut caused = cause.clone();
    caused.event_id = id;
    caused.causation_id = Some(cause.event_id);
    caused.event = event;
    caused
}

fn tell<T>(appended: Result<T, AppendError>) {
    if let Err(error) = appended {
        tracing::error!(%error, "the failure of an actor could not be recorded");
    }
}

/// The id of the run that a process starts.
pub(crate) fn fresh_run_id(log_id: Uuid) -> Uuid {
    let (moment, pid) = (now().micros(), std::process::id());
    id::derive(&[b"run", log_id.as_bytes(), &moment.to_le_bytes(), &pid.to_le_bytes()])
}
