//! What a process records when it starts: its run, and what changed in the configuration.

use std::collections::BTreeMap;

use events::{Event, RunStarted, Timestamp, Uuid, id};
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
    recorder.append(RUNS, recorder.root(recorder.run_id, moment, run_started(recorder.run_id, config)))?;
    Ok(())
}

fn configure(recorder: &Recorder, config: &SystemConfig, moment: Timestamp) -> Result<(), StartError> {
    for (actor, event) in configurations(config) {
        let stream = config_stream(actor);
        let last = recorder.log.read_stream_back(&stream, u64::MAX, 1)?;
        if !last.first().is_some_and(|last| last.event == *event) {
            recorder
                .append(&stream, recorder.root(configured(recorder.run_id, actor), moment, event.clone()))?;
        }
    }
    Ok(())
}

/// The stream of the runs.
pub(crate) const RUNS: &str = "runs";

/// The start of a run.
pub(crate) fn run_started(run_id: Uuid, config: &SystemConfig) -> Event {
    Event::RunStarted(RunStarted {
        run_id,
        version: config.version.clone(),
        command: config.command.clone(),
        rules_versions: rules_versions(),
        config_digest: config.config_digest.clone(),
    })
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

/// The id of an actor's configuration at the start of a run.
pub(crate) fn configured(run_id: Uuid, actor: &str) -> Uuid {
    id::derive(&[b"configured", run_id.as_bytes(), actor.as_bytes()])
}
