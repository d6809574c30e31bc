//! The writing side of a view's file: tables, and one transaction a save.

use events::Uuid;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{ViewBody, ViewError, ViewKey, ViewPath, query};

/// The shape of the files. Moves with the tables of this module.
const FORMAT: u32 = 1;

/// Up to where a view was folded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Of which log.
    pub log_id: Uuid,
    /// Every event up to here is in the view.
    pub position: u64,
}

/// What a file has to be to be gone on with.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The projection.
    pub name: &'a str,
    /// Its version.
    pub version: u32,
    /// The log.
    pub log_id: Uuid,
    /// The log's head: a view beyond it was built from events that the log no longer has.
    pub head: u64,
}

/// A collection as a table.
#[derive(Clone, Copy, Debug)]
pub struct Table<'a> {
    /// Letters, digits and `_`.
    pub name: &'a str,
    /// Whether the keys are numbers.
    pub number_keys: bool,
    /// Whether documents are looked up by time.
    pub by_time: bool,
    /// Fields to index, nested ones with dots.
    pub indexes: &'a [&'a str],
}

/// One change: a document is put, or with nothing in `document`, is gone.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// The collection.
    pub collection: &'a str,
    /// The key.
    pub key: ViewKey,
    /// Time in microseconds since 1970, and body.
    pub document: Option<(Option<i64>, ViewBody)>,
}

/// The one writer of a view's file.
pub struct ViewWriter {
    file: String,
    connection: Connection,
    checkpoint: Checkpoint,
}

impl ViewWriter {
    /// Makes a new, empty file.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn create(path: &ViewPath, identity: &Identity<'_>, tables: &[Table<'_>]) -> Result<Self, ViewError> {
        path.remove();
        let file = path.text();
        let sqlite = |error| ViewError::sqlite(&file, &error);
        let connection = connect(path).map_err(sqlite)?;
        let mut schema = format!(
            "BEGIN; PRAGMA user_version = {FORMAT}; CREATE TABLE view_checkpoint \
             (name TEXT NOT NULL, version INTEGER NOT NULL, log_id TEXT NOT NULL, position INTEGER NOT NULL);"
        );
        tables.iter().for_each(|table| schema.push_str(&create_table(table)));
        connection.execute_batch(&(schema + "COMMIT;")).map_err(sqlite)?;
        let row = params![identity.name, identity.version, identity.log_id.to_string()];
        connection.execute("INSERT INTO view_checkpoint VALUES (?1, ?2, ?3, 0)", row).map_err(sqlite)?;
        Ok(Self { file, connection, checkpoint: Checkpoint { log_id: identity.log_id, position: 0 } })
    }

    /// Goes on with a file.
    ///
    /// # Errors
    /// [`ViewError::Unusable`] when it is damaged, of another projection, version or log, or ahead of the log.
    pub fn open(path: &ViewPath, identity: &Identity<'_>) -> Result<Self, ViewError> {
        let file = path.text();
        let unusable = |reason: String| ViewError::Unusable { file: file.clone(), reason };
        let sqlite = |error| ViewError::sqlite(&file, &error);
        let connection = connect(path).map_err(sqlite)?;
        let format: u32 =
            connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite)?;
        if format != FORMAT {
            return Err(unusable(format!("its format is {format}, not {FORMAT}")));
        }
        let position = check(&connection, identity).map_err(sqlite)?.map_err(unusable)?;
        Ok(Self { file, connection, checkpoint: Checkpoint { log_id: identity.log_id, position } })
    }

    /// Up to where the file was saved.
    pub const fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    /// Saves changes and the position they lead to, together or not at all.
    ///
    /// # Errors
    /// When the disk fails, or somebody else wrote the file; nothing was saved then.
    pub fn save<'a>(
        &mut self,
        writes: impl IntoIterator<Item = Write<'a>>,
        position: u64,
    ) -> Result<(), ViewError> {
        let before = self.checkpoint.position;
        let saved = self.try_save(writes, before, position);
        let advanced = saved.map_err(|error| ViewError::sqlite(&self.file, &error))?;
        if !advanced {
            let reason = format!("another process has moved it on from position {before}");
            return Err(ViewError::Io { file: self.file.clone(), reason });
        }
        self.checkpoint.position = position;
        Ok(())
    }

    fn try_save<'a>(
        &mut self,
        writes: impl IntoIterator<Item = Write<'a>>,
        before: u64,
        position: u64,
    ) -> rusqlite::Result<bool> {
        let transaction =
            self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        for write in writes {
            apply(&transaction, &write)?;
        }
        let advance = "UPDATE view_checkpoint SET position = ?1 WHERE position = ?2";
        let advanced = transaction.prepare_cached(advance)?.execute([position, before])? == 1;
        if advanced {
            transaction.commit()?;
        }
        Ok(advanced)
    }

    /// One document.
    ///
    /// # Errors
    /// When the disk fails or the file is damaged.
    pub fn get(&self, collection: &str, key: &ViewKey) -> Result<Option<ViewBody>, ViewError> {
        let sql = format!("SELECT body FROM {collection} WHERE key = ?1");
        let read = || self.connection.prepare_cached(&sql)?.query_row([key], |row| row.get(0)).optional();
        read().map_err(|error| ViewError::sqlite(&self.file, &error))
    }

    /// All documents of a collection, by key.
    ///
    /// # Errors
    /// When the disk fails or the file is damaged.
    pub fn all(&self, collection: &str) -> Result<Vec<(ViewKey, ViewBody)>, ViewError> {
        let sql = format!("SELECT key, body FROM {collection} ORDER BY key");
        let read = || -> rusqlite::Result<Vec<_>> {
            let mut statement = self.connection.prepare(&sql)?;
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        };
        read().map_err(|error| ViewError::sqlite(&self.file, &error))
    }
}

fn connect(path: &ViewPath) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path.as_path())?;
    connection.execute_batch(
        // A small cache: there is a file for each projection, and the system caches files too.
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -512; \
         PRAGMA journal_size_limit = 8388608; PRAGMA temp_store = MEMORY; PRAGMA busy_timeout = 5000;",
    )?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn create_table(table: &Table<'_>) -> String {
    let Table { name, number_keys, by_time, indexes } = table;
    let keys = if *number_keys { "INTEGER PRIMARY KEY" } else { "TEXT PRIMARY KEY NOT NULL" };
    let mut sql = format!("CREATE TABLE {name} (key {keys}, time INTEGER, body NOT NULL);");
    if *by_time {
        sql.push_str(&format!("CREATE INDEX {name}_by_time ON {name} (time, key);"));
    }
    for (n, field) in indexes.iter().enumerate() {
        let expression = query::field_expression(field);
        sql.push_str(&format!("CREATE INDEX {name}_by_field_{n} ON {name} ({expression}, key);"));
    }
    sql
}

/// The position of a file that fits, or why it does not.
fn check(connection: &Connection, identity: &Identity<'_>) -> rusqlite::Result<Result<u64, String>> {
    let row =
        connection.query_row("SELECT name, version, log_id, position FROM view_checkpoint", [], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, u32>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, u64>(3)?,
            ))
        });
    let (name, version, log_id, position) = row?;
    Ok(if (name.as_str(), version) != (identity.name, identity.version) {
        Err(format!("it is the view {name} version {version}"))
    } else if log_id != identity.log_id.to_string() {
        Err(format!("it was built from another log, {log_id}"))
    } else if position > identity.head {
        Err(format!("it is at position {position}, the log ends at {}", identity.head))
    } else {
        Ok(position)
    })
}

fn apply(connection: &Connection, write: &Write<'_>) -> rusqlite::Result<()> {
    let collection = write.collection;
    match &write.document {
        Some((time, body)) => {
            let sql = format!("INSERT OR REPLACE INTO {collection} (key, time, body) VALUES (?1, ?2, ?3)");
            connection.prepare_cached(&sql)?.execute(params![write.key, time, body])?;
        }
        None => {
            let sql = format!("DELETE FROM {collection} WHERE key = ?1");
            connection.prepare_cached(&sql)?.execute([&write.key])?;
        }
    }
    Ok(())
}
