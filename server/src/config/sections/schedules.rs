//! The sections `[schedules.NAME]`.

use events::{Event, MissedRuns, Schedule, SchedulerConfigured};
use intake::nearest;

use super::super::reader::Reader;

/// The schedules that an actor reads.
const READ: [&str; 1] = [actors::performance_analyst::SCHEDULE];

/// The one schedule that is there without being configured.
const DAILY_ANALYSIS: (&str, &str) = ("performance_analysis", "0 1 * * *");

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Event {
    let mut names = reader.names("schedules.");
    names.insert(DAILY_ANALYSIS.0.to_owned());
    let schedules = names.into_iter().filter_map(|name| Some((name.clone(), schedule(reader, &name)?)));
    let config = SchedulerConfigured { schedules: schedules.collect() };
    reader.actor_faults("schedules", actors::scheduler::validate(&config));
    for name in config.schedules.keys().filter(|name| !READ.contains(&name.as_str())) {
        let near = nearest(name, READ).unwrap_or(READ[0]);
        reader.warn(
            &format!("schedules.{name}"),
            format!(
                "no actor reads a schedule of this name, so that nothing comes of it; the nearest is {near}"
            ),
        );
    }
    Event::SchedulerConfigured(config)
}

fn schedule(reader: &mut Reader, name: &str) -> Option<Schedule> {
    let (cron, missed) = (format!("schedules.{name}.cron"), format!("schedules.{name}.missed"));
    let enabled = reader.flag(&format!("schedules.{name}.enabled")).unwrap_or(true);
    let missed = match reader.text(&missed).as_deref() {
        None | Some("run_once") => MissedRuns::RunOnce,
        Some("skip") => MissedRuns::Skip,
        Some(_) => {
            reader.fault(&missed, "wanted is \"run_once\" or \"skip\"");
            MissedRuns::default()
        }
    };
    let default = (name == DAILY_ANALYSIS.0).then(|| DAILY_ANALYSIS.1.to_owned());
    let cron = reader.text(&cron).or(default).or_else(|| {
        reader.fault(
            &cron,
            "missing: five fields in UTC, minute hour day month weekday, such as \"0 1 * * *\"",
        );
        None
    })?;
    enabled.then_some(Schedule { cron, missed })
}
