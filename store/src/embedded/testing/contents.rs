//! The contents of a file on the disk of a test, kept by sectors.

use std::collections::BTreeSet;

use super::disk::Random;

const SECTOR: usize = 512;

/// What is in a file, and what of it is durable.
#[derive(Clone, Default)]
pub(super) struct Contents {
    pub(super) bytes: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

impl Contents {
    /// As they always were.
    pub(super) fn durable(bytes: Vec<u8>) -> Self {
        Self { durable: bytes.clone(), bytes, dirty: BTreeSet::new() }
    }

    /// What was written counts as clean, but is not on the disk.
    pub(super) fn fail_sync(&mut self) {
        self.dirty.clear();
    }

    pub(super) fn after_power_cut(&self, random: &mut Random) -> Self {
        let mut bytes = self.durable.clone();
        let (short, long) = (bytes.len().min(self.bytes.len()), bytes.len().max(self.bytes.len()));
        if self.bytes.len() != bytes.len() {
            bytes.resize(short + random.below((long - short) as u64 + 1) as usize, 0);
        }
        for sector in &self.dirty {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(bytes.len()).min(self.bytes.len());
            if random.below(2) == 0 && !range.is_empty() {
                bytes[range.clone()].copy_from_slice(&self.bytes[range]);
            }
        }
        Self::durable(bytes)
    }

    pub(super) fn write(&mut self, written: &[u8], at: usize) {
        let end = at + written.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(written);
        self.dirty.extend(at / SECTOR..end.div_ceil(SECTOR));
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.bytes.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(self.bytes.len());
            if !range.is_empty() {
                self.durable[range.clone()].copy_from_slice(&self.bytes[range]);
            }
        }
    }
}
