//! HTTP, for this machine only: the calls, facts coming in, health, metrics.
//!
//! Nothing here decides, and nothing blocks the threads of the server: every answer is made on a thread that may block, and whoever waits
//! for news keeps none.

mod auth;
mod body;
mod encoding;
mod facts;
mod health;
mod lobby;
mod metrics;
mod read;
mod refusal;
mod routes;
mod state;
#[cfg(test)]
mod tests;

pub(crate) use facts::{FactResult, Receipt};
pub(crate) use routes::{WORKERS, serve};
pub(crate) use state::{AppState, Refused, Tally};
