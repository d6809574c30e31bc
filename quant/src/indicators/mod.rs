//! Indicators, over whole columns ([`batch`]) or a candle at a time ([`stream`]), with the same numbers.
//!
//! TA-Lib's definitions with an unstable period of 0, computed by the `ta-lib` crate where it has them. Nothing here
//! knows of strategies. Last bits differ between processors (fused multiply-add): compare with a tolerance.

pub mod batch;
mod column;
pub mod stream;

pub(crate) use column::usable;
pub use column::{Column, Line, NotUsable};

use ta_lib::RetCode;

/// Why an indicator cannot be computed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum IndicatorError {
    /// A parameter is out of bounds.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A value would spoil every later one.
    #[error(transparent)]
    NotUsable(#[from] NotUsable),
    /// Columns of one market have one length.
    #[error("columns of {0} and {1} values; give columns of one length")]
    Lengths(usize, usize),
    /// Refused by TA-Lib: a series of more than about 100 million values.
    #[error("TA-Lib refuses the series: {0:?}")]
    Refused(RetCode),
}

impl From<RetCode> for IndicatorError {
    fn from(code: RetCode) -> Self {
        Self::Refused(code)
    }
}

/// A parameter that is out of bounds, with what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{name} = {value}: {allowed}")]
pub struct ParameterError {
    /// Name of the parameter.
    pub name: String,
    /// The value given.
    pub value: f64,
    /// What is allowed.
    pub allowed: String,
}

impl ParameterError {
    /// `name` has `value`, which is not what is `allowed`.
    pub fn new(name: &str, value: f64, allowed: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value, allowed: allowed.into() }
    }
}

/// TA-Lib's largest period.
pub const LONGEST_PERIOD: usize = 100_000;

/// Periods and factors of all indicators are checked here, alike for batch and stream.
fn period(name: &str, period: usize, least: usize) -> Result<i32, ParameterError> {
    if (least..=LONGEST_PERIOD).contains(&period) {
        return Ok(period as i32);
    }
    let allowed = format!("must be a whole number of {least} to {LONGEST_PERIOD} bars");
    Err(ParameterError::new(name, period as f64, allowed))
}

fn macd_periods(fast: usize, slow: usize, signal: usize) -> Result<[i32; 3], ParameterError> {
    let periods = [period("fast", fast, 2)?, period("slow", slow, 2)?, period("signal", signal, 1)?];
    if fast >= slow {
        return Err(ParameterError::new("fast", fast as f64, format!("must be below slow = {slow}")));
    }
    Ok(periods)
}

fn band_width(width: f64) -> Result<f64, ParameterError> {
    if width > 0.0 && width <= 100.0 {
        return Ok(width);
    }
    Err(ParameterError::new("width", width, "must be above 0 and at most 100 deviations"))
}

/// The population deviation that TA-Lib gives, as a sample deviation (ddof 1).
fn sample_factor(period: usize) -> f64 {
    let n = period as f64;
    (n / (n - 1.0)).sqrt()
}

#[cfg(test)]
mod tests;
