//! What every part of a simulated process stands on: the log with its faults, time, chance, and what went wrong.

use std::sync::Arc;

use events::{Event, NewEvent, Timestamp, Uuid, id};
use runtime::simulate::SteppedClock;
use store::{Duplicates, EventLog, Expected, Prepared, Request, Snapshots};
use tempfile::TempDir;

use super::{
    faulty_log::{Fault, FaultyLog, VirtualClock},
    random::Random,
};

/// A fault that the system does not have, to see that it would be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// None.
    None,
    /// The log appends requests in part.
    TornAppends,
    /// A source goes on before its batch is durable.
    OffsetBeforeAppend,
    /// A projection saves its position apart from its documents.
    ViewsForgetPosition,
}

/// See the head of the module.
pub(super) struct Stage {
    /// Chance.
    pub random: Random,
    /// What is broken on purpose.
    pub breakage: Breakage,
    /// Time.
    pub clock: VirtualClock,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The run of the process.
    pub run_id: Uuid,
    /// The clock of the process.
    pub timers: SteppedClock,
    /// Promises that were not kept.
    pub violations: Vec<String>,
    faulty: Arc<FaultyLog>,
    /// The two places of snapshots.
    pub snapshots: [Snapshots; 2],
    _folder: TempDir,
    facts: u64,
}

impl Stage {
    /// An empty log on the first of March 2025.
    pub(super) fn new(seed: u64, breakage: Breakage) -> Self {
        let clock = VirtualClock::at(crate::at("2025-03-01T00:00:00Z"));
        let stamps = clock.clone();
        // Nobody may count with positions.
        let stride = if seed % 4 == 3 { 7 } else { 1 };
        let faulty = Arc::new(FaultyLog::new(Arc::new(move || stamps.now()), stride));
        let log: Arc<dyn EventLog> = Arc::clone(&faulty) as Arc<dyn EventLog>;
        let folder = tempfile::tempdir().expect("invariant: a test may write files");
        let snapshots = ["one", "other"].map(|name| {
            let opened = Snapshots::open(&folder.path().join(name), log.log_id());
            opened.expect("invariant: a test may write files")
        });
        Self {
            random: Random::new(seed),
            breakage,
            clock,
            run_id: Uuid::nil(),
            timers: SteppedClock::new(&log, Uuid::nil()),
            violations: Vec::new(),
            log,
            faulty,
            snapshots,
            _folder: folder,
            facts: 0,
        }
    }

    /// The moment that it is.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Another process begins.
    pub(super) fn next_run(&mut self) {
        self.facts += 1;
        self.run_id = id::derive(&[b"simulated.run", &self.facts.to_le_bytes()]);
        self.timers = SteppedClock::new(&self.log, self.run_id);
    }

    /// Arms a fault now and then, for one step.
    pub(super) fn arm(&mut self) -> bool {
        let fault = match (self.breakage, self.random.below(100)) {
            (Breakage::TornAppends, 0..12) => Some(Fault::Torn),
            (_, 0..8) => Some(Fault::Refused),
            (_, 8..16) => Some(Fault::AnswerLost),
            _ => None,
        };
        self.faulty.arm(fault);
        fault.is_some()
    }

    /// The step is over. Answers whether a fault that was armed came up.
    pub(super) fn disarm(&self, armed: bool) -> bool {
        armed && self.faulty.arm(None).is_none()
    }

    /// How many events a reader sees at a time from here on.
    pub(super) fn set_reach(&self, events: usize) {
        self.faulty.set_reach(events);
    }

    /// Where an actor that starts now finds its snapshot: nowhere, or in one of two places, of which one holds the
    /// older one.
    pub(super) fn draw_snapshots(&mut self) -> Option<Snapshots> {
        let drawn = self.random.place(3);
        self.snapshots.get(drawn).cloned()
    }

    /// A fact that is repeated until it is known to be in the log.
    pub(super) fn tell(&mut self, stream: &str, producer: &str, event: Event) {
        self.facts += 1;
        let event_id = id::derive(&[b"simulated.fact", &self.facts.to_le_bytes()]);
        let event = NewEvent::root(event_id, self.now(), &Arc::from(producer), self.run_id, event);
        let prepared = Prepared::new(event).expect("invariant: facts have a JSON form");
        loop {
            let armed = self.arm();
            let (stream, events) = (Arc::from(stream), vec![prepared.clone()]);
            let request = Request { stream, expected: Expected::Any, duplicates: Duplicates::Skip, events };
            let appended = self.log.append(request);
            self.disarm(armed);
            if appended.is_ok() {
                return;
            }
        }
    }
}
