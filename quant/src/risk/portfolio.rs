//! Weights from the covariance of returns.

use super::RiskError;

/// Changes below this end an iteration.
const TOLERANCE: f64 = 1e-14;

/// Far more than any matrix of a portfolio needs; ends an iteration that rounding keeps going.
const MOST_ROUNDS: usize = 100_000;

/// A covariance matrix of returns.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    size: usize,
    /// Row by row.
    values: Vec<f64>,
}

impl Covariance {
    /// Sample covariance (ddof 1) of one series of returns for each asset.
    ///
    /// # Errors
    /// Series of different lengths or fewer than two returns, or one without variance.
    pub fn of_returns(series: &[&[f64]]) -> Result<Self, RiskError> {
        let returns = series.first().map_or(0, |first| first.len());
        if returns < 2 {
            return Err(RiskError::Count { what: "returns", got: returns, wanted: 2 });
        }
        if let Some(other) = series.iter().find(|other| other.len() != returns) {
            return Err(RiskError::Count { what: "returns of an asset", got: other.len(), wanted: returns });
        }
        let centred = |one: &&[f64]| {
            let mean = one.iter().sum::<f64>() / returns as f64;
            one.iter().map(|r| r - mean).collect::<Vec<f64>>()
        };
        let centred: Vec<Vec<f64>> = series.iter().map(centred).collect();
        let product = |a: &[f64], b: &[f64]| dot(a, b) / (returns - 1) as f64;
        let rows =
            centred.iter().map(|a| centred.iter().map(|b| product(a, b)).collect()).collect::<Vec<_>>();
        Self::of_rows(&rows)
    }

    /// A matrix given by its rows.
    ///
    /// # Errors
    /// Rows that are not as long as there are rows, or [`RiskError::NoCovariance`].
    pub fn of_rows(rows: &[Vec<f64>]) -> Result<Self, RiskError> {
        let size = rows.len();
        if let Some(row) = rows.iter().find(|row| row.len() != size) {
            return Err(RiskError::Count { what: "columns", got: row.len(), wanted: size });
        }
        let matrix = Self { size, values: rows.concat() };
        let entries = (0..size).flat_map(|i| (0..size).map(move |j| (i, j)));
        let sound = |(i, j): (usize, usize)| {
            let (here, there) = (matrix.at(i, j), matrix.at(j, i));
            here.is_finite() && (here - there).abs() <= 1e-9 * here.abs() && (i != j || here > 0.0)
        };
        if size > 0 && entries.into_iter().all(sound) { Ok(matrix) } else { Err(RiskError::NoCovariance) }
    }

    /// How many assets.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The covariance of two assets.
    ///
    /// # Panics
    /// If there are not that many assets.
    #[must_use]
    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.size + j]
    }

    /// Pearson's correlation of two assets.
    #[must_use]
    pub fn correlation(&self, i: usize, j: usize) -> f64 {
        self.at(i, j) / (self.at(i, i) * self.at(j, j)).sqrt()
    }

    /// Deviation of an asset's returns, a period.
    #[must_use]
    pub fn volatility(&self, i: usize) -> f64 {
        self.at(i, i).sqrt()
    }

    /// Covariance with `market` / variance of `market`.
    #[must_use]
    pub fn beta(&self, i: usize, market: usize) -> f64 {
        self.at(i, market) / self.at(market, market)
    }

    /// Deviation of a portfolio's returns, a period.
    #[must_use]
    pub fn portfolio_volatility(&self, weights: &[f64]) -> f64 {
        dot(weights, &self.times(weights)).max(0.0).sqrt()
    }

    /// Each asset's part of the portfolio's variance: wᵢ (Σw)ᵢ / w'Σw; they add up to 1.
    #[must_use]
    pub fn risk_shares(&self, weights: &[f64]) -> Vec<f64> {
        let marginal = self.times(weights);
        let variance = dot(weights, &marginal);
        weights.iter().zip(marginal).map(|(weight, marginal)| weight * marginal / variance).collect()
    }

    fn times(&self, weights: &[f64]) -> Vec<f64> {
        self.values.chunks(self.size).map(|row| dot(row, weights)).collect()
    }
}

/// Long-only weights with the smallest variance.
///
/// Weight moves from the asset with the largest marginal variance to the one with the smallest, each time as far as it
/// helps, until no move does (sequential minimal optimisation, Platt 1998).
#[must_use]
pub fn min_variance(covariance: &Covariance) -> Vec<f64> {
    let size = covariance.size();
    let mut weights = vec![1.0 / size as f64; size];
    let mut marginal = covariance.times(&weights);
    for _ in 0..MOST_ROUNDS {
        let to = extreme(0..size, |i| -marginal[i]);
        let from = extreme((0..size).filter(|&i| weights[i] > 0.0), |i| marginal[i]);
        let curvature = covariance.at(to, to) + covariance.at(from, from) - 2.0 * covariance.at(to, from);
        let gain = marginal[from] - marginal[to];
        if gain <= TOLERANCE * marginal[from].abs() || curvature <= 0.0 {
            break;
        }
        let moved = (gain / curvature).min(weights[from]);
        weights[from] -= moved;
        weights[to] += moved;
        for (i, marginal) in marginal.iter_mut().enumerate() {
            *marginal += moved * (covariance.at(i, to) - covariance.at(i, from));
        }
    }
    weights
}

/// Long-only weights to whose variance each asset contributes the same (Griveau-Billion, Richard and Roncalli 2013, "A fast
/// algorithm for computing high-dimensional risk parity portfolios": cyclical coordinate descent).
#[must_use]
pub fn equal_risk_contribution(covariance: &Covariance) -> Vec<f64> {
    let size = covariance.size();
    let mut weights = inverse_volatility(covariance);
    let budget = 1.0 / size as f64;
    for _ in 0..MOST_ROUNDS {
        let mut change = 0.0f64;
        for i in 0..size {
            let own = covariance.at(i, i);
            let others: f64 = (0..size).filter(|&j| j != i).map(|j| covariance.at(i, j) * weights[j]).sum();
            let weight = ((others * others + 4.0 * own * budget).sqrt() - others) / (2.0 * own);
            change = change.max((weight / weights[i] - 1.0).abs());
            weights[i] = weight;
        }
        if change <= TOLERANCE {
            break;
        }
    }
    normalised(weights)
}

/// Weights in inverse proportion to the deviations.
#[must_use]
pub fn inverse_volatility(covariance: &Covariance) -> Vec<f64> {
    normalised((0..covariance.size()).map(|i| 1.0 / covariance.volatility(i)).collect())
}

fn normalised(mut weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

/// The first index with the largest value.
fn extreme(indices: impl Iterator<Item = usize>, value: impl Fn(usize) -> f64) -> usize {
    let mut best = (0, f64::NEG_INFINITY);
    for i in indices {
        if value(i) > best.1 {
            best = (i, value(i));
        }
    }
    best.0
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
