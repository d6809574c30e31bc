//! Mean, deviation and downside of equal periods, streamed. It knows no calendar: the caller cuts the periods.

use super::ExactSum;
use serde::{Deserialize, Serialize};

/// Days in a year: crypto markets never close.
pub const DAYS_PER_YEAR: f64 = 365.0;

/// Streamed moments of a series of period results (Welford 1962; runs of zeros merged after Chan, Golub and LeVeque
/// 1979), in constant memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Periods {
    count: u64,
    mean: f64,
    squared_deviations: f64,
    squared_losses: f64,
}

impl Periods {
    /// All of `results` at once, in two passes: as exact and faster where they are in memory.
    #[must_use]
    pub fn of(results: &[f64]) -> Self {
        let count = results.len() as u64;
        let mean = lanes(results, |result| result) / count.max(1) as f64;
        // Equal results have no deviation, whatever the rounding of their mean.
        let equal = results.iter().all(|result| *result == results[0]);
        let squared = |result: f64| (result - mean) * (result - mean);
        Self {
            count,
            mean,
            squared_deviations: if equal { 0.0 } else { lanes(results, squared) },
            squared_losses: lanes(results, |result| result.min(0.0) * result.min(0.0)),
        }
    }

    /// Takes in the result of one period.
    #[inline]
    pub fn push(&mut self, result: f64) {
        self.count += 1;
        let before = result - self.mean;
        self.mean += before / self.count as f64;
        self.squared_deviations += before * (result - self.mean);
        self.squared_losses += result.min(0.0) * result.min(0.0);
    }

    /// Takes in `count` periods whose result is 0, in constant time.
    pub fn push_zeros(&mut self, count: u64) {
        let all = (self.count + count) as f64;
        if all == 0.0 {
            return;
        }
        let share = self.count as f64 / all;
        self.squared_deviations += self.mean * self.mean * share * count as f64;
        self.mean *= share;
        self.count += count;
    }

    /// How many periods were taken in.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Arithmetic mean, or `None` without a period.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// Mean / sample deviation (ddof 1) · √`periods_per_year`, risk-free rate 0. `None` with fewer than two periods or
    /// without deviation.
    #[must_use]
    pub fn sharpe(&self, periods_per_year: f64) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let deviation = (self.squared_deviations / (self.count - 1) as f64).sqrt();
        ratio(self.mean, deviation).map(|sharpe| sharpe * periods_per_year.sqrt())
    }

    /// Mean / √(mean of min(r, 0)² over all periods) · √`periods_per_year`, target 0. `None` with fewer than two
    /// periods or without a losing one.
    #[must_use]
    pub fn sortino(&self, periods_per_year: f64) -> Option<f64> {
        if self.count < 2 {
            return None;
        }
        let downside = (self.squared_losses / self.count as f64).sqrt();
        ratio(self.mean, downside).map(|sortino| sortino * periods_per_year.sqrt())
    }
}

/// Sharpe ratio of the sums of equal periods of one day each: mean / sample deviation · √365, risk-free rate 0.
/// `None` with fewer than two periods or without deviation.
#[must_use]
pub fn sharpe_of_periods(sums: &[ExactSum]) -> Option<f64> {
    let mut periods = Periods::default();
    sums.iter().for_each(|sum| periods.push(sum.to_f64()));
    periods.sharpe(DAYS_PER_YEAR)
}

/// Σ f(x) in eight independent sums: one addition does not wait for the one before it.
fn lanes(results: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut sums = [0.0; 8];
    let (eights, rest) = results.as_chunks::<8>();
    for eight in eights {
        sums.iter_mut().zip(eight).for_each(|(sum, &result)| *sum += f(result));
    }
    sums.iter().sum::<f64>() + rest.iter().map(|&result| f(result)).sum::<f64>()
}

fn ratio(numerator: f64, divisor: f64) -> Option<f64> {
    let ratio = numerator / divisor;
    (divisor > 0.0 && ratio.is_finite()).then_some(ratio)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rust_decimal::Decimal;

    fn of(results: &[f64]) -> Periods {
        let mut periods = Periods::default();
        results.iter().for_each(|&result| periods.push(result));
        periods
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs().max(1.0)
    }

    #[test]
    fn sharpe_divides_by_the_sample_deviation() {
        // mean 2, deviations −1, 0, 1: std 1.
        let sums = [Decimal::ONE, Decimal::TWO, Decimal::from(3)].map(ExactSum::from);
        assert!(close(sharpe_of_periods(&sums).unwrap(), 2.0 * 365f64.sqrt()));
    }

    #[test]
    fn sortino_divides_by_all_periods() {
        // mean 0.5, downside √(4/4) = 1.
        let sortino = of(&[3.0, -2.0, 0.0, 1.0]).sortino(DAYS_PER_YEAR).unwrap();
        assert!(close(sortino, 0.5 * 365f64.sqrt()));
    }

    #[test]
    fn too_few_periods_or_no_deviation_give_nothing() {
        assert_eq!(sharpe_of_periods(&[]), None);
        assert_eq!(sharpe_of_periods(&[Decimal::ONE.into()]), None);
        assert_eq!(sharpe_of_periods(&["0.1".parse().unwrap(); 7]), None);
        assert_eq!(Periods::of(&[0.1; 7]).sharpe(DAYS_PER_YEAR), None);
        assert_eq!(Periods::of(&[]).sharpe(DAYS_PER_YEAR), None);
        assert_eq!(of(&[-1.0]).sortino(DAYS_PER_YEAR), None);
        assert_eq!(of(&[1.0, 0.0]).sortino(DAYS_PER_YEAR), None);
        assert_eq!(Periods::default().mean(), None);
    }

    proptest! {
        #[test]
        fn streamed_moments_equal_two_passes(results in prop::collection::vec(-50.0f64..50.0, 2..60)) {
            let n = results.len() as f64;
            let mean = results.iter().sum::<f64>() / n;
            let variance = results.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
            let expected = mean / variance.sqrt() * 365f64.sqrt();
            prop_assert!(close(of(&results).sharpe(DAYS_PER_YEAR).unwrap(), expected));
            let at_once = Periods::of(&results);
            prop_assert!(close(at_once.sharpe(DAYS_PER_YEAR).unwrap(), expected));
            prop_assert!(close(at_once.squared_losses, of(&results).squared_losses));
            prop_assert_eq!(at_once.count(), results.len() as u64);
        }

        #[test]
        fn zeros_at_once_equal_zeros_one_by_one(
            before in prop::collection::vec(-50.0f64..50.0, 0..9), zeros in 0u64..40, after in -50.0f64..50.0
        ) {
            let mut at_once = of(&before);
            let mut one_by_one = at_once;
            at_once.push_zeros(zeros);
            (0..zeros).for_each(|_| one_by_one.push(0.0));
            at_once.push(after);
            one_by_one.push(after);
            prop_assert_eq!(at_once.count(), one_by_one.count());
            prop_assert!(close(at_once.mean, one_by_one.mean));
            prop_assert!(close(at_once.squared_deviations, one_by_one.squared_deviations));
            prop_assert!(close(at_once.squared_losses, one_by_one.squared_losses));
        }
    }
}
