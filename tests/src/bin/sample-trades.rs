//! Prints made-up trades, one JSON object a line: what `examples/trades.jsonl` holds.
//!
//! `cargo run -p tests --bin sample-trades > examples/trades.jsonl`

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(&tests::sample_file())
}
