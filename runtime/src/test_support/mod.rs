//! What the service tests of all crates share. Only built with the feature `test-support`.

mod broker;
mod node;
mod samples;
mod transaction;

use std::{io::Write as _, path::PathBuf};

pub use broker::Broker;
pub use node::Node;
pub use samples::{alert, dead_letter, trade_json};
pub use transaction::Transaction;

/// A folder of shared data: of TRADEWARDEN_SHARED_DATA, else of `shared/data` beside the checkout; nothing, said by name,
/// where it is absent.
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("TRADEWARDEN_SHARED_DATA").map_or_else(beside, PathBuf::from).join(folder);
    let found = path.exists();
    if !found {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not there", path.display());
    }
    found.then_some(path)
}

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
