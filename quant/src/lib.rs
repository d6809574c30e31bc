//! Figures, indicators, backtests: pure compute.
//!
//! Nothing here reads a clock, opens a file or socket, draws a random number or keeps global state: readers, writers,
//! seeds, progress sinks and cancel flags come from the caller. Definitions: `docs/quant.md`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests read files"))]

pub mod backtest;
pub mod candles;
pub mod figures;
pub mod indicators;
pub mod live;
mod normal;
pub mod optimise;
#[cfg(feature = "pictures")]
pub mod pictures;
mod read_error;
pub mod risk;
#[cfg(test)]
mod samples;
pub mod strategies;

pub use read_error::ReadError;
