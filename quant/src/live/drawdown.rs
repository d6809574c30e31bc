//! The largest fall of a running sum.

use super::ExactSum;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The largest fall of a running sum from its highest value so far, which is 0 before the first term. In the unit of
/// the terms (points for percents), never negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Drawdown {
    sum: ExactSum,
    peak: ExactSum,
    deepest: ExactSum,
}

impl Drawdown {
    /// Adds a term to the running sum.
    #[inline]
    pub fn push(&mut self, term: Decimal) {
        self.sum += term;
        self.peak = self.peak.max(self.sum);
        self.deepest = self.deepest.max(self.peak - self.sum);
    }

    /// The running sum.
    #[must_use]
    pub fn sum(&self) -> ExactSum {
        self.sum
    }

    /// The largest fall, as the nearest double.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.deepest.to_f64()
    }

    /// The largest fall, exactly.
    #[must_use]
    pub fn exact(&self) -> ExactSum {
        self.deepest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(terms: &[&str]) -> Decimal {
        let mut drawdown = Drawdown::default();
        terms.iter().for_each(|term| drawdown.push(term.parse().unwrap()));
        drawdown.exact().to_decimal().unwrap()
    }

    #[test]
    fn the_start_at_zero_is_the_first_peak() {
        assert_eq!(of(&[]), Decimal::ZERO);
        assert_eq!(of(&["-3", "1"]), Decimal::from(3));
        assert_eq!(of(&["2", "1"]), Decimal::ZERO);
    }

    #[test]
    fn the_deepest_fall_counts_not_the_last() {
        assert_eq!(of(&["5", "-4.25", "10", "-1"]), "4.25".parse().unwrap());
        assert_eq!(of(&["5", "-1", "-1", "3", "-2.5", "-0.5"]), Decimal::from(3));
    }

    #[test]
    fn a_fall_over_more_than_28_digits_keeps_them_all() {
        let mut drawdown = Drawdown::default();
        [Decimal::MAX, Decimal::MIN, Decimal::MIN].into_iter().for_each(|term| drawdown.push(term));
        assert_eq!(drawdown.exact(), ExactSum::from(Decimal::MAX).times(2));
    }

    proptest! {
        #[test]
        fn equals_the_largest_of_all_falls(terms in prop::collection::vec((-9999i64..9999, 0u32..4), 0..40)) {
            let terms: Vec<_> = terms.iter().map(|&(m, s)| Decimal::new(m, s)).collect();
            let mut drawdown = Drawdown::default();
            let mut sums = vec![Decimal::ZERO];
            for &term in &terms {
                drawdown.push(term);
                sums.push(sums[sums.len() - 1] + term);
            }
            let falls = (0..sums.len()).flat_map(|i| sums[..=i].iter().map(move |s| (i, *s)));
            let naive = falls.map(|(i, earlier)| earlier - sums[i]).max().unwrap();
            prop_assert_eq!(drawdown.exact(), naive.into());
        }
    }
}
