//! The member of a zip archive that holds the trades.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom},
    path::Path,
};

use flate2::read::DeflateDecoder;
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::{FileError, beside::Beside, input::STANDARD_INPUT};

/// Whether bytes are the start of a zip archive.
pub(super) fn is_zip(head: &[u8]) -> bool {
    head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06")
}

/// The bytes of the member with the trades, unpacked as they are read.
pub(super) fn member(path: &Path, name: &str) -> Result<Box<dyn Read + Send>, FileError> {
    let failed = |source| FileError::Read { file: name.to_owned(), source };
    if path == Path::new(STANDARD_INPUT) {
        let instead = "give its path, or unpack it on the way: unzip -p FILE MEMBER | tradewarden … -";
        return Err(Beside::new("a zip archive, which cannot be read from standard input", instead).of(name));
    }
    let mut archive = ZipArchive::new(BufReader::new(File::open(path).map_err(failed)?))
        .map_err(|fault| failed(io_error(fault)))?;
    let names: Vec<String> = archive.file_names().map(str::to_owned).collect();
    let chosen = chosen(path, &names).map_err(|beside| beside.of(name))?;
    let place = archive.index_for_name(chosen).unwrap_or_default();
    let member = archive.by_index_raw(place).map_err(|fault| failed(io_error(fault)))?;
    let unpack = "unpack it and give the file with the trades";
    let unreadable =
        |why: String| Beside::new(format!("a zip archive whose {chosen} {why}"), unpack).of(name);
    if member.encrypted() {
        return Err(unreadable("is encrypted".to_owned()));
    }
    let (method, size) = (member.compression(), member.compressed_size());
    let Some(start) = member.data_start() else {
        return Err(unreadable("is not where it should be".to_owned()));
    };
    drop(member);
    let mut file = File::open(path).map_err(failed)?;
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    match method {
        CompressionMethod::Stored => Ok(Box::new(file.take(size))),
        CompressionMethod::Deflated => Ok(Box::new(DeflateDecoder::new(file.take(size)))),
        other => Err(unreadable(format!("is packed by {other}, which is not understood"))),
    }
}

fn io_error(fault: ZipError) -> io::Error {
    match fault {
        ZipError::Io(fault) => fault,
        fault => io::Error::other(fault.to_string()),
    }
}

/// The result among what freqtrade puts beside it (configuration, parameters, strategies, signals), or the only file
/// that can hold trades.
fn chosen<'n>(path: &Path, names: &'n [String]) -> Result<&'n str, Beside> {
    let has = |name: &str| names.iter().any(|known| known == name);
    if has("[Content_Types].xml") || has("content.xml") {
        return Err(Beside::new("a spreadsheet", "save the sheet with the trades as CSV UTF-8"));
    }
    let texts: Vec<&str> = names.iter().map(String::as_str).filter(|name| may_hold_trades(name)).collect();
    let result = format!("{}.json", path.file_stem().unwrap_or_default().to_string_lossy());
    let named = texts.iter().find(|name| base(name) == result);
    let beside_its_configuration = || {
        let configuration = |name: &str| name.strip_suffix(".json").map(|stem| format!("{stem}_config.json"));
        texts.iter().find(|name| configuration(name).is_some_and(|name| has(&name)))
    };
    if let Some(found) = named.or_else(beside_its_configuration) {
        return Ok(found);
    }
    match texts.as_slice() {
        [only] => Ok(only),
        [] => Err(Beside::new(
            format!("a zip archive without a result or a table (it holds {})", few(names)),
            "give the .json, .jsonl or .csv with the trades",
        )),
        several => Err(Beside::new(
            format!("a zip archive with several files that may hold trades: {}", few(several)),
            "unpack it and give the ones that do",
        )),
    }
}

fn may_hold_trades(name: &str) -> bool {
    let kind = name.rsplit_once('.').map(|(_, kind)| kind.to_ascii_lowercase());
    let text = kind.is_some_and(|kind| ["json", "jsonl", "ndjson", "csv", "tsv"].contains(&kind.as_str()));
    let other = ["_config.json", ".meta.json", ".last_result.json"].iter().any(|end| name.ends_with(end));
    text && !other && !name.starts_with("__MACOSX/")
}

fn base(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, base)| base)
}

fn few<S: AsRef<str>>(names: &[S]) -> String {
    let shown: Vec<&str> = names.iter().take(5).map(AsRef::as_ref).collect();
    let more = names.len() - shown.len();
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, names: &[&str]) -> Result<String, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        chosen(Path::new(path), &names).map(str::to_owned).map_err(|beside| beside.of("z.zip").to_string())
    }

    #[test]
    fn the_result_is_found_among_what_stands_beside_it() {
        let members = ["r-1.json", "r-1_config.json", "r-1_rsi.json", "r-1_rsi.py", "r-1_signals.pkl"];
        assert_eq!(found("x/r-1.zip", &members).unwrap(), "r-1.json");
        assert_eq!(found("renamed.zip", &members).unwrap(), "r-1.json");
        assert_eq!(found("any.zip", &["in/", "in/t.csv", "__MACOSX/in/._t.csv"]).unwrap(), "in/t.csv");
    }

    #[test]
    fn an_archive_that_does_not_say_which_is_told_with_what_it_holds() {
        let told = found("any.zip", &["a.csv", "b.csv"]).unwrap_err();
        assert!(told.contains("several files") && told.contains("a.csv, b.csv"), "{told}");
        let told = found("any.zip", &["a.feather"]).unwrap_err();
        assert!(told.contains("without a result") && told.contains("a.feather"), "{told}");
        let told = found("book.xlsx", &["[Content_Types].xml", "xl/workbook.xml"]).unwrap_err();
        assert!(told.contains("is a spreadsheet; save"), "{told}");
    }
}
