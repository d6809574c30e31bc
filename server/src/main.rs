//! The binary `tradewarden`: configuration, command line, HTTP, wiring. Nothing here decides.

mod access;
mod calls;
mod cli;
mod client;
mod config;
mod descriptors;
mod few;
mod folder;
mod http;
mod parts;
mod problem;
mod process;
mod version;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

/// Trades are allocated on the threads that read them and freed on those that are last to use them, which is what the
/// system's allocator is slow at.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // What is made is its owner's alone: trades and decisions are nobody else's business.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    match cli::Cli::parse().run() {
        Ok(code) => ExitCode::from(code),
        // Whoever reads the results has enough.
        Err(problem) if problem.code == cli::NOBODY_READS => ExitCode::SUCCESS,
        Err(problem) => {
            // Only the faults of a configuration stand on lines of their own.
            let text = problem.to_string();
            let text =
                if problem.code == "configuration" { cli::shown_lines(&text) } else { cli::shown(&text) };
            let _ = writeln!(io::stderr(), "error [{}]: {text}", problem.code);
            ExitCode::from(problem.exit_code())
        }
    }
}
