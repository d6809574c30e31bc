//! Folds an actor anew from the beginning of the log, beside its work. Its state came from a snapshot, a file that whoever
//! can write there can change; and a halt that a wrong state kept it from is noticed.

use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use actors::{Decider, Fold};
use events::{DecidedBy, Event, Family, FamilySet, HaltMissed, Recorded, StrategyDisabled, Uuid, id};
use store::{EventLog, ReadError};

use crate::{cycle::BATCH, own::OwnDecisions};

/// The longest rest after a batch: a stop is noticed after that.
const REST: Duration = Duration::from_millis(100);

/// A state at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: u64,
    pub(crate) digest: Uuid,
}

impl Mark {
    /// Of a fold as it is.
    pub(crate) fn of<D: Decider>(fold: &Fold<D>) -> Self {
        // One that cannot be encoded cannot have been saved either.
        let state = postcard::to_allocvec(fold).unwrap_or_default();
        Self { position: fold.position(), digest: id::derive(&[b"state", &state]) }
    }
}

/// A halt that the facts ask for and that the log lacks, with the input that it was missed on.
pub(crate) struct Missed {
    pub(crate) cause: Uuid,
    pub(crate) correlation: Uuid,
    pub(crate) halt: HaltMissed,
}

/// An actor that is folded anew.
pub(crate) trait Audited: Send {
    /// Folds on up to a position, at half speed; answers whether it came there before it was told to stop.
    fn fold_to(&mut self, position: u64, stop: &dyn Fn() -> bool) -> Result<bool, ReadError>;

    /// The state there.
    fn mark(&self) -> Mark;

    /// The halts that were missed, and that neither a later one nor an operator has made up for.
    fn missed(&mut self) -> Vec<Missed>;
}

/// See the module.
pub(crate) struct Audit<D: Decider> {
    log: Arc<dyn EventLog>,
    fold: Fold<D>,
    own: OwnDecisions,
    read_to: u64,
    /// Whether the process that took the input in had the rules of today: others may have decided otherwise.
    same_rules: bool,
    missed: BTreeMap<String, Missed>,
}

impl<D: Decider> Audit<D> {
    pub(crate) fn begin(log: &Arc<dyn EventLog>) -> Result<Box<dyn Audited>, ReadError> {
        Ok(Box::new(Self {
            log: Arc::clone(log),
            fold: Fold::default(),
            own: OwnDecisions::after::<D>(log, 0)?,
            read_to: 0,
            same_rules: false,
            missed: BTreeMap::new(),
        }))
    }

    fn take(&mut self, input: &Recorded) -> Result<(), ReadError> {
        if let Event::RunStarted(run) = &input.event {
            self.same_rules = run.rules_versions.get(D::NAME) == Some(&D::RULES_VERSION);
        }
        let expected = self.fold.preview(input);
        let recorded = self.own.take(input.position)?;
        self.fold.replay_own(input.position, recorded.iter().map(AsRef::as_ref));
        for decision in &recorded {
            match &decision.event {
                Event::StrategyDisabled(e) => drop(self.missed.remove(&e.strategy)),
                Event::StrategyEnabled(e) if e.by == DecidedBy::Operator => {
                    self.missed.remove(&e.strategy);
                }
                _ => {}
            }
        }
        if self.same_rules {
            let halted = |name: &str| {
                recorded.iter().any(|e| matches!(&e.event, Event::StrategyDisabled(e) if e.strategy == name))
            };
            for event in expected {
                match event {
                    Event::StrategyDisabled(halt) if !halted(&halt.strategy) => self.miss(input, halt),
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// The first input counts; where one was to make up for it and was missed as well, that one.
    fn miss(&mut self, input: &Recorded, halt: StrategyDisabled) {
        let strategy = halt.strategy.clone();
        if self.missed.contains_key(&strategy) && !matches!(input.event, Event::HaltMissed(_)) {
            return;
        }
        let halt = HaltMissed::new(halt, input.position);
        let missed = Missed { cause: input.event_id, correlation: input.correlation_id, halt };
        self.missed.insert(strategy, missed);
    }
}

impl<D: Decider> Audited for Audit<D> {
    fn fold_to(&mut self, position: u64, stop: &dyn Fn() -> bool) -> Result<bool, ReadError> {
        let families = Fold::<D>::families().union(FamilySet::of(&[Family::Host]));
        while self.read_to < position {
            if stop() {
                return Ok(false);
            }
            let begun = Instant::now();
            let batch = self.log.read_all(self.read_to, families, BATCH)?;
            let inputs = batch.events.iter().take_while(|input| input.position <= position);
            inputs.into_iter().try_for_each(|input| self.take(input))?;
            if batch.read_to <= self.read_to {
                break;
            }
            self.read_to = batch.read_to.min(position);
            thread::sleep(begun.elapsed().min(REST));
        }
        Ok(true)
    }

    fn mark(&self) -> Mark {
        Mark::of(&self.fold)
    }

    fn missed(&mut self) -> Vec<Missed> {
        std::mem::take(&mut self.missed).into_values().collect()
    }
}
