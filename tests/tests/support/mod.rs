//! What the tests on a real Kafka share.

pub(crate) mod input;
pub(crate) mod outcome;
pub(crate) mod process;
