//! The strategies and their states.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use events::{Event, Family, FamilySet, Recorded, Uuid};
use projections::{Halt, STRATEGIES, StrategyView};

use super::{QueryError, document};
use crate::{
    Views,
    sqlite::{Query, ViewKey},
};

/// Events read at a time where a few are looked for.
const SLICE: usize = 4096;

/// For each halt, the trades that were recorded before the decision and closed after it. They never change. One entry of 24
/// bytes for each halt that was looked at: people do not halt a million times.
#[derive(Default)]
pub(crate) struct HaltCounts(Mutex<BTreeMap<Uuid, u64>>);

impl Views {
    /// Every strategy, by name.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn strategies(&self) -> Result<Vec<StrategyView>, QueryError> {
        let found = self.ask("strategies", |reader| Ok(reader.find(&Query::all_of(STRATEGIES))?))?;
        found.iter().map(|found| self.with_halt(document(&found.body)?)).collect()
    }

    /// One strategy, if it is known.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn strategy(&self, name: &str) -> Result<Option<StrategyView>, QueryError> {
        let key = ViewKey::Text(name.to_owned());
        let found = self.ask("strategies", |reader| Ok(reader.get(STRATEGIES, &key)?))?;
        found.map(|body| self.with_halt(document(&body)?)).transpose()
    }

    /// Adds the trades that stand before the halting decision in the log but came after it for the guard.
    fn with_halt(&self, mut view: StrategyView) -> Result<StrategyView, QueryError> {
        if let Some(halt) = view.halt {
            view.trades_since_halt += self.trades_before_decision(&view.strategy, &halt)?;
        }
        Ok(view)
    }

    fn trades_before_decision(&self, strategy: &str, halt: &Halt) -> Result<u64, QueryError> {
        let known = || self.halts.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = known().get(&halt.event_id) {
            return Ok(*count);
        }
        let is_one = |event: &&Arc<Recorded>| {
            let of_strategy = matches!(&event.event, Event::TradeClosed(t) if t.strategy == strategy);
            of_strategy && event.position < halt.position
        };
        let (mut count, mut after) = (0, halt.basis);
        while after + 1 < halt.position {
            let batch = self.log.read_all(after, FamilySet::of(&[Family::Trade]), SLICE)?;
            if batch.read_to <= after {
                break;
            }
            count += batch.events.iter().filter(is_one).count() as u64;
            after = batch.read_to;
        }
        known().insert(halt.event_id, count);
        Ok(count)
    }
}
