//! The actors, in one table: whoever does something with every actor walks it.
//!
//! What is done with an actor is written once for any [`Decider`]; the table holds it without the type.

use std::{io, sync::Arc, thread::JoinHandle, time::Duration};

use actors::{Decider, Fold, PerformanceAnalyst, Scheduler, StrategyGuard};
use events::{Event, NewEvent, Recorded, Timestamp, Uuid};
use store::{EventLog, ReadError, Recorder, Snapshots};

use crate::{
    audit::{Audit, Audited},
    cycle::{Cycle, CycleError},
    held::{self, Held, HeldError},
    host,
    status::Status,
    verify::{self, Findings},
};

type Start = fn(Recorder, Option<Snapshots>, Arc<Status>) -> io::Result<JoinHandle<()>>;
type Hold = fn(&Arc<dyn EventLog>, Option<&Snapshots>, u64) -> Result<Held, HeldError>;
type Configures = fn(&Event) -> bool;
type Play = fn(Uuid) -> Box<dyn Played>;
type Anew = fn(&Arc<dyn EventLog>) -> Result<Box<dyn Audited>, ReadError>;
type Resume = fn(&Arc<dyn EventLog>, Option<Snapshots>, Uuid) -> Result<Box<dyn Stepped>, ReadError>;
type Check = fn(&Arc<dyn EventLog>, Option<&Snapshots>) -> Result<Box<dyn Checked>, ReadError>;

/// What is done with an actor by those who do not care which it is.
#[derive(Clone, Copy)]
pub struct Kind {
    pub(crate) name: &'static str,
    stream: fn() -> String,
    /// Of the decisions that it takes now.
    pub(crate) rules_version: u32,
    /// Whether strategies stand without a guard when it is out of service.
    pub(crate) guards: bool,
    /// Whether an event is its configuration.
    pub(crate) configures: Configures,
    /// Starts it on a thread of its own.
    pub(crate) start: Start,
    /// What it held when it decided on an input.
    pub(crate) held: Hold,
    /// Folds it anew, beside its work.
    pub(crate) audit: Anew,
    /// Takes its decisions again, fed with the log from its beginning.
    pub(crate) check: Check,
    play: Play,
    resume: Resume,
}

/// An actor whose decisions are taken again.
pub(crate) trait Checked: Send {
    /// The next event of the log.
    fn feed(&mut self, event: &Recorded, findings: &mut Findings) -> Result<(), ReadError>;

    /// The log is at its end.
    fn finish(&mut self, findings: &mut Findings) -> Result<(), ReadError>;
}

/// An actor at work on a log, a turn at a time.
pub trait Stepped {
    /// Takes a turn over what is there, as a process does.
    ///
    /// # Errors
    /// As [`Cycle::turn`].
    fn turn(&mut self) -> Result<(), CycleError>;

    /// Up to where it has decided.
    fn position(&self) -> u64;

    /// When it wants to be woken; only known once everything was read.
    fn next_deadline(&self) -> Option<Timestamp>;

    /// Saves a snapshot.
    fn save(&mut self);
}

impl<D: Decider> Stepped for Cycle<D> {
    fn turn(&mut self) -> Result<(), CycleError> {
        self.turn(Duration::ZERO, &mut |_| {}).map(drop)
    }

    fn position(&self) -> u64 {
        self.position()
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.next_deadline()
    }

    fn save(&mut self) {
        self.save();
    }
}

/// An actor without a thread: what it decides is appended, or not, by who plays it.
pub trait Played {
    /// What it decides on an event.
    fn take(&mut self, event: &Recorded) -> Vec<NewEvent>;

    /// When it wants to be woken.
    fn next_deadline(&self) -> Option<Timestamp>;
}

struct Alone<D: Decider> {
    fold: Fold<D>,
    run_id: Uuid,
    producer: Arc<str>,
}

impl<D: Decider> Played for Alone<D> {
    fn take(&mut self, event: &Recorded) -> Vec<NewEvent> {
        self.fold.step(event, self.run_id, &self.producer)
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.fold.next_deadline()
    }
}

impl Kind {
    /// What is done with an actor.
    #[must_use]
    pub const fn of<D: Decider>() -> Self {
        Self {
            name: D::NAME,
            stream: D::stream,
            rules_version: D::RULES_VERSION,
            guards: D::GUARDS,
            configures: |event| D::configured(event).is_some(),
            start: host::start::<D>,
            held: held::held_by::<D>,
            audit: Audit::<D>::begin,
            check: |log, snapshots| Ok(Box::new(verify::Check::<D>::new(log, snapshots)?)),
            play: |run_id| {
                let producer = Arc::from(format!("actor:{}", D::NAME));
                Box::new(Alone::<D> { fold: Fold::default(), run_id, producer })
            },
            resume: |log, snapshots, run_id| {
                let mut cycle = Cycle::<D>::resume(log, snapshots, run_id)?;
                // Who steps is alone with the snapshots: nobody changes them, and no thread compares them.
                cycle.trust();
                Ok(Box::new(cycle))
            },
        }
    }

    /// The actor's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The stream that only it appends to.
    #[must_use]
    pub fn stream(&self) -> String {
        (self.stream)()
    }

    /// The actor on a log, from its snapshot or the beginning.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn resume(
        &self,
        log: &Arc<dyn EventLog>,
        snapshots: Option<Snapshots>,
        run_id: Uuid,
    ) -> Result<Box<dyn Stepped>, ReadError> {
        (self.resume)(log, snapshots, run_id)
    }

    /// The actor without a log, in a run.
    #[must_use]
    pub fn play(&self, run_id: Uuid) -> Box<dyn Played> {
        (self.play)(run_id)
    }
}

/// Every actor.
pub const ALL: &[Kind] =
    &[Kind::of::<StrategyGuard>(), Kind::of::<PerformanceAnalyst>(), Kind::of::<Scheduler>()];

/// The actor that appends to a stream.
pub(crate) fn of_stream(stream: &str) -> Option<&'static Kind> {
    let name = stream.strip_prefix("actor-")?;
    ALL.iter().find(|kind| kind.name == name)
}

/// The actors of a process.
pub struct Roster(pub(crate) Vec<Kind>);

impl Roster {
    /// Every actor.
    #[must_use]
    pub fn standard() -> Self {
        Self(ALL.to_vec())
    }

    /// No actor.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// One actor more.
    #[must_use]
    pub fn with<D: Decider>(mut self) -> Self {
        self.0.push(Kind::of::<D>());
        self
    }
}
