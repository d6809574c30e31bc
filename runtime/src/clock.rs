//! Time enters the log as events: when the moment that an actor waits for is reached, `TimerDue` is appended, once.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use events::{Event, TimerDue, Timestamp, Uuid, id};
use store::{AppendError, Recorder, now};

use crate::{
    clock_watch::{ClockWatch, WatchError},
    status::Status,
};

/// How often deadlines are looked at: a timer is at most this much late.
const TICK: Duration = Duration::from_millis(20);

/// How long the comparison with the log rests after a failure; timers go on meanwhile.
const PAUSE: Duration = Duration::from_secs(30);

/// Watches the actors' deadlines, and the clock itself.
pub(crate) struct Clock {
    recorder: Recorder,
    watch: ClockWatch,
    fired: BTreeMap<&'static str, Timestamp>,
    accepted: u64,
}

impl Clock {
    pub(crate) fn new(recorder: Recorder) -> Self {
        let watch = ClockWatch::new(recorder.clone());
        Self { recorder, watch, fired: BTreeMap::new(), accepted: 0 }
    }

    /// Compares the clock with the log; answers what is wrong with it.
    pub(crate) fn watch(&mut self, moment: Timestamp) -> Result<Option<String>, WatchError> {
        self.watch.turn(moment)?;
        if self.accepted != self.watch.accepted() {
            self.accepted = self.watch.accepted();
            self.fired.clear();
        }
        Ok(self.watch.problem(moment))
    }

    /// Appends a timer for every deadline that is reached.
    pub(crate) fn turn(&mut self, statuses: &[Arc<Status>], moment: Timestamp) -> Result<(), AppendError> {
        for status in statuses {
            let Some(due_at) = status.deadline().filter(|due_at| *due_at <= moment) else { continue };
            // The actor's deadline stays until it has read the timer.
            if self.fired.get(status.name) == Some(&due_at) {
                continue;
            }
            let id = id::timer_after(self.accepted, status.name, due_at);
            fire(&self.recorder, id, status.name, due_at, moment)?;
            self.fired.insert(status.name, due_at);
        }
        Ok(())
    }
}

/// Appends a timer; its id is derived from actor and moment, so it is there once.
fn fire(
    recorder: &Recorder,
    id: Uuid,
    actor: &str,
    due_at: Timestamp,
    noticed_at: Timestamp,
) -> Result<(), AppendError> {
    let event = Event::TimerDue(TimerDue { actor: actor.to_owned(), due_at, noticed_at });
    recorder.append(&stream(actor), recorder.root(id, due_at, event)).map(drop)
}

/// The stream of an actor's timers.
pub(crate) fn stream(actor: &str) -> String {
    format!("timers-{actor}")
}

/// Runs the clock until told to stop. Timers wait while `held` says so; `tell` is told what is wrong with the clock.
pub(crate) fn run(
    mut clock: Clock,
    statuses: &dyn Fn() -> Vec<Arc<Status>>,
    held: &dyn Fn() -> bool,
    stop: &dyn Fn() -> bool,
    tell: &dyn Fn(Option<String>),
) {
    let mut pause = Duration::ZERO;
    while !stop() {
        thread::sleep(TICK);
        pause = pause.saturating_sub(TICK);
        match pause.is_zero().then(|| clock.watch(now())) {
            None => {}
            Some(Ok(problem)) => tell(problem),
            Some(Err(error)) => {
                tracing::error!(%error, "the clock could not be compared with the log; it is tried again");
                pause = PAUSE;
            }
        }
        if held() {
            continue;
        }
        if let Err(error) = clock.turn(&statuses(), now()) {
            tracing::error!(%error, "a timer could not be recorded; it is tried again");
            thread::sleep(Duration::from_secs(1));
        }
    }
}
