//! A point that was tried, and its days by parts of the time.

use crate::figures::Figures;

/// Parts that the time is cut into: 924 ways to choose half of them.
pub const BLOCKS: usize = 12;

/// A point that was tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// Values in the order of the parameters.
    pub values: Vec<f64>,
    /// The run's figures.
    pub figures: Figures,
    /// The objective's value; `None` where undefined.
    pub score: Option<f64>,
    /// Moments of the day returns by parts of the time, for the probability of overfitting.
    pub blocks: Vec<Block>,
}

/// Days of a trial in one part of the time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Block {
    pub(super) days: f64,
    pub(super) sum: f64,
    pub(super) squares: f64,
}

impl Block {
    pub(super) fn without(self, part: Self) -> Self {
        Self { days: self.days - part.days, sum: self.sum - part.sum, squares: self.squares - part.squares }
    }

    /// Sharpe ratio a day; 0 where there is no deviation, as without trades.
    pub(super) fn sharpe(self) -> f64 {
        let mean = self.sum / self.days;
        let variance = (self.squares - mean * self.sum) / (self.days - 1.0);
        if variance > 0.0 { mean / variance.sqrt() } else { 0.0 }
    }
}

/// Moments of the day returns by parts of the time; nothing with fewer than two days a part.
pub(super) fn blocks(day_returns: &[f64]) -> Vec<Block> {
    let days = day_returns.len();
    if days < 2 * BLOCKS {
        return Vec::new();
    }
    let part = |block: usize| &day_returns[block * days / BLOCKS..(block + 1) * days / BLOCKS];
    let moments = |part: &[f64]| Block {
        days: part.len() as f64,
        sum: part.iter().sum(),
        squares: part.iter().map(|r| r * r).sum(),
    };
    (0..BLOCKS).map(|block| moments(part(block))).collect()
}
