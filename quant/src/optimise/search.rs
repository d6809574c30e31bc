//! What is searched for, and how the caller watches and stops it.

use crate::figures::Figures;
use crate::indicators::{IndicatorError, ParameterError};
use serde::{Deserialize, Serialize};
use std::sync::atomic::AtomicBool;

/// More would not fit the memory promised for a search.
pub const MOST_VARIATIONS: usize = 50_000;

/// How points are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Evenly over the ranges.
    #[default]
    Grid,
    /// By selection, crossover and mutation.
    Genetic,
}

/// What is to be large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Sharpe ratio of UTC days.
    #[default]
    Sharpe,
    /// Sortino ratio of UTC days.
    Sortino,
    /// Return in percent.
    Return,
    /// Profit factor.
    ProfitFactor,
}

impl Objective {
    /// The score of a run; `None` where the figure is undefined.
    #[must_use]
    pub fn score(self, figures: &Figures) -> Option<f64> {
        match self {
            Self::Sharpe => figures.sharpe,
            Self::Sortino => figures.sortino,
            Self::Return => Some(figures.return_pct),
            Self::ProfitFactor => figures.profit_factor,
        }
    }
}

/// Windows that are searched and then traded on what follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkForward {
    /// How many; the candles are cut into one part more.
    pub windows: usize,
    /// Whether each window is searched from the first candle on, rather than one part only.
    pub anchored: bool,
}

/// A search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// How points are chosen.
    pub method: Method,
    /// How many points to try at most, 1 to [`MOST_VARIATIONS`].
    pub variations: usize,
    /// What is to be large.
    pub objective: Objective,
    /// Runs with fewer trades come behind all others.
    pub min_trades: u64,
    /// Seed of the genetic search.
    pub seed: u64,
    /// Threads to use; changes no result.
    pub threads: usize,
    /// How many of the best to report.
    pub top: usize,
    /// Windows to search and trade on; without, all candles are searched and nothing is held back.
    pub walk_forward: Option<WalkForward>,
}

impl Default for Search {
    /// 50 points of a grid for the Sharpe ratio with at least 10 trades, one thread, the best 10, no walk-forward.
    fn default() -> Self {
        Self {
            method: Method::Grid,
            variations: 50,
            objective: Objective::Sharpe,
            min_trades: 10,
            seed: 1,
            threads: 1,
            top: 10,
            walk_forward: None,
        }
    }
}

impl Search {
    /// # Errors
    /// The first value that is out of bounds, for a market of `bars` bars.
    pub fn check(&self, bars: usize) -> Result<(), ParameterError> {
        let within = |name: &str, value: usize, most: usize| {
            let allowed = (1..=most).contains(&value);
            let error = || ParameterError::new(name, value as f64, format!("must lie between 1 and {most}"));
            if allowed { Ok(()) } else { Err(error()) }
        };
        within("variations", self.variations, MOST_VARIATIONS)?;
        within("threads", self.threads, 1024)?;
        within("top", self.top, MOST_VARIATIONS)?;
        let Some(walk) = self.walk_forward else { return Ok(()) };
        // Each part needs enough bars for an indicator and some trades.
        within("walk_forward", walk.windows, (bars / 100).max(2) - 1)
    }
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs that are done.
    pub done: usize,
    /// Runs there will be at most.
    pub total: usize,
}

/// How the caller watches and stops a search.
#[derive(Clone, Copy)]
pub struct Control<'a> {
    /// Set to stop the search after the runs under way.
    pub cancelled: &'a AtomicBool,
    /// Called now and then, from any thread.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptimiseError {
    /// A value is out of bounds.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A run failed.
    #[error(transparent)]
    Indicator(#[from] IndicatorError),
    /// There are no candles.
    #[error("there are no candles to search on")]
    NoCandles,
    /// The caller stopped it.
    #[error("stopped after {done} of at most {total} runs")]
    Cancelled {
        /// Runs that were done.
        done: usize,
        /// Runs there would have been at most.
        total: usize,
    },
}
