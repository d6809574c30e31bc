//! All actors of a process, with their supervisor and clock.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use events::{Event, Uuid};
use store::{AppendError, EventLog, ReadError, Recorder, Snapshots, now};

use crate::{
    clock::{self, Clock},
    clock_watch, compare,
    roster::Kind,
    run,
    stall::Behind,
    stand_in::StandIn,
    status::{ActorState, ActorStatus, Status},
    supervisor::{self, MAX_FAILURES},
};

pub use crate::roster::Roster;

/// What the actors of a process need.
#[derive(Clone, Debug)]
pub struct SystemConfig {
    /// Version of tradewarden.
    pub version: String,
    /// The command that runs: `run`, `disable` …
    pub command: String,
    /// Digest of the whole configuration, secrets left out.
    pub config_digest: String,
    /// What the actors are configured with, one event each: `StrategyGuardConfigured` …
    pub configured: Vec<Event>,
    /// Where snapshots of the actors' states are kept; nowhere: each start folds the whole log.
    pub snapshots: Option<PathBuf>,
    /// How long an actor may stand at one input before it is treated like one that panicked.
    pub stall_after: Duration,
}

/// Why the actors could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The log takes nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The system refused a folder or a thread.
    #[error("starting the actors: {0}")]
    Io(#[from] std::io::Error),
}

/// An actor's place: what starts it, its instance in service, and the threads of its instances that have not ended: one, and
/// one more for each that stood still for good, of which three at an input end in quarantine.
pub(crate) struct Slot {
    kind: Kind,
    status: Arc<Status>,
    /// The instance has no thread yet.
    is_due: bool,
    threads: Vec<JoinHandle<()>>,
    behind: Behind,
}

impl Slot {
    fn new(kind: Kind) -> Self {
        let status = Arc::new(Status::new(kind.name));
        Self { kind, status, is_due: true, threads: Vec::new(), behind: Behind::default() }
    }
}

/// A process's actors at work.
pub struct System {
    run_id: Uuid,
    shared: Arc<Shared>,
    watchers: Mutex<Vec<JoinHandle<()>>>,
}

/// The lock of the slots is held for looking and setting alone, never while something is read or appended: who wants to
/// know how the actors are does not wait for the disk.
pub(crate) struct Shared {
    pub(crate) log: Arc<dyn EventLog>,
    pub(crate) recorder: Recorder,
    pub(crate) snapshots: Option<Snapshots>,
    slots: Mutex<Vec<Slot>>,
    stop: AtomicBool,
    hold_clock: AtomicBool,
    clock_problem: Mutex<Option<String>>,
}

/// Looks after the actors so often.
const WATCH: Duration = Duration::from_millis(200);

/// How long the threads may take to end; those that do not are left to the end of the process.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

impl System {
    /// Records the run and what changed in the configuration, then starts the actors. The clock stands still until
    /// [`System::release_clock`]: a schedule that fell due while the process was down waits for the facts.
    ///
    /// # Errors
    /// When the log cannot be read or appended to, or the system refuses threads.
    pub fn start(log: &Arc<dyn EventLog>, config: &SystemConfig) -> Result<Self, StartError> {
        Self::start_roster(log, config, Roster::standard())
    }

    /// [`System::start`] with a choice of actors.
    ///
    /// # Errors
    /// As [`System::start`].
    pub fn start_roster(
        log: &Arc<dyn EventLog>,
        config: &SystemConfig,
        Roster(kinds): Roster,
    ) -> Result<Self, StartError> {
        let run_id = supervisor::fresh_run_id(log.log_id());
        let recorder = Recorder::new(log, run_id, "host");
        run::record_start(&recorder, config, now())?;
        let snapshots = match &config.snapshots {
            Some(folder) => Some(Snapshots::open(folder, log.log_id())?),
            None => None,
        };
        let shared = Arc::new(Shared {
            log: Arc::clone(log),
            recorder,
            snapshots,
            slots: Mutex::new(kinds.into_iter().map(Slot::new).collect()),
            stop: AtomicBool::new(false),
            hold_clock: AtomicBool::new(true),
            clock_problem: Mutex::new(None),
        });
        // Before the first fact comes in: a guard behind whose back the clock was set cannot know.
        let mut clock = Clock::new(Recorder::new(log, run_id, "clock"));
        match clock.watch(now()) {
            Ok(problem) => shared.tell_clock(problem),
            Err(error) => tracing::error!(%error, "the clock could not be compared with the log"),
        }
        shared.start_due()?;
        let watchers = vec![watch(&shared, config.stall_after)?, tick(&shared, clock)?, compare(&shared)?];
        Ok(Self { run_id, shared, watchers: Mutex::new(watchers) })
    }

    /// The run that this process recorded.
    pub const fn run_id(&self) -> Uuid {
        self.run_id
    }

    /// Lets time pass: the sources have reached the end of what they read, or were given up on.
    pub fn release_clock(&self) {
        self.shared.hold_clock.store(false, SeqCst);
    }

    /// The stream of the operators' words about the clock.
    pub const CLOCK_REQUESTS: &'static str = clock_watch::REQUESTS;

    /// What is wrong with the clock, in words.
    pub fn clock_problem(&self) -> Option<String> {
        self.shared.clock_problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What each actor is doing.
    pub fn status(&self) -> Vec<ActorStatus> {
        self.shared.current().iter().map(|status| status.show()).collect()
    }

    /// Waits until every actor in service has decided on everything up to a position, and on what followed from it.
    /// Answers whether they have.
    pub fn wait_for(&self, position: u64, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        loop {
            let statuses = self.shared.current();
            let done =
                |status: &Arc<Status>| status.position() >= position || status.is(ActorState::Quarantined);
            if statuses.iter().all(done) {
                return true;
            }
            if Instant::now() >= until {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Stops every actor after its turn, with a snapshot. One that hangs is not waited for: what it has decided is in
    /// the log, and the next start decides the rest.
    pub fn stop(&self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.current().iter().for_each(|status| status.tell_to_stop());
        let mut threads = std::mem::take(&mut *self.watchers.lock().unwrap_or_else(PoisonError::into_inner));
        // Of each actor the last instance alone: one that was replaced may never end.
        threads.extend(self.shared.slots().iter_mut().filter_map(|slot| slot.threads.pop()));
        let until = Instant::now() + STOP_PATIENCE;
        while threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(2));
        }
        for thread in threads {
            if thread.is_finished() {
                let _ = thread.join();
            } else {
                let name = thread.thread().name().unwrap_or_default();
                tracing::warn!(
                    "{name} does not end and is left behind; the next start goes on where it stood"
                );
            }
        }
    }
}

impl Shared {
    pub(crate) fn current(&self) -> Vec<Arc<Status>> {
        self.slots().iter().map(|slot| Arc::clone(&slot.status)).collect()
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell_clock(&self, problem: Option<String>) {
        *self.clock_problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// An actor with its instance in service.
    pub(crate) fn slot(&self, index: usize) -> (Kind, Arc<Status>) {
        let slots = self.slots();
        (slots[index].kind, Arc::clone(&slots[index].status))
    }

    /// Waits until the threads of an actor have ended, for so long; answers whether to go on: not when all end.
    pub(crate) fn ends(&self, index: usize, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let works = || self.slots()[index].threads.iter().any(|thread| !thread.is_finished());
        while works() && Instant::now() < until && !self.stopping() {
            thread::sleep(Duration::from_millis(2));
        }
        !self.stopping()
    }

    /// Another instance takes over from one that was replaced.
    pub(crate) fn succeed(&self, index: usize, old: &Status) -> std::io::Result<()> {
        let mut slots = self.slots();
        let slot = &mut slots[index];
        slot.status = Arc::new(old.successor());
        slot.behind = Behind::default();
        slot.is_due = true;
        drop(slots);
        self.start_due()
    }

    /// Gives a thread to every instance that has none, unless all are to end.
    fn start_due(&self) -> std::io::Result<()> {
        if self.stopping() {
            return Ok(());
        }
        for slot in self.slots().iter_mut().filter(|slot| slot.is_due) {
            let (recorder, snapshots) = (self.recorder.clone(), self.snapshots.clone());
            slot.threads.retain(|thread| !thread.is_finished());
            slot.threads.push((slot.kind.start)(recorder, snapshots, Arc::clone(&slot.status))?);
            slot.is_due = false;
        }
        Ok(())
    }

    /// Replaces actors that stand still. The old instance's thread cannot be ended; should it wake up, its stream's
    /// revision has moved on and it cannot append.
    fn replace_stalled(&self, passed: Duration, stall_after: Duration) -> std::io::Result<()> {
        for (index, status) in self.look(passed, stall_after) {
            let position = status.begun();
            let attempts = status.fails_again(position);
            let message = format!("no progress for {} s", stall_after.as_secs_f64());
            tracing::error!(actor = status.name, position, attempts, message, "the actor stands still");
            supervisor::record_failure(&self.recorder, status.name, position, &message, attempts);
            status.replace();
            if attempts >= MAX_FAILURES {
                supervisor::record_quarantine(&self.recorder, status.name, position, &message);
                status.quarantine();
                continue;
            }
            let mut slots = self.slots();
            slots[index].status = Arc::new(status.successor());
            slots[index].is_due = true;
        }
        self.start_due()
    }

    /// Looks at every actor; answers those that stood at one input for too long.
    fn look(&self, passed: Duration, stall_after: Duration) -> Vec<(usize, Arc<Status>)> {
        let head = self.log.head();
        let mut stalled = Vec::new();
        for (index, slot) in self.slots().iter_mut().enumerate() {
            let status = &slot.status;
            let state = status.show().state;
            let works =
                matches!(state, ActorState::Running | ActorState::Starting | ActorState::WaitingForLog);
            let place = (works && status.position() < head).then(|| status.place());
            if slot.behind.look(place, passed) <= stall_after {
                continue;
            }
            if status.is_appending() {
                status.tell(&format!(
                    "its decisions wait for the disk for over {} s",
                    stall_after.as_secs_f64()
                ));
                status.set(ActorState::WaitingForLog);
            } else {
                slot.behind = Behind::default();
                stalled.push((index, Arc::clone(status)));
            }
        }
        stalled
    }
}

fn watch(shared: &Arc<Shared>, stall_after: Duration) -> Result<JoinHandle<()>, StartError> {
    let guards = shared.slots().iter().filter(|slot| slot.kind.guards).map(|slot| slot.kind.name).collect();
    let mut stand_in =
        StandIn::new(Recorder::new(&shared.log, shared.recorder.run_id, "supervisor"), guards)?;
    let shared = Arc::clone(shared);
    let watch = move || {
        let mut looked_at = Instant::now();
        while !shared.stopping() {
            thread::sleep(WATCH);
            if let Err(error) = stand_in.turn(&shared.current()) {
                tracing::error!(%error, "the supervisor could not follow the log; it tries again");
            }
            let passed = looked_at.elapsed();
            looked_at = Instant::now();
            if let Err(error) = shared.replace_stalled(passed, stall_after) {
                tracing::error!(%error, "a stalled actor could not be replaced; it is tried again");
            }
        }
    };
    Ok(thread::Builder::new().name("supervisor".into()).spawn(watch)?)
}

fn tick(shared: &Arc<Shared>, clock: Clock) -> Result<JoinHandle<()>, StartError> {
    let shared = Arc::clone(shared);
    let tick = move || {
        let held = || shared.hold_clock.load(SeqCst);
        let tell = |problem| shared.tell_clock(problem);
        clock::run(clock, &|| shared.current(), &held, &|| shared.stopping(), &tell);
    };
    Ok(thread::Builder::new().name("clock".into()).spawn(tick)?)
}

/// Beside the work, so that a large log is ready at once.
fn compare(shared: &Arc<Shared>) -> Result<JoinHandle<()>, StartError> {
    let shared = Arc::clone(shared);
    Ok(thread::Builder::new().name("compare".into()).spawn(move || compare::run(&shared))?)
}
