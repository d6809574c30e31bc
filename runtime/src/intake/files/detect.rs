//! Which kind a file is, by its content alone.

use std::io::BufRead;

use super::{
    FileError, FileFormat,
    columns::names,
    lines::Lines,
    objects::Objects,
    table::{Parser, delimiter_of},
};
use crate::intake::{Field, FieldMapping, mapping::Source, rejection::shortened};

/// Bytes of a header that are looked at.
const HEADER: usize = 1 << 16;

/// Recognises a file.
pub(super) fn format_of<R: BufRead>(
    file: &str,
    reader: R,
    mapping: &FieldMapping,
) -> Result<FileFormat, FileError> {
    let read = |source| FileError::Read { file: file.to_owned(), source };
    let unknown = |found: &str| FileError::Unknown { file: file.to_owned(), found: found.to_owned() };
    let mut objects = Objects::new(reader);
    match objects.peek().map_err(read)? {
        None => Err(unknown("it is empty")),
        Some(b'{') => json_format(&mut objects).map_err(read),
        Some(b'[') => Err(unknown("it holds a JSON list, understood is one object a line")),
        Some(_) => {
            let header = Lines::new(objects.into_reader(), HEADER).next_filled().map_err(read)?;
            let header = header.map(|line| line.bytes).unwrap_or_default();
            table_format(&header, mapping).ok_or_else(|| {
                let start = String::from_utf8_lossy(&header);
                unknown(&format!(
                    "it starts with \"{}\", where a table has columns such as symbol and \
                    profit (ours) or pair and profit_abs (freqtrade)",
                    shortened(&start)
                ))
            })
        }
    }
}

/// Both kinds have objects: in a backtest's result `strategy` is one too, in a record it is a text.
fn json_format<R: BufRead>(objects: &mut Objects<R>) -> std::io::Result<FileFormat> {
    objects.take(b'{')?;
    while let Some(name) = objects.name()? {
        let opens = objects.peek()? == Some(b'{');
        if name == "strategy" {
            return Ok(if opens { FileFormat::FreqtradeJson } else { FileFormat::JsonLines });
        }
        objects.skip()?;
    }
    Ok(FileFormat::JsonLines)
}

/// freqtrade's when its names are there, ours when some of ours or of the user's are.
fn table_format(header: &[u8], mapping: &FieldMapping) -> Option<FileFormat> {
    let mut parser = Parser::new(delimiter_of(header));
    parser.parse(header);
    let text = std::str::from_utf8(&parser.text).ok()?;
    let columns: Vec<&str> = parser.cells(text).map(str::trim).collect();
    let has = |name: &&str| columns.contains(name);
    if ["pair", "open_date", "close_date"].iter().all(has) {
        return Some(FileFormat::FreqtradeCsv);
    }
    let mapped = |field| matches!(mapping.source(field), Some(Source::Path(path)) if has(&path.as_str()));
    let known = |field: &Field| mapped(*field) || names(FileFormat::Csv, *field).iter().any(has);
    (Field::ALL.iter().filter(|field| known(field)).count() >= 2).then_some(FileFormat::Csv)
}
