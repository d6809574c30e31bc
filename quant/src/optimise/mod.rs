//! Searches a strategy's parameters and says how far the winner can be believed.
//!
//! Grid or genetic search over all cores, walk-forward windows with figures outside of what was searched, the deflated
//! Sharpe ratio, the probability of backtest overfitting, and how sensitive the score is to each parameter. The same seed
//! gives the same result whatever the number of threads.

mod deflated;
mod family;
mod genetic;
mod grid;
mod method;
mod overfitting;
mod random;
mod report;
mod search;
mod sensitivity;
mod sweep;
mod trial;
mod walk_forward;

pub use deflated::{DeflatedSharpe, deflated_sharpe};
pub use family::Family;
pub use grid::grid;
pub use overfitting::{Overfitting, overfitting};
pub use report::{Ranked, Report, optimise};
pub use search::{Control, MOST_VARIATIONS, Method, Objective, OptimiseError, Progress, Search, WalkForward};
pub use sensitivity::{Level, Sensitivity, sensitivity};
pub use trial::{BLOCKS, Block, Trial};
pub use walk_forward::{OutOfSample, Walk, Window};

#[cfg(test)]
mod tests;
