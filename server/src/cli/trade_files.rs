//! Files of trades on the command line.

use std::path::PathBuf;

use clap::Args;
use runtime::intake::{
    FieldMapping, TradeFormat,
    files::{FileFormat, Row, TradeFile},
};

use crate::{clock::now, problem::Problem};

use super::output::Output;

/// Which files, and how they are read.
#[derive(Debug, Args)]
pub struct TradeFiles {
    /// Files of trades: JSON lines, CSV, freqtrade's CSV or backtest-result.json
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Kind of the files, where it is not recognised
    #[arg(long, value_name = "jsonl|csv|freqtrade-csv|freqtrade-json")]
    format: Option<FileFormat>,
    /// Renames a column, or sets it to a constant; may be repeated
    #[arg(long = "map", value_name = "OURS=THEIRS|OURS==TEXT")]
    mappings: Vec<String>,
}

/// Bad rows that are told one by one.
const TOLD: u64 = 20;

impl TradeFiles {
    /// Opens every file before the first row is read, so that a wrong name ends the command before it does anything.
    ///
    /// `trades` is how records are read; its mapping holds for files of records, tables have columns of their own.
    ///
    /// # Errors
    /// When a file or a mapping cannot be used.
    pub fn open(&self, trades: &TradeFormat) -> Result<Vec<TradeFile>, Problem> {
        let mapping =
            FieldMapping::parse(&self.mappings).map_err(|error| Problem::usage(error.to_string()))?;
        let open = |path: &PathBuf, mapping: &FieldMapping| {
            let trades = TradeFormat { mapping: mapping.clone(), ..trades.clone() };
            TradeFile::open(path, self.format, &trades, now())
                .map_err(|error| Problem::usage(error.to_string()))
        };
        let files = self.files.iter().map(|path| {
            let file = open(path, &mapping)?;
            let records = file.format() == FileFormat::JsonLines && self.mappings.is_empty();
            if records && !trades.mapping.is_plain() { open(path, &trades.mapping) } else { Ok(file) }
        });
        files.collect()
    }

    /// Whether rows of a file are records that can be sent as they are.
    pub fn are_records(&self, file: &TradeFile) -> bool {
        file.format() == FileFormat::JsonLines && self.mappings.is_empty()
    }
}

/// Tells bad rows, the first ones one by one.
#[derive(Debug)]
pub struct BadRows<'o> {
    out: &'o Output,
    /// How many there were.
    pub count: u64,
}

impl<'o> BadRows<'o> {
    /// None yet.
    pub const fn new(out: &'o Output) -> Self {
        Self { out, count: 0 }
    }

    /// Looks at a row.
    pub fn look(&mut self, file: &str, row: &Row) {
        let Err(rejection) = &row.decoded else { return };
        self.count += 1;
        if self.count <= TOLD {
            self.out.note(&format!("{file}, row {}: {}", row.number, rejection.detail));
        }
    }

    /// Tells how many were not told.
    pub fn finish(&self) {
        if self.count > TOLD {
            self.out.note(&format!("and {} more bad rows", self.count - TOLD));
        }
    }
}
