//! Which column gives which field, by the names of each kind of file and the user's mapping.

use std::borrow::Cow;

use super::{FileError, FileFormat};
use crate::{
    Field, FieldMapping,
    fields::{Slots, Value},
    mapping::{JOINT, Source},
    rejection::nearest,
};

/// freqtrade's names of the profit as a ratio: of a result, of the table of trades, and of results of 2020, where the
/// name says percent and the value is a ratio all the same.
const RATIOS: &[&str] = &["profit_ratio", "close_profit", "profit_percent"];

/// The names that a kind of file has for a field, the usual one first.
pub(super) const fn names(format: FileFormat, field: Field) -> &'static [&'static str] {
    let freqtrade = format.is_freqtrade();
    match field {
        Field::TradeId => &["trade_id", "id"],
        Field::Side if freqtrade => &["is_short", "side"],
        Field::Side => &["side", "is_short"],
        Field::Symbol if freqtrade => &["pair"],
        Field::Quantity if freqtrade => &["amount"],
        Field::EntryPrice if freqtrade => &["open_rate"],
        Field::ExitPrice if freqtrade => &["close_rate"],
        Field::Profit if freqtrade => &["profit_abs", "close_profit_abs"],
        Field::ProfitPct if freqtrade => &[],
        Field::ProfitRatio if freqtrade => RATIOS,
        Field::OpenedAt if freqtrade => &["open_date", "open_timestamp"],
        Field::ClosedAt if freqtrade => &["close_date", "close_timestamp"],
        Field::Currency if freqtrade => &["stake_currency", "quote_currency"],
        Field::ExitReason if freqtrade => &["exit_reason", "sell_reason"],
        Field::Strategy => &["strategy"],
        Field::Symbol => &["symbol"],
        Field::Quantity => &["quantity"],
        Field::EntryPrice => &["entry_price"],
        Field::ExitPrice => &["exit_price"],
        Field::Profit => &["profit"],
        Field::ProfitPct => &["profit_pct"],
        Field::ProfitRatio => &["profit_ratio"],
        Field::OpenedAt => &["opened_at"],
        Field::ClosedAt => &["closed_at"],
        Field::Currency => &["currency"],
        Field::Fee => &["fee"],
        Field::Leverage => &["leverage"],
        Field::ExitReason => &["exit_reason"],
        Field::Model => &["model"],
        Field::Account => &["account"],
        Field::EventId => &["event_id"],
    }
}

/// Whether columns or members have freqtrade's names.
pub(super) fn is_freqtrade<S: AsRef<str>>(names: &[S]) -> bool {
    let has = |name: &str| names.iter().any(|known| known.as_ref() == name);
    has("pair") && (has("open_date") || has("open_rate")) && (has("close_date") || has("close_rate"))
}

/// The name under which a field is looked for, for messages and conversions.
pub(super) fn column_name(format: FileFormat, mapping: &FieldMapping, field: Field) -> Cow<'_, str> {
    match mapping.source(field) {
        Some(Source::Path(path)) => Cow::Borrowed(path),
        Some(Source::Joined(parts)) => Cow::Owned(parts.join("+")),
        Some(Source::Constant(_)) => Cow::Borrowed("(set by --map)"),
        None => Cow::Borrowed(names(format, field).first().copied().unwrap_or(field.name())),
    }
}

/// A field as messages about a row name it.
pub(super) fn label(format: FileFormat, mapping: &FieldMapping, field: Field) -> String {
    labelled(&column_name(format, mapping, field), field)
}

fn labelled(column: &str, field: Field) -> String {
    if column == field.name() {
        format!("column {column}")
    } else {
        format!("column {column} ({})", field.name())
    }
}

/// A name of a column without needless white space.
pub(super) fn plain_name(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where in a row each field stands.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// (place, field), in the order of the fields.
    pub cells: Vec<(usize, Field)>,
    /// Fields that are joined of several places.
    joined: Vec<(Field, Vec<usize>)>,
    pub conversions: Conversions,
    /// The names of their columns, in the same order.
    called: Vec<String>,
    /// Where a row says whether the position is still open.
    is_open: Option<usize>,
    /// Where a row says what state the position is in.
    status: Option<usize>,
}

/// What has to be converted before the rules look at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Conversions {
    /// `side` comes from `is_short`.
    pub is_short: bool,
}

impl Columns {
    /// Finds the columns in a header.
    pub(super) fn find(
        file: &str,
        header: &[String],
        format: FileFormat,
        mapping: &FieldMapping,
    ) -> Result<Self, FileError> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let status = STATUS.into_iter().find_map(place);
        let mut columns = Self { is_open: place("is_open"), status, ..Self::default() };
        for field in Field::ALL.into_iter().filter(|field| !is_replaced(mapping, *field)) {
            let (asked, wanted): (&[&str], bool) = match mapping.source(field) {
                Some(Source::Constant(_)) => continue,
                Some(Source::Joined(parts)) => {
                    columns.keep_parts(file, header, field, parts)?;
                    continue;
                }
                Some(Source::Path(path)) => (&[path.as_str()], true),
                None => (names(format, field), field.is_required() && !has_stand_in(format, field)),
            };
            let found = asked.iter().find_map(|name| Some((*name, place(name)?)));
            match found {
                Some((name, place)) => columns.keep(file, header, place, field, name)?,
                None if wanted => return Err(missing(file, header, asked[0], field)),
                None => {}
            }
        }
        let has = |field| columns.gives(field) || mapping.source(field).is_some();
        if !has(Field::ProfitPct) && !has(Field::ProfitRatio) {
            return Err(no_percents(file, header));
        }
        Ok(columns)
    }

    fn keep(
        &mut self,
        file: &str,
        header: &[String],
        place: usize,
        field: Field,
        name: &str,
    ) -> Result<(), FileError> {
        if header.iter().filter(|column| *column == name).count() > 1 {
            return Err(FileError::ColumnTwice { file: file.to_owned(), column: name.to_owned() });
        }
        self.cells.push((place, field));
        self.called.push(name.to_owned());
        self.conversions.is_short |= field == Field::Side && name == "is_short";
        Ok(())
    }

    fn keep_parts(
        &mut self,
        file: &str,
        header: &[String],
        field: Field,
        parts: &[String],
    ) -> Result<(), FileError> {
        let place = |part: &String| {
            let found = header.iter().position(|column| column == part);
            found.ok_or_else(|| missing(file, header, part, field))
        };
        let places = parts.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        self.joined.push((field, places));
        Ok(())
    }

    /// Gives the fields that are joined of several cells; one that lacks a part stays without a value.
    pub(super) fn join(&self, cells: &[&str], slots: &mut Slots<'_>) {
        for (field, places) in &self.joined {
            let parts = places.iter().map(|place| cells.get(*place).map(|cell| cell.trim()));
            let parts: Option<Vec<&str>> = parts.map(|part| part.filter(|part| !part.is_empty())).collect();
            if let Some(parts) = parts {
                slots.set(*field, Value::Text(Cow::Owned(parts.join(JOINT))));
            }
        }
    }

    pub(super) fn gives(&self, field: Field) -> bool {
        let joined = self.joined.iter().map(|(joined, _)| joined);
        self.cells.iter().map(|(_, given)| given).chain(joined).any(|given| *given == field)
    }

    /// A field as messages about a row name it: by the column that gives it.
    pub(super) fn label(&self, format: FileFormat, mapping: &FieldMapping, field: Field) -> String {
        let called = self.cells.iter().zip(&self.called).find(|((_, given), _)| *given == field);
        called.map_or_else(|| label(format, mapping, field), |(_, name)| labelled(name, field))
    }

    /// Whether a row says of itself that its position is still open.
    pub(super) fn is_open_position(&self, cells: &[&str]) -> bool {
        let cell = |place: Option<usize>| place.and_then(|place| cells.get(place).copied());
        cell(self.is_open).and_then(word_as_bool) == Some(true)
            || cell(self.status).is_some_and(|status| status.eq_ignore_ascii_case("open"))
    }

    /// Whether a row that is no trade is a position without an end: opened, with no close and no price or profit of one.
    pub(super) fn is_unfinished(&self, cells: &[&str]) -> bool {
        let blank = |field: Field| {
            let place = self.cells.iter().find(|(_, given)| *given == field).map(|(place, _)| *place);
            place.and_then(|place| cells.get(place)).map(|cell| is_blank(cell))
        };
        self.is_open.is_none()
            && blank(Field::OpenedAt) == Some(false)
            && blank(Field::ClosedAt) == Some(true)
            && (blank(Field::ExitPrice) == Some(true) || blank(Field::Profit) == Some(true))
    }
}

/// Columns that some exports tell the state of a position in.
const STATUS: [&str; 4] = ["status", "Status", "state", "State"];

/// Whether a cell holds nothing, or a word for nothing.
fn is_blank(cell: &str) -> bool {
    const WORDS: [&str; 8] = ["", "-", "--", "none", "null", "nan", "nat", "n/a"];
    WORDS.iter().any(|word| cell.eq_ignore_ascii_case(word))
}

/// Whether a row in the middle is a header: at least half of its cells are names of columns, and two are.
pub(super) fn is_header(cells: &[&str], names: &[String], mapping: &FieldMapping) -> bool {
    let is_name = |cell: &str| {
        names.iter().any(|name| name == cell)
            || Field::ALL.into_iter().any(|field| {
                let known =
                    [FileFormat::Csv, FileFormat::FreqtradeCsv].map(|format| self::names(format, field));
                known.concat().contains(&cell)
                    || matches!(mapping.source(field), Some(Source::Path(path)) if path == cell)
            })
    };
    let filled: Vec<&&str> = cells.iter().filter(|cell| !cell.is_empty()).collect();
    let known = filled.iter().filter(|cell| is_name(cell)).count();
    known >= 2 && known * 2 >= filled.len()
}

/// Whether something stands in for a column that is not there: a digest for the id; and freqtrade had no shorts
/// before it had `is_short`.
const fn has_stand_in(format: FileFormat, field: Field) -> bool {
    matches!(field, Field::TradeId) || format.is_freqtrade() && matches!(field, Field::Side)
}

/// Whether the user names the field that gives the same, so that this one is not looked for.
pub(super) fn is_replaced(mapping: &FieldMapping, field: Field) -> bool {
    mapping.source(field).is_none()
        && field.stands_in_for().is_some_and(|other| mapping.source(other).is_some())
}

fn no_percents(file: &str, header: &[String]) -> FileError {
    let (percent, ratio) = (Field::ProfitPct.name(), Field::ProfitRatio.name());
    FileError::Percents {
        file: file.to_owned(),
        near: nearest(percent, header.iter().map(String::as_str).filter(|name| *name != "profit"))
            .map(str::to_owned),
        columns: header.join(", "),
        percent,
        ratio,
    }
}

fn missing(file: &str, header: &[String], column: &str, field: Field) -> FileError {
    FileError::Column {
        file: file.to_owned(),
        column: column.to_owned(),
        field: field.name(),
        near: nearest(column, header.iter().map(String::as_str)).map(str::to_owned),
        columns: header.join(", "),
    }
}

/// Makes ours of freqtrade's values; what cannot be converted stays, and is refused as it was written.
pub(super) fn convert(slots: &mut Slots<'_>, conversions: Conversions) {
    if conversions.is_short
        && let Some(short) = slots.get(Field::Side).and_then(as_bool)
    {
        slots.set(Field::Side, Value::Text(Cow::Borrowed(if short { "short" } else { "long" })));
    }
}

fn as_bool(value: &Value<'_>) -> Option<bool> {
    let text = match value {
        Value::Bool(value) => return Some(*value),
        Value::Text(text) => text.as_ref(),
        Value::Number(text) => text,
        _ => return None,
    };
    word_as_bool(text)
}

/// The words for yes and no that programs and spreadsheets write.
pub(super) fn word_as_bool(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "1", "1.0", "yes", "t", "y"]) {
        return Some(true);
    }
    is(&["false", "0", "0.0", "no", "f", "n"]).then_some(false)
}
