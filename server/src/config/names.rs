//! How a key is written elsewhere than in the file: as the name of a variable, and after `--set`.

/// What the names of our variables begin with.
pub(super) const PREFIX: &str = "TRADEWARDEN_";

/// What the name of a variable ends with whose value is the name of a file that holds the value.
pub(super) const SECRET_FILE: &str = "_FILE";

/// Variables of this project's own scripts and tests; they configure nothing.
const OF_SCRIPTS: [&str; 4] = ["CACHE", "README_SECONDS", "SEED", "SHARED_DATA"];
const OF_TESTS: &str = "TEST_";

/// The part of a path that stands before the name of a strategy.
const STRATEGIES: &str = "STRATEGY_GUARD__STRATEGIES__";

/// Whether a variable, named without the prefix, belongs to scripts or tests.
pub(super) fn is_of_scripts(path: &str) -> bool {
    OF_SCRIPTS.contains(&path) || path.starts_with(OF_TESTS)
}

/// `SECTION__KEY` to `section.key`. The name of a strategy stays as it is written. Properties of librdkafka have dots
/// where a variable can only have `_`.
pub(super) fn key_of_variable(path: &str) -> String {
    let head = path.get(..STRATEGIES.len()).filter(|head| head.eq_ignore_ascii_case(STRATEGIES));
    if let Some((name, last)) = head.and_then(|head| path[head.len()..].rsplit_once("__")) {
        let name = keys_in(name).map_or_else(|| name.to_owned(), |levels| levels.join("."));
        return format!("strategy_guard.strategies.{name}.{}", last.to_lowercase());
    }
    let key = path.to_lowercase().replace("__", ".");
    match key.strip_prefix("kafka.properties.") {
        Some(property) => format!("kafka.properties.{}", property.replace('_', ".")),
        None => key,
    }
}

/// The name of the variable that sets a key.
pub(super) fn variable_of(key: &str) -> String {
    if let Some((name, last)) =
        key.strip_prefix("strategy_guard.strategies.").and_then(|rest| rest.rsplit_once('.'))
    {
        let name = if name == "*" { "NAME" } else { name };
        return format!("{PREFIX}{STRATEGIES}{name}__{}", last.to_uppercase());
    }
    let key = match key.strip_prefix("kafka.properties.") {
        Some(property) => format!("kafka__properties__{}", property.replace('.', "_")),
        None => key.replace('.', "__"),
    };
    format!("{PREFIX}{}", key.replace('*', "NAME").to_uppercase())
}

/// The key and the value of `section.key=value`. What stands in quotes is read as in TOML, so that a name may hold
/// dots, blanks and `=`.
pub(super) fn split_flag(flag: &str) -> Option<(String, &str)> {
    let (mut quote, mut escaped) = (None, false);
    let at = flag.char_indices().find_map(|(at, letter)| {
        match quote {
            Some('"') if escaped => escaped = false,
            Some('"') if letter == '\\' => escaped = true,
            Some(open) if open == letter => quote = None,
            None if letter == '=' => return Some(at),
            None if matches!(letter, '"' | '\'') => quote = Some(letter),
            _ => {}
        }
        None
    })?;
    let (key, value) = (flag[..at].trim(), flag[at + 1..].trim());
    Some((key_of_text(key)?, value))
}

/// A key as it is written after `--set`, without the quotes; nothing when it is none.
pub(crate) fn key_of_text(text: &str) -> Option<String> {
    if text.is_empty() {
        return None;
    }
    if !text.contains(['"', '\'']) {
        return Some(text.to_owned());
    }
    keys_in(text).map(|levels| levels.join("."))
}

/// The levels of a key that is written as in TOML with quotes; nothing when there are no quotes, or it is no key.
fn keys_in(text: &str) -> Option<Vec<String>> {
    if !text.contains(['"', '\'']) {
        return None;
    }
    let mut table = format!("{text} = 0").parse::<toml::Table>().ok()?;
    let mut levels = Vec::new();
    loop {
        let (level, value) = table.into_iter().next()?;
        levels.push(level);
        match value {
            toml::Value::Table(inner) => table = inner,
            _ => return Some(levels),
        }
    }
}
