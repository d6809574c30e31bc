//! The end of the last segment: torn by an interrupted write, or damaged.

use super::{
    error::OpenError,
    frame,
    load::Loaded,
    scan::{FEW, MANY, Scanner, Step},
    segment::Segment,
};
use crate::ReadError;

/// The rule that tells a torn end from damage.
pub(super) fn refuse_damage(last: &Segment, at: u64, why: &str, batch: u64) -> Result<(), OpenError> {
    let Some(later) = find_later_batch(last, at, batch + 1)? else { return Ok(()) };
    let message = format!(
        "{why}, and events that were written later follow at byte {later}: this is damage, not the end of an \
         interrupted write; restore the file from a backup"
    );
    Err(last.file.damaged(at, &message).into())
}

/// The first valid frame behind `from` that belongs to a batch after the given one. Every byte may start one.
fn find_later_batch(segment: &Segment, from: u64, batch: u64) -> Result<Option<u64>, ReadError> {
    let size = segment.file.size()?;
    let batches = batch + 1..=batch + 1 + size / 64;
    let mut window = vec![0; MANY];
    let mut at = from;
    while at < size {
        let read = segment.file.read_some(&mut window, at)?;
        // The last bytes come again at the start of the next window.
        let starts = if at + (read as u64) < size { read - 16 } else { read };
        for start in 0..starts {
            let claimed = frame::claimed_batch(&window[start..read]);
            let offset = at + start as u64;
            if claimed.is_some_and(|claimed| batches.contains(&claimed)) && is_frame(segment, offset)? {
                return Ok(Some(offset));
            }
        }
        at += starts.max(1) as u64;
    }
    Ok(None)
}

fn is_frame(segment: &Segment, at: u64) -> Result<bool, ReadError> {
    let mut scanner = Scanner::new(segment, at, FEW);
    Ok(matches!(scanner.next()?, Step::Frame(..)))
}

/// Whether nothing was written from a byte on.
fn only_zeros(segment: &Segment, mut at: u64) -> Result<bool, ReadError> {
    let mut window = vec![0; MANY];
    loop {
        let read = segment.file.read_some(&mut window, at)?;
        if read == 0 || window[..read].iter().any(|byte| *byte != 0) {
            return Ok(read == 0);
        }
        at += read as u64;
    }
}

/// Cuts off a torn end, or what was only made room for. Then the last batch is written once more: after a failed fsync
/// it may stand in the page cache only, and a later fsync would not write what the system believes to be clean. Answers
/// what an operator should know.
pub(super) fn make_end_durable(
    last: &Segment,
    loaded: &Loaded,
    closed_cleanly: bool,
) -> Result<Option<String>, OpenError> {
    let size = last.file.size()?;
    let path = &last.file.path;
    let mut notice = None;
    if size > loaded.end {
        let (cut, torn) = (size - loaded.end, !only_zeros(last, loaded.end)?);
        last.file.file.set_size(loaded.end).map_err(|error| OpenError::io_at(path, &error))?;
        notice = torn.then(|| {
            format!(
                "{path}: {cut} bytes of a write that was interrupted were cut off at byte {}; nothing acknowledged was \
                 in them",
                loaded.end
            )
        });
    } else if closed_cleanly {
        return Ok(None);
    }
    let mut batch = vec![0; (loaded.end - loaded.last_batch_at) as usize];
    last.file.read_exact(&mut batch, loaded.last_batch_at)?;
    let file = &last.file.file;
    let written = file.write_all_at(&batch, loaded.last_batch_at).and_then(|()| file.sync());
    written.map_err(|error| OpenError::io_at(path, &error))?;
    Ok(notice)
}
