//! Ids that are derived, never drawn: the same fact has the same id whenever and from wherever it comes, so a
//! retry cannot make a double.

use uuid::Uuid;

/// Derives an id from its parts: UUID version 8 over BLAKE3 of the length-prefixed parts.
///
/// The first part names the kind, so that equal texts of two kinds do not meet.
#[must_use]
pub fn derive(parts: &[&[u8]]) -> Uuid {
    let length = parts.iter().map(|part| size_of::<u64>() + part.len()).sum();
    // One for each trade and each decision: what is short, as nearly all are, needs neither a hasher nor the heap.
    let mut short = [0; SHORT];
    let hash = match short.get_mut(..length) {
        Some(input) => {
            write_parts(parts, input);
            blake3::hash(input)
        }
        None => {
            let mut input = vec![0; length];
            write_parts(parts, &mut input);
            blake3::hash(&input)
        }
    };
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.as_bytes()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Bytes of the parts with their lengths that are hashed without the heap.
const SHORT: usize = 256;

fn write_parts(parts: &[&[u8]], mut input: &mut [u8]) {
    for part in parts {
        let length = (part.len() as u64).to_le_bytes();
        let (head, rest) = input.split_at_mut(length.len());
        let (body, rest) = rest.split_at_mut(part.len());
        head.copy_from_slice(&length);
        body.copy_from_slice(part);
        input = rest;
    }
}

/// The id of a closed trade: one trade for each (strategy, trade id).
#[must_use]
pub fn closed_trade(strategy: &str, trade_id: &str) -> Uuid {
    derive(&[b"trade.closed", strategy.as_bytes(), trade_id.as_bytes()])
}

/// The id of the n-th event (from 0) that an actor decided on an input.
#[must_use]
pub fn decision(actor: &str, cause: Uuid, ordinal: u32) -> Uuid {
    derive(&[b"decision", actor.as_bytes(), cause.as_bytes(), &ordinal.to_le_bytes()])
}

/// The id of the moment at which an actor's timer falls due.
#[must_use]
pub fn timer(actor: &str, due_at: crate::Timestamp) -> Uuid {
    derive(&[b"timer", actor.as_bytes(), &due_at.micros().to_le_bytes()])
}

/// The same after an operator took the clock as it is, at a position: by a clock that ran ahead the moment may have been
/// noticed before it came.
#[must_use]
pub fn timer_after(accepted: u64, actor: &str, due_at: crate::Timestamp) -> Uuid {
    if accepted == 0 {
        return timer(actor, due_at);
    }
    derive(&[b"timer", actor.as_bytes(), &due_at.micros().to_le_bytes(), &accepted.to_le_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(closed_trade("a", "bc"), closed_trade("ab", "c"));
        assert_ne!(derive(&[b"a", b""]), derive(&[b"a"]));
    }

    #[test]
    fn ids_never_change_between_releases() {
        // Golden: a changed derivation would let every known trade in a second time.
        assert_eq!(closed_trade("rsi", "1").to_string(), "9fbc9c6c-ea43-8e08-a600-18eb5458469c");
        assert_eq!(closed_trade("rsi", "1").get_version_num(), 8);
        // Longer than what is hashed without the heap.
        assert_eq!(closed_trade(&"x".repeat(300), "1").to_string(), "80beeb98-db06-8585-a642-4505ce68b426");
    }
}
