//! The schedules, and when each is due next.

use std::collections::BTreeMap;

use events::{
    Event, Fact, MissReason, Overlap, Schedule, ScheduleFired, ScheduleMissed, SchedulerConfigured,
    Timestamp, Trigger,
};
use serde::{Deserialize, Serialize};

use super::{
    kinds::{self, Kind},
    timing::Plan,
};

/// The scheduler's memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// By name.
    pub schedules: BTreeMap<String, Planned>,
    /// Whether all schedules that are not protected are paused.
    pub in_maintenance: bool,
    /// What the last configuration left behind of plans that it took away; it is told at once.
    pub left_behind: Vec<ScheduleMissed>,
}

/// Who made a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MadeBy {
    /// The configuration, which alone can change or remove it.
    Configuration,
    /// An operator.
    Command,
}

/// Spans of fired moments that are remembered for each schedule; a new one begins where moments were passed over.
const MAX_SPANS: usize = 64;

/// A schedule with its next planned moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// As configured.
    pub schedule: Schedule,
    /// Who made it.
    pub made_by: MadeBy,
    /// Whether it is paused by itself.
    pub is_paused: bool,
    /// The next planned moment; nothing when no more will come.
    pub next: Option<Timestamp>,
    /// Moments that fired, as first and last of neighbours, oldest first.
    pub fired: Vec<(Timestamp, Timestamp)>,
    /// The run that is not over.
    pub running: Option<Run>,
}

/// A run that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its planned moment.
    pub planned_at: Timestamp,
    /// When it counts as over whatever comes.
    pub until: Timestamp,
}

impl Planned {
    fn new(schedule: Schedule, made_by: MadeBy, since: Timestamp) -> Self {
        let (is_paused, next, fired, running) = (false, None, Vec::new(), None);
        let mut planned = Self { schedule, made_by, is_paused, next, fired, running };
        planned.next = planned.next_after(since);
        planned
    }

    /// The plan; nothing for a schedule that is switched off or that cannot be.
    pub(super) fn plan(&self) -> Option<Plan> {
        self.schedule.enabled.then(|| Plan::of(&self.schedule).ok()).flatten()
    }

    /// The first planned moment after another that did not fire yet.
    pub(super) fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.unfired_after(&self.plan()?, after)
    }

    /// The same with the plan at hand.
    pub(super) fn unfired_after(&self, plan: &Plan, after: Timestamp) -> Option<Timestamp> {
        let mut next = plan.next_after(after)?;
        while let Some((_, last)) = self.fired.iter().find(|(first, last)| (*first..=*last).contains(&next)) {
            next = plan.next_after(*last)?;
        }
        Some(next)
    }

    /// When a planned moment is to fire: later than it by a part of the jitter that is always the same.
    pub(super) fn due_at(&self, name: &str, planned_at: Timestamp) -> Timestamp {
        if self.schedule.jitter_s == 0 {
            return planned_at;
        }
        let id = events::id::derive(&[b"jitter", name.as_bytes(), &planned_at.micros().to_le_bytes()]);
        let (most, chance) = (u128::from(self.schedule.jitter_s) * 1_000_000, id.as_u128() >> 64);
        planned_at.plus_micros(((chance * most) >> 64) as i64)
    }

    /// Whether a run is not over at a moment.
    pub(super) fn is_running(&self, moment: Timestamp) -> bool {
        self.running.as_ref().is_some_and(|run| moment < run.until)
    }

    fn fire(&mut self, fired: &ScheduleFired) {
        let longest_s = Kind::named(fired.kind()).and_then(|kind| kind.longest_s);
        self.running = longest_s.map(|longest_s| Run {
            planned_at: fired.planned_at,
            until: fired.planned_at.plus_seconds(longest_s),
        });
        if fired.trigger == Trigger::Operator {
            return;
        }
        let Some(plan) = self.plan() else { return };
        match self.fired.last_mut() {
            Some((_, last)) if plan.next_after(*last) == Some(fired.planned_at) => *last = fired.planned_at,
            _ => self.fired.push((fired.planned_at, fired.planned_at)),
        }
        if self.fired.len() > MAX_SPANS {
            self.fired.remove(0);
        }
        self.next = self.unfired_after(&plan, fired.planned_at);
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
    pub(super) fn evolve(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::SchedulerConfigured(config) => self.configure(config, fact.occurred_at),
            Event::ScheduleFired(fired) => self.with(&fired.schedule, |plan| plan.fire(fired)),
            Event::ScheduleMissed(missed) => {
                self.left_behind.retain(|told| told != missed);
                self.with(&missed.schedule, |plan| {
                    if plan.next.is_some_and(|next| next <= missed.last) {
                        plan.next = plan.next_after(missed.last);
                    }
                });
            }
            Event::ScheduleCreated(made) => {
                let planned = Planned::new(made.definition.clone(), MadeBy::Command, fact.occurred_at);
                self.schedules.insert(made.schedule.clone(), planned);
            }
            Event::ScheduleChanged(changed) => self.with(&changed.schedule, |plan| {
                plan.schedule = changed.definition.clone();
                plan.next = plan.next_after(fact.occurred_at);
            }),
            Event::ScheduleDeleted(deleted) => drop(self.schedules.remove(&deleted.schedule)),
            Event::SchedulePaused(paused) => self.pause(paused.schedule.as_deref(), true),
            Event::ScheduleResumed(resumed) => self.pause(resumed.schedule.as_deref(), false),
            Event::ClockAcceptRequested(accepted) => {
                self.schedules.values_mut().for_each(|plan| plan.go_on_from(accepted.clock));
            }
            other => self.end_of_run(other),
        }
    }

    fn with(&mut self, schedule: &str, change: impl FnOnce(&mut Planned)) {
        if let Some(planned) = self.schedules.get_mut(schedule) {
            change(planned);
        }
    }

    fn pause(&mut self, schedule: Option<&str>, is_paused: bool) {
        match schedule {
            Some(schedule) => self.with(schedule, |planned| planned.is_paused = is_paused),
            None => self.in_maintenance = is_paused,
        }
    }

    fn end_of_run(&mut self, event: &Event) {
        let Some((kind, planned_at)) = kinds::outcome(event) else { return };
        for (_, planned) in
            self.schedules.iter_mut().filter(|(name, planned)| planned.schedule.kind(name) == kind)
        {
            planned.running.take_if(|run| run.planned_at == planned_at);
        }
    }

    /// Whether a schedule plans nothing for now.
    pub(super) fn is_paused(&self, planned: &Planned) -> bool {
        planned.is_paused || self.in_maintenance && !planned.schedule.protected
    }

    /// The moment at which a schedule is to be looked at next.
    pub(super) fn due_at(&self, name: &str, planned: &Planned) -> Option<Timestamp> {
        if self.is_paused(planned) {
            return None;
        }
        let due_at = planned.due_at(name, planned.next?);
        Some(match &planned.running {
            // It fires when the run is over, which its outcome tells.
            Some(run) if planned.schedule.overlap == Overlap::QueueOne => due_at.max(run.until),
            _ => due_at,
        })
    }

    /// The earliest moment at which a schedule is to be looked at.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.schedules.iter().filter_map(|(name, planned)| self.due_at(name, planned)).min()
    }

    /// A schedule that did not change keeps its plan, so that a restart misses nothing.
    fn configure(&mut self, config: &SchedulerConfigured, since: Timestamp) {
        self.left_behind.clear();
        let mut old = std::mem::take(&mut self.schedules);
        for (name, schedule) in &config.schedules {
            let before = old.remove(name);
            let is_paused = before.as_ref().is_some_and(|planned| planned.is_paused);
            let is_kept = |planned: &Planned| {
                let plans_alike =
                    planned.schedule.timing == schedule.timing && planned.schedule.zone == schedule.zone;
                plans_alike && planned.schedule.enabled == schedule.enabled
            };
            let planned = match before {
                Some(planned) if is_kept(&planned) => {
                    Planned { schedule: schedule.clone(), made_by: MadeBy::Configuration, ..planned }
                }
                before => {
                    before.iter().for_each(|planned| self.leave_behind(name, planned, since));
                    let new = Planned::new(schedule.clone(), MadeBy::Configuration, since);
                    Planned { is_paused, ..new }
                }
            };
            self.schedules.insert(name.clone(), planned);
        }
        for (name, planned) in old {
            match planned.made_by {
                MadeBy::Command => drop(self.schedules.insert(name, planned)),
                MadeBy::Configuration => self.leave_behind(&name, &planned, since),
            }
        }
    }

    fn leave_behind(&mut self, name: &str, planned: &Planned, since: Timestamp) {
        let reason = if self.is_paused(planned) { MissReason::Paused } else { MissReason::Down };
        self.left_behind.extend(super::rules::missed(name, planned, reason, since));
    }
}
