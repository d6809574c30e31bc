//! Time enters the log as events: when the moment that an actor waits for is reached, `TimerDue` is appended, once.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use events::{Event, TimerDue, Timestamp, id};
use store::AppendError;

use crate::{
    record::{Recorder, now},
    status::Status,
};

/// How often deadlines are looked at: a timer is at most this much late.
const TICK: Duration = Duration::from_millis(20);

/// Watches the actors' deadlines.
pub(crate) struct Clock {
    recorder: Recorder,
    fired: BTreeMap<&'static str, Timestamp>,
}

impl Clock {
    pub(crate) const fn new(recorder: Recorder) -> Self {
        Self { recorder, fired: BTreeMap::new() }
    }

    /// Appends a timer for every deadline that is reached.
    pub(crate) fn turn(&mut self, statuses: &[Arc<Status>], moment: Timestamp) -> Result<(), AppendError> {
        for status in statuses {
            let Some(due_at) = status.deadline().filter(|due_at| *due_at <= moment) else { continue };
            // The actor's deadline stays until it has read the timer.
            if self.fired.get(status.name) == Some(&due_at) {
                continue;
            }
            fire(&self.recorder, status.name, due_at, moment)?;
            self.fired.insert(status.name, due_at);
        }
        Ok(())
    }
}

/// Appends a timer; its id is derived from actor and moment, so it is there once.
pub(crate) fn fire(
    recorder: &Recorder,
    actor: &str,
    due_at: Timestamp,
    noticed_at: Timestamp,
) -> Result<(), AppendError> {
    let event = Event::TimerDue(TimerDue { actor: actor.to_owned(), due_at, noticed_at });
    recorder.append(&stream(actor), recorder.root(id::timer(actor, due_at), due_at, event))?;
    Ok(())
}

/// The stream of an actor's timers.
pub(crate) fn stream(actor: &str) -> String {
    format!("timers-{actor}")
}

/// Runs the clock until told to stop; it stands still while `held` says so.
pub(crate) fn run(
    mut clock: Clock,
    statuses: &dyn Fn() -> Vec<Arc<Status>>,
    held: &dyn Fn() -> bool,
    stop: &dyn Fn() -> bool,
) {
    while !stop() {
        thread::sleep(TICK);
        if held() {
            continue;
        }
        if let Err(error) = clock.turn(&statuses(), now()) {
            tracing::error!(%error, "a timer could not be recorded; it is tried again");
            thread::sleep(Duration::from_secs(1));
        }
    }
}
