//! What is wrong with a configuration, told so that it can be mended.

use std::fmt;

use super::layers::Origin;

/// One value that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
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
pub fn is_secret(key: &str) -> bool {
    const MARKS: [&str; 7] = ["password", "secret", "token", "jaas", "credential", "private", ".key"];
    key.starts_with("kafka.properties.") && MARKS.iter().any(|mark| key.contains(mark))
}
