//! The log beside what it cannot beat (writing the same bytes to one file and syncing it as often), and beside what others
//! would use (SQLite, fjall) for the same promises. One command, `cargo bench -p store --bench log`, prints one table;
//! figures are medians of five, ratios are of the same run.
//!
//! `-- --events N --only append|cpu|long` takes another number of events than 2,000,000 for the long rows, or only some
//! rows. `--only scale --events 20000000` (7 GB, some minutes) looks at a long history.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a benchmark stops at the first failure")]

mod append;
mod reading;
mod rivals;
mod work;

fn main() {
    let events = argument("--events").map_or(2_000_000, |number| number.parse().unwrap());
    let only = argument("--only");
    let wanted = |part| only.as_deref().is_none_or(|only| only == part);
    println!("| what | measured | beside it |\n|---|---|---|");
    if wanted("append") {
        [(1, 200), (100, 100), (1000, 60)]
            .into_iter()
            .for_each(|(batch, count)| append::beside_others(batch, count));
        [(100, 150), (1, 250)].into_iter().for_each(|(batch, count)| append::producers(batch, count));
    }
    if wanted("cpu") {
        append::cpu_of_an_append();
        append::chain_cost();
    }
    if only.as_deref() == Some("scale") {
        reading::scale(work::folder().path(), events);
    }
    if wanted("long") {
        let dir = work::folder();
        append::sustained(dir.path(), events);
        append::sustained_rivals(events);
        reading::reading(dir.path(), events);
    }
}

/// What follows a word on the command line.
fn argument(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}
