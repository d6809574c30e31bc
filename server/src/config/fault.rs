//! What is wrong with a configuration, told so that it can be mended.

use std::{fmt, path::PathBuf};

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
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

/// One value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Where the value stands.
    pub origin: Origin,
    /// The key, dots between levels; empty when the file as a whole cannot be read.
    pub key: String,
    /// The value as it was given; nothing when it is secret, or when the key itself is the fault.
    pub value: Option<String>,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.origin)?;
        match &self.value {
            Some(value) => write!(f, "{} = {value}: ", self.key)?,
            None if self.key.is_empty() => {}
            None => write!(f, "{}: ", self.key)?,
        }
        f.write_str(&self.problem)
    }
}

/// Whether a key's value is never shown: it may let somebody in.
pub(super) fn is_secret(key: &str) -> bool {
    const MARKS: [&str; 7] = ["password", "secret", "token", "jaas", "credential", "private", ".key"];
    key.starts_with("kafka.properties.") && MARKS.iter().any(|mark| key.contains(mark))
}
