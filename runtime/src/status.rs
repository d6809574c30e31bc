//! What an actor tells about itself: progress rather than life.
//!
//! Every atomic is `SeqCst`: the clock reads a deadline that holds for a position, the supervisor a place of two numbers, and
//! a few such reads a second cost nothing. Where only counts are told (`kafka`), `Relaxed` is enough.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::SeqCst},
};

use events::Timestamp;
use serde::Serialize;

use crate::{
    audit::Mark,
    stall::{Attempts, Place},
};
use store::now;

/// What an actor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorState {
    /// Not one turn is done yet.
    Starting,
    /// Reads and decides.
    Running,
    /// Failed, and waits before it folds anew.
    BackingOff,
    /// Its decisions wait for the log for too long: the disk is slow or hangs.
    WaitingForLog,
    /// Stands at an input for too long; another instance takes over.
    Stalled,
    /// Taken out of service.
    Quarantined,
    /// Ended.
    Stopped,
}

/// Shared between an actor's thread and those who watch it.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) name: &'static str,
    position: AtomicU64,
    begun: AtomicU64,
    decided: AtomicU64,
    advanced_at: AtomicI64,
    deadline: AtomicI64,
    stop: AtomicBool,
    appending: AtomicBool,
    replaced: AtomicBool,
    snapshot: Mutex<Option<Mark>>,
    compared: AtomicBool,
    told: Mutex<Told>,
    /// Of the actor, not of this instance.
    attempts: Arc<Mutex<Attempts>>,
}

#[derive(Debug)]
struct Told {
    state: ActorState,
    failures: u64,
    message: Option<String>,
}

/// An actor as shown to people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct ActorStatus {
    /// Name of the actor.
    pub actor: &'static str,
    /// What it is doing.
    pub state: ActorState,
    /// Everything up to here has been decided.
    pub position: u64,
    /// Decisions since the start.
    pub decided: u64,
    /// Failures since the start.
    pub failures: u64,
    /// When it last got on.
    pub advanced_at: Timestamp,
    /// The next moment at which it wants to be woken.
    pub next_deadline: Option<Timestamp>,
    /// Whether its state is known to be what the log folds to, and nothing to have been missed before the start.
    pub compared: bool,
    /// The last failure in words.
    pub message: Option<String>,
}

impl Status {
    pub(crate) fn new(name: &'static str) -> Self {
        let told = Told { state: ActorState::Starting, failures: 0, message: None };
        Self {
            name,
            position: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            decided: AtomicU64::new(0),
            advanced_at: AtomicI64::new(now().micros()),
            deadline: AtomicI64::new(i64::MAX),
            stop: AtomicBool::new(false),
            appending: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            snapshot: Mutex::new(None),
            compared: AtomicBool::new(false),
            told: Mutex::new(told),
            attempts: Arc::default(),
        }
    }

    /// The status of the instance that takes over from this one.
    pub(crate) fn successor(&self) -> Self {
        let (failures, message) = {
            let told = self.told();
            (told.failures, told.message.clone())
        };
        let told = Told { state: ActorState::Starting, failures, message };
        Self { told: Mutex::new(told), attempts: Arc::clone(&self.attempts), ..Self::new(self.name) }
    }

    /// The input that is being worked on.
    pub(crate) fn begin(&self, position: u64) {
        self.begun.store(position, SeqCst);
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    /// Where it is; moves with every input.
    pub(crate) fn place(&self) -> Place {
        (self.begun(), self.position())
    }

    /// Its decisions are on their way to the disk: it is not it that stands still.
    pub(crate) fn set_appending(&self, appending: bool) {
        self.appending.store(appending, SeqCst);
    }

    pub(crate) fn is_appending(&self) -> bool {
        self.appending.load(SeqCst)
    }

    /// The snapshot that its state came from, if it did.
    pub(crate) fn set_snapshot(&self, snapshot: Option<Mark>) {
        self.compared.store(false, SeqCst);
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// The same, until it was compared with the log.
    pub(crate) fn snapshot(&self) -> Option<Mark> {
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It is what the log folds to.
    pub(crate) fn trust(&self) {
        self.set_snapshot(None);
    }

    /// Nothing is left to be compared.
    pub(crate) fn set_compared(&self) {
        self.compared.store(true, SeqCst);
    }

    /// One failure more at an input, of this instance or of the ones before it; answers how many.
    pub(crate) fn fails_again(&self, position: u64) -> u32 {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).again(position)
    }

    pub(crate) fn got_past(&self, position: u64) {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).got_past(position);
    }

    pub(crate) fn advance(&self, position: u64, decided: usize) {
        if self.position.swap(position, SeqCst) != position {
            self.advanced_at.store(now().micros(), SeqCst);
        }
        self.decided.fetch_add(decided as u64, SeqCst);
    }

    pub(crate) fn position(&self) -> u64 {
        self.position.load(SeqCst)
    }

    pub(crate) fn set_deadline(&self, deadline: Option<Timestamp>) {
        self.deadline.store(deadline.map_or(i64::MAX, Timestamp::micros), SeqCst);
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let us = self.deadline.load(SeqCst);
        (us != i64::MAX).then(|| Timestamp::from_micros(us))
    }

    pub(crate) fn tell_to_stop(&self) {
        self.stop.store(true, SeqCst);
    }

    pub(crate) fn is_told_to_stop(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// Another instance takes over: what this one still does counts for nothing.
    pub(crate) fn replace(&self) {
        self.replaced.store(true, SeqCst);
        self.tell_to_stop();
        self.set(ActorState::Stalled);
    }

    pub(crate) fn is_replaced(&self) -> bool {
        self.replaced.load(SeqCst)
    }

    /// Who is out of service stays so, whatever a late instance says of itself.
    pub(crate) fn set(&self, state: ActorState) {
        let mut told = self.told();
        if told.state != ActorState::Quarantined {
            told.state = state;
        }
    }

    pub(crate) fn is(&self, state: ActorState) -> bool {
        self.told().state == state
    }

    pub(crate) fn tell(&self, message: &str) {
        self.told().message = Some(message.to_owned());
    }

    pub(crate) fn failed(&self, message: &str) {
        self.set_deadline(None);
        let mut told = self.told();
        told.failures += 1;
        told.message = Some(message.to_owned());
        told.state = ActorState::BackingOff;
    }

    pub(crate) fn quarantine(&self) {
        self.set_deadline(None);
        self.set(ActorState::Quarantined);
    }

    pub(crate) fn show(&self) -> ActorStatus {
        let told = self.told();
        ActorStatus {
            actor: self.name,
            state: told.state,
            position: self.position(),
            decided: self.decided.load(SeqCst),
            failures: told.failures,
            advanced_at: Timestamp::from_micros(self.advanced_at.load(SeqCst)),
            next_deadline: self.deadline(),
            compared: self.compared.load(SeqCst) && self.snapshot().is_none(),
            message: told.message.clone(),
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
