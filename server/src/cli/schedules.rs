//! `schedules`: when which job is done; made, changed, paused and run by hand.

use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    calls::{
        Asked, Call, Definition, MaintenanceBegin, MaintenanceEnd, Outcome, ScheduleCreate, ScheduleDelete,
        ScheduleList, SchedulePause, ScheduleResume, ScheduleRun, ScheduleSet, ScheduleShow, SchedulerStatus,
        raw,
    },
    problem::Problem,
};

use super::{
    context::Context,
    output::{Column, Table, left, right},
    strategies::asked,
    words,
};

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub(super) enum Schedules {
    /// Lists them
    List,
    /// Shows one with its next planned moments
    Show {
        /// Its name
        name: String,
        /// How many planned moments
        #[arg(long, default_value_t = 5, value_name = "N")]
        next: usize,
    },
    /// Tells whether all are paused, how many there are, and what is due next
    Status,
    /// Makes one
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        definition: Given,
        #[command(flatten)]
        why: Why,
    },
    /// Changes one that was made by command: what is not given stays
    Set {
        /// Its name
        name: String,
        #[command(flatten)]
        definition: Given,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Removes one that was made by command
    Delete {
        /// Its name
        name: String,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Has one, or all that are not protected, plan nothing until it is resumed
    Pause {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        why: Why,
        #[command(flatten)]
        confirm: Confirm,
    },
    /// Has one that is paused go on, or ends the pause of all
    Resume {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        why: Why,
    },
    /// Has one fire now
    Run {
        /// Its name
        name: String,
        #[command(flatten)]
        why: Why,
    },
}

/// One schedule or all of them.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct Which {
    /// Its name
    name: Option<String>,
    /// All that are not protected
    #[arg(long)]
    all: bool,
}

/// Why something is asked.
#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why; kept in the log
    #[arg(long)]
    reason: String,
}

/// The second step where a schedule is protected.
#[derive(Debug, Args)]
pub(super) struct Confirm {
    /// Its name once more, where it is protected
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// What a schedule is to be.
#[derive(Debug, Args)]
pub(super) struct Given {
    /// Five fields (minute hour day month weekday), or six with seconds first
    #[arg(long, value_name = "FIELDS", conflicts_with = "every")]
    cron: Option<String>,
    /// So long apart, such as 5m, counted from midnight UTC
    #[arg(long, value_name = "DURATION")]
    every: Option<String>,
    /// Whose clock --cron is read by, such as Europe/Berlin [default: UTC]
    #[arg(long)]
    zone: Option<String>,
    /// The kind of job, where the name is none
    #[arg(long, value_name = "KIND")]
    job: Option<String>,
    /// For moments that passed while nothing ran
    #[arg(long, value_parser = PossibleValuesParser::new(["run_once", "skip", "run_all"]))]
    missed: Option<String>,
    /// How many of them run_all makes up for
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// For a moment while the run before is not over
    #[arg(long, value_parser = PossibleValuesParser::new(["skip", "allow", "queue_one"]))]
    overlap: Option<String>,
    /// Puts each run off by up to so much, such as 30s
    #[arg(long, value_name = "DURATION")]
    jitter: Option<String>,
    /// Whether it plans anything
    #[arg(long, value_name = "BOOL")]
    enabled: Option<bool>,
    /// Whether pausing, changing and deleting it has to be confirmed
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    protected: Option<bool>,
}

impl Given {
    /// What is given, over what there is.
    fn over(self, before: Definition) -> Definition {
        let is_timed = self.cron.is_some() || self.every.is_some();
        let (cron, every) = if is_timed { (self.cron, self.every) } else { (before.cron, before.every) };
        Definition {
            cron,
            every,
            zone: self.zone.or(before.zone),
            job: self.job.or(before.job),
            missed: self.missed.map_or(before.missed, |word| meant(&word)),
            limit: self.limit.or(before.limit),
            overlap: self.overlap.map_or(before.overlap, |word| meant(&word)),
            jitter: self.jitter.or(before.jitter),
            enabled: self.enabled.or(before.enabled),
            protected: self.protected.unwrap_or(before.protected),
        }
    }
}

/// One of the words that the parser lets pass.
fn meant<T: DeserializeOwned + Default>(word: &str) -> T {
    serde_json::from_value(Value::from(word)).unwrap_or_default()
}

const COLUMNS: [Column; 7] = [
    left("SCHEDULE", |item| words::text(&item["name"])),
    left("WHEN", when),
    left("STATE", |item| words::text(&item["state"])),
    left("NEXT", |item| words::moment(&item["next"][0])),
    left("LAST", |item| words::moment(&item["last"]["planned_at"])),
    right("FIRED", |item| words::text(&item["fired"])),
    right("MISSED", |item| item["missed_runs"].as_object().map_or(0, total).to_string()),
];

fn total(counts: &serde_json::Map<String, Value>) -> u64 {
    counts.values().filter_map(Value::as_u64).sum()
}

fn when(item: &Value) -> String {
    match item["every"].as_str() {
        Some(every) => format!("every {every}"),
        None => format!("{} {}", words::text(&item["cron"]), words::text(&item["zone"])),
    }
}

const DECIDED: [Column; 3] = [
    right("POSITION", |item| words::text(&item["position"])),
    left("TYPE", |item| words::text(&item["event_type"])),
    left("WHAT", |item| words::shortened(&item["event"].to_string())),
];

impl Schedules {
    /// Shows or changes them.
    pub(super) fn run(self, context: &Context) -> Result<u8, Problem> {
        match self {
            Self::List => {
                let page = context.ask("schedules list", &ScheduleList {})?;
                context.out.items(&page.items, &Table::new(&COLUMNS))?;
                if page.items.is_empty() {
                    context
                        .out
                        .note("no schedule yet: a server that runs makes those of its configuration known");
                }
                Ok(0)
            }
            Self::Show { name, next } => {
                let shown = context.ask("schedules show", &ScheduleShow { id: name, next: Some(next) })?;
                context.out.object(&raw(&shown)?, in_words)?;
                Ok(0)
            }
            Self::Status => {
                let status = context.ask("schedules status", &SchedulerStatus {})?;
                context.out.object(&raw(&status)?, status_in_words)?;
                Ok(0)
            }
            Self::Create { name, definition, why } => {
                let definition = definition.over(Definition::default());
                request(context, "schedules create", &ScheduleCreate { name, definition, asked: why.asked() })
            }
            Self::Set { name, definition, why, confirm } => {
                let before =
                    context.ask("schedules show", &ScheduleShow { id: name.clone(), next: Some(0) })?;
                let definition = definition.over(before.definition);
                let call = ScheduleSet { id: name, definition, confirm: confirm.confirm, asked: why.asked() };
                request(context, "schedules set", &call)
            }
            Self::Delete { name, why, confirm } => {
                let call = ScheduleDelete { id: name, confirm: confirm.confirm, asked: why.asked() };
                request(context, "schedules delete", &call)
            }
            Self::Pause { which: Which { name: Some(id), .. }, why, confirm } => {
                let call = SchedulePause { id, confirm: confirm.confirm, asked: why.asked() };
                request(context, "schedules pause", &call)
            }
            Self::Pause { why, .. } => {
                request(context, "schedules pause", &MaintenanceBegin { asked: why.asked() })
            }
            Self::Resume { which: Which { name: Some(id), .. }, why } => {
                request(context, "schedules resume", &ScheduleResume { id, asked: why.asked() })
            }
            Self::Resume { why, .. } => {
                request(context, "schedules resume", &MaintenanceEnd { asked: why.asked() })
            }
            Self::Run { name, why } => {
                request(context, "schedules run", &ScheduleRun { id: name, asked: why.asked() })
            }
        }
    }
}

impl Why {
    fn asked(self) -> Asked {
        asked(self.reason, false)
    }
}

fn request<C: Call<Answer = Outcome>>(
    context: &Context,
    command: &'static str,
    call: &C,
) -> Result<u8, Problem> {
    let outcome = context.ask(command, call)?;
    context.out.items(&outcome.decisions, &Table::new(&DECIDED))?;
    if outcome.decisions.is_empty() {
        context.out.note("nothing changes: it is that way already");
    }
    Ok(0)
}

fn in_words(schedule: &Value) -> Vec<String> {
    let line = |name: &str, text: String| format!("{name:<9}  {text}");
    let text = |name: &str| words::text(&schedule[name]);
    let mut lines = vec![
        line("schedule", text("name")),
        line("job", schedule["job"].as_str().map_or_else(|| text("name"), str::to_owned)),
        line("when", when(schedule)),
        line("state", text("state")),
        line("made by", text("source")),
        line("missed", format!("{}, at most {}", text("missed"), text("limit"))),
        line("overlap", text("overlap")),
        line("jitter", schedule["jitter"].as_str().unwrap_or("none").to_owned()),
        line("protected", if schedule["protected"] == true { "yes" } else { "no" }.to_owned()),
        line("fired", words::counted(text("fired"), "time")),
    ];
    if let Some(last) = schedule["last"].as_object() {
        lines.push(line(
            "last",
            format!("{}, by {}", words::moment(&last["planned_at"]), words::text(&last["trigger"])),
        ));
    }
    for (reason, count) in
        schedule["missed_runs"].as_object().into_iter().flatten().filter(|(_, count)| **count != 0)
    {
        lines.push(line("left out", format!("{count}: {reason}")));
    }
    let next = schedule["next"].as_array().into_iter().flatten();
    lines.extend(next.map(|moment| line("next", words::moment(moment))));
    lines
}

fn status_in_words(status: &Value) -> Vec<String> {
    let count = |name: &str| words::text(&status[name]);
    let pause = match (&status["maintenance"], &status["since"]) {
        (Value::Bool(true), since) => {
            format!("all but the protected ones are paused since {}", words::moment(since))
        }
        _ => "running".to_owned(),
    };
    let (all, paused, disabled) = (count("schedules"), count("paused"), count("disabled"));
    let mut lines =
        vec![pause, format!("{}, {paused} paused, {disabled} disabled", words::counted(all, "schedule"))];
    if let Some(next) = status["next"].as_object() {
        lines.push(format!(
            "next is {} at {}",
            words::text(&next["name"]),
            words::moment(&next["planned_at"])
        ));
    }
    lines
}
