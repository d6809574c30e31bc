//! Keys and bodies of documents, as they stand in SQLite's columns.

use std::fmt;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};

/// The key of a document. Numbers sort before texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ViewKey {
    /// A number below 2⁶³.
    Number(u64),
    /// A text.
    Text(String),
}

impl fmt::Display for ViewKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl ToSql for ViewKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Number(number) => i64::try_from(*number)
                .map(ToSqlOutput::from)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into())),
            Self::Text(text) => Ok(text.as_str().into()),
        }
    }
}

impl FromSql for ViewKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => {
                u64::try_from(number).map(Self::Number).map_err(|_| FromSqlError::OutOfRange(number))
            }
            other => other.as_str().map(|text| Self::Text(text.to_owned())),
        }
    }
}

/// What a document holds.
#[derive(Clone, Debug, PartialEq)]
pub enum ViewBody {
    /// A JSON object.
    Json(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl fmt::Display for ViewBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(text) => f.write_str(text),
            Self::Blob(bytes) => {
                write!(f, "{} bytes, digest {}", bytes.len(), blake3::hash(bytes).to_hex())
            }
        }
    }
}

impl FromSql for ViewBody {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Blob(bytes) => Ok(Self::Blob(bytes.to_vec())),
            other => other.as_str().map(|text| Self::Json(text.to_owned())),
        }
    }
}

impl ToSql for ViewBody {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Json(text) => text.as_str().into(),
            Self::Blob(bytes) => bytes.as_slice().into(),
        })
    }
}

/// A value of a query, owned.
pub(super) fn value(key: &ViewKey) -> Value {
    match key {
        ViewKey::Number(number) => Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX)),
        ViewKey::Text(text) => Value::Text(text.clone()),
    }
}
