//! When each schedule is due next.

use std::collections::BTreeMap;

use events::{Event, Fact, Schedule, SchedulerConfigured, Timestamp};
use serde::{Deserialize, Serialize};

use super::cron;

/// The scheduler's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// By name.
    pub schedules: BTreeMap<String, Planned>,
}

/// A schedule with its next planned moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// As configured.
    pub schedule: Schedule,
    /// The next planned moment; nothing when no more will come.
    pub next: Option<Timestamp>,
}

impl State {
    /// Folds an input or a decision of the scheduler itself.
    pub fn evolve(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::SchedulerConfigured(config) => self.configure(config),
            Event::ScheduleFired(fired) => self.passed(&fired.schedule, fired.planned_at),
            Event::ScheduleMissed(missed) => self.passed(&missed.schedule, missed.planned_at),
            _ => {}
        }
    }

    /// The earliest planned moment.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.schedules.values().filter_map(|planned| planned.next).min()
    }

    /// A schedule that did not change keeps its plan, so that a restart misses nothing.
    fn configure(&mut self, config: &SchedulerConfigured) {
        let mut old = std::mem::take(&mut self.schedules);
        for (name, schedule) in &config.schedules {
            let kept = old.remove(name).filter(|planned| planned.schedule.cron == schedule.cron);
            let next = match kept {
                Some(planned) => planned.next,
                None => cron::next_after(&schedule.cron, config.since),
            };
            self.schedules.insert(name.clone(), Planned { schedule: schedule.clone(), next });
        }
    }

    fn passed(&mut self, name: &str, planned_at: Timestamp) {
        if let Some(planned) = self.schedules.get_mut(name) {
            planned.next = cron::next_after(&planned.schedule.cron, planned_at);
        }
    }
}
