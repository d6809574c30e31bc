//! The bytes of a file: as they are, unpacked from gzip or zip, or from standard input.
//!
//! What was looked at to recognise a file is kept and read again, so nothing is opened or waited for twice.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

use super::{
    FileError,
    beside::{self, Beside},
    zipped,
};

/// The name on a command line that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";

/// Bytes that are looked at to tell what a file is.
const HEAD: usize = 4096;

/// Fewer than these may tell too little; a pipe is not waited for beyond them.
const ENOUGH: usize = 16;

/// Bytes that can be looked at before they are read.
pub(super) struct Input {
    source: Box<dyn Read + Send>,
    kept: Vec<u8>,
    /// How much of what was kept is read again.
    at: usize,
    keeping: bool,
}

impl Input {
    pub(super) fn new(source: impl Read + Send + 'static) -> Self {
        Self { source: Box::new(source), kept: Vec::new(), at: 0, keeping: true }
    }

    /// The first bytes, which will be read all the same.
    fn head(&mut self) -> io::Result<&[u8]> {
        let mut chunk = [0; HEAD];
        while self.kept.len() < ENOUGH {
            match self.source.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => self.kept.extend_from_slice(&chunk[..read]),
                Err(fault) if fault.kind() == io::ErrorKind::Interrupted => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(&self.kept)
    }

    /// From the start again, and this time without keeping anything.
    pub(super) fn rewound(mut self) -> Self {
        (self.at, self.keeping) = (0, false);
        self
    }
}

impl Read for Input {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at < self.kept.len() {
            let read = (&self.kept[self.at..]).read(out)?;
            self.at += read;
            if !self.keeping && self.at == self.kept.len() {
                (self.kept, self.at) = (Vec::new(), 0);
            }
            return Ok(read);
        }
        let read = self.source.read(out)?;
        if self.keeping {
            self.kept.extend_from_slice(&out[..read]);
            self.at += read;
        }
        Ok(read)
    }
}

/// Opens a file, unpacks it where it is packed, and refuses what is no text; with its size, where that is the size of
/// the text.
pub(super) fn open(path: &Path, name: &str) -> Result<(Input, Option<u64>), FileError> {
    let failed = |source| FileError::Read { file: name.to_owned(), source };
    let (mut input, size) = source(path, name)?;
    let head = input.head().map_err(failed)?;
    let packed = is_gzip(head) || zipped::is_zip(head);
    if is_gzip(head) {
        input = Input::new(MultiGzDecoder::new(input.rewound()));
    } else if zipped::is_zip(head) {
        input = Input::new(zipped::member(path, name)?);
    }
    match beside::by_bytes(input.head().map_err(failed)?) {
        Some(beside) => Err(beside.of(name)),
        None => Ok((input, size.filter(|_| !packed))),
    }
}

fn source(path: &Path, name: &str) -> Result<(Input, Option<u64>), FileError> {
    if path == Path::new(STANDARD_INPUT) {
        return Ok((Input::new(io::stdin()), None));
    }
    let failed = |source| FileError::Open { file: name.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if about.is_dir() {
        return Err(folder(path).of(name));
    }
    Ok((Input::new(file), about.is_file().then_some(about.len())))
}

fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&[0x1F, 0x8B])
}

/// A folder, with the file in it that was probably meant: the one that freqtrade's pointer names.
fn folder(path: &Path) -> Beside {
    let pointer = fs::read(path.join(".last_result.json")).ok();
    let latest = pointer.and_then(|text| {
        let pointer: serde_json::Value = serde_json::from_slice(&text).ok()?;
        Some(path.join(pointer["latest_backtest"].as_str()?).display().to_string())
    });
    let instead = latest.map_or_else(
        || "give the files in it".to_owned(),
        |latest| format!("give the files in it; freqtrade's latest result there is {latest}"),
    );
    Beside::new("a folder", instead)
}
