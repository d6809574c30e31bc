//! The folder `schemas/` is what the code says, every sample ever written can be read, and the intake takes what its
//! schema promises.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fs,
    path::Path,
};

use events::Event;
use intake::TradeFormat;
use serde_json::{Value, json};
use tests::schemas::{self, COMMAND};

fn faults(schema: &Value, instance: &Value) -> Vec<String> {
    let built = jsonschema::draft202012::options().should_validate_formats(true).build(schema);
    let validator = built.expect("invariant: our schemas are schemas");
    validator.iter_errors(instance).map(|fault| fault.to_string()).collect()
}

/// The JSON files of a folder, by name.
fn files(folder: &Path) -> BTreeMap<String, Value> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| fail(folder, &error));
    let paths = entries.map(|entry| entry.unwrap_or_else(|error| fail(folder, &error)).path());
    paths.filter(|path| path.is_file()).map(|path| (name_of(&path), read(&path))).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| fail(path, &error));
    serde_json::from_slice(&text).unwrap_or_else(|error| fail(path, &error))
}

#[track_caller]
#[expect(clippy::panic, reason = "a panic is how a test fails")]
fn fail(path: &Path, error: &dyn Error) -> ! {
    panic!("{}: {error}; run {COMMAND}", path.display())
}

fn samples_on_disk() -> BTreeMap<String, Value> {
    files(&schemas::folder().join("samples"))
}

fn newest_versions() -> BTreeMap<String, u16> {
    events::schema::all().into_iter().map(|one| (one.event_type, one.version)).collect()
}

#[test]
fn every_generated_file_is_up_to_date() {
    let on_disk = |name: &str| fs::read_to_string(schemas::folder().join(name)).unwrap_or_default();
    let stale: Vec<_> = schemas::generated()
        .into_iter()
        .filter(|(name, text)| on_disk(name) != *text)
        .map(|(name, _)| name)
        .collect();
    assert!(stale.is_empty(), "stale in schemas/: {}; run {COMMAND}", stale.join(", "));
}

#[test]
fn the_folder_holds_nothing_that_no_event_is_named_after() {
    let (generated, newest) = (schemas::generated(), newest_versions());
    let older = |name: &str| {
        schemas::named(name).is_some_and(|(name, version)| newest.get(name).is_some_and(|now| version < *now))
    };
    for name in files(&schemas::folder()).keys() {
        assert!(generated.contains_key(name) || older(name), "schemas/{name} belongs to no event");
    }
}

#[test]
fn there_is_one_sample_of_every_event_type_and_of_none_twice() {
    let samples = schemas::samples();
    let sampled: BTreeSet<_> = samples.iter().map(|event| event.event_type().to_owned()).collect();
    let described: BTreeSet<_> = newest_versions().into_keys().collect();
    assert_eq!(sampled, described);
    assert_eq!(sampled.len(), samples.len());
}

#[test]
fn samples_name_every_field_that_their_schema_knows() {
    let samples: BTreeMap<_, _> =
        schemas::samples().iter().map(|event| (event.event_type(), json!(event))).collect();
    for one in events::schema::all() {
        let names = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        let sample = &samples[one.event_type.as_str()];
        assert_eq!(names(sample), names(&one.schema["properties"]), "{}", one.event_type);
    }
}

#[test]
fn a_sample_of_every_version_ever_written_is_kept() {
    let kept = samples_on_disk();
    for (event_type, newest) in newest_versions() {
        for version in 1..=newest {
            let name = schemas::file_name(&event_type, version);
            assert!(kept.contains_key(&name), "schemas/samples/{name} is missing; run {COMMAND}");
        }
    }
}

#[test]
fn the_newest_samples_are_what_is_written_now() {
    let kept = samples_on_disk();
    for (name, sample) in schemas::golden() {
        assert_eq!(kept.get(&name), Some(&sample), "schemas/samples/{name} is stale; run {COMMAND}");
    }
}

#[test]
fn every_sample_is_read_and_written_again_and_fits_its_schema() {
    let (schemas_on_disk, newest) = (files(&schemas::folder()), newest_versions());
    for (name, sample) in samples_on_disk() {
        let (event_type, version) =
            schemas::named(&name).unwrap_or_else(|| panic!("{name} names no version"));
        let fields = serde_json::to_vec(&sample).unwrap();
        let event =
            Event::from_json(event_type, version, &fields).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again: Value = serde_json::from_slice(&event.to_json().unwrap()).unwrap();
        if version == newest[event_type] {
            assert_eq!(again, sample, "{name}");
        }
        assert_eq!(faults(&schemas_on_disk[&name], &sample), [""; 0], "{name}");
        let now = &schemas_on_disk[&schemas::file_name(event_type, newest[event_type])];
        assert_eq!(faults(now, &again), [""; 0], "{name} as it is read now");
    }
}

#[test]
fn every_compact_sample_says_what_the_sample_beside_it_says() {
    let folder = schemas::folder().join("compact");
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| fail(&folder, &error));
    let kept: BTreeMap<_, _> = entries
        .map(|entry| entry.unwrap().path())
        .map(|path| (name_of(&path), fs::read(&path).unwrap_or_else(|error| fail(&path, &error))))
        .collect();
    let samples = samples_on_disk();
    for (name, fields) in &kept {
        let sample = &samples[&name.replace(".bin", ".json")];
        assert_eq!(schemas::read_compact(name, fields).as_ref(), Some(sample), "{name} changed its meaning");
    }
    for (name, fields) in schemas::compact() {
        assert_eq!(kept.get(&name), Some(&fields), "schemas/compact/{name} is stale; run {COMMAND}");
        let (event_type, newest) = name.strip_suffix(".bin").unwrap().rsplit_once(".v").unwrap();
        let versions = 1..=newest.parse::<u16>().unwrap();
        let missing = versions.filter(|version| !kept.contains_key(&format!("{event_type}.v{version}.bin")));
        assert_eq!(missing.collect::<Vec<_>>(), [0; 0], "versions of {event_type} without a compact sample");
    }
}

#[test]
fn a_schema_refuses_an_event_that_lacks_a_field_or_has_a_wrong_one() {
    let schema = &schemas_of("TradeClosed");
    let sample = &schemas::golden()["TradeClosed.v1.json"];
    let with = |name: &str, value: Value| {
        let mut changed = sample.clone();
        changed[name] = value;
        faults(schema, &changed)
    };
    assert_eq!(with("note", json!("unknown fields are allowed")), [""; 0]);
    for (name, value) in [
        ("profit", json!(1.5)),
        ("profit", json!("1e3")),
        ("side", json!("LONG")),
        ("closed_at", json!("yesterday")),
        ("strategy", Value::Null),
    ] {
        assert!(!with(name, value.clone()).is_empty(), "{name} = {value}");
    }
    let mut lacking = sample.clone();
    lacking.as_object_mut().unwrap().remove("strategy");
    assert!(!faults(schema, &lacking).is_empty());
}

fn schemas_of(event_type: &str) -> Value {
    let found = events::schema::all().into_iter().find(|one| one.event_type == event_type);
    found.expect("invariant: a test names a real type").schema
}

#[test]
fn a_golden_sample_may_grow_but_not_change() {
    let old = json!({"a": 1, "b": [{"c": 2}]});
    assert!(schemas::only_adds(&old, &json!({"a": 1, "b": [{"c": 2, "d": 3}], "e": null})));
    for new in [json!({"a": 1}), json!({"a": 2, "b": [{"c": 2}]}), json!({"a": 1, "b": []})] {
        assert!(!schemas::only_adds(&old, &new), "{new}");
    }
}

#[test]
fn the_generator_writes_everything_once_and_no_changed_sample() {
    let folder = tempfile::tempdir().unwrap();
    let first = schemas::write(folder.path()).unwrap();
    assert_eq!(first.len(), schemas::generated().len() + schemas::golden().len() + schemas::compact().len());
    assert_eq!(schemas::write(folder.path()).unwrap(), [""; 0]);
    let sample = folder.path().join("samples").join("IngestAdvanced.v1.json");
    fs::write(&sample, r#"{"next_offset": 1}"#).unwrap();
    let told = schemas::write(folder.path()).unwrap_err().to_string();
    assert!(told.contains("IngestAdvanced.v1.json") && told.contains("raise the type's version"), "{told}");
    assert_eq!(fs::read_to_string(&sample).unwrap(), r#"{"next_offset": 1}"#);
}

fn record() -> Value {
    json!({
        "trade_id": "1", "strategy": "rsi", "symbol": "BTC/USDT", "side": "long", "quantity": "0.5",
        "entry_price": "100", "profit": "-1.5", "profit_pct": "-3",
        "opened_at": "2025-01-31T12:00:00Z", "closed_at": "2025-01-31T13:00:00Z"
    })
}

fn record_with(name: &str, value: Value) -> Value {
    let mut record = record();
    record[name] = value;
    record
}

fn is_taken(record: &Value) -> bool {
    TradeFormat::default()
        .decode(record.to_string().as_bytes(), None, tests::at("2025-02-01T00:00:00Z"))
        .is_ok()
}

#[test]
fn the_intake_and_the_schema_of_the_fact_agree_about_good_records() {
    let fact = schemas::fact::schema();
    let good = [
        ("trade_id", json!(4711)),
        ("side", json!("Short")),
        ("quantity", json!(0.25)),
        ("quantity", json!("+.5e-3")),
        ("profit", json!("-0")),
        ("profit_pct", json!(-2.5)),
        ("exit_price", json!("99.5")),
        ("exit_price", Value::Null),
        ("exit_price", json!(0)),
        ("exit_price", json!("-0.0")),
        ("profit_ratio", json!(-0.03)),
        ("profit", json!("1.2345678901234567890123456789")),
        ("fee", json!("-0.5")),
        ("fee", json!(0)),
        ("model", json!(7)),
        ("opened_at", json!("2025-01-31T13:00:00+02:00")),
        ("opened_at", json!(1_738_324_800)),
        ("opened_at", json!("1738324800000")),
        ("closed_at", json!(1_738_328_400_000_000_000_i64)),
        ("event_id", json!("bot-1")),
        ("anything", json!({"unknown": true})),
    ];
    assert_eq!(faults(&fact, &record()), [""; 0]);
    assert!(is_taken(&record()));
    for (name, value) in good {
        let record = record_with(name, value.clone());
        assert_eq!(faults(&fact, &record), [""; 0], "{name} = {value}");
        assert!(is_taken(&record), "{name} = {value}");
    }
}

#[test]
fn the_intake_and_the_schema_of_the_fact_agree_about_bad_records() {
    let fact = schemas::fact::schema();
    let long = "x".repeat(129);
    let bad = [
        ("trade_id", json!("")),
        ("trade_id", json!(true)),
        ("trade_id", json!(long)),
        ("strategy", json!(7)),
        ("strategy", json!(long)),
        ("symbol", json!("")),
        ("side", json!("buy")),
        ("quantity", json!("0.00")),
        ("quantity", json!(-1)),
        ("entry_price", json!("-1")),
        ("profit", json!("NaN")),
        ("profit", json!("1,5")),
        ("profit", Value::Null),
        ("profit_pct", json!([1])),
        ("opened_at", json!(1_738_324)),
        ("opened_at", json!(1_738_324_800.5)),
        ("opened_at", json!("20250131")),
        ("closed_at", json!("2025-01-31T13:00:00")),
        ("closed_at", json!("2025-02-30T13:00:00Z")),
    ];
    for (name, value) in bad {
        let record = record_with(name, value.clone());
        assert!(!faults(&fact, &record).is_empty(), "the schema lets {name} = {value} in");
        assert!(!is_taken(&record), "the intake takes {name} = {value}");
    }
    for (name, value) in [
        ("exit_price", json!(-1)),
        ("fee", json!("free")),
        ("currency", json!(long)),
        ("account", json!({"id": 1})),
        ("exit_reason", json!("x".repeat(1025))),
    ] {
        let record = record_with(name, value.clone());
        assert!(!faults(&fact, &record).is_empty(), "the schema lets {name} = {value} in");
        assert!(is_taken(&record), "an odd {name} costs the trade");
    }
    let required = fact["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
    for name in required.chain(["profit_pct"]) {
        let mut record = record();
        record.as_object_mut().unwrap().remove(name);
        assert!(!faults(&fact, &record).is_empty() && !is_taken(&record), "{name} may be missing");
    }
}

#[test]
fn what_no_schema_can_state_is_refused_by_the_intake_alone() {
    let fact = schemas::fact::schema();
    let beyond = [
        ("closed_at", json!("2025-01-31T11:59:59Z")),
        ("closed_at", json!("2025-02-01T00:05:01Z")),
        ("opened_at", json!("2008-12-31T00:00:00Z")),
        ("strategy", json!("a\u{1b}b")),
        ("profit", json!("1e40")),
        ("profit_ratio", json!(-3)),
    ];
    for (name, value) in beyond {
        let record = record_with(name, value.clone());
        assert_eq!(faults(&fact, &record), [""; 0], "{name} = {value}");
        assert!(!is_taken(&record), "{name} = {value}");
    }
}
