//! What tests do to a log: a disk that fails on purpose, and files that are changed by hand.

pub mod disk;
pub mod tamper;
