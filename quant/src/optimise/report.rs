//! A whole search and what it found.

use super::method::search_on;
use super::search::{Control, OptimiseError, Search};
use super::sweep::Sweep;
use super::trial::Trial;
use super::walk_forward::{Walk, ranges, walk};
use super::{DeflatedSharpe, Family, Overfitting, Sensitivity, deflated_sharpe, overfitting, sensitivity};
use crate::backtest::{Execution, Market};
use crate::candles::Candles;
use crate::figures::Figures;
use std::ops::Range;
use std::sync::atomic::AtomicUsize;

/// One of the best.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// Values in the order of the parameters.
    pub values: Vec<f64>,
    /// The objective's value where it was searched; `None` where undefined.
    pub score: Option<f64>,
    /// Figures where it was searched.
    pub in_sample: Figures,
    /// Figures on the bars that were held back.
    pub out_of_sample: Option<Figures>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Points that were tried on the searched bars.
    pub variations: usize,
    /// Bars that were searched for `top`.
    pub searched: Range<usize>,
    /// Bars that were held back: with walk-forward the last window's, else none.
    pub held_back: Range<usize>,
    /// The best, best first.
    pub top: Vec<Ranked>,
    /// The winner's Sharpe ratio after the number of tries; `None` where undefined.
    pub deflated_sharpe: Option<DeflatedSharpe>,
    /// How likely the search finds luck only; `None` with too few days or trials.
    pub overfitting: Option<Overfitting>,
    /// How the score depends on each parameter.
    pub sensitivity: Vec<Sensitivity>,
    /// The walk forward, where asked for.
    pub walk_forward: Option<Walk>,
    /// All points that were tried, in the order in which they were.
    pub trials: Vec<Trial>,
}

/// Searches the parameters of `family` on `candles`.
///
/// With walk-forward the last part of the candles is held back from the search for `top`, and each window is searched
/// and traded on its own. The same seed gives the same report for any number of threads.
///
/// # Errors
/// Values out of bounds, no candles, a run that failed, or the caller's cancel flag.
pub fn optimise<F: Family>(
    family: &F,
    candles: &Candles,
    execution: &Execution,
    search: &Search,
    control: Control<'_>,
) -> Result<Report, OptimiseError> {
    if candles.is_empty() {
        return Err(OptimiseError::NoCandles);
    }
    search.check(candles.len())?;
    execution.check()?;
    let total = search.variations * (1 + search.walk_forward.map_or(0, |walk| walk.windows));
    let done = AtomicUsize::new(0);
    let sweep = Sweep { family, execution, search, control, done: &done, total };
    let held_back = match search.walk_forward {
        Some(walk) => ranges(candles.len(), walk).pop().map_or(0..0, |(_, traded)| traded),
        None => candles.len()..candles.len(),
    };
    let market = Market::window(candles, 0..held_back.start);
    let trials = search_on(&sweep, &market, 0)?;
    let order = sweep.ranking(&trials);
    let top = order.iter().take(search.top).map(|&best| ranked(&sweep, candles, &held_back, &trials[best]));
    let top = top.collect::<Result<_, _>>()?;
    let (_, _, winner) = sweep.single(&market, &trials[order[0]].values)?;
    let sharpes: Vec<f64> = trials.iter().filter_map(|trial| trial.figures.sharpe).collect();
    Ok(Report {
        variations: trials.len(),
        searched: market.range(),
        held_back,
        top,
        deflated_sharpe: deflated_sharpe(winner.day_returns(), &sharpes),
        overfitting: overfitting(&trials),
        sensitivity: sensitivity(family.parameters(), &trials),
        walk_forward: search.walk_forward.map(|windows| walk(&sweep, candles, windows)).transpose()?,
        trials,
    })
}

fn ranked<F: Family>(
    sweep: &Sweep<'_, F>,
    candles: &Candles,
    held_back: &Range<usize>,
    trial: &Trial,
) -> Result<Ranked, OptimiseError> {
    let market = Market::window(candles, held_back.clone());
    let later = (!held_back.is_empty()).then(|| sweep.single(&market, &trial.values)).transpose()?;
    Ok(Ranked {
        values: trial.values.clone(),
        score: trial.score,
        in_sample: trial.figures,
        out_of_sample: later.map(|(trial, _, _)| trial.figures),
    })
}
