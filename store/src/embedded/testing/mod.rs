//! What tests do to a log: a disk that fails on purpose, and files that are changed by hand.

mod contents;
pub mod disk;
pub mod tamper;
