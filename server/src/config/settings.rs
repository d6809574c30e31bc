//! What is set, before anybody knows what it means.

use std::collections::BTreeMap;

use super::fault::Origin;

/// A value as it was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raw {
    /// From the file, with its type.
    Typed(toml::Value),
    /// From a variable or a flag: text that stands for any type.
    Text(String),
}

impl Raw {
    /// The value as its user wrote it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Typed(value) => value.to_string(),
            Self::Text(text) => format!("{text:?}"),
        }
    }
}

/// A value with its origin.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Setting {
    /// The value.
    pub value: Raw,
    /// Where it stands.
    pub origin: Origin,
}

/// Settings by dotted key.
pub(super) type Settings = BTreeMap<String, Setting>;
