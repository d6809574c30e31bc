//! The actors, in one table: whoever does something with every actor walks it.
//!
//! What is done with an actor is written once for any [`Decider`]; the table holds it without the type.

use std::{io, sync::Arc, thread::JoinHandle};

use actors::{Decider, PerformanceAnalyst, Scheduler, StrategyGuard};
use events::Recorded;
use store::{EventLog, ReadError, Snapshots};

use crate::{
    held::{self, Held, HeldError},
    host,
    record::Recorder,
    status::Status,
    verify::{self, Findings},
};

type Start = fn(Recorder, Option<Snapshots>, Arc<Status>) -> io::Result<JoinHandle<()>>;
type Hold = fn(&Arc<dyn EventLog>, Option<&Snapshots>, u64) -> Result<Held, HeldError>;
type Check = fn(&Arc<dyn EventLog>, Option<&Snapshots>) -> Result<Box<dyn Checked>, ReadError>;

/// What is done with an actor by those who do not care which it is.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Of the decisions that it takes now.
    pub(crate) rules_version: u32,
    /// Whether strategies stand without a guard when it is out of service.
    pub(crate) guards: bool,
    /// Starts it on a thread of its own.
    pub(crate) start: Start,
    /// What it held when it decided on an input.
    pub(crate) held: Hold,
    /// Takes its decisions again, fed with the log from its beginning.
    pub(crate) check: Check,
}

/// An actor whose decisions are taken again.
pub(crate) trait Checked: Send {
    /// The next event of the log.
    fn feed(&mut self, event: &Recorded, findings: &mut Findings) -> Result<(), ReadError>;

    /// The log is at its end.
    fn finish(&mut self, findings: &mut Findings) -> Result<(), ReadError>;
}

impl Kind {
    pub(crate) const fn of<D: Decider>() -> Self {
        Self {
            name: D::NAME,
            rules_version: D::RULES_VERSION,
            guards: D::GUARDS,
            start: host::start::<D>,
            held: held::held_by::<D>,
            check: |log, snapshots| Ok(Box::new(verify::Check::<D>::new(log, snapshots)?)),
        }
    }
}

/// Every actor.
pub(crate) const ALL: &[Kind] =
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
    pub fn standard() -> Self {
        Self(ALL.to_vec())
    }

    /// No actor.
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
