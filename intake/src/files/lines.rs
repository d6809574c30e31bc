//! Lines of a file, none longer in memory than allowed. They end with LF, CRLF or CR, also by turns.

use std::io::{self, BufRead, BufReader};

/// A line without its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub bytes: Vec<u8>,
    /// It was longer; the rest was passed over.
    pub cut: bool,
    /// What ended it; nothing at the end of the file.
    pub end: &'static [u8],
}

pub(super) struct Lines<R> {
    reader: R,
    max: usize,
    begun: bool,
    /// The last line ended with a CR at the end of what was read: an LF that follows belongs to it.
    after_cr: bool,
}

const MARK: &[u8] = "\u{FEFF}".as_bytes();

impl<R: io::Read> Lines<BufReader<R>> {
    /// Whether the next line has to be waited for, at least its end.
    pub(super) fn is_drained(&self) -> bool {
        self.reader.buffer().is_empty()
    }
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R, max: usize) -> Self {
        Self { reader, max, begun: false, after_cr: false }
    }

    /// The next line that is not empty, without the byte order mark that some programs put first.
    pub(super) fn next_filled(&mut self) -> io::Result<Option<Line>> {
        while let Some(mut line) = self.next()? {
            if !self.begun && line.bytes.starts_with(MARK) {
                line.bytes.drain(..MARK.len());
            }
            self.begun = true;
            if !line.bytes.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    /// The next line; nothing at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Line::default();
        let mut any = false;
        loop {
            let chunk = match self.reader.fill_buf() {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                return Ok(any.then_some(line));
            }
            if std::mem::take(&mut self.after_cr) && chunk[0] == b'\n' {
                self.reader.consume(1);
                continue;
            }
            any = true;
            let end = chunk.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = self.max - line.bytes.len();
            line.bytes.extend_from_slice(&part[..part.len().min(room)]);
            line.cut |= part.len() > room;
            line.end = end.map_or(b"", |end| end_of(&chunk[end..]));
            self.after_cr = end.is_some_and(|end| chunk[end..] == *b"\r");
            let used = part.len() + line.end.len();
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }
}

/// The end of a line that bytes begin with.
fn end_of(bytes: &[u8]) -> &'static [u8] {
    match bytes {
        [b'\r', b'\n', ..] => b"\r\n",
        [b'\r', ..] => b"\r",
        _ => b"\n",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8], max: usize) -> Vec<(Vec<u8>, bool)> {
        // A tiny buffer, so that lines run over its end.
        let mut lines = Lines::new(BufReader::with_capacity(3, text), max);
        std::iter::from_fn(|| lines.next_filled().unwrap()).map(|line| (line.bytes, line.cut)).collect()
    }

    #[test]
    fn lines_are_found_whatever_ends_them_and_empty_ones_left_out() {
        let found = lines("\u{FEFF}one\r\n\n  \ntwo\nlast".as_bytes(), 100);
        assert_eq!(found, [(b"one".to_vec(), false), (b"two".to_vec(), false), (b"last".to_vec(), false)]);
        assert_eq!(lines(b"", 100), []);
    }

    #[test]
    fn a_carriage_return_alone_ends_a_line_also_among_other_ends() {
        let bytes = |text: &str| (text.as_bytes().to_vec(), false);
        assert_eq!(lines(b"one\rtwo\rlast", 100), ["one", "two", "last"].map(bytes));
        assert_eq!(
            lines(b"ab\r\ncd\refg\n\r\nhi\r\r\njk\r", 100),
            ["ab", "cd", "efg", "hi", "jk"].map(bytes)
        );
    }

    #[test]
    fn the_end_of_a_line_is_told_whole() {
        let mut lines = Lines::new(&b"a\r\nb\rc\nd"[..], 100);
        let ends: Vec<_> = std::iter::from_fn(|| lines.next().unwrap()).map(|line| line.end).collect();
        assert_eq!(ends, [&b"\r\n"[..], b"\r", b"\n", b""]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_the_next_one_is_whole() {
        assert_eq!(lines(b"123456\nabcd\n", 4), [(b"1234".to_vec(), true), (b"abcd".to_vec(), false)]);
    }
}
