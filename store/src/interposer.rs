//! For tests: a log that changes some of what another one does.

use std::sync::Arc;

use events::{FamilySet, Recorded, Uuid};

use crate::{AppendError, Appended, Batch, EventLog, ReadError, Request, Subscription};

/// Stands before a log and passes everything on, but what it says otherwise.
pub trait Interposer: Send + Sync {
    /// The log behind it.
    fn behind(&self) -> &dyn EventLog;

    /// Appends.
    ///
    /// # Errors
    /// As the log, and as it says.
    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        self.behind().append(request)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// As the log, and as it says.
    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, ReadError> {
        self.behind().read_all(after, families, max)
    }

    /// Follows.
    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        self.behind().subscribe(after, families)
    }

    /// Why it takes nothing more.
    fn stopped(&self) -> Option<Arc<str>> {
        self.behind().stopped()
    }
}

impl<I: Interposer> EventLog for I {
    fn log_id(&self) -> Uuid {
        self.behind().log_id()
    }

    fn append(&self, request: Request) -> Result<Appended, AppendError> {
        Interposer::append(self, request)
    }

    fn head(&self) -> u64 {
        self.behind().head()
    }

    fn count(&self, after: u64, to: u64) -> Option<u64> {
        self.behind().count(after, to)
    }

    fn revision(&self, stream: &str) -> Result<u64, ReadError> {
        self.behind().revision(stream)
    }

    fn read_stream(&self, stream: &str, after: u64, max: usize) -> Result<Vec<Arc<Recorded>>, ReadError> {
        self.behind().read_stream(stream, after, max)
    }

    fn read_stream_back(
        &self,
        stream: &str,
        before: u64,
        max: usize,
    ) -> Result<Vec<Arc<Recorded>>, ReadError> {
        self.behind().read_stream_back(stream, before, max)
    }

    fn read_all(&self, after: u64, families: FamilySet, max: usize) -> Result<Batch, ReadError> {
        Interposer::read_all(self, after, families, max)
    }

    fn position_of(&self, event_id: Uuid) -> Result<Option<u64>, ReadError> {
        self.behind().position_of(event_id)
    }

    fn subscribe(&self, after: u64, families: FamilySet) -> Box<dyn Subscription> {
        Interposer::subscribe(self, after, families)
    }

    fn stopped(&self) -> Option<Arc<str>> {
        Interposer::stopped(self)
    }
}
