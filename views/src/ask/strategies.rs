//! The strategies and their states.

use projections::{STRATEGIES, StrategyView};

use super::{QueryError, document};
use crate::{
    Views,
    sqlite::{Query, ViewKey},
};

impl Views {
    /// Every strategy, by name.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn strategies(&self) -> Result<Vec<StrategyView>, QueryError> {
        self.all_that("strategies", &Query::all_of(STRATEGIES))
    }

    /// One strategy, if it is known.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn strategy(&self, name: &str) -> Result<Option<StrategyView>, QueryError> {
        let key = ViewKey::Text(name.to_owned());
        let found = self.ask("strategies", |reader| Ok(reader.get(STRATEGIES, &key)?))?;
        found.map(|body| document(&body)).transpose()
    }
}
