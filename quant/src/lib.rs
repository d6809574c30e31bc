//! Figures, indicators, backtests: pure compute.
