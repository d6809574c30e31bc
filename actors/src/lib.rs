//! The deciders: one folder an actor, pure functions from facts to decisions.
//!
//! Nothing here reads a clock, a file, a socket or a random number; time itself comes in as events. Actors never
//! act and never talk to each other: what one decides, another may read from the log.

mod decider;
mod fault;
mod fold;
pub mod performance_analyst;
pub mod scheduler;
pub mod strategy_guard;
#[cfg(test)]
mod testing;

pub use decider::Decider;
pub use fault::Fault;
pub use fold::{Fold, HISTORY_FAMILIES};
pub use performance_analyst::PerformanceAnalyst;
pub use scheduler::Scheduler;
pub use strategy_guard::StrategyGuard;
