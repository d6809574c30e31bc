//! Files of trades, row by row in bounded memory: JSON lines, CSV with our names, freqtrade's CSV and its
//! `backtest-result.json`.
//!
//! A bad row is an item like the others, with its bytes and its [`Rejection`]; only a file that cannot be read at
//! all, or whose columns cannot be understood, is an error.

mod ahead;
mod backtest;
mod columns;
mod detect;
mod digest;
mod lines;
mod objects;
#[cfg(test)]
mod real;
mod table;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, BufReader},
    path::Path,
    str::FromStr,
};

use events::{RejectReason, Timestamp, TradeClosed};

use super::{Rejection, TradeFormat, rejection::nearest};

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFormat {
    /// One record of `trading.trade.closed.v1` a line.
    JsonLines,
    /// A table with our names.
    Csv,
    /// The table that freqtrade exports.
    FreqtradeCsv,
    /// freqtrade's `backtest-result.json`.
    FreqtradeJson,
}

impl FileFormat {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::JsonLines, Self::Csv, Self::FreqtradeCsv, Self::FreqtradeJson];

    /// The name that `--format` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::FreqtradeCsv => "freqtrade-csv",
            Self::FreqtradeJson => "freqtrade-json",
        }
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

/// An open file of trades; an iterator over its rows.
pub struct TradeFile {
    name: String,
    format: FileFormat,
    rows: Rows,
    number: u64,
    broken: bool,
}

enum Rows {
    Lines(Box<ahead::Ahead<File>>),
    Table(Box<table::Table<BufReader<File>>>),
    Backtest(Box<backtest::Backtest<BufReader<File>>>),
}

impl TradeFile {
    /// Opens a file; its kind is recognised unless it is given.
    ///
    /// `trades` holds mapping, default currency and limits; `now` is our clock, where a close in the future is a
    /// fault.
    ///
    /// # Errors
    /// When the file cannot be opened, its kind is not known, or a column that is needed is missing.
    pub fn open(
        path: &Path,
        format: Option<FileFormat>,
        trades: &TradeFormat,
        now: Timestamp,
    ) -> Result<Self, FileError> {
        let name = path.display().to_string();
        let format = match format {
            Some(format) => format,
            None => detect::format_of(&name, reader(path, &name)?, &trades.mapping)?,
        };
        let reader = reader(path, &name)?;
        let rows = match format {
            FileFormat::JsonLines => {
                let lines = lines::Lines::new(reader, trades.max_bytes);
                Rows::Lines(Box::new(ahead::Ahead::new(lines, trades.clone(), now)))
            }
            FileFormat::Csv | FileFormat::FreqtradeCsv => {
                let table = table::Table::new(&name, reader, format, trades.clone(), now)?;
                Rows::Table(Box::new(table))
            }
            FileFormat::FreqtradeJson => {
                Rows::Backtest(Box::new(backtest::Backtest::new(reader, trades.clone(), now)))
            }
        };
        Ok(Self { name, format, rows, number: 0, broken: false })
    }

    /// The kind that was recognised or forced.
    pub fn format(&self) -> FileFormat {
        self.format
    }

    /// The file as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Bytes that are read at a time: some thousands of rows.
const READ_BYTES: usize = 2 << 20;

fn reader(path: &Path, name: &str) -> Result<BufReader<File>, FileError> {
    let failed = |source| FileError::Open { file: name.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    Ok(BufReader::with_capacity(READ_BYTES, file))
}

/// What a reader of one kind gives: the row's bytes and what they are.
type Read = io::Result<Option<Decoded>>;

type Decoded = (Vec<u8>, Result<TradeClosed, Rejection>);

impl Rows {
    fn next(&mut self) -> Read {
        match self {
            Self::Lines(lines) => lines.next(),
            Self::Table(table) => table.next(),
            Self::Backtest(backtest) => backtest.next(),
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
        if self.broken {
            return None;
        }
        match self.rows.next() {
            Ok(None) => None,
            Ok(Some((bytes, decoded))) => {
                self.number += 1;
                Some(Ok(Row { number: self.number, bytes, decoded }))
            }
            Err(source) => {
                self.broken = true;
                Some(Err(FileError::Read { file: self.name.clone(), source }))
            }
        }
    }
}
