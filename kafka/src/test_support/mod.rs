//! What the service tests of all crates share. Only built with the feature `test-support`.

mod broker;
mod node;
mod samples;
mod transaction;

use std::io::Write as _;

pub use broker::Broker;
pub use node::Node;
pub use samples::{alert, dead_letter, trade_json};
pub use transaction::Transaction;

/// The service, or nothing when it is not to be had: then the test is skipped, by name and with the reason on
/// standard error. With `TRADEWARDEN_TEST_SERVICES=required` it fails instead.
#[expect(clippy::panic, reason = "a panic is how a test fails")]
pub fn need<T>(service: &str, found: Result<T, String>) -> Option<T> {
    let why = match found {
        Ok(service) => return Some(service),
        Err(why) => why,
    };
    if std::env::var("TRADEWARDEN_TEST_SERVICES").is_ok_and(|value| value == "required") {
        panic!("{service} is required here: {why}");
    }
    let test = std::thread::current().name().unwrap_or("test").to_owned();
    // Not println: what a passing test prints is swallowed.
    let _ = writeln!(std::io::stderr(), "SKIPPED {test}: {service}: {why}");
    None
}
