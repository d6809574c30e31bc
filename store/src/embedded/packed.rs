//! A sealed segment, compressed: its bytes in zstd frames of 64 KiB each, then the seek table of zstd's seekable format.
//! A read unpacks only the blocks that it touches, and `zstd -d` gives the segment back.
//!
//! To whoever reads it is the file that it was: positions are those of the segment before it was compressed.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use zstd::bulk::{Compressor, Decompressor};

use super::{
    bytes::Bytes,
    files::{BadBytes, LogFile, fill},
};

/// Bytes of the segment in a block; the last one may have fewer.
const BLOCK: usize = 64 << 10;
/// The fastest of the levels that look for matches: higher ones take several times longer for a few percent.
const LEVEL: i32 = 1;

// Of https://github.com/facebook/zstd/blob/dev/contrib/seekable_format/zstd_seekable_compression_format.md
const SKIPPABLE_MAGIC: u32 = 0x184D_2A5E;
const SEEKABLE_MAGIC: u32 = 0x8F92_EAB1;
const SKIPPABLE_HEADER: usize = 8;
const ENTRY: usize = 8;
const FOOTER: usize = 9;

const BAD_TABLE: &str = "the table of its compressed blocks is damaged; restore the file from a backup";
const BAD_BLOCK: &str = "the compressed block here is damaged; restore the file from a backup";

/// Compresses a file into another that is empty, and makes it durable. `go_on` is asked after each block; false when
/// it said no.
pub(super) fn pack(
    raw: &dyn LogFile,
    out: &dyn LogFile,
    go_on: &mut dyn FnMut() -> bool,
) -> io::Result<bool> {
    let mut compressor = Compressor::new(LEVEL)?;
    compressor.include_checksum(true)?;
    let (mut block, mut packed) = (vec![0; BLOCK], vec![0; zstd::zstd_safe::compress_bound(BLOCK)]);
    let (mut from, mut to, mut table) = (0, 0, Vec::new());
    loop {
        let read = fill(raw, &mut block, from)?;
        if read == 0 {
            break;
        }
        let length = compressor.compress_to_buffer(&block[..read], &mut packed[..])?;
        out.write_all_at(&packed[..length], to)?;
        from += read as u64;
        to += length as u64;
        table.extend([length as u32, read as u32]);
        if !go_on() {
            return Ok(false);
        }
    }
    out.write_all_at(&seek_table(&table), to)?;
    out.sync()?;
    Ok(true)
}

/// The table as a frame that decompressors skip.
fn seek_table(sizes: &[u32]) -> Vec<u8> {
    let length = sizes.len() * 4 + FOOTER;
    let mut bytes = Vec::with_capacity(SKIPPABLE_HEADER + length);
    let words = [SKIPPABLE_MAGIC, length as u32].into_iter().chain(sizes.iter().copied());
    words.chain([(sizes.len() / 2) as u32]).for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
    // The descriptor: no checksums in the table, the frames have their own.
    bytes.push(0);
    bytes.extend_from_slice(&SEEKABLE_MAGIC.to_le_bytes());
    bytes
}

/// What unpacking needs again and again, shared by all segments of a log: contexts, and the blocks used last.
#[derive(Default)]
pub(super) struct Unpacking {
    files: AtomicU64,
    idle: Mutex<Vec<Unpacker>>,
    recent: Mutex<VecDeque<(BlockId, Arc<[u8]>)>>,
}

/// A file, counted by their opening, and a block in it.
type BlockId = (u64, usize);

struct Unpacker {
    context: Decompressor<'static>,
    packed: Vec<u8>,
}

impl Unpacking {
    const MOST_IDLE: usize = 4;
    const MOST_RECENT: usize = 16;

    fn recent(&self, id: BlockId) -> Option<Arc<[u8]>> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.iter().find(|(known, _)| *known == id).map(|(_, block)| Arc::clone(block))
    }

    fn keep(&self, id: BlockId, block: &Arc<[u8]>) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if recent.len() == Self::MOST_RECENT {
            recent.pop_front();
        }
        recent.push_back((id, Arc::clone(block)));
    }

    /// Works with an unpacker that nobody else uses meanwhile.
    fn with<T>(&self, work: impl FnOnce(&mut Unpacker) -> io::Result<T>) -> io::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut unpacker = match idle {
            Some(unpacker) => unpacker,
            None => Unpacker { context: Decompressor::new()?, packed: Vec::new() },
        };
        let done = work(&mut unpacker);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < Self::MOST_IDLE {
            idle.push(unpacker);
        }
        done
    }
}

/// A compressed file, read as what it unpacks to.
pub(super) struct Packed {
    file: Arc<dyn LogFile>,
    number: u64,
    /// Where each block starts in the file, and where the last one ends.
    starts: Vec<u64>,
    size: u64,
    unpacking: Arc<Unpacking>,
}

impl Packed {
    /// Reads the table of blocks.
    pub(super) fn open(file: Arc<dyn LogFile>, unpacking: &Arc<Unpacking>) -> io::Result<Self> {
        let bytes = file.size()?;
        let bad = |at| io::Error::from(BadBytes { at, message: BAD_TABLE });
        let mut footer = [0; FOOTER];
        let footer_at = bytes.checked_sub(FOOTER as u64).ok_or_else(|| bad(0))?;
        read_whole(&*file, &mut footer, footer_at)?;
        let blocks = block_count(&footer).ok_or_else(|| bad(footer_at))?;
        // No wrong number allocates without bound: the table has to lie within the file.
        let length = SKIPPABLE_HEADER + blocks * ENTRY + FOOTER;
        let table_at = bytes.checked_sub(length as u64).ok_or_else(|| bad(footer_at))?;
        let mut table = vec![0; length - FOOTER];
        read_whole(&*file, &mut table, table_at)?;
        let (starts, size) = read_table(&table).ok_or_else(|| bad(table_at))?;
        if starts.last() != Some(&table_at) {
            return Err(bad(table_at));
        }
        let number = unpacking.files.fetch_add(1, Ordering::Relaxed);
        Ok(Self { file, number, starts, size, unpacking: Arc::clone(unpacking) })
    }

    /// Bytes on disk.
    pub(super) fn packed_bytes(&self) -> io::Result<u64> {
        self.file.size()
    }

    /// Unpacks a block into a place of exactly its size.
    fn unpack(&self, block: usize, out: &mut [u8]) -> io::Result<()> {
        let (from, to) = (self.starts[block], self.starts[block + 1]);
        self.unpacking.with(|unpacker| {
            unpacker.packed.resize((to - from) as usize, 0);
            read_whole(&*self.file, &mut unpacker.packed, from)?;
            match unpacker.context.decompress_to_buffer(&unpacker.packed, out) {
                Ok(length) if length == out.len() => Ok(()),
                _ => Err(BadBytes { at: from, message: BAD_BLOCK }.into()),
            }
        })
    }

    fn block(&self, block: usize, length: usize) -> io::Result<Arc<[u8]>> {
        if let Some(recent) = self.unpacking.recent((self.number, block)) {
            return Ok(recent);
        }
        let mut bytes = vec![0; length];
        self.unpack(block, &mut bytes)?;
        let bytes = Arc::from(bytes);
        self.unpacking.keep((self.number, block), &bytes);
        Ok(bytes)
    }
}

fn read_whole(file: &dyn LogFile, out: &mut [u8], at: u64) -> io::Result<()> {
    let read = fill(file, out, at)?;
    if read == out.len() {
        return Ok(());
    }
    Err(BadBytes { at: at + read as u64, message: "the file ends here; restore it from a backup" }.into())
}

fn block_count(footer: &[u8; FOOTER]) -> Option<usize> {
    let mut rest = Bytes(footer);
    let (blocks, [descriptor], magic) = (rest.u32()?, rest.array()?, rest.u32()?);
    (descriptor == 0 && magic == SEEKABLE_MAGIC).then_some(blocks as usize)
}

/// The start of each block and the end of the last, and the size of what they unpack to.
fn read_table(table: &[u8]) -> Option<(Vec<u64>, u64)> {
    let mut rest = Bytes(table);
    let blocks = (table.len() - SKIPPABLE_HEADER) / ENTRY;
    let length = blocks * ENTRY + FOOTER;
    if (rest.u32()?, rest.u32()?) != (SKIPPABLE_MAGIC, length as u32) {
        return None;
    }
    let (mut starts, mut at, mut size) = (Vec::with_capacity(blocks + 1), 0, 0);
    for block in 0..blocks {
        let (packed, unpacked) = (rest.u32()?, rest.u32()? as usize);
        // Only the last block may have fewer bytes: a position has to lead to its block.
        if packed == 0 || unpacked == 0 || unpacked > BLOCK || (unpacked < BLOCK && block + 1 < blocks) {
            return None;
        }
        starts.push(at);
        at += u64::from(packed);
        size += unpacked as u64;
    }
    starts.push(at);
    Some((starts, size))
}

impl LogFile for Packed {
    fn size(&self) -> io::Result<u64> {
        Ok(self.size)
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        if at >= self.size || out.is_empty() {
            return Ok(0);
        }
        let (block, within) = ((at / BLOCK as u64) as usize, (at % BLOCK as u64) as usize);
        let length = (self.size - block as u64 * BLOCK as u64).min(BLOCK as u64) as usize;
        if within == 0 && out.len() >= length {
            self.unpack(block, &mut out[..length])?;
            return Ok(length);
        }
        let bytes = self.block(block, length)?;
        let read = out.len().min(length - within);
        out[..read].copy_from_slice(&bytes[within..within + read]);
        Ok(read)
    }

    fn write_all_at(&self, _bytes: &[u8], _at: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn set_size(&self, _size: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
