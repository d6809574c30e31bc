//! From bytes and rows to facts: decoding, checking, dead letters, admission to the log.
//!
//! A record comes in as bytes. It is decoded into a [`events::TradeClosed`] or refused with a [`Rejection`] that
//! says field, value and remedy; [`admit`] then appends both kinds to the log in one atomic request. Nothing here
//! reads a socket or a clock: sources hand in bytes and the time.

pub mod admit;
mod checks;
mod cloud_event;
mod currency;
#[cfg(test)]
mod decode_tests;
mod fields;
pub mod files;
mod hint;
pub mod json;
mod mapping;
mod moment;
mod notation;
mod own;
#[cfg(test)]
mod own_tests;
mod record;
mod rejection;
#[cfg(any(test, feature = "test-support"))]
pub mod sample;
#[cfg(any(test, feature = "test-support"))]
pub mod test_support;
#[cfg(test)]
mod value_tests;

pub use cloud_event::CloudEventAttributes;
pub use currency::quote_of;
pub use fields::Field;
pub use hint::RatioHint;
pub use json::{TRADE_TYPES, TradeFormat};
pub use mapping::{FieldMapping, MappingError};
pub use notation::{Notation, NotationError};
pub use rejection::{Rejection, nearest};
