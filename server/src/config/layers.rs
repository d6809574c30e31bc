//! Where settings come from: the file, then variables of the environment, then `--set`; the later one wins.
//!
//! Nothing here knows what a key means.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
};

use super::fault::Fault;

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the configuration file.
    File(PathBuf),
    /// In a variable of the environment.
    Variable(String),
    /// On the command line.
    Flag,
    /// Nowhere: it is the default, or follows from other values.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag => f.write_str("--set"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as it was given.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// From the file, with its type.
    Typed(toml::Value),
    /// From a variable or a flag: text that stands for any type.
    Text(String),
}

impl Raw {
    /// The value as its user wrote it.
    pub fn shown(&self) -> String {
        match self {
            Self::Typed(value) => value.to_string(),
            Self::Text(text) => format!("{text:?}"),
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The value.
    pub value: Raw,
    /// Where it stands.
    pub origin: Origin,
}

/// Settings by dotted key.
pub type Settings = BTreeMap<String, Setting>;

/// What settings are gathered from.
#[derive(Clone, Debug, Default)]
pub struct Sources<'s> {
    /// The file, if there is one.
    pub file: Option<&'s Path>,
    /// Variables of the environment.
    pub variables: Vec<(String, String)>,
    /// `section.key=value`, from `--set`.
    pub flags: &'s [String],
}

/// Gathers the settings of all layers.
pub fn gather(sources: &Sources<'_>) -> (Settings, Vec<Fault>) {
    let (mut settings, mut faults) = (Settings::new(), Vec::new());
    if let Some(path) = sources.file {
        read_file(path, &mut settings, &mut faults);
    }
    for (name, value) in &sources.variables {
        read_variable(name, value, &mut settings, &mut faults);
    }
    for flag in sources.flags {
        read_flag(flag, &mut settings, &mut faults);
    }
    (settings, faults)
}

fn read_file(path: &Path, settings: &mut Settings, faults: &mut Vec<Fault>) {
    let origin = Origin::File(path.to_owned());
    let mut whole = |problem: String| {
        faults.push(Fault { origin: origin.clone(), key: String::new(), value: None, problem });
    };
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return whole(format!("cannot be read: {error}")),
    };
    match text.parse::<toml::Table>() {
        Ok(table) => flatten("", table, &origin, settings),
        // The parser's own text shows the line, which may hold a secret.
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            whole(format!("line {line} is not TOML: {}", error.message()));
        }
    }
}

fn flatten(prefix: &str, table: toml::Table, origin: &Origin, settings: &mut Settings) {
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => {
                flatten(&format!("{key}."), inner, origin, settings);
            }
            // An empty section says nothing.
            toml::Value::Table(_) => {}
            value => {
                settings.insert(key, Setting { value: Raw::Typed(value), origin: origin.clone() });
            }
        }
    }
}

/// The cluster's address has a name that other tools use too.
const BOOTSTRAP: &str = "KAFKA_BOOTSTRAP_SERVERS";
const PREFIX: &str = "TRADEWARDEN_";
const SECRET_FILE: &str = "_FILE";

fn read_variable(name: &str, value: &str, settings: &mut Settings, faults: &mut Vec<Fault>) {
    let origin = Origin::Variable(name.to_owned());
    if name == BOOTSTRAP {
        let own = format!("{PREFIX}KAFKA__BOOTSTRAP_SERVERS");
        let ours = |setting: &Setting| setting.origin == Origin::Variable(own.clone());
        if !value.is_empty() && !settings.get("kafka.bootstrap_servers").is_some_and(ours) {
            let setting = Setting { value: Raw::Text(value.to_owned()), origin };
            settings.insert("kafka.bootstrap_servers".to_owned(), setting);
        }
        return;
    }
    let Some(path) = name.strip_prefix(PREFIX).filter(|path| path.contains("__")) else { return };
    if let Some(path) = path.strip_suffix(SECRET_FILE) {
        let key = key_of(path);
        match fs::read_to_string(value) {
            Ok(text) => {
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                settings.insert(key, Setting { value: Raw::Text(text), origin });
            }
            Err(error) => {
                let problem = format!("{value} cannot be read: {error}");
                faults.push(Fault { origin, key, value: None, problem });
            }
        }
    } else {
        settings.insert(key_of(path), Setting { value: Raw::Text(value.to_owned()), origin });
    }
}

/// `SECTION__KEY` to `section.key`. Properties of librdkafka have dots where a variable can only have `_`.
fn key_of(path: &str) -> String {
    let key = path.to_lowercase().replace("__", ".");
    match key.strip_prefix("kafka.properties.") {
        Some(property) => format!("kafka.properties.{}", property.replace('_', ".")),
        None => key,
    }
}

fn read_flag(flag: &str, settings: &mut Settings, faults: &mut Vec<Fault>) {
    match flag.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            let setting = Setting { value: Raw::Text(value.trim().to_owned()), origin: Origin::Flag };
            settings.insert(key.trim().to_owned(), setting);
        }
        _ => {
            let problem = "not of the form section.key=value".to_owned();
            faults.push(Fault { origin: Origin::Flag, key: flag.to_owned(), value: None, problem });
        }
    }
}
