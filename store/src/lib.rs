//! Where events and views are kept. Nothing here decides anything or knows what an event means.

#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod log;
mod memory;

pub use log::{
    AppendError, Appended, Batch, Duplicate, Duplicates, EventLog, Expected, MAX_EVENT_BYTES, MAX_NAME_BYTES,
    Placed, Prepared, ReadError, Request, Subscription,
};
pub use memory::{Clock, MemoryLog};
