//! A trade as JSON: read from what a bot publishes, and written as a bot would, or in our own form.

mod read;
mod write;

pub(crate) use read::quote_bare_words;
pub use read::{TRADE_TYPES, TradeFormat};
pub use write::{to_own_fault, to_own_form, to_record};
