//! What is wrong with a configuration.

use std::fmt;

/// One value that cannot be used. `validate` functions report all of them at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The key within the actor's section, dots between levels.
    pub key: String,
    /// The value as it was understood.
    pub value: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

impl Fault {
    /// A fault of a key.
    pub fn new(key: impl Into<String>, value: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self { key: key.into(), value: value.to_string(), problem: problem.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}: {}", self.key, self.value, self.problem)
    }
}
