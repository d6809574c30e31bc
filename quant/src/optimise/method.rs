//! One market searched, by the method that was asked for.

use super::genetic::Genetic;
use super::search::{Method, OptimiseError};
use super::sweep::Sweep;
use super::trial::Trial;
use super::{Family, grid};
use crate::backtest::Market;

/// Searches one market; `stream` tells the random numbers of one search from those of another.
pub(super) fn search_on<F: Family>(
    sweep: &Sweep<'_, F>,
    market: &Market<'_>,
    stream: u64,
) -> Result<Vec<Trial>, OptimiseError> {
    match sweep.search.method {
        Method::Genetic => Genetic::new(sweep, stream).run(market),
        Method::Grid => {
            let parameters = sweep.family.parameters();
            let values =
                |steps: Vec<usize>| parameters.iter().zip(steps).map(|(p, step)| p.at(step)).collect();
            let points: Vec<Vec<f64>> =
                grid(parameters, sweep.search.variations).into_iter().map(values).collect();
            sweep.run(market, &points)
        }
    }
}
