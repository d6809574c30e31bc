//! Files of trades on the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use runtime::intake::{
    FieldMapping, TradeFormat,
    files::{FileFormat, TradeFile},
};

use crate::{clock::now, problem::Problem};

/// Which files, and how they are read.
#[derive(Debug, Args)]
pub struct TradeFiles {
    /// Files of trades, - for standard input: JSON lines, CSV, freqtrade's table of trades or its results; also .gz and
    /// freqtrade's .zip
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Kind of the files, where it is not recognised
    #[arg(long, value_name = "jsonl|csv|json|freqtrade-csv|freqtrade-json")]
    format: Option<FileFormat>,
    /// Renames a column, or sets it to a constant; may be repeated
    #[arg(long = "map", value_name = "OURS=THEIRS|OURS==TEXT")]
    mappings: Vec<String>,
}

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
        if self.files.iter().filter(|file| is_standard_input(file)).count() > 1 {
            return Err(Problem::usage("standard input (-) is given twice; it can be read once"));
        }
        let open = |path: &PathBuf, mapping: &FieldMapping| {
            let trades = TradeFormat { mapping: mapping.clone(), ..trades.clone() };
            TradeFile::open(path, self.format, &trades, now())
                .map_err(|error| Problem::usage(error.to_string()))
        };
        let files = self.files.iter().map(|path| {
            let records = self.mappings.is_empty() && !trades.mapping.is_plain();
            if records && is_standard_input(path) {
                // It cannot be opened twice: what comes in this way is taken for records.
                return open(path, &trades.mapping);
            }
            let file = open(path, &mapping);
            match &file {
                Ok(found) if records && found.format() == FileFormat::JsonLines => {
                    open(path, &trades.mapping)
                }
                _ => file,
            }
        });
        files.collect()
    }

    /// Whether rows of a file are records that can be sent as they are.
    pub fn are_records(&self, file: &TradeFile) -> bool {
        file.format() == FileFormat::JsonLines && self.mappings.is_empty()
    }

    /// Whether the files can be read more than once.
    pub fn can_be_read_again(&self) -> bool {
        !self.files.iter().any(|file| is_standard_input(file) || !file.is_file())
    }

    /// How many bytes the files have.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
    }
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}
