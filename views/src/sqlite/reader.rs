//! The reading side of a view's file: connections of their own that never hold the writer up.

use std::{fs, path::Path, time::Duration};

use events::Uuid;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params_from_iter};

use super::{Cursor, Query, ViewBody, ViewError, ViewKey, ViewPath, query};

/// The logs that the views in a folder are of; changes no byte. What is no view says nothing.
#[must_use]
pub fn logs_in(folder: &Path) -> Vec<Uuid> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files =
        entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file())).map(|entry| entry.path());
    let views = files.filter(|path| path.extension().is_some_and(|ending| ending == "sqlite"));
    let mut logs: Vec<Uuid> = views.filter_map(|path| log_of(&path).ok()?.parse().ok()).collect();
    logs.sort_unstable();
    logs.dedup();
    logs
}

fn log_of(path: &Path) -> rusqlite::Result<String> {
    // Immutable: SQLite makes no file beside it.
    let escaped = path.to_string_lossy().replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(format!("file:{escaped}?immutable=1"), flags)?;
    connection.query_row("SELECT log_id FROM view_checkpoint", [], |row| row.get(0))
}

/// A document that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Its key.
    pub key: ViewKey,
    /// Its time, microseconds since 1970.
    pub time: Option<i64>,
    /// What it holds.
    pub body: ViewBody,
}

impl Found {
    /// Where a list goes on after this document.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.time, self.key.clone())
    }
}

/// A read-only connection.
pub struct ViewReader {
    file: String,
    connection: Connection,
}

impl ViewReader {
    /// Opens a view for reading.
    ///
    /// # Errors
    /// When it is not there, or damaged.
    pub fn open(path: &ViewPath) -> Result<Self, ViewError> {
        let file = path.text();
        let open = || -> rusqlite::Result<Connection> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path.as_path(), flags)?;
            connection.busy_timeout(Duration::from_secs(5))?;
            connection.execute_batch("PRAGMA cache_size = -512; PRAGMA query_only = 1;")?;
            Ok(connection)
        };
        let connection = open().map_err(|error| ViewError::sqlite(&file, &error))?;
        Ok(Self { file, connection })
    }

    /// Holds what is read from now on to this moment's state of the file, until the reader is dropped.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn pin(&self) -> Result<u64, ViewError> {
        self.connection.execute_batch("BEGIN").map_err(|error| self.error(&error))?;
        self.position()
    }

    /// The position that the view is at.
    ///
    /// # Errors
    /// When the disk fails or the file is damaged.
    pub fn position(&self) -> Result<u64, ViewError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("SELECT position FROM view_checkpoint")?;
            statement.query_row([], |row| row.get(0))
        };
        read().map_err(|error| self.error(&error))
    }

    /// The documents that a query wants.
    ///
    /// # Errors
    /// When the query cannot be asked, the disk fails or the file is damaged.
    pub fn find(&self, query: &Query) -> Result<Vec<Found>, ViewError> {
        let mut found = Vec::new();
        self.each(query, |document| {
            found.push(document);
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls with each document that a query wants; holds one at a time.
    ///
    /// # Errors
    /// As [`Self::find`], and those of the callee.
    pub fn each<E: From<ViewError>>(
        &self,
        query: &Query,
        mut take: impl FnMut(Found) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |error: rusqlite::Error| E::from(self.error(&error));
        let (sql, values) = query.sql("key, time, body")?;
        let mut statement = self.connection.prepare_cached(&sql).map_err(sqlite)?;
        let mut rows = statement.query(params_from_iter(values)).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            let read = || Ok(Found { key: row.get(0)?, time: row.get(1)?, body: row.get(2)? });
            take(read().map_err(sqlite)?)?;
        }
        Ok(())
    }

    /// How many documents a query wants; its limit and order do not matter.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn count(&self, query: &Query) -> Result<u64, ViewError> {
        let (sql, values) = Query { limit: 0, ..query.clone() }.sql("key")?;
        let read = || {
            let mut statement = self.connection.prepare_cached(&format!("SELECT count(*) FROM ({sql})"))?;
            statement.query_row(params_from_iter(values), |row| row.get(0))
        };
        read().map_err(|error| self.error(&error))
    }

    /// One document.
    ///
    /// # Errors
    /// When the disk fails or the file is damaged.
    pub fn get(&self, collection: &str, key: &ViewKey) -> Result<Option<ViewBody>, ViewError> {
        query::check_name(collection, "collection")?;
        let sql = format!("SELECT body FROM {collection} WHERE key = ?1");
        let read = || self.connection.prepare_cached(&sql)?.query_row([key], |row| row.get(0)).optional();
        read().map_err(|error| self.error(&error))
    }

    fn error(&self, error: &rusqlite::Error) -> ViewError {
        ViewError::sqlite(&self.file, error)
    }
}
