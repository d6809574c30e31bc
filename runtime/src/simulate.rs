//! The steps of a process one at a time, with the time handed in: what the seeded simulation turns.
//!
//! These are the parts that a process runs on threads, not models of them. Nothing here starts a thread, waits or
//! reads a clock.

use std::sync::Arc;

use events::{Timestamp, Uuid};
use store::{AppendError, EventLog, Recorder};

use crate::{
    clock::Clock,
    run,
    status::Status,
    system::{StartError, SystemConfig},
};
pub use crate::{
    cycle::{Cycle, CycleError, Doing},
    roster::{ALL, Kind, Played, Stepped},
};

/// Records the start of a process and what changed in its configuration, as [`crate::system::System::start`] does.
///
/// # Errors
/// When the log cannot be read or appended to; the process does not start then.
pub fn record_start(
    log: &Arc<dyn EventLog>,
    run_id: Uuid,
    config: &SystemConfig,
    moment: Timestamp,
) -> Result<(), StartError> {
    run::record_start(&Recorder::new(log, run_id, "host"), config, moment)
}

/// The clock of a process with the deadlines that its actors told.
pub struct SteppedClock {
    clock: Clock,
    statuses: Vec<Arc<Status>>,
}

impl SteppedClock {
    /// The clock of a process that has just started: no actor has told a deadline.
    pub fn new(log: &Arc<dyn EventLog>, run_id: Uuid) -> Self {
        Self { clock: Clock::new(Recorder::new(log, run_id, "clock")), statuses: Vec::new() }
    }

    /// An actor tells when it wants to be woken; nothing: not, or it does not know.
    pub fn tell(&mut self, actor: &'static str, deadline: Option<Timestamp>) {
        if !self.statuses.iter().any(|status| status.name == actor) {
            self.statuses.push(Arc::new(Status::new(actor)));
        }
        let told = self.statuses.iter().filter(|status| status.name == actor);
        told.for_each(|status| status.set_deadline(deadline));
    }

    /// Appends a timer for every deadline that is reached at a moment.
    ///
    /// # Errors
    /// When the log takes nothing; to be tried again.
    pub fn turn(&mut self, moment: Timestamp) -> Result<(), AppendError> {
        self.clock.turn(&self.statuses, moment)
    }

    /// Compares the clock with the log, as a process does all the time; answers what is wrong with it.
    ///
    /// # Errors
    /// What the log said; to be tried again.
    pub fn compare(&mut self, moment: Timestamp) -> Result<Option<String>, String> {
        self.clock.watch(moment).map_err(|error| error.to_string())
    }
}
