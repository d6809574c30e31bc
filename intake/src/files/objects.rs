//! A walk over a JSON text of any size, holding one value at a time.

use std::io::{self, BufRead};

/// Where a value begins.
pub(super) struct Objects<R> {
    reader: R,
    lines: u64,
}

impl<R: BufRead> Objects<R> {
    pub(super) fn new(reader: R) -> Self {
        Self { reader, lines: 0 }
    }

    /// What follows what was taken; the byte that was looked at last is still there.
    pub(super) fn into_reader(self) -> R {
        self.reader
    }

    /// How many ends of lines were passed over.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// The next byte that is neither white space nor a separator, without taking it.
    pub(super) fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let Some(byte) = self.byte()? else { return Ok(None) };
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':' | 0xEF | 0xBB | 0xBF) {
                return Ok(Some(byte));
            }
            self.pass(byte);
        }
    }

    fn pass(&mut self, byte: u8) {
        self.lines += u64::from(byte == b'\n');
        self.reader.consume(1);
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.reader.fill_buf() {
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                chunk => return Ok(chunk?.first().copied()),
            }
        }
    }

    /// Takes the byte if it comes next.
    pub(super) fn take(&mut self, byte: u8) -> io::Result<bool> {
        let found = self.peek()? == Some(byte);
        if found {
            self.reader.consume(1);
        }
        Ok(found)
    }

    /// The name of the next member of an object; nothing at its end, or where no name stands.
    pub(super) fn name(&mut self) -> io::Result<Option<String>> {
        if self.peek()? != Some(b'"') {
            return Ok(None);
        }
        let (raw, _) = self.value(MAX_NAME)?;
        Ok(serde_json::from_slice(&raw).ok())
    }

    /// Passes over the next value.
    pub(super) fn skip(&mut self) -> io::Result<()> {
        self.value(0).map(|_| ())
    }

    /// The bytes of the next value, at most so many, and whether it had more.
    pub(super) fn value(&mut self, max: usize) -> io::Result<(Vec<u8>, bool)> {
        self.peek()?;
        let (mut kept, mut cut) = (Vec::new(), false);
        let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
        while let Some(byte) = self.byte()? {
            let separator = matches!(byte, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            if depth == 0 && !in_text && separator {
                break;
            }
            self.pass(byte);
            cut |= kept.len() == max;
            if !cut {
                kept.push(byte);
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_text => escaped = true,
                b'"' => in_text = !in_text,
                b'{' | b'[' if !in_text => depth += 1,
                b'}' | b']' if !in_text => depth -= 1,
                _ => {}
            }
            if depth == 0 && !in_text && matches!(byte, b'"' | b'}' | b']') {
                break;
            }
        }
        Ok((kept, cut))
    }
}

/// Longer names are none of ours.
const MAX_NAME: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_are_found_and_passed_over() {
        let text = r#" {"a": {"x": ["}", "\"]"]}, "b":-1.5e3 ,"c" : [ {"d":1} , 2] }"#;
        let mut objects = Objects::new(std::io::BufReader::with_capacity(2, text.as_bytes()));
        assert!(objects.take(b'{').unwrap());
        assert_eq!(objects.name().unwrap().as_deref(), Some("a"));
        objects.skip().unwrap();
        assert_eq!(objects.name().unwrap().as_deref(), Some("b"));
        assert_eq!(objects.value(100).unwrap(), (b"-1.5e3".to_vec(), false));
        assert_eq!(objects.name().unwrap().as_deref(), Some("c"));
        assert!(objects.take(b'[').unwrap());
        assert_eq!(objects.value(3).unwrap(), (b"{\"d".to_vec(), true));
        assert_eq!(objects.value(100).unwrap(), (b"2".to_vec(), false));
        assert!(objects.take(b']').unwrap() && objects.take(b'}').unwrap());
        assert_eq!(objects.peek().unwrap(), None);
    }
}
