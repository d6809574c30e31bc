//! Which column gives which field, by the names of each kind of file and the user's mapping.

use std::borrow::Cow;

use super::{FileError, FileFormat};
use crate::intake::{
    Field, FieldMapping,
    fields::{Slots, Value},
    mapping::{JOINT, Source},
    rejection::nearest,
};

/// The names that a kind of file has for a field, the usual one first.
pub(super) const fn names(format: FileFormat, field: Field) -> &'static [&'static str] {
    let freqtrade = matches!(format, FileFormat::FreqtradeCsv | FileFormat::FreqtradeJson);
    match field {
        Field::TradeId => &["trade_id", "id"],
        Field::Side if freqtrade => &["is_short", "side"],
        Field::Side => &["side", "is_short"],
        Field::Symbol if freqtrade => &["pair"],
        Field::Quantity if freqtrade => &["amount"],
        Field::EntryPrice if freqtrade => &["open_rate"],
        Field::ExitPrice if freqtrade => &["close_rate"],
        Field::Profit if freqtrade => &["profit_abs"],
        Field::ProfitPct if freqtrade => &[],
        Field::OpenedAt if freqtrade => &["open_date"],
        Field::ClosedAt if freqtrade => &["close_date"],
        Field::Currency if freqtrade => &["stake_currency"],
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
    let column = column_name(format, mapping, field);
    if column == field.name() {
        format!("column {column}")
    } else {
        format!("column {column} ({})", field.name())
    }
}

/// Where in a row each field stands.
#[derive(Debug, Default)]
pub(super) struct Columns {
    /// (place, field), in the order of the fields.
    pub cells: Vec<(usize, Field)>,
    /// Fields that are joined of several places.
    joined: Vec<(Field, Vec<usize>)>,
    pub conversions: Conversions,
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
        header: &[&str],
        format: FileFormat,
        mapping: &FieldMapping,
    ) -> Result<Self, FileError> {
        let mut columns = Self::default();
        for field in Field::ALL {
            let (asked, wanted): (&[&str], bool) = match mapping.source(field) {
                Some(Source::Constant(_)) => continue,
                Some(Source::Joined(parts)) => {
                    columns.keep_parts(file, header, field, parts)?;
                    continue;
                }
                Some(Source::Path(path)) => (&[path.as_str()], true),
                None => (names(format, field), field.is_required() && !has_stand_in(format, field)),
            };
            let found = asked.iter().find_map(|name| Some((*name, header.iter().position(|h| h == name)?)));
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
        header: &[&str],
        place: usize,
        field: Field,
        name: &str,
    ) -> Result<(), FileError> {
        if header.iter().filter(|column| **column == name).count() > 1 {
            return Err(FileError::ColumnTwice { file: file.to_owned(), column: name.to_owned() });
        }
        self.cells.push((place, field));
        self.conversions.is_short |= field == Field::Side && name == "is_short";
        Ok(())
    }

    fn keep_parts(
        &mut self,
        file: &str,
        header: &[&str],
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
}

/// Whether something stands in for a column that is not there: a digest for the id; and freqtrade had no shorts
/// before it had `is_short`.
const fn has_stand_in(format: FileFormat, field: Field) -> bool {
    matches!((format, field), (_, Field::TradeId) | (FileFormat::FreqtradeCsv, Field::Side))
}

fn no_percents(file: &str, header: &[&str]) -> FileError {
    let (percent, ratio) = (Field::ProfitPct.name(), Field::ProfitRatio.name());
    FileError::Percents {
        file: file.to_owned(),
        near: nearest(percent, header.iter().copied().filter(|name| *name != "profit")).map(str::to_owned),
        columns: header.join(", "),
        percent,
        ratio,
    }
}

fn missing(file: &str, header: &[&str], column: &str, field: Field) -> FileError {
    FileError::Column {
        file: file.to_owned(),
        column: column.to_owned(),
        field: field.name(),
        near: nearest(column, header.iter().copied()).map(str::to_owned),
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
    match text {
        "0" | "0.0" | "false" | "False" => Some(false),
        "1" | "1.0" | "true" | "True" => Some(true),
        _ => None,
    }
}
