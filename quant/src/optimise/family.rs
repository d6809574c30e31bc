//! What can be searched.

use crate::backtest::{Book, Execution, Market};
use crate::indicators::IndicatorError;
use crate::strategies::{Cache, Kind, Parameter, Preset};

/// A strategy with parameters to search. The four strategies are one each; others implement it with
/// [`run`](crate::backtest::run).
pub trait Family: Sync {
    /// What runs on the same candles may share, such as indicator columns; `()` for nothing.
    type Shared<'a>: Default;

    /// What is searched. All combinations of their values have to be allowed.
    fn parameters(&self) -> &[Parameter];

    /// Runs with equal keys are run one after another by the same thread, so that they can share.
    fn sharing_key(&self, values: &[f64]) -> [u64; 3] {
        let _ = values;
        [0; 3]
    }

    /// Runs the strategy with these values, in the order of the parameters, into `book`.
    ///
    /// # Errors
    /// Values or candles that an indicator refuses; ends the search.
    fn run<'a>(
        &self,
        values: &[f64],
        market: &Market<'a>,
        execution: &Execution,
        shared: &mut Self::Shared<'a>,
        book: &mut Book,
    ) -> Result<(), IndicatorError>;
}

impl Family for Kind {
    type Shared<'a> = Cache<'a>;

    fn parameters(&self) -> &[Parameter] {
        Kind::parameters(*self)
    }

    fn sharing_key(&self, values: &[f64]) -> [u64; 3] {
        Preset::from_values(*self, values).map(|preset| preset.indicator_key()).unwrap_or_default()
    }

    fn run<'a>(
        &self,
        values: &[f64],
        market: &Market<'a>,
        execution: &Execution,
        shared: &mut Cache<'a>,
        book: &mut Book,
    ) -> Result<(), IndicatorError> {
        Preset::from_values(*self, values)?.run(market, execution, shared, book)
    }
}
