//! A history that is made fact by fact: each goes to the true deciders, or to broken ones, and their decisions follow it.

use std::sync::Arc;

use actors::{Decider, Fold, PerformanceAnalyst, StrategyGuard};
use events::{Event, NewEvent, Recorded, Timestamp, Uuid, id};

/// See the module.
pub struct Play<G: Decider = StrategyGuard, A: Decider = PerformanceAnalyst> {
    guard: Fold<G>,
    analyst: Fold<A>,
    history: Vec<Arc<Recorded>>,
}

impl<G: Decider, A: Decider> Default for Play<G, A> {
    fn default() -> Self {
        Self { guard: Fold::default(), analyst: Fold::default(), history: Vec::new() }
    }
}

impl<G: Decider, A: Decider> Play<G, A> {
    /// A fact happens at a moment; answers the decisions on it.
    pub fn tell(&mut self, at: Timestamp, event: Event) -> &[Arc<Recorded>] {
        let position = self.next();
        let event_id = id::derive(&[b"played", &position.to_le_bytes()]);
        let fact = NewEvent::root(event_id, at, &Arc::from("test"), Uuid::nil(), event);
        let input = Arc::new(Self::record("facts", fact, position));
        self.history.push(Arc::clone(&input));
        let before = self.history.len();
        let producer = Arc::from("test");
        let decided = self.guard.step(&input, Uuid::nil(), &producer);
        self.decide(&G::stream(), decided);
        let decided = self.analyst.step(&input, Uuid::nil(), &producer);
        self.decide(&A::stream(), decided);
        &self.history[before..]
    }

    /// Everything so far.
    pub fn history(&self) -> &[Arc<Recorded>] {
        &self.history
    }

    fn next(&self) -> u64 {
        self.history.len() as u64 + 1
    }

    fn decide(&mut self, stream: &str, decided: Vec<NewEvent>) {
        for decision in decided {
            let recorded = Self::record(stream, decision, self.next());
            self.history.push(Arc::new(recorded));
        }
    }

    fn record(stream: &str, event: NewEvent, position: u64) -> Recorded {
        let occurred_at = event.occurred_at;
        Recorded {
            position,
            event_id: event.event_id,
            schema_version: 1,
            stream: Arc::from(stream),
            stream_revision: position,
            occurred_at,
            recorded_at: occurred_at,
            producer: event.producer,
            run_id: event.run_id,
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            basis_position: event.basis_position,
            rules_version: event.rules_version,
            source_offset: event.source_offset,
            event: event.event,
        }
    }
}
