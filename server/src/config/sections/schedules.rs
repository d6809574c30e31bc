//! The sections `[schedules.NAME]`.

use std::time::Duration;

use events::{Event, MissedRuns, Overlap, Schedule, SchedulerConfigured, Timing};

use super::super::reader::Reader;

/// The schedules that are there without being configured: name and cron expression.
const BUILT_IN: [(&str, &str); 1] = [("performance_analysis", "0 1 * * *")];

/// The longest time between two runs, and the longest that one is put off by chance; the scheduler has narrower bounds.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Reads the section.
pub(super) fn read(reader: &mut Reader) -> Event {
    let mut names = reader.names("schedules.");
    names.extend(BUILT_IN.map(|(name, _)| name.to_owned()));
    let schedules = names.into_iter().filter_map(|name| Some((name.clone(), schedule(reader, &name)?)));
    let config = SchedulerConfigured { schedules: schedules.collect() };
    reader.actor_faults("schedules", actors::scheduler::validate(&config));
    for (name, schedule) in &config.schedules {
        if let Some(unknown) = actors::scheduler::unknown_kind(name, schedule) {
            reader.warn(&format!("schedules.{name}"), unknown.problem);
        }
    }
    Event::SchedulerConfigured(config)
}

fn schedule(reader: &mut Reader, name: &str) -> Option<Schedule> {
    let key = |name_of_key: &str| format!("schedules.{name}.{name_of_key}");
    let every = seconds(reader, &key("every"), "5m");
    let timing = timing(reader, name, every);
    // Every key is asked for, also where there is no schedule because of a fault.
    let default = Schedule::new(Timing::EveryS(1));
    let schedule = Schedule {
        zone: reader.text(&key("zone")).unwrap_or(default.zone),
        job: reader.text(&key("job")),
        missed: word(
            reader,
            &key("missed"),
            &[("run_once", MissedRuns::RunOnce), ("skip", MissedRuns::Skip), ("run_all", MissedRuns::RunAll)],
        ),
        limit: reader.count(&key("limit"), 1..=1000, "runs").map_or(default.limit, |limit| limit as u32),
        overlap: word(
            reader,
            &key("overlap"),
            &[("skip", Overlap::Skip), ("allow", Overlap::Allow), ("queue_one", Overlap::QueueOne)],
        ),
        jitter_s: seconds(reader, &key("jitter"), "30s").unwrap_or(default.jitter_s),
        enabled: reader.flag(&key("enabled")).unwrap_or(default.enabled),
        protected: reader.flag(&key("protected")).unwrap_or(default.protected),
        timing: default.timing,
    };
    Some(Schedule { timing: timing?, ..schedule })
}

fn timing(reader: &mut Reader, name: &str, every: Option<u64>) -> Option<Timing> {
    let (cron, every_key) = (format!("schedules.{name}.cron"), format!("schedules.{name}.every"));
    let expression = reader.text(&cron);
    let built_in = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    match (expression, every, built_in) {
        (Some(_), Some(_), _) => {
            reader.fault(&every_key, format!("{cron} is set, too: a schedule has one of them"));
            None
        }
        (Some(expression), None, _) => Some(Timing::Cron(expression)),
        (None, Some(every), _) => Some(Timing::EveryS(every)),
        (None, None, _) if reader.is_set(&every_key) => None,
        (None, None, Some((_, expression))) => Some(Timing::Cron((*expression).to_owned())),
        (None, None, None) => {
            let problem = "missing: five fields, minute hour day month weekday, such as \"0 1 * * *\"; \
                           or every, such as \"5m\"";
            reader.fault(&cron, problem);
            None
        }
    }
}

/// A duration in whole seconds.
fn seconds(reader: &mut Reader, key: &str, example: &str) -> Option<u64> {
    let duration = reader.duration(key, Duration::from_secs(1)..=LONGEST, example)?;
    if duration.subsec_nanos() > 0 {
        reader.fault(key, format!("wanted is a whole number of seconds, such as {example:?}"));
        return None;
    }
    Some(duration.as_secs())
}

/// One of a few words; the default where there is none, or a fault is kept.
fn word<T: Copy + Default>(reader: &mut Reader, key: &str, words: &[(&str, T)]) -> T {
    let Some(text) = reader.text(key) else { return T::default() };
    if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text) {
        return *meant;
    }
    let words: Vec<_> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
    reader.fault(key, format!("wanted is {}", words.join(", ")));
    T::default()
}
