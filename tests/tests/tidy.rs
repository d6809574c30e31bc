//! The invariants of ARCHITECTURE.md that can be read off the source, each named by its sentence.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Lines of the longest file.
const MOST_LINES: usize = 500;

/// Which of our own crates each crate may use.
const GRAPH: [(&str, &[&str]); 12] = [
    ("events", &[]),
    ("quant", &[]),
    ("actors", &["events", "quant"]),
    ("projections", &["events", "quant"]),
    ("store", &["events"]),
    ("intake", &["events", "store"]),
    ("kafka", &["events", "intake", "store"]),
    ("views", &["events", "projections", "store"]),
    ("runtime", &["actors", "events", "intake", "store"]),
    ("server", &["actors", "events", "intake", "kafka", "projections", "runtime", "store", "views"]),
    ("benches", &["events", "intake", "kafka"]),
    ("tests", &["actors", "events", "intake", "kafka", "projections", "runtime", "store", "views"]),
];

/// The crates that reach nothing outside themselves.
const PURE: [&str; 4] = ["events", "quant", "actors", "projections"];

/// What a pure crate may use besides our own: values, their text, and computing.
const PURE_DEPENDENCIES: &[&str] = &[
    "base64",
    "blake3",
    "bytes",
    "chrono",
    "chrono-tz",
    "croner",
    "csv",
    "ethnum",
    "libm",
    "parquet",
    "plotters",
    "png",
    "rust_decimal",
    "schemars",
    "serde",
    "serde_json",
    "ta-lib",
    "thiserror",
    "uuid",
];

/// Who names a library: where its name may stand in the product, and the sentence that this holds.
const HOMES: [(&str, &[&str], &str); 6] = [
    ("actix", &["runtime/src/host.rs"], "7: one file knows actix actors"),
    ("actix_web", &["server/src/"], "7: only `server` knows HTTP"),
    ("ureq", &["server/src/"], "7: only `server` knows HTTP"),
    ("rdkafka", &["kafka/src/"], "7: only `kafka` knows Kafka"),
    ("rusqlite", &["views/src/sqlite/"], "7: only `views` knows the files of the views"),
    ("memmap2", &["store/src/"], "7: only `store` knows bytes on disk"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every source file of the crates by its path from the root; tests of whole parts and benchmarks among them.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, _) in GRAPH {
        gather(&root().join(name), &mut found);
    }
    assert!(found.len() > 300, "only {} files found", found.len());
    found
}

fn gather(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            gather(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            found.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// The product alone: no test, benchmark or example.
fn product() -> BTreeMap<String, String> {
    let is_product = |name: &String| {
        let mut folders = name.split('/');
        let (owner, kind) = (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
        !["tests", "benches"].contains(&owner) && kind == "src" && !name.contains("tests")
    };
    sources().into_iter().filter(|(name, _)| is_product(name)).collect()
}

/// A line without its comment; enough for names of libraries, which stand in no text.
fn code(line: &str) -> &str {
    line.find("//").map_or(line, |comment| &line[..comment])
}

/// Whether a line names something as a whole word.
fn names(line: &str, word: &str) -> bool {
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (at.checked_sub(1), at + word.len());
        !is_part(before.map(|at| line.as_bytes()[at])) && !is_part(line.as_bytes().get(after).copied())
    })
}

/// The names in one table of a manifest.
fn dependencies(owner: &str, table: &str) -> Vec<String> {
    let manifest = fs::read_to_string(root().join(owner).join("Cargo.toml")).unwrap();
    let lines = manifest.lines().skip_while(|line| *line != format!("[{table}]")).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
    lines.filter(|line| !line.starts_with('#') && !line.is_empty()).map(name).collect()
}

#[test]
fn the_crates_depend_on_each_other_as_the_architecture_says() {
    for (owner, allowed) in GRAPH {
        let ours = dependencies(owner, "dependencies").into_iter();
        let mut ours: Vec<_> = ours.filter(|name| GRAPH.iter().any(|(ours, _)| ours == name)).collect();
        ours.sort();
        assert_eq!(ours, allowed, "direction of imports, ARCHITECTURE.md: {owner}");
    }
}

#[test]
fn pure_crates_use_nothing_that_reaches_outside() {
    for owner in PURE {
        for name in dependencies(owner, "dependencies") {
            let is_known = PURE.contains(&name.as_str()) || PURE_DEPENDENCIES.contains(&name.as_str());
            assert!(
                is_known,
                "invariant 3: {owner} depends on {name}: is it free of clocks, files and sockets?"
            );
        }
    }
}

#[test]
fn pure_crates_are_forbidden_the_same_calls() {
    let banned = |owner: &str| fs::read_to_string(root().join(owner).join("clippy.toml")).unwrap();
    let all = banned("events");
    assert!(all.contains("SystemTime::now") && all.contains("File::open") && all.contains("TcpStream"));
    assert_eq!(banned("actors"), all, "invariant 3");
    assert_eq!(banned("projections"), all, "invariant 3");
    // It computes on several threads, and their order shows nowhere.
    let single: Vec<_> = all.lines().filter(|line| !line.contains("std::thread::spawn")).collect();
    assert_eq!(banned("quant").lines().collect::<Vec<_>>(), single, "invariant 3");
}

#[test]
fn libraries_are_named_only_where_they_are_at_home() {
    for (path, text) in product() {
        for (library, homes, sentence) in HOMES {
            let found = text.lines().position(|line| {
                // `actix::` alone: `actix_web` is another word, and a property of librdkafka is no import.
                let code = code(line);
                (code.contains("use ") || code.contains(&format!("{library}::"))) && names(code, library)
            });
            let is_home = homes.iter().any(|home| path.starts_with(home));
            let line = found.map_or(0, |at| at + 1);
            assert!(found.is_none() || is_home, "invariant {sentence}: {path}:{line} names {library}");
        }
    }
}

#[test]
fn every_queue_has_a_bound() {
    for (path, text) in product() {
        for (number, line) in (1..).zip(text.lines()) {
            let unbounded = ["mpsc::channel(", "mpsc::channel::<", "unbounded_channel", "flume::unbounded"];
            let found = unbounded.iter().find(|call| code(line).contains(*call));
            assert!(found.is_none(), "invariant 8: {path}:{number} has no bound: {}", line.trim());
        }
    }
}

#[test]
fn actors_do_not_know_each_other() {
    let actors: Vec<_> =
        fs::read_dir(root().join("actors/src")).unwrap().map(|entry| entry.unwrap()).collect();
    let folders = actors.iter().filter(|entry| entry.path().is_dir());
    let folders: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(folders.len() >= 3, "{folders:?}");
    for (path, text) in sources() {
        let Some(own) = path.strip_prefix("actors/src/").and_then(|rest| rest.split_once('/')) else {
            continue;
        };
        let others = folders.iter().filter(|folder| *folder != own.0);
        for other in others {
            let is_used = text.lines().any(|line| code(line).contains(&format!("{other}::")));
            assert!(!is_used, "invariant 1: {path} uses {other}; the log is the only way between actors");
        }
    }
}

#[test]
fn every_actor_has_the_same_five_files() {
    for entry in fs::read_dir(root().join("actors/src")).unwrap() {
        let folder = entry.unwrap().path();
        if folder.is_dir() {
            for file in ["mod.rs", "config.rs", "state.rs", "rules.rs"] {
                assert!(folder.join(file).is_file(), "{} lacks {file}", folder.display());
            }
            assert!(
                folder.join("tests.rs").is_file() || folder.join("tests").is_dir(),
                "{} lacks tests",
                folder.display()
            );
        }
    }
}

#[test]
fn the_files_and_folders_that_the_documents_name_are_there() {
    for document in ["ARCHITECTURE.md", "docs/glossary.md", "docs/operations.md", "docs/log.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        // What stands between back quotes and begins with a folder of ours.
        for named in text.split('`').skip(1).step_by(2) {
            let owner = named.split('/').next().unwrap_or_default();
            let is_path = named.contains('/') && !named.contains([' ', '<', '{', '*', '\n']);
            if is_path && GRAPH.iter().any(|(ours, _)| *ours == owner) {
                assert!(root().join(named).exists(), "{document} names {named}, which is not there");
            }
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_are() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= MOST_LINES,
            "{path} has {lines} lines: split it by meaning, {MOST_LINES} is the limit"
        );
        // Tests that lie beside what they test are named by it.
        let is_beside = path.contains("/src/") && path.contains("tests");
        assert!(is_beside || text.starts_with("//!"), "{path} does not say at its head what it is");
    }
}
