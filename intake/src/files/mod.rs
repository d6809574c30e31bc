//! Files of trades, row by row in bounded memory: JSON lines, lists and tables with our names, freqtrade's table of
//! trades and its results of any age; plain, packed by gzip or zip, or from standard input.
//!
//! A bad row is an item like the others, with its bytes and its [`Rejection`]; only a file that cannot be read at
//! all, or whose columns cannot be understood, is an error. Open positions and headers in the middle are no items: they
//! are counted ([`TradeFile::passed`]).

mod ahead;
mod backtest;
mod beside;
mod columns;
mod detect;
mod digest;
mod input;
mod lines;
mod objects;
#[cfg(test)]
mod real;
mod sheet;
mod table;
#[cfg(test)]
mod tests;
mod zipped;

use std::{
    io::{self, BufReader},
    path::Path,
    str::FromStr,
};

use events::{RejectReason, Timestamp, TradeClosed};

use super::{Rejection, TradeFormat, rejection::nearest};
use input::Input;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One record of `trading.trade.closed.v1` a line.
    JsonLines,
    /// A table with our names.
    Csv,
    /// Objects with our names or freqtrade's, in a list or one after the other.
    Json,
    /// freqtrade's table of trades.
    FreqtradeCsv,
    /// freqtrade's `backtest-result.json`, or its answer with trades.
    FreqtradeJson,
}

impl FileFormat {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::JsonLines, Self::Csv, Self::Json, Self::FreqtradeCsv, Self::FreqtradeJson];

    /// The name that `--format` takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::FreqtradeCsv => "freqtrade-csv",
            Self::FreqtradeJson => "freqtrade-json",
        }
    }

    /// Whether it has freqtrade's names.
    #[must_use]
    pub const fn is_freqtrade(self) -> bool {
        matches!(self, Self::FreqtradeCsv | Self::FreqtradeJson)
    }
}

impl FromStr for FileFormat {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name);
            let near = nearest(name, known).map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            format!("there is no format {name}{near}; the formats are {}", known.join(", "))
        })
    }
}

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("{file} cannot be opened: {source}; check the path and its permissions")]
    Open {
        /// The file as it was given.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// Reading broke off.
    #[error("{file} cannot be read on: {source}")]
    Read {
        /// The file as it was given.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// It holds nothing.
    #[error("{file} is empty; give a file with trades")]
    Empty {
        /// The file as it was given.
        file: String,
    },
    /// It is known, and no file of trades.
    #[error("{file} is {what}; {instead}")]
    Beside {
        /// The file as it was given.
        file: String,
        /// What it is.
        what: String,
        /// What to give instead.
        instead: String,
    },
    /// Its content is of no known kind.
    #[error("{file} is of no known kind: {found}; force one with --format {}",
        FileFormat::ALL.map(FileFormat::name).join("|"))]
    Unknown {
        /// The file as it was given.
        file: String,
        /// What it looks like, and what would be understood.
        found: String,
    },
    /// A column that is needed is not there.
    #[error("{file} has no column {column}{}; name it with --map {field}=COLUMN or set it with --map {field}==TEXT \
        (its columns: {columns})", .near.as_ref().map(|near| format!(", the nearest is {near}")).unwrap_or_default())]
    Column {
        /// The file as it was given.
        file: String,
        /// The column that was looked for.
        column: String,
        /// The field of ours that it would give.
        field: &'static str,
        /// The column of the file whose name is nearest.
        near: Option<String>,
        /// The columns of the file.
        columns: String,
    },
    /// No column gives the profit in percent or as a ratio.
    #[error("{file} has neither a column {percent} nor {ratio}{}; name one with --map {percent}=COLUMN (where 2.5 means \
        2.5 %) or --map {ratio}=COLUMN (where 0.025 means 2.5 %) (its columns: {columns})",
        .near.as_ref().map(|near| format!(", the nearest is {near}")).unwrap_or_default())]
    Percents {
        /// The file as it was given.
        file: String,
        /// Our name of the percent.
        percent: &'static str,
        /// Our name of the ratio.
        ratio: &'static str,
        /// The column of the file whose name is nearest.
        near: Option<String>,
        /// The columns of the file.
        columns: String,
    },
    /// Two columns have the same name.
    #[error("{file} has column {column} twice; rename or remove one of the two")]
    ColumnTwice {
        /// The file as it was given.
        file: String,
        /// The name.
        column: String,
    },
}

/// A row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// From 1, the header and empty lines not counted.
    pub number: u64,
    /// The row as it stands in the file.
    pub bytes: Vec<u8>,
    /// The trade, or why it is none.
    pub decoded: Result<TradeClosed, Rejection>,
}

/// What a file holds that is neither a trade nor a fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Positions that are still open.
    pub open_positions: u64,
    /// Rows that repeat the header.
    pub headers: Vec<u64>,
}

/// An open file of trades; an iterator over its rows.
pub struct TradeFile {
    name: String,
    format: FileFormat,
    size: Option<u64>,
    rows: Rows,
    number: u64,
    passed: Passed,
    broken: bool,
}

enum Rows {
    Lines(Box<ahead::Ahead<Input>>),
    Table(Box<table::Table<BufReader<Input>>>),
    Objects(Box<backtest::Backtest<BufReader<Input>>>),
}

impl TradeFile {
    /// Opens a file, `-` being standard input; its kind is recognised unless it is given.
    ///
    /// `trades` holds mapping, default currency and limits; `now` is our clock, where a close in the future is a
    /// fault.
    ///
    /// # Errors
    /// When the file cannot be opened, is known to be none of trades or of no known kind, or a column that is needed is
    /// missing.
    pub fn open(
        path: &Path,
        format: Option<FileFormat>,
        trades: &TradeFormat,
        now: Timestamp,
    ) -> Result<Self, FileError> {
        let name = path.display().to_string();
        let (mut input, size) = input::open(path, &name)?;
        let format = match format {
            Some(format) => format,
            None => detect::format_of(&name, BufReader::new(&mut input), &trades.mapping)?,
        };
        let reader = BufReader::with_capacity(READ_BYTES, input.rewound());
        let rows = match format {
            FileFormat::JsonLines => {
                let lines = lines::Lines::new(reader, trades.max_bytes);
                Rows::Lines(Box::new(ahead::Ahead::new(lines, trades.clone(), now)))
            }
            FileFormat::Csv | FileFormat::FreqtradeCsv => {
                let table = table::Table::new(&name, reader, format, trades.clone(), now)?;
                Rows::Table(Box::new(table))
            }
            FileFormat::Json | FileFormat::FreqtradeJson => {
                Rows::Objects(Box::new(backtest::Backtest::new(reader, format, trades.clone(), now)))
            }
        };
        Ok(Self { name, format, size, rows, number: 0, passed: Passed::default(), broken: false })
    }

    /// The kind that was recognised or forced.
    #[must_use]
    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// The file as it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many bytes its rows have together, at most; nothing where that is not known beforehand.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// What was passed over so far.
    #[must_use]
    pub fn passed(&self) -> &Passed {
        &self.passed
    }
}

/// Bytes that are read at a time: some thousands of rows.
const READ_BYTES: usize = 2 << 20;

/// What stands in a row.
type Found = Result<TradeClosed, NoTrade>;

/// A row that is no trade.
enum NoTrade {
    Bad(Rejection),
    OpenPosition,
    HeaderAgain,
}

impl From<Rejection> for NoTrade {
    fn from(rejection: Rejection) -> Self {
        Self::Bad(rejection)
    }
}

/// What a reader of one kind gives: the row's bytes and what they are.
type Read = io::Result<Option<(Vec<u8>, Found)>>;

impl Rows {
    fn next(&mut self) -> Read {
        match self {
            Self::Lines(lines) => {
                Ok(lines.next()?.map(|(bytes, decoded)| (bytes, decoded.map_err(NoTrade::Bad))))
            }
            Self::Table(table) => table.next(),
            Self::Objects(objects) => objects.next(),
        }
    }
}

fn too_long(trades: &TradeFormat) -> Rejection {
    let detail = format!("the row has more than {} bytes; only its start is kept", trades.max_bytes);
    Rejection::new(RejectReason::TooLarge, detail)
}

impl Iterator for TradeFile {
    type Item = Result<Row, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            let (bytes, found) = match self.rows.next() {
                Ok(found) => found?,
                Err(source) => {
                    self.broken = true;
                    return Some(Err(FileError::Read { file: self.name.clone(), source }));
                }
            };
            self.number += 1;
            let decoded = match found {
                Ok(trade) => Ok(trade),
                Err(NoTrade::Bad(rejection)) => Err(rejection),
                Err(NoTrade::OpenPosition) => {
                    self.passed.open_positions += 1;
                    continue;
                }
                Err(NoTrade::HeaderAgain) => {
                    self.passed.headers.push(self.number);
                    continue;
                }
            };
            return Some(Ok(Row { number: self.number, bytes, decoded }));
        }
        None
    }
}
