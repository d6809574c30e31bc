//! Files of trades on the command line.

use std::path::{Path, PathBuf};

use clap::Args;
use intake::{
    FieldMapping, NotationError, TradeFormat,
    files::{FileFormat, TradeFile},
};

use store::now;

use crate::problem::Problem;

/// Which files, and how they are read.
#[derive(Debug, Args)]
pub(super) struct TradeFiles {
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
    /// Which of their values stand for ours, such as side=Buy:long,Sell:short; may be repeated
    #[arg(long, value_name = "OURS=THEIRS:OURS,…", allow_hyphen_values = true)]
    values: Vec<String>,
    /// How times are written, in the signs of strftime, such as "%d.%m.%Y %H:%M:%S"
    #[arg(long, value_name = "STRFTIME")]
    time_format: Option<String>,
    /// The zone of times without one, such as Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Numbers are written with a decimal comma
    #[arg(long)]
    decimal_comma: bool,
}

impl TradeFiles {
    /// Opens every file before the first row is read, so that a wrong name ends the command before it does anything.
    ///
    /// `trades` is how records are read; its mapping holds for files of records, tables have columns of their own.
    ///
    /// # Errors
    /// When a file or a mapping cannot be used.
    pub(super) fn open(&self, trades: &TradeFormat) -> Result<Vec<TradeFile>, Problem> {
        let mapping =
            FieldMapping::parse(&self.mappings).map_err(|error| Problem::usage(error.to_string()))?;
        let trades = &self.with_notation(trades).map_err(|error| Problem::usage(error.to_string()))?;
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

    /// What the options say of how values are written goes before the configuration.
    fn with_notation(&self, trades: &TradeFormat) -> Result<TradeFormat, NotationError> {
        let mut trades = trades.clone();
        for values in &self.values {
            trades.notation.add_values(values)?;
        }
        if let Some(format) = &self.time_format {
            trades.notation.set_time_format(format)?;
        }
        if let Some(zone) = &self.time_zone {
            trades.notation.set_time_zone(zone)?;
        }
        if self.decimal_comma {
            trades.notation.set_decimal_comma(true);
        }
        Ok(trades)
    }

    /// Whether rows of a file are records that can be sent as they are.
    pub(super) fn are_records(&self, file: &TradeFile) -> bool {
        let as_configured = self.mappings.is_empty()
            && self.values.is_empty()
            && self.time_format.is_none()
            && self.time_zone.is_none()
            && !self.decimal_comma;
        file.format() == FileFormat::JsonLines && as_configured
    }

    /// Whether the files can be read more than once.
    pub(super) fn can_be_read_again(&self) -> bool {
        !self.files.iter().any(|file| is_standard_input(file) || !file.is_file())
    }

    /// How many bytes the files have.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.metadata().ok()).map(|about| about.len()).sum()
    }
}

fn is_standard_input(file: &Path) -> bool {
    file == Path::new("-")
}
