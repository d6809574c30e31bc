//! What lies in `schemas/`: a JSON Schema of every event type and of the incoming fact, an index, golden samples.
//!
//! Files of older versions are kept by being left alone: nothing here deletes or rewrites them.

pub mod fact;
mod samples;
mod schedules;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use events::{Codec, Event, schema::EventSchema};
use serde_json::{Value, json};

pub use samples::samples;

/// The command that brings the folder up to date.
pub const COMMAND: &str = "cargo run -p tests --bin schemas";

/// The folder in the repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("schemas")
}

/// The generated files that are rewritten whenever they differ, by name.
#[must_use]
pub fn generated() -> BTreeMap<String, String> {
    let all = events::schema::all();
    let facts = [(format!("{}.json", fact::NAME), pretty(&fact::schema()))];
    let index = [("index.json".to_owned(), pretty(&index(&all)))];
    let schemas = all.iter().map(|one| (file_name(&one.event_type, one.version), pretty(&one.schema)));
    schemas.chain(facts).chain(index).collect()
}

/// The golden samples of the newest versions, by name below `samples/`.
#[must_use]
pub fn golden() -> BTreeMap<String, Value> {
    let name = |event: &Event| file_name(event.event_type(), event.schema_version());
    samples().iter().map(|event| (name(event), json!(event))).collect()
}

/// The golden samples in the compact form, of the types that have one, by name below `compact/`.
#[must_use]
pub fn compact() -> BTreeMap<String, Vec<u8>> {
    let stored = |event: &Event| match event.to_stored() {
        Ok((Codec::Compact, fields)) => {
            Some((format!("{}.v{}.bin", event.event_type(), event.schema_version()), fields))
        }
        _ => None,
    };
    samples().iter().filter_map(stored).collect()
}

/// What a compact sample reads as; nothing where its name or its bytes are of no event.
#[must_use]
pub fn read_compact(file: &str, fields: &[u8]) -> Option<Value> {
    let (event_type, version) = file.strip_suffix(".bin")?.rsplit_once(".v")?;
    Event::from_stored(event_type, version.parse().ok()?, Codec::Compact, fields)
        .ok()
        .map(|event| json!(event))
}

/// `TradeClosed.v1.json`.
#[must_use]
pub fn file_name(event_type: &str, version: u16) -> String {
    format!("{event_type}.v{version}.json")
}

/// The type and version that a file is named after.
#[must_use]
pub fn named(file: &str) -> Option<(&str, u16)> {
    let (event_type, version) = file.strip_suffix(".json")?.rsplit_once(".v")?;
    Some((event_type, version.parse().ok()?))
}

/// Whether everything that was in a golden sample still stands in the new one: an optional field may be added.
#[must_use]
pub fn only_adds(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            old.iter().all(|(name, old)| new.get(name).is_some_and(|new| only_adds(old, new)))
        }
        (Value::Array(old), Value::Array(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| only_adds(old, new))
        }
        _ => old == new,
    }
}

/// JSON as it is kept: indented, members sorted, a line feed at the end.
#[must_use]
pub fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// Writes what is missing or differs; answers the names of the files that it wrote.
///
/// # Errors
/// When the disk refuses, or a golden sample would change instead of growing: then its type needs a new version.
pub fn write(folder: &Path) -> io::Result<Vec<String>> {
    let (samples, compact_samples) = (folder.join("samples"), folder.join("compact"));
    fs::create_dir_all(&samples)?;
    fs::create_dir_all(&compact_samples)?;
    for (name, sample) in golden() {
        check_golden(&samples.join(name), &sample, |old| serde_json::from_slice(old).ok())?;
    }
    for (name, fields) in compact() {
        let sample = read_compact(&name, &fields).unwrap_or_default();
        check_golden(&compact_samples.join(&name), &sample, |old| read_compact(&name, old))?;
    }
    let texts = generated().into_iter().map(|(name, text)| (name, text.into_bytes()));
    let below = |(name, sample)| (format!("samples/{name}"), pretty(&sample).into_bytes());
    let compact = compact().into_iter().map(|(name, fields)| (format!("compact/{name}"), fields));
    let files = texts.chain(golden().into_iter().map(below)).chain(compact);
    let differs =
        |(name, bytes): &(String, Vec<u8>)| fs::read(folder.join(name)).ok().as_ref() != Some(bytes);
    let mut written = Vec::new();
    for (name, bytes) in files.filter(differs) {
        fs::write(folder.join(&name), bytes)?;
        written.push(name);
    }
    Ok(written)
}

/// A sample that is there may only grow; `read` says what its bytes say.
fn check_golden(path: &Path, sample: &Value, read: impl Fn(&[u8]) -> Option<Value>) -> io::Result<()> {
    let old = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => read(&found?),
    };
    if old.is_some_and(|old| only_adds(&old, sample)) {
        return Ok(());
    }
    let told = format!(
        "{}: events of this version were already written so; raise the type's version and add an upcast step",
        path.display()
    );
    Err(io::Error::other(told))
}

fn index(all: &[EventSchema]) -> Value {
    let decisions: BTreeMap<_, _> =
        samples().iter().map(|event| (event.event_type(), event.is_decision())).collect();
    let events: Vec<_> = all
        .iter()
        .map(|EventSchema { event_type, version, .. }| {
            let file = file_name(event_type, *version);
            json!({
                "type": event_type,
                "version": version,
                "decision": decisions.get(event_type.as_str()),
                "sample": format!("samples/{file}"),
                "schema": file,
            })
        })
        .collect();
    let facts = [json!({"topic": fact::NAME, "schema": format!("{}.json", fact::NAME)})];
    json!({"events": events, "facts": facts})
}
