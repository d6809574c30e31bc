//! Tells the commit that is built, for `--version`. Without git, or outside of this project's own checkout, nothing is told.

use std::{path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let project = Path::new(&folder).parent().and_then(|project| project.canonicalize().ok());
    // A copy of the sources inside somebody else's repository has not that one's commit.
    if project.is_none() || git(&["rev-parse", "--show-toplevel"]).map(Into::into) != project {
        return;
    }
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else { return };
    // Cargo hands it to what it runs, too: with the prefix of our variables it would count as one that nobody knows.
    println!("cargo:rustc-env=BUILT_FROM_COMMIT={commit}");
    // What a commit and another branch change.
    for path in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", path]).filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned())
}
