//! The promises, each checked from the log alone. What an actor should have decided is folded anew; what a guard must
//! never do is told by a model of its own that shares no code with it.

mod actors;
mod guard;
mod intake;
mod schedules;
mod views;

use std::sync::Arc;

use events::Recorded;
use store::{EventLog, Snapshots};

use super::{bot::Partitions, viewer::Viewer};

/// What is left of a run that has come to rest.
pub struct Evidence<'e> {
    /// The log.
    pub log: &'e Arc<dyn EventLog>,
    /// The snapshots that actors have left.
    pub snapshots: &'e [Snapshots; 2],
    /// Everything in the log.
    pub events: &'e [Arc<Recorded>],
    /// What the bot has published.
    pub topic: &'e Partitions,
    /// The views.
    pub viewers: &'e [Viewer],
}

/// Every promise that is broken.
pub fn all(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations = intake::violations(evidence);
    violations.extend(actors::violations(evidence));
    violations.extend(guard::violations(evidence));
    violations.extend(schedules::violations(evidence));
    violations.extend(views::violations(evidence));
    violations
}
