//! What a configuration of Scheduler may be.

use events::{SchedulerConfigured, Timestamp};

use super::cron;
use crate::Fault;

/// Every fault of a configuration, none when it is good.
#[must_use]
pub fn validate(config: &SchedulerConfigured) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (name, schedule) in &config.schedules {
        if let Err(why) = cron::parse(&schedule.cron) {
            let problem = format!("{why}; five fields are needed, in UTC: minute hour day month weekday");
            faults.push(Fault::new(format!("{name}.cron"), &schedule.cron, problem));
        } else if cron::next_after(&schedule.cron, Timestamp::default()).is_none() {
            faults.push(Fault::new(format!("{name}.cron"), &schedule.cron, "no such moment ever comes"));
        }
    }
    faults
}
