//! The live figures.

use events::Timestamp;
use projections::{CHUNKS, PerformanceFold, PerformanceQuery, PerformanceRow, RestoreError};

use super::QueryError;
use crate::{
    Views,
    saved::SeenByReader,
    sqlite::{Query, Sort, ViewBody},
};

impl Views {
    /// The live figures of a window.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub fn performance(&self, query: &PerformanceQuery) -> Result<Vec<PerformanceRow>, QueryError> {
        self.ask("performance", |reader| {
            // One moment for names and chunks.
            reader.pin()?;
            let mut fold = PerformanceFold::new(query, &SeenByReader(reader))?;
            let (since, until) = fold.window();
            let chunks = Query {
                since: Some(since.micros()),
                until: Some(until.micros()),
                sort: Sort::Time,
                ..Query::all_of(CHUNKS)
            };
            reader.each(&chunks, |found| -> Result<(), QueryError> {
                let time = Timestamp::from_micros(found.time.unwrap_or_default());
                match &found.body {
                    ViewBody::Blob(bytes) => Ok(fold.chunk(time, bytes)?),
                    ViewBody::Json(_) => Err(RestoreError(format!("chunk {} is no chunk", found.key)).into()),
                }
            })?;
            Ok(fold.finish())
        })
    }
}
