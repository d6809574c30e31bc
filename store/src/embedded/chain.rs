//! The hash chain: whoever knows the last value knows that nothing before it was altered, moved, left out or put in.
//!
//! chain(batch) = BLAKE3(chain(batch before) ‖ batch number ‖ for each event: last-of-transaction byte ‖ u32 length of
//! the payload ‖ header ‖ payload). One hash a batch, not one an event: a hash of many kilobytes uses every lane of the processor, a hash of two
//! hundred bytes one.

use events::Uuid;

/// A value of the chain.
pub(super) type Hash = [u8; 32];

/// What stands before the first batch.
pub(super) fn genesis(log_id: Uuid) -> Hash {
    *blake3::hash(log_id.as_bytes()).as_bytes()
}

/// Bytes that are kept from batch to batch; a larger batch is rare.
const KEPT: usize = 2 << 20;

/// Collects what a batch is hashed over.
#[derive(Default)]
pub(super) struct Link {
    input: Vec<u8>,
}

impl Link {
    pub(super) fn start(&mut self, before: &Hash, batch: u64) {
        self.input.clear();
        self.input.shrink_to(KEPT);
        self.input.extend_from_slice(before);
        self.input.extend_from_slice(&batch.to_le_bytes());
    }

    /// The header tells its own length, so no two sequences of events give the same bytes.
    pub(super) fn add(&mut self, last_of_transaction: bool, header: &[u8], payload: &[u8]) {
        self.input.push(u8::from(last_of_transaction));
        self.input.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        self.input.extend_from_slice(header);
        self.input.extend_from_slice(payload);
    }

    pub(super) fn value(&self) -> Hash {
        *blake3::hash(&self.input).as_bytes()
    }
}
