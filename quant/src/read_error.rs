//! Why candles could not be read.

use crate::candles::CandleError;

/// Why candles could not be read from CSV or Parquet.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The input could not be read or is no CSV.
    #[error("cannot be read as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The input is no Parquet file, or a damaged one.
    #[error("cannot be read as Parquet: {0}")]
    Parquet(String),
    /// A column is not there.
    #[error("no column {column}; the columns {wanted} are needed")]
    MissingColumn {
        /// Its name.
        column: &'static str,
        /// All that are needed.
        wanted: &'static str,
    },
    /// A field is no number.
    #[error("line {line}: {column} is {value:?}, no number")]
    BadValue {
        /// Line in the file, counted from 1.
        line: u64,
        /// Name of the column.
        column: &'static str,
        /// What was there.
        value: String,
    },
    /// A bar that cannot be used.
    #[error("line {line}: {error}")]
    Bar {
        /// Line in the file, counted from 1.
        line: u64,
        /// What is wrong with it.
        #[source]
        error: CandleError,
    },
    /// The bars together cannot be used.
    #[error(transparent)]
    Candles(#[from] CandleError),
}
