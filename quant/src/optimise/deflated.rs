//! The deflated Sharpe ratio: what is left of the best of many tries.

use crate::live::{DAYS_PER_YEAR, Periods};
use crate::normal;
use serde::{Deserialize, Serialize};

/// Euler's and Mascheroni's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// How likely the winner's true Sharpe ratio is above 0, given how many were tried (Bailey and López de Prado 2014, "The
/// deflated Sharpe ratio", Journal of Portfolio Management 40(5)).
///
/// All tries count as independent ones. Neighbouring parameters are not, so the answer is on the strict side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeflatedSharpe {
    /// Probability that the true Sharpe ratio is above what luck alone gives the best of the tries, 0 to 1.
    pub probability: f64,
    /// The winner's Sharpe ratio of UTC days, a year.
    pub sharpe: f64,
    /// Sharpe ratio, a year, that the best of as many tries is expected to have if none is worth anything.
    pub expected_by_luck: f64,
    /// Tries with a Sharpe ratio.
    pub trials: u64,
    /// Days that the winner's ratio rests on.
    pub days: u64,
    /// Third standardised moment of the winner's day returns.
    pub skewness: f64,
    /// Fourth standardised moment of the winner's day returns (3 for a normal distribution).
    pub kurtosis: f64,
}

/// Deflates the Sharpe ratio of the winner's day returns by those of all tries (a year each, the winner's included).
/// `None` with fewer than three days or no deviation.
#[must_use]
pub fn deflated_sharpe(day_returns: &[f64], sharpes: &[f64]) -> Option<DeflatedSharpe> {
    if day_returns.len() < 3 {
        return None;
    }
    let year = DAYS_PER_YEAR.sqrt();
    let sharpe = Periods::of(day_returns).sharpe(1.0)?;
    let expected = expected_by_luck(sharpes) / year;
    let (skewness, kurtosis) = shape(day_returns);
    let spread = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    let days = day_returns.len() as f64;
    let z = (sharpe - expected) * (days - 1.0).sqrt() / spread.max(f64::MIN_POSITIVE).sqrt();
    Some(DeflatedSharpe {
        probability: normal::probability(z),
        sharpe: sharpe * year,
        expected_by_luck: expected * year,
        trials: sharpes.len() as u64,
        days: day_returns.len() as u64,
        skewness,
        kurtosis,
    })
}

/// √V · ((1 − γ) Φ⁻¹(1 − 1/N) + γ Φ⁻¹(1 − 1/(N e))); 0 for a single try.
fn expected_by_luck(sharpes: &[f64]) -> f64 {
    if sharpes.len() < 2 {
        return 0.0;
    }
    let n = sharpes.len() as f64;
    let mean = sharpes.iter().sum::<f64>() / n;
    let variance = sharpes.iter().map(|sharpe| (sharpe - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let most = |n: f64| normal::quantile(1.0 - 1.0 / n);
    variance.sqrt() * ((1.0 - EULER) * most(n) + EULER * most(n * std::f64::consts::E))
}

/// Skewness and kurtosis (population moments).
fn shape(returns: &[f64]) -> (f64, f64) {
    let n = returns.len() as f64;
    let mean = returns.iter().sum::<f64>() / n;
    let moment = |power: i32| returns.iter().map(|r| (r - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    (moment(3) / variance.powf(1.5), moment(4) / (variance * variance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_example_gives_the_papers_numbers() {
        // Section "A numerical example": 100 trials, variance of the annual Sharpe ratios ½, 250 days a year: the
        // expected maximum is 0.1132 a day.
        let spread = 0.5f64.sqrt() * (99.0f64 / 100.0).sqrt();
        let sharpes: Vec<f64> = (0..100).map(|i| if i % 2 == 0 { spread } else { -spread }).collect();
        assert!((expected_by_luck(&sharpes) / 250f64.sqrt() - 0.1132).abs() < 5e-5);
        // Sharpe ratio 2.5 a year over 1250 days, skewness −3, kurtosis 10: probability 0.9004.
        let (sharpe, luck, days) = (2.5 / 250f64.sqrt(), 0.1132, 1250.0f64);
        let spread: f64 = 1.0 + 3.0 * sharpe + (10.0 - 1.0) / 4.0 * sharpe * sharpe;
        let z = (sharpe - luck) * (days - 1.0).sqrt() / spread.sqrt();
        assert!((normal::probability(z) - 0.9004).abs() < 5e-4);
    }

    #[test]
    fn more_tries_leave_less_of_the_same_winner() {
        let returns: Vec<f64> = (0..250).map(|i| 0.002 + 0.01 * f64::from(i * 7 % 11 - 5)).collect();
        let winner = Periods::of(&returns).sharpe(DAYS_PER_YEAR).unwrap();
        let probability = |tries: usize| {
            let mut sharpes: Vec<f64> = (0..tries).map(|i| (i % 5) as f64 / 5.0 * winner - 0.2).collect();
            sharpes[0] = winner;
            deflated_sharpe(&returns, &sharpes).unwrap().probability
        };
        assert!(probability(1) > probability(10) && probability(10) > probability(500));
        let alone = deflated_sharpe(&returns, &[winner]).unwrap();
        assert!((alone.sharpe - winner).abs() < 1e-9 && alone.expected_by_luck == 0.0);
    }

    #[test]
    fn moments_of_a_lopsided_series() {
        let (skewness, kurtosis) = shape(&[0.0, 0.0, 0.0, 4.0]);
        assert!((skewness - 2.0 / 3f64.sqrt()).abs() < 1e-12 && (kurtosis - 7.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn nothing_to_deflate_gives_nothing() {
        assert_eq!(deflated_sharpe(&[0.1, 0.2], &[1.0, 2.0]), None);
        assert_eq!(deflated_sharpe(&[0.1; 9], &[1.0, 2.0]), None);
    }
}
