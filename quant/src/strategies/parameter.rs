//! What may be set and searched.

use crate::indicators::ParameterError;
use serde::Serialize;

/// A parameter of a strategy: its bounds, its default and where an optimiser looks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Parameter {
    /// Name, as in `--param name=value`.
    pub name: &'static str,
    /// What it means, with its unit.
    pub meaning: &'static str,
    /// Value when nothing is said.
    pub default: f64,
    /// Smallest value that is allowed.
    pub least: f64,
    /// Largest value that is allowed.
    pub most: f64,
    /// First value of a search.
    pub from: f64,
    /// Last value of a search.
    pub to: f64,
    /// Distance of neighbouring values of a search.
    pub step: f64,
    /// Whether only whole numbers are allowed.
    pub whole: bool,
}

impl Parameter {
    /// # Errors
    /// A value out of bounds, or a fraction where a whole number is needed.
    pub fn check(&self, value: f64) -> Result<(), ParameterError> {
        let (least, most) = (self.least, self.most);
        if !(least..=most).contains(&value) {
            return Err(ParameterError::new(
                self.name,
                value,
                format!("must lie between {least} and {most}"),
            ));
        }
        if self.whole && value.fract() != 0.0 {
            return Err(ParameterError::new(self.name, value, "must be a whole number"));
        }
        Ok(())
    }

    /// How many values a search can try.
    #[must_use]
    pub fn steps(&self) -> usize {
        ((self.to - self.from) / self.step).round() as usize + 1
    }

    /// The value of a search at `step`, counted from 0; without the dust of repeated addition.
    #[must_use]
    pub fn at(&self, step: usize) -> f64 {
        let value = self.from + self.step * step as f64;
        (value * 1e9).round() / 1e9
    }
}
