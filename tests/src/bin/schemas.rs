//! Writes `schemas/`: run it after an event type has changed.

use std::process::ExitCode;

use tests::schemas;

fn main() -> ExitCode {
    match schemas::write(&schemas::folder()) {
        Ok(written) => {
            written.iter().for_each(|name| println!("wrote schemas/{name}"));
            println!("schemas: {} files written", written.len());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("schemas: {error}");
            ExitCode::FAILURE
        }
    }
}
