//! The promises, each checked from the log alone. What an actor should have decided is folded anew, and worked out by
//! judges that share no code with it.

mod actors;
mod intake;
mod schedules;
mod views;

use std::sync::Arc;

use events::Recorded;
use store::{EventLog, Snapshots};

use super::{bot::Partitions, viewer::Viewer};
use crate::judge;

/// What is left of a run that has come to rest.
pub(super) struct Evidence<'e> {
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
pub(super) fn all(evidence: &Evidence<'_>) -> Vec<String> {
    let mut violations = intake::violations(evidence);
    violations.extend(actors::violations(evidence));
    violations.extend(judge::violations(evidence.events));
    violations.extend(schedules::violations(evidence));
    violations.extend(views::violations(evidence));
    violations
}
