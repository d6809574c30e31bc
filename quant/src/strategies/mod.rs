//! The strategies rsi, macd, bollinger and volume: parameters, rules, signals over columns and live.
//!
//! Other strategies implement [`Strategy`](crate::backtest::Strategy) themselves.

mod columns;
mod live;
mod parameter;
mod preset;
mod rules;

pub use columns::Cache;
pub use live::LiveSignals;
pub use parameter::Parameter;
pub use preset::{Kind, Preset};

#[cfg(test)]
mod tests;
