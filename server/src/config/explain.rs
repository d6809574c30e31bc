//! What a key means, from the default file, and which value of it is in force.

use super::{
    Config, DEFAULT_FILE,
    keys::{all, nearest, pattern_of},
    reader::Given,
};

/// A key with its value in force.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Explanation {
    /// The key.
    pub key: String,
    /// The value in force; nothing when it is not set and has no default.
    pub value: Option<String>,
    /// Where it stands.
    pub origin: String,
    /// The default; nothing when there is none.
    pub default: Option<String>,
    /// What it means.
    pub meaning: String,
}

/// Explains a key.
///
/// # Errors
/// When there is no such key; the nearest one is named.
pub(crate) fn explain(config: &Config, key: &str) -> Result<Explanation, String> {
    let Some(pattern) = pattern_of(key) else {
        let near = nearest(key).map_or_else(
            || "tradewarden config default shows them all".to_owned(),
            |near| format!("the nearest one is {near}"),
        );
        return Err(format!("there is no key {key:?}; {near}"));
    };
    let given = config.given.iter().find(|given| given.key == key);
    // What is not set for one strategy is as for all of them.
    let general = key.strip_prefix("strategy_guard.strategies.").and_then(|rest| rest.rsplit_once('.'));
    let general = general
        .map(|(_, last)| format!("strategy_guard.{last}"))
        .filter(|key| all().any(|known| known == key));
    if let (None, Some(general)) = (given, general) {
        let general = explain(config, &general)?;
        let origin = format!("as {}: {}", general.key, general.origin);
        return Ok(Explanation { key: key.to_owned(), origin, ..general });
    }
    let default = default_of(key);
    Ok(Explanation {
        key: key.to_owned(),
        value: given.map(|given| given.value.clone()).or_else(|| default.clone()),
        origin: match (given, &default) {
            (Some(given), _) => given.origin.to_string(),
            (None, Some(_)) => "default".to_owned(),
            (None, None) => "not set".to_owned(),
        },
        default,
        meaning: meaning_of(pattern),
    })
}

/// What is set to something else than its default.
pub(crate) fn not_default(config: &Config) -> impl Iterator<Item = (&Given, Option<String>)> {
    let with_default = config.given.iter().map(|given| (given, default_of(&given.key)));
    with_default
        .filter(|(given, default)| !default.as_ref().is_some_and(|default| are_equal(default, &given.value)))
}

/// Whether two values are the same text or the same number.
fn are_equal(a: &str, b: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    a == b || number(a).is_some_and(|a| number(b) == Some(a))
}

/// A line of the default file that sets a key, or would.
struct Line {
    key: String,
    value: String,
    is_default: bool,
    meaning: String,
}

fn default_of(key: &str) -> Option<String> {
    lines().into_iter().find(|line| line.is_default && line.key == key).map(|line| line.value)
}

fn meaning_of(pattern: &str) -> String {
    lines()
        .into_iter()
        .find(|line| pattern_of(&line.key) == Some(pattern))
        .map_or(String::new(), |line| line.meaning)
}

/// The keys of the default file. What stands above a key tells of it, and of those that follow without a word.
fn lines() -> Vec<Line> {
    let mut section = String::new();
    let mut told = Vec::new();
    let mut telling = false;
    let mut lines = Vec::new();
    for text in DEFAULT_FILE.lines() {
        let bare = text.strip_prefix("# ").unwrap_or(text);
        if let Some(name) = bare.strip_prefix('[').and_then(|bare| bare.strip_suffix(']')) {
            (section, telling) = (name.to_owned(), false);
        } else if let Some((key, value)) = bare.split_once(" = ") {
            telling = false;
            lines.push(Line {
                key: format!("{section}.{}", key.trim_matches('"')),
                value: value.trim_matches('"').to_owned(),
                is_default: bare == text,
                meaning: told.join(" "),
            });
        } else if bare != text {
            if !telling {
                told.clear();
            }
            telling = true;
            told.push(bare);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_default_file_tells_of_the_keys_that_are_asked_for_and_of_no_others() {
        let told: BTreeSet<_> =
            lines().iter().map(|line| pattern_of(&line.key).ok_or(line.key.clone())).collect();
        assert_eq!(told, all().map(Ok).collect());
    }
}
