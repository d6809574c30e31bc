//! The view store: documents in SQLite, one file for each projection and version.
//!
//! A view is disposable: what is damaged, belongs to another log or is ahead of this one is thrown away and built again.
//! That is why it is saved without waiting for the disk (`synchronous=NORMAL`), which the log never is. One writer a
//! file; readers have connections of their own and never wait for it. What the documents mean is not known here.

mod files;
mod query;
mod reader;
mod row;
mod writer;

#[cfg(test)]
mod tests;

pub use files::{ViewFiles, ViewPath};
pub use query::{Cursor, Filter, Order, Query, Sort};
pub use reader::{Found, ViewReader, logs_in};
pub use row::{ViewBody, ViewKey};
pub use writer::{Checkpoint, Identity, Table, ViewWriter, Write};

/// Why the view store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// The file is no view, is damaged, or belongs to something else: to be thrown away and built again.
    #[error("{file} is to be rebuilt: {reason}")]
    Unusable {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
    /// The disk or the folder failed.
    #[error("{file}: {reason}")]
    Io {
        /// The file or folder.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// The query cannot be asked.
    #[error("{0}")]
    Query(String),
}

impl ViewError {
    /// Whether building the view again mends it.
    #[must_use]
    pub const fn is_unusable(&self) -> bool {
        matches!(self, Self::Unusable { .. })
    }

    fn sqlite(file: &str, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let (file, reason) = (file.to_owned(), error.to_string());
        // A statement that does not fit the tables (`Unknown`) means a file of another shape.
        match error.sqlite_error_code() {
            Some(DatabaseCorrupt | NotADatabase | rusqlite::ErrorCode::Unknown) => {
                Self::Unusable { file, reason }
            }
            Some(_) => Self::Io { file, reason },
            None => Self::Unusable { file, reason },
        }
    }

    fn io(file: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Io { file: file.display().to_string(), reason: error.to_string() }
    }
}
