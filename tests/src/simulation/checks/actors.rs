//! What each actor decided is what an undisturbed one decides on the same facts in the same order.

use std::sync::Arc;

use events::{NewEvent, Recorded, Uuid};
use runtime::{
    simulate::{self, Kind},
    verify::{Findings, Verifier},
};
use store::{ReadError, Snapshots};

use super::Evidence;

/// Decisions that are missing, doubled, different or out of order.
pub(super) fn violations(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations: Vec<_> = simulate::ALL.iter().flat_map(|kind| of_actor(kind, evidence)).collect();
    violations.extend(evidence.snapshots.iter().flat_map(|snapshots| of_verify(evidence, snapshots)));
    violations
}

fn of_actor(kind: &Kind, evidence: &Evidence<'_>) -> Vec<String> {
    let (name, stream) = (kind.name(), kind.stream());
    let recorded: Vec<_> = evidence.events.iter().filter(|event| *event.stream == *stream).collect();
    let expected = undisturbed(kind, evidence.events);
    let mut violations = Vec::new();
    if recorded.len() != expected.len() {
        let (recorded, expected) = (recorded.len(), expected.len());
        violations.push(format!("{name} took {recorded} decisions, undisturbed {expected}"));
    }
    let differing = recorded.iter().zip(&expected).find(|(recorded, expected)| !is_same(recorded, expected));
    violations.extend(differing.map(|(recorded, expected)| {
        format!("{name} at {}: recorded {recorded:?}, undisturbed {expected:?}", recorded.position)
    }));
    let sinks = |pair: &[&Arc<Recorded>]| pair[0].basis_position > pair[1].basis_position;
    violations.extend(recorded.windows(2).find(|pair| sinks(pair)).map(|pair| {
        format!("{name}: the basis falls from {:?} to {:?}", pair[0].basis_position, pair[1].basis_position)
    }));
    let ahead =
        recorded.iter().find(|event| event.basis_position.is_none_or(|basis| basis >= event.position));
    violations.extend(ahead.map(|event| format!("{name}: the basis of {event:?} is not before it")));
    violations
}

/// The decisions of an actor that never crashed.
fn undisturbed(kind: &Kind, events: &[Arc<Recorded>]) -> Vec<NewEvent> {
    let mut actor = kind.play(Uuid::nil());
    events.iter().flat_map(|event| actor.take(event)).collect()
}

/// Everything but the run, which is the one that happened to decide.
fn is_same(recorded: &Recorded, expected: &NewEvent) -> bool {
    recorded.event_id == expected.event_id
        && recorded.event == expected.event
        && recorded.occurred_at == expected.occurred_at
        && recorded.producer == expected.producer
        && recorded.correlation_id == expected.correlation_id
        && recorded.causation_id == expected.causation_id
        && recorded.basis_position == expected.basis_position
        && recorded.rules_version == expected.rules_version
}

fn of_verify(evidence: &Evidence<'_>, snapshots: &Snapshots) -> Option<String> {
    let found = verify(evidence, snapshots).expect("invariant: a log in memory is readable");
    let clean = found.differences.is_empty()
        && found.more_differences == 0
        && !found.notes.iter().any(|note| note.contains("snapshot"))
        && (found.pending, found.other_rules, found.unverifiable) == (0, 0, 0)
        && found.reproduced == found.decisions;
    (!clean).then(|| format!("verify finds {found:?}"))
}

fn verify(evidence: &Evidence<'_>, snapshots: &Snapshots) -> Result<Findings, ReadError> {
    let mut verifier = Verifier::new(evidence.log, Some(snapshots))?;
    evidence.events.iter().try_for_each(|event| verifier.feed(event))?;
    verifier.finish()
}
