//! The live figures: what closed trades alone say of a strategy, without an equity curve.
//!
//! The one implementation in the project; actors, projections and the command line all use it. It keeps no trades,
//! reads no clock and chooses no window: the caller feeds the trades it wants counted.

mod drawdown;
mod exact;
mod figures;
mod periods;
mod summary;

pub use drawdown::Drawdown;
pub use exact::{ExactSum, NoSum};
pub use figures::{LiveFigures, LiveTrade, OutOfOrder};
pub use periods::{DAYS_PER_YEAR, Periods, sharpe_of_periods};
pub use summary::{LiveSummary, UNKNOWN_CURRENCY, profit_factor, win_rate_pct};

#[cfg(test)]
mod tests;
