//! The rows of a table as bytes, and its header. Row ends are found line by line, so that the bytes of a row are known
//! and a quote that is never closed costs one row, not the rest of the file.

use std::{
    collections::VecDeque,
    io::{self, BufRead},
};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{
    columns::plain_name,
    lines::{Line, Lines},
};

pub(super) struct Sheet<R> {
    lines: Lines<R>,
    /// Lines that were looked at and belong to later rows.
    ahead: VecDeque<Line>,
    max_bytes: usize,
    pub parser: Parser,
}

/// The first row: the names of the columns.
#[derive(Default)]
pub(super) struct Header {
    pub names: Vec<String>,
    pub bytes: Vec<u8>,
}

/// Lines that one row may have, through line ends inside quotes.
const LINES_A_ROW: usize = 100;

impl<R: BufRead> Sheet<R> {
    pub(super) fn new(reader: R, max_bytes: usize) -> Self {
        let (lines, parser) = (Lines::new(reader, max_bytes), Parser::new(b','));
        Self { lines, ahead: VecDeque::new(), max_bytes, parser }
    }

    /// Reads the header; it tells what the cells are separated by, unless a line `sep=;` before it does. Nothing in an
    /// empty file.
    pub(super) fn header(&mut self) -> io::Result<Option<Header>> {
        self.ahead.extend(self.lines.next_filled()?);
        let Some(mut row) = self.next_row()? else { return Ok(None) };
        let told = separator(&row.bytes);
        if told.is_some() {
            match self.next_row()? {
                Some(next) => row = next,
                None => return Ok(None),
            }
        }
        self.parser = Parser::new(told.unwrap_or_else(|| delimiter_of(&row.bytes)));
        self.parser.parse(&row.bytes);
        let names = self.parser.names();
        Ok(Some(Header { names, bytes: row.bytes }))
    }

    fn next_line(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        self.lines.next()
    }

    /// The next row: a line, and those after it that a quote holds together with it.
    pub(super) fn next_row(&mut self) -> io::Result<Option<Line>> {
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
            let total = joined.iter().map(|line: &Line| line.bytes.len() + 2).sum::<usize>();
            let too_long = line.cut || row.bytes.len() + total + line.bytes.len() >= self.max_bytes;
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
            for line in joined {
                row.bytes.extend_from_slice(row.end);
                row.bytes.extend_from_slice(&line.bytes);
                row.end = line.end;
            }
        }
        Ok(Some(row))
    }
}

/// Whether a quote is left open at the end: quotes are paired, doubled ones too.
pub(super) fn is_open(line: &[u8]) -> bool {
    line.iter().filter(|byte| **byte == b'"').count() % 2 == 1
}

/// The delimiter that a spreadsheet's line `sep=;` names.
pub(super) fn separator(line: &[u8]) -> Option<u8> {
    let line = line.strip_prefix(b"\"").map_or(line, |line| line.strip_suffix(b"\"").unwrap_or(line));
    let (name, rest) = line.split_at_checked(4)?;
    if !name.eq_ignore_ascii_case(b"sep=") {
        return None;
    }
    match rest {
        b"\\t" => Some(b'\t'),
        [delimiter] => Some(*delimiter),
        // Exported once more, the line got the delimiters of the table behind it.
        [delimiter, rest @ ..] if rest.iter().all(|byte| byte == delimiter) => Some(*delimiter),
        _ => None,
    }
}

/// Comma, semicolon, tab or bar: what the header has most of, outside of quotes.
fn delimiter_of(header: &[u8]) -> u8 {
    let outside = header.split(|byte| *byte == b'"').step_by(2).flatten();
    let outside: Vec<u8> = outside.copied().collect();
    let count = |delimiter: &u8| outside.iter().filter(|byte| *byte == delimiter).count();
    // The last of equals counts, so the comma stands last.
    [b'|', b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
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

    /// The row as names of columns, without needless white space.
    pub(super) fn names(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.text).into_owned();
        // A replaced byte is longer: then the places are others, and only the text as a whole can be shown.
        if text.len() == self.text.len() { self.cells(&text).map(plain_name).collect() } else { vec![text] }
    }

    /// The cells of the row; the text is this parser's, checked to be UTF-8.
    pub(super) fn cells<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).take(self.count).map(|(start, end)| text.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> (Vec<String>, Option<String>) {
        let mut sheet = Sheet::new(text.as_bytes(), 1000);
        let names = sheet.header().unwrap().unwrap_or_default().names;
        let row = sheet.next_row().unwrap().map(|row| {
            sheet.parser.parse(&row.bytes);
            let text = String::from_utf8(sheet.parser.text.clone()).unwrap();
            sheet.parser.cells(&text).collect::<Vec<_>>().join("·")
        });
        (names, row)
    }

    #[test]
    fn a_line_that_names_the_delimiter_is_no_header() {
        for text in
            ["sep=;\r\na;b,c\r\n1;2,3\r\n", "\u{FEFF}SEP=;\ra;b,c\r1;2,3", "\"sep=;\"\n\na;b,c\n1;2,3\n"]
        {
            assert_eq!(header(text), (vec!["a".into(), "b,c".into()], Some("1·2,3".into())), "{text:?}");
        }
        for text in ["sep=\t\na\tb;\n1\t2;", "sep=\\t\na\tb;\n1\t2;"] {
            assert_eq!(header(text), (vec!["a".into(), "b;".into()], Some("1·2;".into())), "{text:?}");
        }
        assert_eq!(header("sep=;\n"), (vec![], None));
        assert_eq!(header("sep=x,b\n").0, ["sep=x", "b"]);
    }

    #[test]
    fn the_delimiter_is_what_stands_most_often_outside_of_quotes() {
        assert_eq!(header("\"a;b;c\",d\n").0, ["a;b;c", "d"]);
        assert_eq!(header("a|b|c,d\n").0, ["a", "b", "c,d"]);
        assert_eq!(header("\"Entry\r\n  Price\", x \n").0, ["Entry Price", "x"]);
    }
}
