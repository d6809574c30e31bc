//! The probability of backtest overfitting, by combinatorially symmetric cross-validation.

use super::trial::{BLOCKS, Block, Trial};
use serde::{Deserialize, Serialize};

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

/// The probability of overfitting of a set of trials over the same days. `None` with fewer than two trials or two days a
/// part.
#[must_use]
pub fn overfitting(trials: &[Trial]) -> Option<Overfitting> {
    if trials.len() < 2 || trials.iter().any(|trial| trial.blocks.len() != BLOCKS) {
        return None;
    }
    // A half that holds the first part stands for the other half as well: each is searched and each is what follows.
    let halves = (0u32..1 << BLOCKS).filter(|half| half & 1 == 1 && half.count_ones() as usize == BLOCKS / 2);
    let wholes: Vec<Block> = trials.iter().map(|trial| sum(trial, u32::MAX)).collect();
    let (mut one, mut other) = (vec![0.0; trials.len()], vec![0.0; trials.len()]);
    let mut tally = Tally::default();
    for half in halves {
        for (i, (trial, whole)) in trials.iter().zip(&wholes).enumerate() {
            let part = sum(trial, half);
            (one[i], other[i]) = (part.sharpe(), whole.without(part).sharpe());
        }
        tally.count(&one, &other);
        tally.count(&other, &one);
    }
    let share = |count: u64| count as f64 / tally.combinations as f64;
    Some(Overfitting {
        probability: share(tally.overfitted),
        loss_probability: share(tally.lost),
        combinations: tally.combinations,
        trials: trials.len() as u64,
    })
}

/// What happened to the best of one half in the other.
#[derive(Debug, Default)]
struct Tally {
    combinations: u64,
    overfitted: u64,
    lost: u64,
}

impl Tally {
    fn count(&mut self, inside: &[f64], outside: &[f64]) {
        let best = first_largest(inside);
        self.combinations += 1;
        self.overfitted += u64::from(in_lower_half(outside, best));
        self.lost += u64::from(outside[best] < 0.0);
    }
}

/// A trial's days in the parts of `half`.
fn sum(trial: &Trial, half: u32) -> Block {
    let mut sum = Block::default();
    for (_, block) in trial.blocks.iter().enumerate().filter(|(i, _)| half & (1 << i) != 0) {
        sum.days += block.days;
        sum.sum += block.sum;
        sum.squares += block.squares;
    }
    sum
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
