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

/// Spans of fired moments that are remembered for each schedule; a new one begins where moments were passed over.
const MAX_SPANS: usize = 64;

/// A schedule with its next planned moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// As configured.
    pub schedule: Schedule,
    /// The next planned moment; nothing when no more will come.
    pub next: Option<Timestamp>,
    /// Moments that fired, as first and last of neighbours, oldest first.
    pub fired: Vec<(Timestamp, Timestamp)>,
}

impl Planned {
    fn new(schedule: Schedule, since: Timestamp) -> Self {
        let next = cron::next_after(&schedule.cron, since);
        Self { schedule, next, fired: Vec::new() }
    }

    /// The first planned moment after another that did not fire yet.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let mut next = cron::next_after(&self.schedule.cron, after)?;
        while let Some((_, last)) = self.fired.iter().find(|(first, last)| (*first..=*last).contains(&next)) {
            next = cron::next_after(&self.schedule.cron, *last)?;
        }
        Some(next)
    }

    fn fire(&mut self, planned_at: Timestamp) {
        let cron = &self.schedule.cron;
        match self.fired.last_mut() {
            Some((_, last)) if cron::next_after(cron, *last) == Some(planned_at) => *last = planned_at,
            _ => self.fired.push((planned_at, planned_at)),
        }
        if self.fired.len() > MAX_SPANS {
            self.fired.remove(0);
        }
        self.next = self.next_after(planned_at);
    }

    /// The clock stands here, whatever it said before.
    fn go_on_from(&mut self, clock: Timestamp) {
        let next = self.next_after(clock);
        if self.next.is_none_or(|planned| next.is_some_and(|next| next < planned)) {
            self.next = next;
        }
    }
}

impl State {
    /// Folds an input or a decision of the scheduler itself.
    pub fn evolve(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::SchedulerConfigured(config) => self.configure(config, fact.occurred_at),
            Event::ScheduleFired(fired) => {
                self.schedules
                    .get_mut(&fired.schedule)
                    .into_iter()
                    .for_each(|plan| plan.fire(fired.planned_at));
            }
            Event::ScheduleMissed(missed) => {
                let plan = self.schedules.get_mut(&missed.schedule);
                plan.into_iter().for_each(|plan| plan.next = plan.next_after(missed.planned_at));
            }
            Event::ClockAcceptRequested(accepted) => {
                self.schedules.values_mut().for_each(|plan| plan.go_on_from(accepted.clock));
            }
            _ => {}
        }
    }

    /// The earliest planned moment.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.schedules.values().filter_map(|planned| planned.next).min()
    }

    /// A schedule that did not change keeps its plan, so that a restart misses nothing.
    fn configure(&mut self, config: &SchedulerConfigured, since: Timestamp) {
        let mut old = std::mem::take(&mut self.schedules);
        for (name, schedule) in &config.schedules {
            let kept = old.remove(name).filter(|planned| planned.schedule.cron == schedule.cron);
            let planned = match kept {
                Some(planned) => Planned { schedule: schedule.clone(), ..planned },
                None => Planned::new(schedule.clone(), since),
            };
            self.schedules.insert(name.clone(), planned);
        }
    }
}
