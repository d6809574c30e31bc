//! Every key that there is, as the sections ask for it; `*` stands for a name of the user's.

use std::sync::LazyLock;

use super::{
    names::{PREFIX, variable_of},
    reader::Reader,
    sections,
};

static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut reader = Reader::listing();
    sections::read(&mut reader);
    let asked = reader.asked();
    // What has its own name without being configured is among those with a name.
    let is_named = |key: &String| asked.iter().any(|pattern| pattern != key && fits(pattern, key));
    asked.iter().filter(|key| !is_named(key)).cloned().collect()
});

/// The keys.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(String::as_str)
}

/// The pattern among the keys that a key is of.
pub(super) fn pattern_of(key: &str) -> Option<&'static str> {
    all().find(|pattern| fits(pattern, key))
}

fn fits(pattern: &str, key: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == key,
        Some((head, tail)) => key
            .strip_prefix(head)
            .and_then(|rest| rest.strip_suffix(tail))
            .is_some_and(|name| !name.is_empty() && name != "."),
    }
}

/// The known key nearest to an unknown one, with the user's own name in it.
pub(super) fn nearest(unknown: &str) -> Option<String> {
    most_alike(all().map(|key| with_name_of(key, unknown)), |key| {
        strsim::normalized_damerau_levenshtein(key, unknown)
    })
}

/// The name that is most like an unknown one, if any is; `alike` says how much, from 0 to 1.
fn most_alike(names: impl Iterator<Item = String>, alike: impl Fn(&str) -> f64) -> Option<String> {
    let near = names.map(|name| (alike(&name), name));
    near.filter(|(score, _)| *score > 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name)
}

/// The pattern with `*` replaced by what the unknown key has in that place.
fn with_name_of(pattern: &str, unknown: &str) -> String {
    let Some((head, tail)) = pattern.split_once('*') else { return pattern.to_owned() };
    let levels = head.matches('.').count();
    let name: Vec<&str> = unknown.split('.').skip(levels).collect();
    let name = if tail.is_empty() { name.as_slice() } else { name.split_last().map_or(&[][..], |(_, n)| n) };
    if name.is_empty() { pattern.replace('*', "NAME") } else { format!("{head}{}{tail}", name.join(".")) }
}

/// What is said of a variable that begins as ours do and sets nothing.
pub(super) fn unknown_variable(name: &str) -> String {
    match nearest_variable(name) {
        Some(near) => format!("there is no such variable; the nearest one is {near}"),
        None => format!(
            "there is no such variable; each is {PREFIX}SECTION__KEY, two underscores between the levels"
        ),
    }
}

fn nearest_variable(name: &str) -> Option<String> {
    // What all names begin with makes none of them nearer.
    let own = |name: &str| name.trim_start_matches(PREFIX).to_uppercase();
    most_alike(all().map(variable_of), |known| {
        strsim::normalized_damerau_levenshtein(&own(known), &own(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_that_are_asked_for_with_a_star_for_names() {
        for key in [
            "server.listen",
            "kafka.properties.*",
            "intake.fields.*",
            "strategy_guard.max_silence",
            "strategy_guard.strategies.*.capital",
            "schedules.*.cron",
        ] {
            assert!(all().any(|known| known == key), "{key}");
        }
        assert!(!all().any(|key| key.contains("performance_analysis")), "a schedule is a name");
    }
}
