//! The candles of a run, with their days.

use crate::candles::{Candles, DAY_MS};
use std::ops::Range;

/// A range of candles to trade on, with the closes of its UTC days: made once, used by many runs.
#[derive(Debug, Clone)]
pub struct Market<'a> {
    candles: &'a Candles,
    range: Range<usize>,
    day_ends: Vec<usize>,
}

impl<'a> Market<'a> {
    /// All candles.
    #[must_use]
    pub fn new(candles: &'a Candles) -> Self {
        Self::window(candles, 0..candles.len())
    }

    /// The candles with these indices; those before them may be seen by indicators, not traded. A range beyond the
    /// candles is cut.
    #[must_use]
    pub fn window(candles: &'a Candles, range: Range<usize>) -> Self {
        let end = range.end.min(candles.len());
        let range = range.start.min(end)..end;
        let day_ends = day_ends(candles, &range);
        Self { candles, range, day_ends }
    }

    /// All candles, those outside of the range included.
    #[must_use]
    pub fn candles(&self) -> &'a Candles {
        self.candles
    }

    /// Indices of the bars that are traded.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// For each UTC day the row of an equity curve that ends it (0 is the starting capital). A day without a bar has the
    /// row of the day before. A close at midnight belongs to the day it ends.
    #[must_use]
    pub fn day_ends(&self) -> &[usize] {
        &self.day_ends
    }
}

fn day_ends(candles: &Candles, range: &Range<usize>) -> Vec<usize> {
    let last_instant = candles.timeframe_ms() - 1;
    let mut ends: Vec<usize> = Vec::new();
    let mut today = None;
    for (row, ts) in candles.ts_ms()[range.clone()].iter().enumerate() {
        let day = (ts + last_instant).div_euclid(DAY_MS);
        for _ in today.unwrap_or(day - 1)..day {
            ends.push(row);
        }
        today = Some(day);
        if let Some(end) = ends.last_mut() {
            *end = row + 1;
        }
    }
    ends
}
