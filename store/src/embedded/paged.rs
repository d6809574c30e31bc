//! Bytes that are read here and there, each page with its own checksum: a flipped bit is met wherever a read lands,
//! without reading the rest. Positioned reads, not a mapping: a mapping of a file needs `unsafe`, and the page cache
//! holds the pages either way.

use std::{io, sync::Arc};

use super::files::{LogFile, Named};
use crate::ReadError;

/// Bytes of a page on disk: data, then its CRC-32C.
pub(super) const PAGE: usize = 4096;
/// Data bytes of a page.
pub(super) const PAGE_DATA: usize = PAGE - 4;
/// Pages that are written at once.
const WRITTEN_AT_ONCE: usize = 64;

/// Swapped pages and pages of another file fail as damaged ones do.
fn checksum(salt: u32, page: u64, data: &[u8]) -> u32 {
    crc32c::crc32c_append(salt.wrapping_add((page as u32).wrapping_mul(0x9e37_79b1)), data)
}

/// Writes pages from the start of a file.
pub(super) struct PagedWriter {
    file: Arc<dyn LogFile>,
    salt: u32,
    pages: u64,
    page: Vec<u8>,
    ready: Vec<u8>,
    written: u64,
}

impl PagedWriter {
    pub(super) fn new(file: Arc<dyn LogFile>, salt: u32) -> Self {
        Self { file, salt, pages: 0, page: Vec::with_capacity(PAGE), ready: Vec::new(), written: 0 }
    }

    pub(super) fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PAGE_DATA - self.page.len()));
            self.page.extend_from_slice(now);
            bytes = later;
            if self.page.len() == PAGE_DATA {
                self.end_page()?;
            }
        }
        Ok(())
    }

    fn end_page(&mut self) -> io::Result<()> {
        self.page.resize(PAGE_DATA, 0);
        let checksum = checksum(self.salt, self.pages, &self.page);
        self.ready.append(&mut self.page);
        self.ready.extend_from_slice(&checksum.to_le_bytes());
        self.pages += 1;
        if self.ready.len() >= WRITTEN_AT_ONCE * PAGE { self.write_ready() } else { Ok(()) }
    }

    fn write_ready(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.ready, self.written)?;
        self.written += self.ready.len() as u64;
        self.ready.clear();
        Ok(())
    }

    /// Fills up the last page and makes all durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if !self.page.is_empty() {
            self.end_page()?;
        }
        self.write_ready()?;
        self.file.sync()
    }
}

/// Gives every page its right checksum.
#[cfg(any(test, feature = "contract"))]
pub(super) fn mend_all(bytes: &mut [u8], salt: u32) {
    for (page, bytes) in bytes.chunks_exact_mut(PAGE).enumerate() {
        let (data, stored) = bytes.split_at_mut(PAGE_DATA);
        stored.copy_from_slice(&checksum(salt, page as u64, data).to_le_bytes());
    }
}

/// Reads from a file of pages.
pub(super) struct PagedReader {
    pub file: Named,
    pub salt: u32,
}

/// Bytes on disk of this many bytes of data.
pub(super) const fn paged_size(data: u64) -> u64 {
    data.div_ceil(PAGE_DATA as u64) * PAGE as u64
}

const REMEDY: &str = "wrong checksum; this file only repeats what its segment holds: remove it, and it is made anew \
                      from the segment at the next start";

impl PagedReader {
    /// Fills `out` from the data at a position.
    pub(super) fn read(&self, mut at: u64, mut out: &mut [u8]) -> Result<(), ReadError> {
        let mut page = [0; PAGE];
        while !out.is_empty() {
            let (number, within) = (at / PAGE_DATA as u64, (at % PAGE_DATA as u64) as usize);
            self.read_page(number, &mut page)?;
            let (now, later) = out.split_at_mut(out.len().min(PAGE_DATA - within));
            now.copy_from_slice(&page[within..within + now.len()]);
            at += now.len() as u64;
            out = later;
        }
        Ok(())
    }

    fn read_page(&self, number: u64, page: &mut [u8; PAGE]) -> Result<(), ReadError> {
        self.file.read_exact(page, number * PAGE as u64)?;
        let (data, stored) = page.split_at(PAGE_DATA);
        if checksum(self.salt, number, data).to_le_bytes() != stored {
            return Err(self.file.damaged(number * PAGE as u64, REMEDY));
        }
        Ok(())
    }

    /// Checks every page.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let mut page = [0; PAGE];
        (0..self.file.size()?.div_ceil(PAGE as u64)).try_for_each(|number| self.read_page(number, &mut page))
    }
}

/// A table of entries of one size within the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub at: u64,
    pub entries: u64,
}

impl Table {
    /// Entries from the n-th on, fewer where the table ends.
    pub(super) fn read<const N: usize>(
        &self,
        reader: &PagedReader,
        n: u64,
        count: u64,
    ) -> Result<Vec<[u8; N]>, ReadError> {
        let count = count.min(self.entries.saturating_sub(n)) as usize;
        let mut entries = vec![[0; N]; count];
        reader.read(self.at + n * N as u64, entries.as_flattened_mut())?;
        Ok(entries)
    }

    /// The n-th entry, if there is one.
    pub(super) fn get<const N: usize>(
        &self,
        reader: &PagedReader,
        n: u64,
    ) -> Result<Option<[u8; N]>, ReadError> {
        Ok(self.read(reader, n, 1)?.pop())
    }
}
