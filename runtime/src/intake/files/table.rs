//! Rows of a CSV file. Row ends are found line by line, so that the bytes of a row are known and a quote that is
//! never closed costs one row, not the rest of the file.

use std::{borrow::Cow, collections::VecDeque, io, io::BufRead};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use events::{RejectReason, Timestamp, TradeClosed};

use super::{
    FileError, FileFormat, Read,
    columns::{self, Columns},
    digest::Digests,
    lines::{Line, Lines},
    too_long,
};
use crate::intake::{
    Field, Rejection, TradeFormat, checks,
    fields::{Slots, Value},
};

pub(super) struct Table<R> {
    lines: Lines<R>,
    /// Lines that were looked at and belong to later rows.
    ahead: VecDeque<Line>,
    parser: Parser,
    columns: Columns,
    width: usize,
    digests: Option<Digests>,
    format: FileFormat,
    trades: TradeFormat,
    now: Timestamp,
}

/// Lines that one row may have, through line ends inside quotes.
const LINES_A_ROW: usize = 100;

impl<R: BufRead> Table<R> {
    /// Reads the header.
    pub(super) fn new(
        file: &str,
        reader: R,
        format: FileFormat,
        trades: TradeFormat,
        now: Timestamp,
    ) -> Result<Self, FileError> {
        let mut lines = Lines::new(reader, trades.max_bytes);
        let first =
            lines.next_filled().map_err(|source| FileError::Read { file: file.to_owned(), source })?;
        let header = first.map(|line| line.bytes).unwrap_or_default();
        let mut parser = Parser::new(delimiter_of(&header));
        parser.parse(&header);
        let text = String::from_utf8_lossy(&parser.text).into_owned();
        let names: Vec<&str> = parser.cells(&text).map(str::trim).collect();
        let columns = Columns::find(file, &names, format, &trades.mapping)?;
        let has_id = columns.gives(Field::TradeId) || trades.mapping.source(Field::TradeId).is_some();
        let (width, digests) = (names.len(), (!has_id).then(Digests::default));
        Ok(Self { lines, ahead: VecDeque::new(), parser, columns, width, digests, format, trades, now })
    }

    pub(super) fn next(&mut self) -> Read {
        let Some(line) = self.next_row()? else { return Ok(None) };
        let decoded = if line.cut { Err(too_long(&self.trades)) } else { self.decode(&line.bytes) };
        Ok(Some((line.bytes, decoded)))
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        self.lines.next()
    }

    /// The next row: a line, and those after it that a quote holds together with it.
    fn next_row(&mut self) -> io::Result<Option<Line>> {
        let mut row = loop {
            match self.next_line()? {
                Some(line) if line.bytes.trim_ascii().is_empty() => {}
                Some(line) => break line,
                None => return Ok(None),
            }
        };
        let (mut open, mut joined) = (is_open(&row.bytes), Vec::new());
        while open && !row.cut && joined.len() < LINES_A_ROW {
            let Some(line) = self.next_line()? else { break };
            open ^= is_open(&line.bytes);
            let total = joined.iter().map(|line: &Line| line.bytes.len() + 1).sum::<usize>();
            let too_long = line.cut || row.bytes.len() + total + line.bytes.len() >= self.trades.max_bytes;
            joined.push(line);
            if too_long {
                open = true;
                break;
            }
        }
        if open {
            // Never closed: the first line alone is the bad row, the others are rows of their own.
            joined.into_iter().rev().for_each(|line| self.ahead.push_front(line));
        } else {
            joined.into_iter().for_each(|line| {
                row.bytes.push(b'\n');
                row.bytes.extend_from_slice(&line.bytes);
            });
        }
        Ok(Some(row))
    }

    fn decode(&mut self, row: &[u8]) -> Result<TradeClosed, Rejection> {
        self.parser.parse(row);
        let text = std::str::from_utf8(&self.parser.text).map_err(|_| {
            Rejection::new(RejectReason::NotUtf8, "the row is not UTF-8; save the file as UTF-8")
        })?;
        let mut slots = self.slots(text);
        columns::convert(&mut slots, self.columns.conversions);
        if is_open(row) || self.parser.count() != self.width {
            return Err(checks::name_owner(self.misshapen(is_open(row)), &slots));
        }
        let (format, mapping) = (self.format, &self.trades.mapping);
        let label = |field| columns::label(format, mapping, field);
        let rules = self.trades.rules(self.now, true, &label);
        let digested = self.digests.is_some();
        let mut trade = checks::trade(&slots, &rules)
            .map_err(|fault| Rejection { trade_id: fault.trade_id.filter(|_| !digested), ..fault })?;
        if let Some(digests) = &mut self.digests {
            trade.trade_id = digests.id_of(&trade);
        }
        Ok(trade)
    }

    fn slots<'t>(&'t self, text: &'t str) -> Slots<'t> {
        let mut slots = Slots::default();
        for (field, constant) in self.trades.mapping.constants() {
            slots.set(field, Value::Text(Cow::Borrowed(constant)));
        }
        let cells: Vec<&str> = self.parser.cells(text).collect();
        for (place, field) in &self.columns.cells {
            match cells.get(*place).map(|cell| cell.trim()) {
                None | Some("") => {}
                Some(cell) => slots.set(*field, Value::Text(Cow::Borrowed(cell))),
            }
        }
        self.columns.join(&cells, &mut slots);
        if self.digests.is_some() {
            slots.set(Field::TradeId, Value::Text(Cow::Borrowed("-")));
        }
        if self.format == FileFormat::FreqtradeCsv && !self.columns.gives(Field::Side) {
            slots.offer(Field::Side, Value::Text(Cow::Borrowed("long")));
        }
        slots
    }

    fn misshapen(&self, open: bool) -> Rejection {
        let detail = if open {
            "a quote is opened and not closed; close it, or double it where it belongs to the text".to_owned()
        } else {
            let (cells, width) = (self.parser.count(), self.width);
            format!("the row has {cells} cells, the header has {width}; quote cells that hold a delimiter")
        };
        Rejection::new(RejectReason::Malformed, detail)
    }
}

/// Whether a quote is left open at the end: quotes are paired, doubled ones too.
fn is_open(line: &[u8]) -> bool {
    line.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// Comma, semicolon or tab: what the header has most of.
pub(super) fn delimiter_of(header: &[u8]) -> u8 {
    let count = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    // The last of equals counts, so the comma stands last.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// Splits a row into cells.
pub(super) struct Parser {
    reader: Reader,
    /// All cells of the row in one.
    pub text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Parser {
    pub(super) fn new(delimiter: u8) -> Self {
        let reader = ReaderBuilder::new().delimiter(delimiter).build();
        Self { reader, text: Vec::new(), ends: vec![0; 32], count: 0 }
    }

    pub(super) fn parse(&mut self, row: &[u8]) {
        self.reader.reset();
        // Cells without their quotes never have more bytes than the row.
        self.text.resize(row.len(), 0);
        let (mut read, mut written) = (0, 0);
        self.count = 0;
        loop {
            let (result, used, out, ended) = self.reader.read_record(
                &row[read..],
                &mut self.text[written..],
                &mut self.ends[self.count..],
            );
            (read, written, self.count) = (read + used, written + out, self.count + ended);
            match result {
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                // With all of the row read, asking again with nothing tells it that this is the end.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() + 64, 0),
                ReadRecordResult::Record | ReadRecordResult::End => break,
            }
        }
        self.text.truncate(written);
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The cells of the row; the text is this parser's, checked to be UTF-8.
    pub(super) fn cells<'t>(&'t self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).take(self.count).map(|(start, end)| text.get(start..*end).unwrap_or_default())
    }
}
