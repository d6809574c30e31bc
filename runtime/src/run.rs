//! What a process records when it starts: its run, and what changed in the configuration.

use std::collections::BTreeMap;

use events::{Event, NewEvent, RunStarted, Timestamp, id};
use store::{AppendError, Recorder};

use crate::{
    roster::{self, Kind},
    system::{StartError, SystemConfig},
};

/// Versions of the rules, by actor.
fn rules_versions() -> BTreeMap<String, u32> {
    roster::ALL.iter().map(|kind| (kind.name.to_owned(), kind.rules_version)).collect()
}

/// Records a run and what changed in the configuration.
pub(crate) fn record_start(
    recorder: &Recorder,
    config: &SystemConfig,
    moment: Timestamp,
) -> Result<(), StartError> {
    record_run(recorder, config, moment)?;
    configure(recorder, config, moment)
}

fn record_run(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> Result<(), AppendError> {
    recorder.append(RUNS, run_started(recorder, config, moment))?;
    Ok(())
}

fn configure(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> Result<(), StartError> {
    for (actor, event) in configurations(config) {
        let stream = config_stream(actor);
        let last = recorder.log.read_stream_back(&stream, u64::MAX, 1)?;
        if !last.first().is_some_and(|last| last.event == *event) {
            recorder.append(&stream, configured(recorder, actor, moment, event.clone()))?;
        }
    }
    Ok(())
}

/// The stream of the runs.
pub(crate) const RUNS: &str = "runs";

/// The start of a run.
pub(crate) fn run_started(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> NewEvent {
    let run_id = recorder.run_id;
    let event = Event::RunStarted(RunStarted {
        run_id,
        version: config.version.clone(),
        command: config.command.clone(),
        rules_versions: rules_versions(),
        config_digest: config.config_digest.clone(),
    });
    recorder.root(run_id, moment, event)
}

/// What the actors are configured with, each with the actor's name.
pub(crate) fn configurations(config: &SystemConfig) -> impl Iterator<Item = (&'static str, &Event)> {
    let of = |kind: &'static Kind| {
        let event = config.configured.iter().find(|event| (kind.configures)(event))?;
        Some((kind.name, event))
    };
    roster::ALL.iter().filter_map(of)
}

/// The stream of an actor's configuration.
pub(crate) fn config_stream(actor: &str) -> String {
    format!("config-{actor}")
}

pub(crate) fn configured(recorder: &Recorder, actor: &str, moment: Timestamp, event: Event) -> NewEvent {
    let id = id::derive(&[b"configured", recorder.run_id.as_bytes(), actor.as_bytes()]);
    recorder.root(id, moment, event)
}
