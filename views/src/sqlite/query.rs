//! What can be asked of a collection, and its SQL.

use std::fmt;

use rusqlite::types::Value;

use super::{ViewError, ViewKey, row};

/// By what documents are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// By key.
    #[default]
    Key,
    /// By time, then key. Documents without a time are left out.
    Time,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The smallest key, the oldest time.
    #[default]
    Ascending,
    /// The largest key, the newest time.
    Descending,
}

/// A field has one of some values.
///
/// A value is text as a person types it: `true`, `47`, `52.3` and `null` match the JSON value and the text alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The field; nested ones with dots.
    pub field: String,
    /// The values; any of them.
    pub any_of: Vec<String>,
}

/// Where a list goes on: after this document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    time: Option<i64>,
    key: ViewKey,
}

/// Which documents are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The collection.
    pub collection: String,
    /// Not before this time, microseconds since 1970.
    pub since: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
    /// Keys from this number on.
    pub from_key: Option<u64>,
    /// All of them hold.
    pub filters: Vec<Filter>,
    /// By what.
    pub sort: Sort,
    /// From which end.
    pub order: Order,
    /// At most so many; 0: all.
    pub limit: usize,
    /// After this document of an earlier answer.
    pub after: Option<Cursor>,
}

impl Cursor {
    pub(super) const fn new(time: Option<i64>, key: ViewKey) -> Self {
        Self { time, key }
    }

    /// Goes on after the document with this number, in the order of keys.
    #[must_use]
    pub const fn of_number(key: u64) -> Self {
        Self::new(None, ViewKey::Number(key))
    }

    /// Reads the text of a cursor.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self, ViewError> {
        let fault = || ViewError::Query(format!("`{text}` is no cursor: take the one of the answer before"));
        let (time, key) = text.split_once('.').ok_or_else(fault)?;
        let time = if time.is_empty() { None } else { Some(time.parse().map_err(|_| fault())?) };
        let key = match key.split_at_checked(1).ok_or_else(fault)? {
            ("n", number) => ViewKey::Number(number.parse().map_err(|_| fault())?),
            ("t", name) => ViewKey::Text(name.to_owned()),
            _ => return Err(fault()),
        };
        Ok(Self { time, key })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(time) = self.time {
            time.fmt(f)?;
        }
        let kind = if matches!(self.key, ViewKey::Number(_)) { 'n' } else { 't' };
        write!(f, ".{kind}{}", self.key)
    }
}

/// The value of a field in SQL; indexes are on this very text.
pub(super) fn field_expression(field: &str) -> String {
    format!("json_extract(body, '{}')", field_path(field))
}

fn field_path(field: &str) -> String {
    format!("$.{field}")
}

/// Names go into SQL and JSON paths as they are, so nothing but names may.
pub(super) fn check_name(name: &str, what: &str) -> Result<(), ViewError> {
    let part_fits = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if name.split('.').all(part_fits) {
        return Ok(());
    }
    Err(ViewError::Query(format!("`{name}` is no {what}: letters, digits, _, and dots between nested names")))
}

/// A statement under construction.
struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    fn and(&mut self, condition: &str, value: Value) {
        self.text.push_str(&format!(" AND {condition} ?"));
        self.values.push(value);
    }

    fn and_filter(&mut self, filter: &Filter) -> Result<(), ViewError> {
        check_name(&filter.field, "field")?;
        let any_of: Vec<String> =
            filter.any_of.iter().map(|value| self.matches(&filter.field, value)).collect();
        let any_of = if any_of.is_empty() { "0".to_owned() } else { any_of.join(" OR ") };
        self.text.push_str(&format!(" AND ({any_of})"));
        Ok(())
    }

    fn matches(&mut self, field: &str, text: &str) -> String {
        let (value, path) = (field_expression(field), field_path(field));
        let mut alternatives = vec![self.equals(&value, Value::Text(text.to_owned()))];
        match text {
            // SQLite knows no booleans: true is the number 1 there, which the type tells apart.
            "true" | "false" => {
                let is_it = self.equals(&value, Value::Integer(i64::from(text == "true")));
                alternatives.push(format!("({is_it} AND json_type(body, '{path}') = '{text}')"));
            }
            "null" => alternatives.push(format!("{value} IS NULL")),
            number => {
                if let Some(number) = number.parse().ok().filter(|number: &f64| number.is_finite()) {
                    let is_it = self.equals(&value, Value::Real(number));
                    alternatives
                        .push(format!("({is_it} AND json_type(body, '{path}') IN ('integer', 'real'))"));
                }
            }
        }
        alternatives.join(" OR ")
    }

    fn equals(&mut self, expression: &str, value: Value) -> String {
        self.values.push(value);
        format!("{expression} = ?{}", self.values.len())
    }
}

impl Query {
    /// Everything in a collection, by key.
    #[must_use]
    pub fn all_of(collection: &str) -> Self {
        Self { collection: collection.to_owned(), ..Self::default() }
    }

    /// The statement for these columns, and its values.
    pub(super) fn sql(&self, columns: &str) -> Result<(String, Vec<Value>), ViewError> {
        check_name(&self.collection, "collection")?;
        let mut sql =
            Sql { text: format!("SELECT {columns} FROM {} WHERE 1", self.collection), values: Vec::new() };
        // First, as their values are numbered.
        for filter in &self.filters {
            sql.and_filter(filter)?;
        }
        for (condition, bound) in [("time >=", self.since), ("time <", self.until)] {
            if let Some(bound) = bound {
                sql.and(condition, Value::Integer(bound));
            }
        }
        if let Some(from) = self.from_key {
            sql.and("key >=", row::value(&ViewKey::Number(from)));
        }
        self.order(&mut sql);
        Ok((sql.text, sql.values))
    }

    fn order(&self, sql: &mut Sql) {
        let (beyond, direction) = match self.order {
            Order::Ascending => (">", "ASC"),
            Order::Descending => ("<", "DESC"),
        };
        if let Some(Cursor { time, key }) = &self.after {
            match (self.sort, time) {
                (Sort::Time, Some(time)) => {
                    sql.text.push_str(&format!(" AND (time, key) {beyond} (?, ?)"));
                    sql.values.extend([Value::Integer(*time), row::value(key)]);
                }
                _ => sql.and(&format!("key {beyond}"), row::value(key)),
            }
        }
        match self.sort {
            Sort::Key => sql.text.push_str(&format!(" ORDER BY key {direction}")),
            Sort::Time => {
                let by = format!(" AND time IS NOT NULL ORDER BY time {direction}, key {direction}");
                sql.text.push_str(&by);
            }
        }
        if self.limit > 0 {
            sql.text.push_str(&format!(" LIMIT {}", self.limit));
        }
    }
}
