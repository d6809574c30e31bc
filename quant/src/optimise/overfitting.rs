//! The probability of backtest overfitting, by combinatorially symmetric cross-validation.

use super::sweep::Trial;
use serde::{Deserialize, Serialize};

/// Parts that the time is cut into: 924 ways to choose half of them.
pub const BLOCKS: usize = 12;

/// Days of a trial in one part of the time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Block {
    days: f64,
    sum: f64,
    squares: f64,
}

/// How often the best of one half of the time is no better than the middle in the other half (Bailey, Borwein, López de
/// Prado and Zhu 2017, "The probability of backtest overfitting", Journal of Computational Finance 20(4)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// Share of the ways to halve the time in which the best of one half ranks in the lower half of the other, 0 to 1.
    /// 0.5 is what pure luck gives.
    pub probability: f64,
    /// Share of them in which the best of one half has a Sharpe ratio below 0 in the other.
    pub loss_probability: f64,
    /// Ways to halve the time.
    pub combinations: u64,
    /// Trials compared.
    pub trials: u64,
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

/// The probability of overfitting of a set of trials over the same days. `None` with fewer than two trials or two days a
/// part.
#[must_use]
pub fn overfitting(trials: &[Trial]) -> Option<Overfitting> {
    if trials.len() < 2 || trials.iter().any(|trial| trial.blocks.len() != BLOCKS) {
        return None;
    }
    let halves = (0u32..1 << BLOCKS).filter(|half| half.count_ones() as usize == BLOCKS / 2);
    let (mut combinations, mut overfitted, mut lost) = (0u64, 0u64, 0u64);
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for half in halves {
        sharpes(trials, half, &mut inside);
        sharpes(trials, !half, &mut outside);
        let best = first_largest(&inside);
        combinations += 1;
        overfitted += u64::from(in_lower_half(&outside, best));
        lost += u64::from(outside[best] < 0.0);
    }
    let share = |count: u64| count as f64 / combinations as f64;
    Some(Overfitting {
        probability: share(overfitted),
        loss_probability: share(lost),
        combinations,
        trials: trials.len() as u64,
    })
}

/// Sharpe ratios a day of all trials over the parts in `half`; 0 where there is no deviation, as without trades.
fn sharpes(trials: &[Trial], half: u32, out: &mut Vec<f64>) {
    let of = |trial: &Trial| {
        let mut total = Block::default();
        for (_, block) in trial.blocks.iter().enumerate().filter(|(i, _)| half & (1 << i) != 0) {
            total.days += block.days;
            total.sum += block.sum;
            total.squares += block.squares;
        }
        let mean = total.sum / total.days;
        let variance = (total.squares - mean * total.sum) / (total.days - 1.0);
        if variance > 0.0 { mean / variance.sqrt() } else { 0.0 }
    };
    out.clear();
    out.extend(trials.iter().map(of));
}

fn first_largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}

/// Whether the relative rank of a value, ties shared, is at most one half: its logit is at most 0.
fn in_lower_half(values: &[f64], which: usize) -> bool {
    let below = values.iter().filter(|value| **value < values[which]).count();
    let equal = values.iter().filter(|value| **value == values[which]).count();
    // ω = rank / (n + 1) with rank = below + (equal + 1) / 2, so that ω ≤ ½ is 2 · below + equal ≤ n.
    2 * below + equal <= values.len()
}
