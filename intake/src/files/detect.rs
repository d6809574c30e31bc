//! Which kind a file is, by its content alone.

use std::io::{self, BufRead};

use super::{
    FileError, FileFormat,
    beside::{self, Beside},
    columns::{is_freqtrade, names, plain_name},
    objects::Objects,
    sheet::Sheet,
};
use crate::{Field, FieldMapping, mapping::Source, rejection::shortened};

/// Bytes of a header that are looked at.
const HEADER: usize = 1 << 16;

/// Bytes of a text that are looked at, such as the name of a file.
const TEXT: usize = 1024;

/// What the start of a file tells.
enum Guess {
    Is(FileFormat),
    Other(Beside),
    Unknown(&'static str),
}

/// Recognises a file.
pub(super) fn format_of<R: BufRead>(
    file: &str,
    reader: R,
    mapping: &FieldMapping,
) -> Result<FileFormat, FileError> {
    let read = |source| FileError::Read { file: file.to_owned(), source };
    let unknown = |found: &str| FileError::Unknown { file: file.to_owned(), found: found.to_owned() };
    let mut objects = Objects::new(reader);
    let guess = match objects.peek().map_err(read)? {
        None => return Err(FileError::Empty { file: file.to_owned() }),
        Some(b'{') => object(file, &mut objects, mapping).map_err(read)?,
        Some(b'[') => list(&mut objects, mapping).map_err(read)?,
        Some(_) => {
            let header =
                Sheet::new(objects.into_reader(), HEADER).header().map_err(read)?.unwrap_or_default();
            table(&header.names, &header.bytes, mapping).map_err(|found| unknown(&found))?
        }
    };
    match guess {
        Guess::Is(format) => Ok(format),
        Guess::Other(beside) => Err(beside.of(file)),
        Guess::Unknown(found) => Err(unknown(found)),
    }
}

/// Results of freqtrade are objects, and so is every record: in a result `strategy` is an object, in a record a text.
fn object<R: BufRead>(file: &str, objects: &mut Objects<R>, mapping: &FieldMapping) -> io::Result<Guess> {
    let (mut members, mut inner) = (Vec::new(), None);
    let before = objects.lines();
    objects.take(b'{')?;
    while let Some(name) = objects.name()? {
        let opens = objects.peek()?;
        match (name.as_str(), opens) {
            ("strategy", Some(b'{')) | ("trades", Some(b'[')) => {
                return Ok(Guess::Is(FileFormat::FreqtradeJson));
            }
            ("latest_backtest" | "latest_hyperopt", Some(b'"')) => {
                let (latest, _) = objects.value(TEXT)?;
                let latest: String = serde_json::from_slice(&latest).unwrap_or_default();
                return Ok(Guess::Other(beside::pointer(file, &latest)));
            }
            (_, Some(b'{')) if inner.is_none() => inner = Some(members_of(objects)?),
            _ => objects.skip()?,
        }
        members.push(name);
    }
    if is_freqtrade(&members) {
        return Ok(Guess::Is(FileFormat::Json));
    }
    if let Some(beside) = beside::by_members(&members, &inner.unwrap_or_default())
        && known(&members, mapping) < 4
    {
        return Ok(Guess::Other(beside));
    }
    let over_lines = objects.lines() > before && objects.take(b'}')?;
    Ok(Guess::Is(if over_lines { FileFormat::Json } else { FileFormat::JsonLines }))
}

/// The names in an object, which is passed over.
fn members_of<R: BufRead>(objects: &mut Objects<R>) -> io::Result<Vec<String>> {
    let mut members = Vec::new();
    objects.take(b'{')?;
    while let Some(name) = objects.name()? {
        objects.skip()?;
        members.push(name);
    }
    objects.take(b'}')?;
    Ok(members)
}

fn list<R: BufRead>(objects: &mut Objects<R>, mapping: &FieldMapping) -> io::Result<Guess> {
    objects.take(b'[')?;
    Ok(match objects.peek()? {
        Some(b']') => Guess::Is(FileFormat::Json),
        Some(b'[') => {
            objects.take(b'[')?;
            Guess::Other(beside::list_of_lists(objects.peek()? == Some(b'"')))
        }
        Some(b'{') => {
            let members = members_of(objects)?;
            match beside::by_members(&members, &[]) {
                Some(beside) if !is_freqtrade(&members) && known(&members, mapping) < 4 => {
                    Guess::Other(beside)
                }
                _ => Guess::Is(FileFormat::Json),
            }
        }
        _ => Guess::Unknown("it holds a JSON list, understood are lists of objects"),
    })
}

/// How many of our fields have a column or member of their own or of the user's name.
fn known<S: AsRef<str>>(given: &[S], mapping: &FieldMapping) -> usize {
    let has = |name: &&str| given.iter().any(|given| given.as_ref() == *name);
    let mapped = |field| matches!(mapping.source(field), Some(Source::Path(path)) if has(&path.as_str()));
    let known = |field: &Field| mapped(*field) || names(FileFormat::Csv, *field).iter().any(has);
    Field::ALL.iter().filter(|field| known(field)).count()
}

/// freqtrade's when its names are there, ours when some of ours or of the user's are.
fn table(columns: &[String], header: &[u8], mapping: &FieldMapping) -> Result<Guess, String> {
    if std::str::from_utf8(header).is_err() {
        return Ok(Guess::Other(beside::not_utf8()));
    }
    if is_freqtrade(columns) {
        return Ok(Guess::Is(FileFormat::FreqtradeCsv));
    }
    if known(columns, mapping) >= 2 {
        return Ok(Guess::Is(FileFormat::Csv));
    }
    if let Some(beside) = beside::by_columns(columns) {
        return Ok(Guess::Other(beside));
    }
    let start = plain_name(&String::from_utf8_lossy(header));
    Err(format!(
        "it starts with \"{}\", where a table has columns such as symbol and profit (ours) or pair and profit_abs \
         (freqtrade); name yours with --map OURS=COLUMN",
        shortened(&start)
    ))
}
