//! All actors of a process, with their supervisor and clock.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use actors::{Decider, PerformanceAnalyst, Scheduler, StrategyGuard};
use events::{
    Event, NewEvent, PerformanceAnalystConfigured, RunStarted, Schedule, SchedulerConfigured,
    StrategyGuardConfigured, Timestamp, Uuid, id,
};
use store::{AppendError, EventLog, ReadError, Snapshots};

use crate::{
    clock::{self, Clock},
    host,
    record::{Recorder, now},
    status::{ActorState, ActorStatus, Status},
    supervisor::{self, StandIn},
};

/// What the actors of a process need.
#[derive(Clone, Debug)]
pub struct SystemConfig {
    /// Version of tradewarden.
    pub version: String,
    /// The command that runs: `run`, `disable` …
    pub command: String,
    /// Digest of the whole configuration, secrets left out.
    pub config_digest: String,
    /// Thresholds of StrategyGuard.
    pub guard: StrategyGuardConfigured,
    /// Limits of PerformanceAnalyst.
    pub analyst: PerformanceAnalystConfigured,
    /// Schedules by name.
    pub schedules: BTreeMap<String, Schedule>,
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

type Start = fn(Recorder, Option<Snapshots>, Arc<Status>) -> std::io::Result<JoinHandle<()>>;

/// The actors of a process.
pub struct Roster(Vec<Slot>);

impl Roster {
    /// StrategyGuard, PerformanceAnalyst and Scheduler.
    pub fn standard() -> Self {
        Self(Vec::new()).with::<StrategyGuard>().with::<PerformanceAnalyst>().with::<Scheduler>()
    }

    /// No actor.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// One actor more.
    #[must_use]
    pub fn with<D: Decider>(mut self) -> Self {
        let (threads, stalls) = (Vec::new(), (0, 0));
        self.0.push(Slot { name: D::NAME, guards: D::GUARDS, start: host::start::<D>, threads, stalls });
        self
    }
}

/// An actor's place: what starts it, and the threads of all its instances.
struct Slot {
    name: &'static str,
    guards: bool,
    start: Start,
    threads: Vec<JoinHandle<()>>,
    stalls: (u64, u32),
}

/// A process's actors at work.
pub struct System {
    run_id: Uuid,
    shared: Arc<Shared>,
    watchers: Vec<JoinHandle<()>>,
}

struct Shared {
    log: Arc<dyn EventLog>,
    recorder: Recorder,
    snapshots: Option<Snapshots>,
    statuses: Mutex<Vec<Arc<Status>>>,
    slots: Mutex<Vec<Slot>>,
    stop: AtomicBool,
    hold_clock: AtomicBool,
}

/// Looks after the actors so often.
const WATCH: Duration = Duration::from_millis(200);

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
        Roster(slots): Roster,
    ) -> Result<Self, StartError> {
        let run_id = supervisor::fresh_run_id(&**log);
        let recorder = Recorder::new(log, run_id, "host");
        record_start(&recorder, config, now())?;
        let snapshots = match &config.snapshots {
            Some(folder) => Some(Snapshots::open(folder, log.log_id())?),
            None => None,
        };
        let shared = Arc::new(Shared {
            log: Arc::clone(log),
            recorder,
            snapshots,
            statuses: Mutex::new(slots.iter().map(|slot| Arc::new(Status::new(slot.name))).collect()),
            slots: Mutex::new(slots),
            stop: AtomicBool::new(false),
            hold_clock: AtomicBool::new(true),
        });
        shared.start_all()?;
        let watchers = vec![watch(&shared, config.stall_after)?, tick(&shared)?];
        Ok(Self { run_id, shared, watchers })
    }

    /// The run that this process recorded.
    pub const fn run_id(&self) -> Uuid {
        self.run_id
    }

    /// Lets time pass: the sources have reached the end of what they read, or were given up on.
    pub fn release_clock(&self) {
        self.shared.hold_clock.store(false, SeqCst);
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

    /// Stops every actor after its turn, with a snapshot.
    pub fn stop(mut self) {
        self.shared.stop.store(true, SeqCst);
        self.shared.current().iter().for_each(|status| status.tell_to_stop());
        for watcher in self.watchers.drain(..) {
            let _ = watcher.join();
        }
        let slots = std::mem::take(&mut *self.shared.slots());
        for slot in slots {
            // Only the last instance: one that stands still may never end.
            if let Some(thread) = slot.threads.into_iter().last() {
                let _ = thread.join();
            }
        }
    }
}

impl Shared {
    fn current(&self) -> Vec<Arc<Status>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn slots(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_all(&self) -> std::io::Result<()> {
        let statuses = self.current();
        for (slot, status) in self.slots().iter_mut().zip(statuses) {
            slot.threads.push((slot.start)(self.recorder.clone(), self.snapshots.clone(), status)?);
        }
        Ok(())
    }

    fn stopping(&self) -> bool {
        self.stop.load(SeqCst)
    }

    /// Replaces actors that stand still. The old instance's thread cannot be ended; should it wake up, its stream's
    /// revision has moved on and it cannot append.
    fn replace_stalled(&self, stall_after: Duration) -> std::io::Result<()> {
        let head = self.log.head();
        let mut statuses = self.statuses.lock().unwrap_or_else(PoisonError::into_inner);
        for (slot, status) in self.slots().iter_mut().zip(statuses.iter_mut()) {
            if !supervisor::is_stalled(status, head, stall_after) {
                continue;
            }
            let position = status.begun();
            slot.stalls =
                if slot.stalls.0 == position { (position, slot.stalls.1 + 1) } else { (position, 1) };
            let message = format!("no progress for {} s", stall_after.as_secs());
            supervisor::record_failure(&self.recorder, slot.name, position, &message, slot.stalls.1);
            status.tell_to_stop();
            status.set(ActorState::Stalled);
            if slot.stalls.1 >= 3 {
                supervisor::record_quarantine(&self.recorder, slot.name, position, &message);
                status.quarantine();
                continue;
            }
            *status = Arc::new(Status::new(slot.name));
            slot.threads.push((slot.start)(
                self.recorder.clone(),
                self.snapshots.clone(),
                Arc::clone(status),
            )?);
        }
        Ok(())
    }
}

fn watch(shared: &Arc<Shared>, stall_after: Duration) -> Result<JoinHandle<()>, StartError> {
    let guards = shared.slots().iter().filter(|slot| slot.guards).map(|slot| slot.name).collect();
    let mut stand_in =
        StandIn::new(Recorder::new(&shared.log, shared.recorder.run_id, "supervisor"), guards)?;
    let shared = Arc::clone(shared);
    let watch = move || {
        while !shared.stopping() {
            thread::sleep(WATCH);
            if let Err(error) = stand_in.turn(&shared.current()) {
                tracing::error!(%error, "the supervisor could not follow the log; it tries again");
            }
            if let Err(error) = shared.replace_stalled(stall_after) {
                tracing::error!(%error, "a stalled actor could not be replaced; it is tried again");
            }
        }
    };
    Ok(thread::Builder::new().name("supervisor".into()).spawn(watch)?)
}

fn tick(shared: &Arc<Shared>) -> Result<JoinHandle<()>, StartError> {
    let clock = Clock::new(Recorder::new(&shared.log, shared.recorder.run_id, "clock"));
    let shared = Arc::clone(shared);
    let tick = move || {
        let held = || shared.hold_clock.load(SeqCst);
        clock::run(clock, &shared.statuses, &held, &|| shared.stopping());
    };
    Ok(thread::Builder::new().name("clock".into()).spawn(tick)?)
}

/// Versions of the rules, by actor.
fn rules_versions() -> BTreeMap<String, u32> {
    [
        (StrategyGuard::NAME, StrategyGuard::RULES_VERSION),
        (PerformanceAnalyst::NAME, PerformanceAnalyst::RULES_VERSION),
        (Scheduler::NAME, Scheduler::RULES_VERSION),
    ]
    .into_iter()
    .map(|(name, version)| (name.to_owned(), version))
    .collect()
}

/// Records a run and what changed in the configuration.
pub(crate) fn record_start(
    recorder: &Recorder,
    config: &SystemConfig,
    moment: Timestamp,
) -> Result<(), StartError> {
    record_run(recorder, config, moment)?;
    configure(recorder, config, moment)
}

fn record_run(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> Result<(), AppendError> {
    recorder.append(RUNS, run_started(recorder, config, moment))?;
    Ok(())
}

fn configure(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> Result<(), StartError> {
    for (actor, event) in configurations(config, moment) {
        let stream = config_stream(actor);
        let last = recorder.log.read_stream_back(&stream, u64::MAX, 1)?;
        if !last.first().is_some_and(|last| same_configuration(&last.event, &event)) {
            recorder.append(&stream, configured(recorder, actor, moment, event))?;
        }
    }
    Ok(())
}

/// The stream of the runs.
pub(crate) const RUNS: &str = "runs";

/// The start of a run.
pub(crate) fn run_started(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> NewEvent {
    let run_id = recorder.run_id;
    let event = Event::RunStarted(RunStarted {
        run_id,
        version: config.version.clone(),
        command: config.command.clone(),
        rules_versions: rules_versions(),
        config_digest: config.config_digest.clone(),
    });
    recorder.root(run_id, moment, event)
}

/// Every actor's configuration; schedules run from `since`.
pub(crate) fn configurations(config: &SystemConfig, since: Timestamp) -> [(&'static str, Event); 3] {
    let scheduler = SchedulerConfigured { since, schedules: config.schedules.clone() };
    [
        (StrategyGuard::NAME, Event::StrategyGuardConfigured(config.guard.clone())),
        (PerformanceAnalyst::NAME, Event::PerformanceAnalystConfigured(config.analyst.clone())),
        (Scheduler::NAME, Event::SchedulerConfigured(scheduler)),
    ]
}

/// The stream of an actor's configuration.
pub(crate) fn config_stream(actor: &str) -> String {
    format!("config-{actor}")
}

pub(crate) fn configured(recorder: &Recorder, actor: &str, moment: Timestamp, event: Event) -> NewEvent {
    let id = id::derive(&[b"configured", recorder.run_id.as_bytes(), actor.as_bytes()]);
    recorder.root(id, moment, event)
}

/// Schedules start from the moment they were configured; that moment alone is no change.
fn same_configuration(last: &Event, wanted: &Event) -> bool {
    match (last, wanted) {
        (Event::SchedulerConfigured(last), Event::SchedulerConfigured(wanted)) => {
            last.schedules == wanted.schedules
        }
        _ => last == wanted,
    }
}
