//! What the tests on a real Kafka share.

pub mod input;
pub mod outcome;
pub mod process;

/// The topic of the trades.
pub const TRADES: &str = "trading.trade.closed.v1";
/// The topic of the decisions.
pub const DECISIONS: &str = "tradewarden.decisions.v1";
