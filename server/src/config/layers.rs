//! Where settings come from: the file, then variables of the environment, then `--set`; the later one wins.
//!
//! Nothing here knows what a key means.

use std::{fs, path::Path};

use super::{
    fault::{Fault, Origin},
    keys,
    names::{self, PREFIX, SECRET_FILE},
    settings::{Raw, Setting, Settings},
};

/// What settings are gathered from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers<'s> {
    /// The file, if there is one.
    pub file: Option<&'s Path>,
    /// Variables of the environment.
    pub variables: Vec<(String, String)>,
    /// `section.key=value`, from `--set`.
    pub flags: &'s [String],
}

/// Gathers the settings of all layers.
pub(super) fn gather(layers: &Layers<'_>) -> (Settings, Vec<Fault>) {
    let (mut settings, mut faults) = (Settings::new(), Vec::new());
    if let Some(path) = layers.file {
        read_file(path, &mut settings, &mut faults);
    }
    for (name, value) in &layers.variables {
        read_variable(name, value, &mut settings, &mut faults);
    }
    for flag in layers.flags {
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

fn read_variable(name: &str, value: &str, settings: &mut Settings, faults: &mut Vec<Fault>) {
    let origin = Origin::Variable(name.to_owned());
    let mut refused = |key: String, problem: String| {
        faults.push(Fault { origin: origin.clone(), key, value: None, problem });
    };
    if name == BOOTSTRAP {
        return read_bootstrap(value, settings, origin);
    }
    let Some(path) = name.strip_prefix(PREFIX).filter(|path| !names::is_of_scripts(path)) else { return };
    if !path.contains("__") {
        return refused(String::new(), keys::unknown_variable(name));
    }
    // What is not UTF-8 came here with this sign in its place.
    if value.contains('\u{fffd}') {
        return refused(names::key_of_variable(path), "the value is not UTF-8".to_owned());
    }
    if let Some(path) = path.strip_suffix(SECRET_FILE) {
        let key = names::key_of_variable(path);
        match fs::read_to_string(value) {
            Ok(text) => {
                let text = text.trim_end_matches(['\r', '\n']).to_owned();
                settings.insert(key, Setting { value: Raw::Text(text), origin });
            }
            Err(error) => refused(key, format!("{value} cannot be read: {error}")),
        }
    } else {
        let setting = Setting { value: Raw::Text(value.to_owned()), origin };
        settings.insert(names::key_of_variable(path), setting);
    }
}

fn read_bootstrap(value: &str, settings: &mut Settings, origin: Origin) {
    let key = "kafka.bootstrap_servers";
    let own = format!("{PREFIX}KAFKA__BOOTSTRAP_SERVERS");
    if !settings.get(key).is_some_and(|setting| setting.origin == Origin::Variable(own)) {
        settings.insert(key.to_owned(), Setting { value: Raw::Text(value.to_owned()), origin });
    }
}

fn read_flag(flag: &str, settings: &mut Settings, faults: &mut Vec<Fault>) {
    match names::split_flag(flag) {
        Some((key, value)) => {
            let setting = Setting { value: Raw::Text(value.to_owned()), origin: Origin::Flag };
            settings.insert(key, setting);
        }
        None => {
            let problem =
                "not of the form section.key=value; a name with dots or blanks stands in quotes, as in \
                           strategy_guard.strategies.\"a.b\".capital=1000"
                    .to_owned();
            faults.push(Fault { origin: Origin::Flag, key: flag.to_owned(), value: None, problem });
        }
    }
}
