//! Input columns that are known to be usable, and output lines that begin somewhere inside them.

use std::ops::Deref;

/// A value that would spoil every later one of an indicator.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("value {index} is {value}; drop it or load it again")]
pub struct NotUsable {
    /// Index of the value, counted from 0.
    pub index: usize,
    /// The value.
    pub value: f64,
}

/// Finite, and small enough that sums of its squares are finite as well.
pub(crate) fn usable(value: f64) -> bool {
    value.abs() < 1e100
}

/// A column of finite numbers: checked once, then used as a slice by as many indicators as wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column<'a>(&'a [f64]);

impl<'a> Column<'a> {
    /// Checks a column.
    ///
    /// # Errors
    /// The first value that is NaN, infinite or 1e100 and beyond.
    pub fn new(values: &'a [f64]) -> Result<Self, NotUsable> {
        match values.iter().position(|&value| !usable(value)) {
            Some(index) => Err(NotUsable { index, value: values[index] }),
            None => Ok(Self(values)),
        }
    }

    /// A column whose values were checked one by one as they came.
    pub(crate) fn trusted(values: &'a [f64]) -> Self {
        Self(values)
    }

    /// The values, for as long as the column's owner lives.
    #[must_use]
    pub fn values(self) -> &'a [f64] {
        self.0
    }
}

impl Deref for Column<'_> {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        self.0
    }
}

/// Values of an indicator, aligned to the bars they belong to: there are none before [`first`](Self::first).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    first: usize,
    values: Vec<f64>,
}

impl Line {
    /// `values` that begin at bar `first`.
    #[must_use]
    pub fn new(first: usize, values: Vec<f64>) -> Self {
        Self { first, values }
    }

    /// Bar of the first value.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// The values from bar [`first`](Self::first) on.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The value at a bar; `None` before the first, and where there is nothing to divide by.
    #[inline]
    #[must_use]
    pub fn at(&self, bar: usize) -> Option<f64> {
        self.values.get(bar.wrapping_sub(self.first)).copied().filter(|value| !value.is_nan())
    }

    /// The values at the bar before and at the bar, or `None` before both are there.
    #[inline]
    #[must_use]
    pub fn step(&self, bar: usize) -> Option<(f64, f64)> {
        Some((self.at(bar.wrapping_sub(1))?, self.at(bar)?))
    }
}
