//! Whether a sealed segment still is what was written, before a copy of it takes its place.

use super::{
    chain::Link,
    load::{misplaced, unchained},
    scan::{MANY, Scanner, Step},
    segment::{HEADER, Segment},
};
use crate::ReadError;

/// Frames between two questions whether to go on.
const PACE: u64 = 256;

/// Reads a sealed segment, checks every frame and the hash chain, and that it ends as it was sealed; false when `go_on`
/// said no before that was known.
pub(super) fn holds(segment: &Segment, go_on: &mut dyn FnMut() -> bool) -> Result<bool, ReadError> {
    let header = segment.header;
    let (mut scanner, mut link) = (Scanner::new(segment, HEADER as u64, MANY), Link::default());
    let (mut position, mut batch, mut chain) =
        (header.first_position - 1, header.first_batch - 1, header.chain_before);
    let mut batch_at = HEADER as u64;
    link.start(&chain, batch + 1);
    loop {
        match scanner.next()? {
            Step::Frame(at, frame) => {
                if (frame.position, frame.batch) != (position + 1, batch + 1) {
                    return Err(misplaced(segment, at));
                }
                position += 1;
                link.add(frame.last_of_transaction, frame.header, frame.payload);
                if let Some(stored) = frame.chain {
                    if link.value() != *stored {
                        return Err(unchained(segment, batch_at));
                    }
                    (chain, batch, batch_at) = (*stored, batch + 1, at + frame.whole.len() as u64);
                    link.start(&chain, batch + 1);
                }
                if position % PACE == 0 && !go_on() {
                    return Ok(false);
                }
            }
            Step::End => break,
            Step::Bad(at, why) => {
                return Err(segment.file.damaged(at, &format!("{why}; restore the file from a backup")));
            }
        }
    }
    let sealed =
        segment.summary().map(|s| (s.first_position + s.events - 1, s.last_batch, s.chain, s.segment_bytes));
    if sealed != Some((position, batch, chain, batch_at)) {
        let message = "the segment does not end as it was sealed; restore the file from a backup";
        return Err(segment.file.damaged(batch_at, message));
    }
    Ok(true)
}
