//! Trades from the rows of a table: its header says which column is what, also when another follows in the middle.

use std::{borrow::Cow, io::BufRead};

use events::{RejectReason, Timestamp, TradeClosed};

use super::{
    FileError, FileFormat, Found, NoTrade, Read,
    beside::{self, Beside},
    columns::{self, Columns},
    digest::Digests,
    sheet::{Sheet, is_open, separator},
    too_long,
};
use crate::{
    Field, Rejection, TradeFormat, checks,
    fields::{Slots, Value},
};

pub(super) struct Table<R> {
    file: String,
    sheet: Sheet<R>,
    shape: Shape,
    digests: Digests,
    format: FileFormat,
    trades: TradeFormat,
    now: Timestamp,
}

/// What the header says, the first one or one in the middle.
struct Shape {
    names: Vec<String>,
    columns: Columns,
    /// Whether trades have ids of their own.
    has_id: bool,
}

impl Shape {
    fn of(
        file: &str,
        names: Vec<String>,
        format: FileFormat,
        trades: &TradeFormat,
    ) -> Result<Self, FileError> {
        let columns = Columns::find(file, &names, format, &trades.mapping)?;
        let has_id = columns.gives(Field::TradeId) || trades.mapping.source(Field::TradeId).is_some();
        Ok(Self { names, columns, has_id })
    }

    /// Whether so many cells can be told apart: delimiters at the end of a row, or of the header, are no columns.
    fn fits(&self, cells: &[&str]) -> bool {
        let width = self.names.len();
        cells.len() == width
            || cells.iter().skip(width).all(|cell| cell.trim().is_empty())
                && self.names.iter().skip(cells.len()).all(String::is_empty)
    }
}

impl<R: BufRead> Table<R> {
    /// Reads the header.
    pub(super) fn new(
        file: &str,
        reader: R,
        format: FileFormat,
        trades: TradeFormat,
        now: Timestamp,
    ) -> Result<Self, FileError> {
        let mut sheet = Sheet::new(reader, trades.max_bytes);
        let header = sheet.header().map_err(|source| FileError::Read { file: file.to_owned(), source })?;
        let header = header.unwrap_or_default();
        if std::str::from_utf8(&header.bytes).is_err() {
            return Err(beside::not_utf8().of(file));
        }
        let other = beside::by_columns(&header.names);
        let shape = Shape::of(file, header.names, format, &trades);
        let shape = shape.map_err(|fault| told_as(other, &trades, fault, file))?;
        Ok(Self { file: file.to_owned(), sheet, shape, digests: Digests::default(), format, trades, now })
    }

    pub(super) fn next(&mut self) -> Read {
        loop {
            let Some(row) = self.sheet.next_row()? else { return Ok(None) };
            let found =
                if row.cut { Some(Err(too_long(&self.trades).into())) } else { self.look(&row.bytes) };
            if let Some(found) = found {
                return Ok(Some((row.bytes, found)));
            }
        }
    }

    /// What a row is; nothing where it holds nothing.
    fn look(&mut self, row: &[u8]) -> Option<Found> {
        self.sheet.parser.parse(row);
        let text = std::mem::take(&mut self.sheet.parser.text);
        let found = match std::str::from_utf8(&text) {
            Ok(text) => self.decode(row, text),
            Err(_) => Some(Err(not_utf8().into())),
        };
        self.sheet.parser.text = text;
        found
    }

    fn decode(&mut self, row: &[u8], text: &str) -> Option<Found> {
        let cells: Vec<&str> = self.sheet.parser.cells(text).map(str::trim).collect();
        if self.shape.columns.is_open_position(&cells) {
            return Some(Err(NoTrade::OpenPosition));
        }
        let fault = match self.trade(row, &cells) {
            Ok(trade) => return Some(Ok(trade)),
            Err(fault) => fault,
        };
        if cells.iter().all(|cell| cell.is_empty()) && !is_open(row) || separator(row).is_some() {
            None
        } else if columns::is_header(&cells, &self.shape.names, &self.trades.mapping) {
            Some(Err(self.header_again(&cells)))
        } else if self.shape.columns.is_unfinished(&cells) {
            Some(Err(NoTrade::OpenPosition))
        } else {
            Some(Err(fault.into()))
        }
    }

    fn trade(&mut self, row: &[u8], cells: &[&str]) -> Result<TradeClosed, Rejection> {
        let has_id = self.shape.has_id;
        let mut slots = self.slots(cells);
        columns::convert(&mut slots, self.shape.columns.conversions);
        if is_open(row) || !self.shape.fits(cells) {
            return Err(checks::name_owner(self.misshapen(is_open(row), cells.len()), &slots));
        }
        let (format, columns) = (self.format, &self.shape.columns);
        let label = |field| columns.label(format, &self.trades.mapping, field);
        let rules = self.trades.rules(self.now, true, &label);
        let mut trade = checks::trade(&slots, &rules)
            .map_err(|fault| Rejection { trade_id: fault.trade_id.filter(|_| has_id), ..fault })?;
        if !has_id {
            trade.trade_id = self.digests.id_of(&trade);
        }
        Ok(trade)
    }

    fn slots<'t>(&'t self, cells: &[&'t str]) -> Slots<'t> {
        let mut slots = Slots::default();
        for (field, constant) in self.trades.mapping.constants() {
            slots.set(field, Value::Text(Cow::Borrowed(constant)));
        }
        let columns = &self.shape.columns;
        for (place, field) in &columns.cells {
            match cells.get(*place) {
                None | Some(&"") => {}
                Some(cell) => slots.set(*field, Value::Text(Cow::Borrowed(cell))),
            }
        }
        columns.join(cells, &mut slots);
        if !self.shape.has_id {
            slots.set(Field::TradeId, Value::Text(Cow::Borrowed("-")));
        }
        if self.format == FileFormat::FreqtradeCsv && !columns.gives(Field::Side) {
            slots.offer(Field::Side, Value::Text(Cow::Borrowed("long")));
        }
        slots
    }

    /// A header in the middle: what follows is read by it.
    fn header_again(&mut self, cells: &[&str]) -> NoTrade {
        let names: Vec<String> = cells.iter().map(|cell| columns::plain_name(cell)).collect();
        if names == self.shape.names {
            return NoTrade::HeaderAgain;
        }
        match Shape::of(&self.file, names.clone(), self.format, &self.trades) {
            Ok(shape) => {
                self.shape = shape;
                NoTrade::HeaderAgain
            }
            Err(fault) => {
                // Rows below it must not be read by the columns of another header.
                self.shape = Shape { names, columns: Columns::default(), has_id: true };
                let detail = format!(
                    "another header stands here, and what follows cannot be read by it ({fault}); give the two tables \
                     as files of their own"
                );
                Rejection::new(RejectReason::Malformed, detail).into()
            }
        }
    }

    fn misshapen(&self, open: bool, cells: usize) -> Rejection {
        let detail = if open {
            "a quote is opened and not closed; close it, or double it where it belongs to the text".to_owned()
        } else {
            let width = self.shape.names.len();
            format!("the row has {cells} cells, the header has {width}; quote cells that hold a delimiter")
        };
        Rejection::new(RejectReason::Malformed, detail)
    }
}

/// A table without a column that is needed is told as what it is, unless the user says what its columns mean.
fn told_as(other: Option<Beside>, trades: &TradeFormat, fault: FileError, file: &str) -> FileError {
    match (other, fault) {
        (Some(other), FileError::Column { .. } | FileError::Percents { .. }) if trades.mapping.is_plain() => {
            other.of(file)
        }
        (_, fault) => fault,
    }
}

fn not_utf8() -> Rejection {
    let detail = "the row is not UTF-8, but probably Latin-1 or Windows-1252; save the file as UTF-8 \
        (iconv -f WINDOWS-1252 -t UTF-8)";
    Rejection::new(RejectReason::NotUtf8, detail)
}
