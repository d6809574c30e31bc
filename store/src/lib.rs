//! Where events are kept. Nothing here decides anything or knows what an event means.

mod admission;
mod append;
mod chained;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
pub mod embedded;
mod id_map;
mod inflow;
#[cfg(any(test, feature = "contract"))]
mod interposer;
mod log;
mod memory;
pub mod plain;
mod snapshots;

pub use append::{
    Recorder, append, append_prepared, now, panic_message, prepare, waiting_since, with_consequence,
};
pub use chained::Chained;
pub use embedded::{EmbeddedLog, OpenError, Options, SYNC_BOUNDS_US};
pub use inflow::Inflow;
#[cfg(any(test, feature = "contract"))]
pub use interposer::Interposer;
pub use log::{
    AppendError, Appended, Batch, Duplicate, Duplicates, EventLog, Expected, MAX_EVENT_BYTES, MAX_NAME_BYTES,
    MAX_REQUEST_BYTES, Placed, Prepared, ReadError, Request, Subscription,
};
pub use memory::{Clock, MemoryLog};
pub use snapshots::{Snapshot, SnapshotFault, Snapshots};
