//! Figures, indicators, backtests: pure compute.

pub mod live;
