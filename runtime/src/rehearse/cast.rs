//! The actors of a rehearsal: the true ones, without threads.

use std::sync::Arc;

use actors::{Decider, Fold, PerformanceAnalyst, Scheduler, StrategyGuard};
use events::{NewEvent, Recorded, Timestamp, Uuid};

/// All actors, without threads.
pub(super) struct Cast {
    run_id: Uuid,
    guard: (Fold<StrategyGuard>, Arc<str>),
    analyst: (Fold<PerformanceAnalyst>, Arc<str>),
    scheduler: (Fold<Scheduler>, Arc<str>),
}

impl Cast {
    pub(super) fn new(run_id: Uuid) -> Self {
        Self { run_id, guard: fresh(), analyst: fresh(), scheduler: fresh() }
    }

    /// What each actor decides on an event, with the stream that it goes to.
    pub(super) fn take(&mut self, event: &Recorded) -> Vec<(String, Vec<NewEvent>)> {
        let mut decided = Vec::new();
        take(&mut self.guard, event, self.run_id, &mut decided);
        take(&mut self.analyst, event, self.run_id, &mut decided);
        take(&mut self.scheduler, event, self.run_id, &mut decided);
        decided
    }

    pub(super) fn next_deadline(&self) -> Option<(&'static str, Timestamp)> {
        let deadlines = [
            (StrategyGuard::NAME, self.guard.0.next_deadline()),
            (PerformanceAnalyst::NAME, self.analyst.0.next_deadline()),
            (Scheduler::NAME, self.scheduler.0.next_deadline()),
        ];
        let known = deadlines.into_iter().filter_map(|(actor, due_at)| Some((actor, due_at?)));
        known.min_by_key(|(_, due_at)| *due_at)
    }
}

fn fresh<D: Decider>() -> (Fold<D>, Arc<str>) {
    (Fold::default(), Arc::from(format!("actor:{}", D::NAME)))
}

fn take<D: Decider>(
    (fold, producer): &mut (Fold<D>, Arc<str>),
    event: &Recorded,
    run_id: Uuid,
    decided: &mut Vec<(String, Vec<NewEvent>)>,
) {
    let decisions = fold.step(event, run_id, producer);
    if !decisions.is_empty() {
        decided.push((D::stream(), decisions));
    }
}
