//! What the tests on a real Kafka share.

pub mod input;
pub mod outcome;
pub mod process;
