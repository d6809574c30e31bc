//! What tests of several crates share. Only built with the feature `test-support`.

use std::{io::Write as _, path::PathBuf};

/// A folder of shared data: of TRADEWARDEN_SHARED_DATA, else of `shared/data` beside the checkout; nothing, said by name,
/// where it is absent.
#[expect(clippy::disallowed_methods, reason = "a test is told where its data lies")]
pub fn shared_data(folder: &str) -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let path = std::env::var_os("TRADEWARDEN_SHARED_DATA").map_or_else(beside, PathBuf::from).join(folder);
    let found = path.exists();
    if !found {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} is not there", path.display());
    }
    found.then_some(path)
}
