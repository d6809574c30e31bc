//! How much the score depends on each parameter.

use super::trial::Trial;
use crate::strategies::Parameter;
use serde::Serialize;

/// The scores at one value of a parameter, whatever the others are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Level {
    /// The parameter's value.
    pub value: f64,
    /// Trials with a score that the figures rest on.
    pub trials: u64,
    /// Mean score.
    pub mean: f64,
    /// Largest score.
    pub best: f64,
    /// Smallest score.
    pub worst: f64,
}

/// How the score depends on one parameter. A peak between much lower neighbours is luck, a plateau is worth more.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sensitivity {
    /// Name of the parameter.
    pub parameter: &'static str,
    /// Share of the scores' variance that this parameter alone explains (η²), 0 to 1; `None` without variance.
    pub explained: Option<f64>,
    /// By value, smallest first.
    pub levels: Vec<Level>,
}

/// The sensitivity to each parameter, from trials with a score.
#[must_use]
pub fn sensitivity(parameters: &[Parameter], trials: &[Trial]) -> Vec<Sensitivity> {
    let scored: Vec<_> =
        trials.iter().filter_map(|trial| Some((trial.values.as_slice(), trial.score?))).collect();
    parameters.iter().enumerate().map(|(place, parameter)| of(parameter.name, place, &scored)).collect()
}

fn of(parameter: &'static str, place: usize, scored: &[(&[f64], f64)]) -> Sensitivity {
    let mut pairs: Vec<(f64, f64)> = scored.iter().map(|(values, score)| (values[place], *score)).collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let levels: Vec<Level> = pairs.chunk_by(|a, b| a.0 == b.0).map(level).collect();
    Sensitivity { parameter, explained: explained(&levels, &pairs), levels }
}

fn level(pairs: &[(f64, f64)]) -> Level {
    let scores = || pairs.iter().map(|(_, score)| *score);
    Level {
        value: pairs[0].0,
        trials: pairs.len() as u64,
        mean: scores().sum::<f64>() / pairs.len() as f64,
        best: scores().fold(f64::NEG_INFINITY, f64::max),
        worst: scores().fold(f64::INFINITY, f64::min),
    }
}

/// Variance between levels / variance of all.
fn explained(levels: &[Level], pairs: &[(f64, f64)]) -> Option<f64> {
    let mean = pairs.iter().map(|(_, score)| score).sum::<f64>() / pairs.len() as f64;
    let all: f64 = pairs.iter().map(|(_, score)| (score - mean).powi(2)).sum();
    let between: f64 = levels.iter().map(|level| level.trials as f64 * (level.mean - mean).powi(2)).sum();
    (all > 0.0).then(|| between / all)
}
