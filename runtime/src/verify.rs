//! Takes every decision of a log again, from the facts before it, and compares.
//!
//! What was recorded is folded, not what is decided now: one difference does not drag others along. Decisions of
//! another version of the rules are counted and folded, not compared.

use std::{collections::BTreeSet, sync::Arc};

use actors::{Decider, Fold};
use events::{
    Event, Recorded, Timestamp, Uuid, id,
    stream::{PUBLISHER_NOTES, TOPIC_SETTINGS},
};
use serde::Serialize;
use store::{EventLog, ReadError, SnapshotFault, Snapshots};

use crate::{
    cycle,
    explained::Explained,
    own::OwnDecisions,
    roster::{self, Checked},
    supervisor,
};

/// Differences that are listed; more are only counted.
const MAX_LISTED: usize = 1000;

/// A decision that is not the same when it is taken again.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The actor.
    pub actor: &'static str,
    /// The input that was decided on.
    pub basis_position: u64,
    /// The decision as recorded; nothing where none was.
    pub recorded: Option<Uuid>,
    /// In words.
    pub problem: String,
}

/// Of a snapshot that is whole and of this log's history, and yet not what its facts fold to.
const FORGED: &str = "the snapshot of the state differs from what the log folds to: it was not made by folding this log. \
    The next run puts it aside, folds the actor anew and decides the halts that it was kept from";

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Findings {
    /// Events looked at.
    pub events: u64,
    /// Decisions among them.
    pub decisions: u64,
    /// Decisions that are the same when they are taken again.
    pub reproduced: u64,
    /// Decisions of another version of the rules.
    pub other_rules: u64,
    /// Decisions that cannot be taken again: of an actor that this version does not have.
    pub unverifiable: u64,
    /// Inputs that the actors had not come to when the process ended: the next start decides on them.
    pub pending: u64,
    /// The actors whose decisions are unverifiable.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unknown_actors: BTreeSet<String>,
    /// What is worth knowing and no difference: a snapshot that cannot be used is folded anew, a clock was set back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What differs.
    pub differences: Vec<Difference>,
    /// How many differences are not listed.
    pub more_differences: u64,
    /// From this position on nothing was looked at, as the log could not be read there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_looked_at_from: Option<u64>,
}

/// Takes decisions again; fed with the whole log in order.
pub struct Verifier {
    checks: Vec<Box<dyn Checked>>,
    /// What the host itself may decide on: quarantines, and other logs on the decisions topic.
    host_causes: BTreeSet<Uuid>,
    findings: Findings,
    clock: Clock,
    /// The last event that was taken.
    taken: u64,
}

/// How `recorded_at` runs: it orders nothing, but a clock that was set back explains much.
#[derive(Default)]
struct Clock {
    newest: Timestamp,
    went_back: u64,
    first_at: u64,
}

impl Clock {
    fn feed(&mut self, event: &Recorded) {
        if event.recorded_at < self.newest {
            self.went_back += 1;
            self.first_at = if self.went_back == 1 { event.position } else { self.first_at };
        }
        self.newest = event.recorded_at;
    }

    fn note(&self) -> Option<String> {
        let (times, first) = (self.went_back, self.first_at);
        (times > 0).then(|| {
            format!("recorded_at goes back (times: {times}), first at position {first}: a clock was set back")
        })
    }
}

impl Verifier {
    /// A verifier for a log from its beginning; snapshots are compared where there are any.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn new(log: &Arc<dyn EventLog>, snapshots: Option<&Snapshots>) -> Result<Self, ReadError> {
        let checks = roster::ALL.iter().map(|kind| (kind.check)(log, snapshots));
        Ok(Self { checks: checks.collect::<Result<_, _>>()?, ..Self::of_nothing() })
    }

    /// For a log of which not even the newest decisions can be read: it looks at none.
    #[must_use]
    pub fn of_nothing() -> Self {
        let (findings, clock) = (Findings::default(), Clock::default());
        Self { checks: Vec::new(), host_causes: BTreeSet::new(), findings, clock, taken: 0 }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn feed(&mut self, event: &Recorded) -> Result<(), ReadError> {
        self.findings.events += 1;
        self.clock.feed(event);
        if event.event.is_decision() {
            self.findings.decisions += 1;
            self.check_producer(event);
        }
        if matches!(
            event.event,
            Event::ActorQuarantined(_)
                | Event::ActorRecovered(_)
                | Event::OtherPublisherSeen(_)
                | Event::OtherPublisherGone(_)
                | Event::TopicSettingsSeen(_)
        ) {
            self.host_causes.insert(event.event_id);
        }
        self.checks.iter_mut().try_for_each(|check| check.feed(event, &mut self.findings))?;
        self.taken = event.position;
        Ok(())
    }

    /// What was found so far, where the log could not be read to its end: nothing is said of what was not looked at.
    #[must_use]
    pub fn so_far(mut self) -> Findings {
        self.findings.not_looked_at_from = Some(self.taken + 1);
        self.findings.notes.extend(self.clock.note());
        self.findings
    }

    /// Ends: decisions on inputs that never were are differences too.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn finish(mut self) -> Result<Findings, ReadError> {
        self.checks.iter_mut().try_for_each(|check| check.finish(&mut self.findings))?;
        self.findings.notes.extend(self.clock.note());
        Ok(self.findings)
    }

    /// Decisions are taken by actors, each in its own stream, or by the host: because of a quarantine, of another log on
    /// the decisions topic, or of how the cluster keeps the trade topic. Those of an actor that this version does not have can be neither held nor blamed.
    fn check_producer(&mut self, event: &Recorded) {
        if let Some(name) = event.producer.strip_prefix("actor:") {
            match roster::of_stream(&event.stream) {
                Some(kind) if kind.name == name => {}
                None if *event.stream == *format!("actor-{name}") => {
                    self.findings.unverifiable += 1;
                    self.findings.unknown_actors.insert(name.to_owned());
                }
                _ => {
                    let problem = format!("{} stands in {}", event.event.event_type(), event.stream);
                    self.findings.differ("stranger", event.position, Some(event.event_id), problem);
                }
            }
            return;
        }
        let by_host = [supervisor::STREAM, PUBLISHER_NOTES].contains(&&*event.stream)
            || event.stream.starts_with(TOPIC_SETTINGS);
        if by_host && event.causation_id.is_some_and(|cause| self.host_causes.contains(&cause)) {
            self.findings.reproduced += 1;
            return;
        }
        let problem = format!("{} by {} has no cause of ours", event.event.event_type(), event.producer);
        self.findings.differ("supervisor", event.position, Some(event.event_id), problem);
    }
}

impl Findings {
    fn differ(&mut self, actor: &'static str, basis_position: u64, recorded: Option<Uuid>, problem: String) {
        if self.differences.len() >= MAX_LISTED {
            self.more_differences += 1;
            return;
        }
        self.differences.push(Difference { actor, basis_position, recorded, problem });
    }
}

/// One actor, decided again.
pub(crate) struct Check<D: Decider> {
    fold: Fold<D>,
    own: OwnDecisions,
    explained: Explained,
    snapshot: Option<Fold<D>>,
    unusable: Option<SnapshotFault>,
}

impl<D: Decider> Check<D> {
    pub(crate) fn new(log: &Arc<dyn EventLog>, snapshots: Option<&Snapshots>) -> Result<Self, ReadError> {
        let loaded = snapshots.map_or(Ok(None), |snapshots| cycle::load::<D>(log, snapshots));
        let (snapshot, unusable) = loaded.map_or_else(|fault| (None, Some(fault)), |found| (found, None));
        let (own, explained) = (OwnDecisions::after::<D>(log, 0)?, Explained::read::<D>(log));
        Ok(Self { fold: Fold::default(), own, explained, snapshot, unusable })
    }

    fn compare(
        &mut self,
        input: &Recorded,
        expected: &[Event],
        recorded: &[Arc<Recorded>],
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let rules = match recorded.first() {
            Some(first) => first.rules_version,
            None if expected.is_empty() => return Ok(()),
            None => self.own.next_rules_version()?,
        };
        if rules != Some(D::RULES_VERSION) {
            findings.other_rules += decisions(recorded);
            return Ok(());
        }
        for (n, recorded) in (0..).zip(recorded) {
            let expected = expected.get(n as usize);
            match problem::<D>(input, expected, recorded, n) {
                None => findings.reproduced += u64::from(recorded.event.is_decision()),
                Some(_) if self.explained.takes(input.position, &recorded.event) => {}
                Some(problem) => {
                    findings.differ(D::NAME, input.position, Some(recorded.event_id), problem);
                }
            }
        }
        for missing in expected.iter().skip(recorded.len()) {
            if self.explained.takes(input.position, missing) {
                continue;
            }
            let problem = format!("{} would be decided, but is not recorded", missing.event_type());
            findings.differ(D::NAME, input.position, None, problem);
        }
        Ok(())
    }

    fn compare_snapshot(&mut self, findings: &mut Findings) {
        let Some(snapshot) = self.snapshot.take_if(|snapshot| snapshot.position() <= self.fold.position())
        else {
            return;
        };
        if snapshot != self.fold {
            findings.differ(D::NAME, snapshot.position(), None, FORGED.to_owned());
        }
    }
}

impl<D: Decider> Checked for Check<D> {
    fn feed(&mut self, event: &Recorded, findings: &mut Findings) -> Result<(), ReadError> {
        if !Fold::<D>::families().contains(event.event.family()) {
            return Ok(());
        }
        let expected = self.fold.preview(event);
        if event.position > self.own.last_basis() {
            findings.pending += u64::from(!expected.is_empty());
            self.compare_snapshot(findings);
            return Ok(());
        }
        let recorded = self.own.take(event.position)?;
        self.compare(event, &expected, &recorded, findings)?;
        self.fold.replay_own(event.position, recorded.iter().map(AsRef::as_ref));
        self.compare_snapshot(findings);
        Ok(())
    }

    fn finish(&mut self, findings: &mut Findings) -> Result<(), ReadError> {
        if let Some(snapshot) = self.snapshot.take() {
            findings.differ(D::NAME, snapshot.position(), None, FORGED.to_owned());
        }
        if let Some(fault) = self.unusable.take() {
            findings.notes.push(fault.to_string());
        }
        findings.notes.extend(self.explained.note_of::<D>());
        for left in self.own.take(u64::MAX)? {
            let problem = format!("{} was decided on no input", left.event.event_type());
            findings.differ(D::NAME, left.basis_position.unwrap_or(0), Some(left.event_id), problem);
        }
        Ok(())
    }
}

fn decisions(recorded: &[Arc<Recorded>]) -> u64 {
    recorded.iter().filter(|event| event.event.is_decision()).count() as u64
}

/// How a recorded decision differs from the one taken now.
fn problem<D: Decider>(
    input: &Recorded,
    expected: Option<&Event>,
    recorded: &Recorded,
    ordinal: u32,
) -> Option<String> {
    let name = recorded.event.event_type();
    let Some(expected) = expected else {
        return Some(format!("{name} is recorded, but would not be decided"));
    };
    if recorded.basis_position != Some(input.position) || recorded.causation_id != Some(input.event_id) {
        return Some(format!("{name} names a cause or basis that is not this input"));
    }
    if recorded.event_id != id::decision(D::NAME, input.event_id, ordinal) {
        return Some(format!("{name} has an id that does not follow from its cause"));
    }
    (*expected != recorded.event).then(|| {
        let show = |event: &Event| serde_json::to_string(event).unwrap_or_default();
        format!("{name}: recorded {}, now {}", show(&recorded.event), show(expected))
    })
}
