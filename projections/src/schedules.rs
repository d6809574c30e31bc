//! The schedules as they are, what came of their planned moments, and whether all are paused.

use events::{
    Event, Family, FamilySet, MissReason, Recorded, Schedule, ScheduleFired, ScheduleMissed,
    SchedulerConfigured, Timestamp, Trigger,
};
use serde::{Deserialize, Serialize};

use crate::{Change, Collection, Keys, Kind, Projection, RestoreError, Saved, table::Table};

/// One document a schedule, by name; a deleted one stays and says so.
pub const SCHEDULES: &str = "schedules";
/// One document: whether all schedules that are not protected are paused.
pub const MAINTENANCE: &str = "maintenance";

/// The name of the one document of [`MAINTENANCE`].
const ALL: &str = "all";

const COLLECTIONS: &[Collection] = &[
    Collection { name: SCHEDULES, keys: Keys::Texts, by_time: false, indexes: &[], shown: true },
    Collection { name: MAINTENANCE, keys: Keys::Texts, by_time: false, indexes: &[], shown: true },
];

/// Who made a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSource {
    /// The configuration.
    Configuration,
    /// An operator.
    Command,
}

/// The last firing of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFired {
    /// The planned moment.
    pub planned_at: Timestamp,
    /// When it was decided.
    pub fired_at: Timestamp,
    /// What made it fire.
    pub trigger: Trigger,
}

/// How many planned moments did not fire, by reason; a stretch of 10,000 or more counts as 10,000.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedCounts {
    /// Nothing ran.
    pub down: u64,
    /// The schedule was paused.
    pub paused: u64,
    /// The run before was not over.
    pub overlap: u64,
    /// A later one was made up for.
    pub skipped: u64,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleView {
    /// Its name.
    pub schedule: String,
    /// What it is.
    pub definition: Schedule,
    /// Who made it.
    pub source: ScheduleSource,
    /// Whether it is paused by itself.
    pub is_paused: bool,
    /// Whether it is gone.
    pub is_deleted: bool,
    /// The last firing.
    pub last: Option<LastFired>,
    /// How often it fired.
    pub fired: u64,
    /// Planned moments that did not fire.
    pub missed: MissedCounts,
    /// The last of them, as a stretch.
    pub last_missed: Option<ScheduleMissed>,
}

/// Whether all schedules that are not protected are paused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaintenanceView {
    /// Whether they are.
    pub is_on: bool,
    /// Since when it is as it is; null: it never was another way.
    pub since: Option<Timestamp>,
}

/// See the head of the module.
pub struct Schedules {
    schedules: Table<ScheduleView>,
    maintenance: Table<MaintenanceView>,
}

impl Default for Schedules {
    fn default() -> Self {
        Self { schedules: Table::new(SCHEDULES), maintenance: Table::new(MAINTENANCE) }
    }
}

impl Schedules {
    /// What is known of it without making one.
    pub const KIND: Kind =
        Kind { name: "schedules", version: 1, collections: COLLECTIONS, new: || Box::new(Self::default()) };

    fn configured(&mut self, config: &SchedulerConfigured) {
        for (name, definition) in &config.schedules {
            self.define(name, definition, ScheduleSource::Configuration);
        }
        let is_left_out = |row: &ScheduleView| {
            let is_configured = row.source == ScheduleSource::Configuration && !row.is_deleted;
            is_configured && !config.schedules.contains_key(&row.schedule)
        };
        for name in self.schedules.keys_where(is_left_out) {
            self.change(&name, |row| row.is_deleted = true);
        }
    }

    fn define(&mut self, name: &str, definition: &Schedule, source: ScheduleSource) {
        let row = self.schedules.row(name, |schedule| ScheduleView {
            schedule,
            definition: definition.clone(),
            source,
            is_paused: false,
            is_deleted: false,
            last: None,
            fired: 0,
            missed: MissedCounts::default(),
            last_missed: None,
        });
        // One that was deleted begins anew.
        let is_paused = row.is_paused && !row.is_deleted;
        (row.definition, row.source) = (definition.clone(), source);
        (row.is_paused, row.is_deleted) = (is_paused, false);
    }

    /// Changes a schedule that is known.
    fn change(&mut self, name: &str, change: impl FnOnce(&mut ScheduleView)) {
        if let Some(row) = self.schedules.existing(name) {
            change(row);
        }
    }

    fn fired(&mut self, event: &Recorded, fired: &ScheduleFired) {
        let (planned_at, fired_at, trigger) = (fired.planned_at, event.recorded_at, fired.trigger);
        self.change(&fired.schedule, |row| {
            row.last = Some(LastFired { planned_at, fired_at, trigger });
            row.fired += 1;
        });
    }

    fn missed(&mut self, missed: &ScheduleMissed) {
        self.change(&missed.schedule, |row| {
            let count = match missed.reason {
                MissReason::Down => &mut row.missed.down,
                MissReason::Paused => &mut row.missed.paused,
                MissReason::Overlap => &mut row.missed.overlap,
                MissReason::Skipped => &mut row.missed.skipped,
            };
            *count += u64::from(missed.count);
            row.last_missed = Some(missed.clone());
        });
    }

    fn paused(&mut self, schedule: Option<&str>, is_paused: bool, at: Timestamp) {
        match schedule {
            Some(schedule) => self.change(schedule, |row| row.is_paused = is_paused),
            None => {
                let row = self.maintenance.row(ALL, |_| MaintenanceView::default());
                *row = MaintenanceView { is_on: is_paused, since: Some(at) };
            }
        }
    }
}

impl Projection for Schedules {
    fn interests(&self) -> FamilySet {
        FamilySet::of(&[Family::Schedule, Family::Configuration])
    }

    fn apply(&mut self, event: &Recorded) {
        match &event.event {
            Event::SchedulerConfigured(config) => self.configured(config),
            Event::ScheduleCreated(made) => {
                self.define(&made.schedule, &made.definition, ScheduleSource::Command);
            }
            Event::ScheduleChanged(changed) => {
                self.change(&changed.schedule, |row| row.definition = changed.definition.clone());
            }
            Event::ScheduleDeleted(deleted) => self.change(&deleted.schedule, |row| row.is_deleted = true),
            Event::SchedulePaused(paused) => self.paused(paused.schedule.as_deref(), true, event.recorded_at),
            Event::ScheduleResumed(resumed) => {
                self.paused(resumed.schedule.as_deref(), false, event.recorded_at);
            }
            Event::ScheduleFired(fired) => self.fired(event, fired),
            Event::ScheduleMissed(missed) => self.missed(missed),
            _ => {}
        }
    }

    fn has_changes(&self) -> bool {
        self.schedules.has_changes() || self.maintenance.has_changes()
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        self.schedules.take_changes(&mut changes);
        self.maintenance.take_changes(&mut changes);
        changes
    }

    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        self.schedules.restore(saved)?;
        self.maintenance.restore(saved)
    }
}

#[cfg(test)]
mod tests {
    use events::{ScheduleCreated, ScheduleDeleted, SchedulePaused, ScheduleResumed};
    use serde_json::json;

    use super::*;
    use crate::testing::{View, at, moment};

    fn configured(names: &[&str]) -> Event {
        let schedules = names.iter().map(|name| ((*name).to_owned(), Schedule::cron("0 1 * * *")));
        Event::SchedulerConfigured(SchedulerConfigured { schedules: schedules.collect() })
    }

    fn missed(reason: MissReason, count: u32) -> Event {
        let (first, last) = (moment(1), moment(2));
        Event::ScheduleMissed(ScheduleMissed { schedule: "daily".into(), reason, first, last, count })
    }

    #[test]
    fn given_firings_and_missed_moments_then_they_are_counted_by_reason() {
        let events = [
            at(1, configured(&["daily"])),
            at(2, Event::ScheduleFired(ScheduleFired::planned("daily", moment(2)))),
            at(3, missed(MissReason::Down, 3)),
            at(4, missed(MissReason::Paused, 2)),
            at(5, missed(MissReason::Down, 1)),
            at(6, Event::ScheduleFired(ScheduleFired::planned("nobody", moment(2)))),
        ];
        let view = View::of(Schedules::default, &events);
        let [daily] = &view.json(SCHEDULES)[..] else { panic!("one schedule") };
        assert_eq!(daily["fired"], 1);
        assert_eq!(daily["missed"], json!({ "down": 4, "paused": 2, "overlap": 0, "skipped": 0 }));
        assert_eq!(
            daily["last"],
            json!({ "planned_at": moment(2), "fired_at": moment(2), "trigger": "schedule" })
        );
        assert_eq!(daily["last_missed"]["count"], 1);
        assert_eq!(daily["source"], "configuration");
    }

    #[test]
    fn given_commands_then_schedules_are_made_paused_and_deleted() {
        let made = |name: &str| {
            let (schedule, definition) = (name.to_owned(), Schedule::every(60));
            Event::ScheduleCreated(ScheduleCreated { schedule, definition })
        };
        let pause =
            |name: Option<&str>| Event::SchedulePaused(SchedulePaused { schedule: name.map(str::to_owned) });
        let events = [
            at(1, configured(&["daily", "weekly"])),
            at(2, made("minutely")),
            at(3, pause(Some("minutely"))),
            at(4, pause(None)),
            at(5, Event::ScheduleResumed(ScheduleResumed { schedule: None })),
            at(6, pause(Some("daily"))),
            at(7, Event::ScheduleDeleted(ScheduleDeleted { schedule: "minutely".into() })),
            at(8, made("minutely")),
            at(9, configured(&["daily"])),
        ];
        let view = View::of(Schedules::default, &events);
        let told: Vec<_> = view
            .json(SCHEDULES)
            .iter()
            .map(|row| {
                (
                    row["schedule"].clone(),
                    row["source"].clone(),
                    row["is_paused"].clone(),
                    row["is_deleted"].clone(),
                )
            })
            .collect();
        let row = |name, source, is_paused, is_deleted| {
            (json!(name), json!(source), json!(is_paused), json!(is_deleted))
        };
        let rows = [
            row("daily", "configuration", true, false),
            row("minutely", "command", false, false),
            row("weekly", "configuration", false, true),
        ];
        assert_eq!(told, rows);
        assert_eq!(view.json(MAINTENANCE), [json!({ "is_on": false, "since": moment(5) })]);
    }
}
