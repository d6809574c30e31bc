//! Where events and views are kept. Nothing here decides anything or knows what an event means.

mod log;

pub use log::{
    AppendError, Appended, Batch, Duplicate, Duplicates, EventLog, Expected, Placed, Prepared, ReadError,
    Request, Subscription,
};
