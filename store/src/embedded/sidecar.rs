//! What a sealed segment's index becomes: an immutable file beside it, read where it is needed. Only the filter is
//! kept in memory (12 bits an event), so opening and memory do not follow history.
//!
//! In the data of its pages (see `paged`): a header of 256 bytes; the offset of every 64th frame; the filter over event
//! ids and streams; a directory of the ids; (fingerprint, offset) of every event, sorted; the streams, sorted by the
//! hash of their name; the names; the offsets of each stream's frames; the offsets of the frames that give names numbers.

use std::{
    io,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use events::Uuid;

use super::{
    bytes::Bytes,
    chain::Hash,
    error::{FORMAT_VERSION, OpenFault, refuse_other_version},
    files::{Access, BadBytes, Folder, LogFile, Named, UNFINISHED, fill, io_error, sidecar_name},
    ids::{self, Filter, Fingerprint},
    index::{Index, SPARSE, StreamPart},
    names::MOST_NAMES,
    paged::{PagedReader, PagedWriter, Table, paged_size},
};
use crate::ReadError;

const MAGIC: &[u8; 8] = b"twindex\n";
const HEADER: usize = 256;
const STREAM_ENTRY: usize = 32;
/// Ids that share an entry of the directory, on average.
const IDS_PER_BUCKET: u64 = 256;

/// What the sidecar tells of its segment as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub log_id: Uuid,
    pub first_position: u64,
    pub events: u64,
    pub last_batch: u64,
    pub segment_bytes: u64,
    pub chain: Hash,
}

/// A sidecar, opened.
pub(super) struct Sidecar {
    pub summary: Summary,
    reader: PagedReader,
    filter: Filter,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Layout {
    sparse: Table,
    filter: Table,
    directory: Table,
    ids: Table,
    streams: Table,
    names: Table,
    offsets: Table,
    given: Table,
}

impl Layout {
    /// The tables one after the other, from their numbers of entries.
    fn new(counts: [u64; 8]) -> Self {
        let sizes = [4, Filter::BLOCK_BYTES as u64, 4, 8, STREAM_ENTRY as u64, 1, 4, 4];
        let mut at = HEADER as u64;
        let mut tables = counts.into_iter().zip(sizes).map(|(entries, size)| {
            let table = Table { at, entries };
            at += entries * size;
            table
        });
        let mut next = || tables.next().unwrap_or_default();
        Self {
            sparse: next(),
            filter: next(),
            directory: next(),
            ids: next(),
            streams: next(),
            names: next(),
            offsets: next(),
            given: next(),
        }
    }

    fn counts(&self) -> [u64; 8] {
        let (found, of_streams) =
            ([self.sparse, self.filter, self.directory, self.ids], [self.streams, self.names]);
        let tables = found.into_iter().chain(of_streams).chain([self.offsets, self.given]);
        let mut counts = [0; 8];
        counts.iter_mut().zip(tables).for_each(|(count, table)| *count = table.entries);
        counts
    }

    fn end(&self) -> u64 {
        self.given.at + self.given.entries * 4
    }
}

/// How far a fingerprint is shifted to give its bucket; 32 means that there is one bucket.
fn bucket_shift(ids: u64) -> u32 {
    let buckets = (ids / IDS_PER_BUCKET).next_power_of_two().max(1);
    32 - buckets.trailing_zeros().min(24)
}

/// Pages of one sidecar do not pass as those of another.
pub(super) fn salt(log_id: Uuid, first_position: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(log_id.as_bytes()), &first_position.to_le_bytes())
}

/// Writes the sidecar of a segment, all of it or nothing.
pub(super) fn write(folder: &dyn Folder, summary: &Summary, index: &Index) -> io::Result<()> {
    let name = sidecar_name(summary.first_position);
    let unfinished = format!("{name}{UNFINISHED}");
    let file = folder.open(&unfinished, Access::Create)?;
    let mut out = PagedWriter::new(file, salt(summary.log_id, summary.first_position));
    write_tables(&mut out, summary, index)?;
    out.finish()?;
    folder.rename(&unfinished, &name)?;
    folder.sync()
}

fn write_tables(out: &mut PagedWriter, summary: &Summary, index: &Index) -> io::Result<()> {
    let ids = index.ids.sorted();
    let mut streams: Vec<_> =
        index.streams.iter().map(|(name, part)| (ids::name_hash(name), &**name, part)).collect();
    streams.sort_unstable_by_key(|(hash, name, _)| (*hash, *name));
    let filter = filter_over(&ids, &streams);
    let directory = directory_of(&ids);
    let layout = Layout::new([
        index.sparse.len() as u64,
        filter.words().count() as u64 / 8,
        directory.len() as u64,
        ids.len() as u64,
        streams.len() as u64,
        streams.iter().map(|(_, name, _)| name.len() as u64).sum(),
        index.events,
        index.names.given_at().len() as u64,
    ]);
    out.put(&header(summary, &layout))?;
    put_u32s(out, &index.sparse)?;
    filter.words().try_for_each(|word| out.put(&word.to_le_bytes()))?;
    put_u32s(out, &directory)?;
    ids.iter().try_for_each(|entry| out.put(&entry.to_le_bytes()))?;
    put_stream_entries(out, &streams)?;
    streams.iter().try_for_each(|(_, name, _)| out.put(name.as_bytes()))?;
    streams.iter().try_for_each(|(_, _, part)| put_u32s(out, &part.offsets))?;
    put_u32s(out, index.names.given_at())
}

fn put_u32s(out: &mut PagedWriter, numbers: &[u32]) -> io::Result<()> {
    numbers.iter().try_for_each(|number| out.put(&number.to_le_bytes()))
}

fn filter_over(ids: &[u64], streams: &[(u64, &str, &StreamPart)]) -> Filter {
    let mut filter = Filter::for_keys(ids.len() + streams.len());
    ids.iter().for_each(|entry| filter.insert((entry >> 32) as u32));
    streams.iter().for_each(|(hash, ..)| filter.insert(ids::of_name_hash(*hash)));
    filter
}

/// For each bucket the number of the first id in it or after it, and the number of all ids at the end.
fn directory_of(ids: &[u64]) -> Vec<u32> {
    let shift = bucket_shift(ids.len() as u64);
    let buckets = 1_u64 << (32 - shift);
    let first_in = |bucket: u64| ids.partition_point(|entry| (entry >> 32) >> shift < bucket) as u32;
    (0..=buckets).map(first_in).collect()
}

fn put_stream_entries(out: &mut PagedWriter, streams: &[(u64, &str, &StreamPart)]) -> io::Result<()> {
    let (mut name_at, mut offsets_at) = (0_u32, 0_u32);
    for (hash, name, part) in streams {
        out.put(&hash.to_le_bytes())?;
        out.put(&part.first_revision.to_le_bytes())?;
        for number in [part.offsets.len() as u32, offsets_at, name_at, name.len() as u32] {
            out.put(&number.to_le_bytes())?;
        }
        name_at += name.len() as u32;
        offsets_at += part.offsets.len() as u32;
    }
    Ok(())
}

fn header(summary: &Summary, layout: &Layout) -> [u8; HEADER] {
    let mut header = Vec::with_capacity(HEADER);
    header.extend_from_slice(MAGIC);
    header.extend_from_slice(&u64::from(FORMAT_VERSION).to_le_bytes());
    header.extend_from_slice(summary.log_id.as_bytes());
    let numbers = [summary.first_position, summary.events, summary.last_batch, summary.segment_bytes];
    for number in numbers.into_iter().chain(layout.counts()) {
        header.extend_from_slice(&number.to_le_bytes());
    }
    header.extend_from_slice(&summary.chain);
    let mut whole = [0; HEADER];
    whole[..header.len()].copy_from_slice(&header);
    whole
}

fn parse_header(header: &[u8; HEADER]) -> Option<(Summary, Layout)> {
    let mut rest = Bytes(header);
    rest.slice(16)?;
    let log_id = Uuid::from_bytes(rest.array()?);
    let [first_position, events, last_batch, segment_bytes] =
        [rest.u64()?, rest.u64()?, rest.u64()?, rest.u64()?];
    let mut counts = [0; 8];
    for count in &mut counts {
        *count = rest.u64()?;
    }
    let chain = rest.array()?;
    // More entries than a segment has bytes would overflow the sums below.
    let plausible =
        counts.iter().all(|count| *count <= u64::from(u32::MAX)) && counts[7] <= MOST_NAMES as u64;
    let summary = Summary { log_id, first_position, events, last_batch, segment_bytes, chain };
    plausible.then(|| (summary, Layout::new(counts)))
}

/// For tests: where in the data the offsets of the frames that give names numbers are, and how many.
#[cfg(any(test, feature = "contract"))]
pub(super) fn names_table(bytes: &[u8]) -> Option<Table> {
    parse_header(bytes.first_chunk()?).map(|(_, layout)| layout.given)
}

const REMEDY: &str = "it does not fit its segment; it only repeats what the segment holds: remove it, and it is made \
                      anew from the segment at the next start";

/// A stream's place in the sidecar.
struct StreamEntry {
    first_revision: u64,
    count: u32,
    offsets_at: u32,
}

impl Sidecar {
    /// Opens the sidecar of the segment that starts at a position.
    pub(super) fn open(folder: &dyn Folder, log_id: Uuid, first_position: u64) -> Result<Self, OpenFault> {
        let file = Named::open(folder, &sidecar_name(first_position), Access::Read)?;
        let mut start = [0; 16];
        file.read_exact(&mut start, 0)?;
        refuse_other_version(&file, &start, MAGIC)?;
        let reader = PagedReader { file, salt: salt(log_id, first_position) };
        let mut raw = [0; HEADER];
        reader.read(0, &mut raw)?;
        let unfit = || reader.file.damaged(0, REMEDY);
        let (summary, layout) = parse_header(&raw).ok_or_else(unfit)?;
        let size = reader.file.size()?;
        if summary.first_position != first_position || paged_size(layout.end()) != size {
            return Err(unfit().into());
        }
        let filter = reader.read_filter(layout.filter)?.ok_or_else(unfit)?;
        Ok(Self { summary, reader, filter, layout })
    }

    /// Bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        paged_size(self.layout.end())
    }

    /// False: an id is certainly not in the segment.
    pub(super) fn may_contain(&self, fingerprint: Fingerprint) -> bool {
        self.filter.may_contain(fingerprint)
    }

    /// Appends the offsets of the frames whose event id may be the one meant.
    pub(super) fn candidates(&self, fingerprint: Fingerprint, out: &mut Vec<u32>) -> Result<(), ReadError> {
        if !self.filter.may_contain(fingerprint) {
            return Ok(());
        }
        let bucket = u64::from(fingerprint) >> bucket_shift(self.layout.ids.entries);
        let bounds = self.layout.directory.read::<4>(&self.reader, bucket, 2)?;
        let [from, to] = bounds.as_slice() else { return Err(self.unfit()) };
        let (from, to) = (u32::from_le_bytes(*from), u32::from_le_bytes(*to));
        let count = u64::from(to.checked_sub(from).ok_or_else(|| self.unfit())?);
        let entries = self.layout.ids.read::<8>(&self.reader, u64::from(from), count)?;
        let entries = entries.into_iter().map(u64::from_le_bytes);
        out.extend(entries.filter(|entry| (entry >> 32) as u32 == fingerprint).map(|entry| entry as u32));
        Ok(())
    }

    /// The n-th event's offset (from 0), or that of one shortly before it, and which one that is.
    pub(super) fn near(&self, n: u64) -> Result<Option<(u64, u32)>, ReadError> {
        let at = n / SPARSE;
        let offset = self.layout.sparse.get(&self.reader, at)?;
        Ok(offset.map(|offset| (at * SPARSE, u32::from_le_bytes(offset))))
    }

    /// First and last revision of a stream here.
    pub(super) fn span(&self, stream: &str) -> Result<Option<(u64, u64)>, ReadError> {
        let entry = self.find_stream(stream)?;
        Ok(entry.map(|e| (e.first_revision, e.first_revision.saturating_add(u64::from(e.count)) - 1)))
    }

    pub(super) fn offsets(
        &self,
        stream: &str,
        revisions: &RangeInclusive<u64>,
    ) -> Result<Vec<u32>, ReadError> {
        let Some(entry) = self.find_stream(stream)? else { return Ok(Vec::new()) };
        let Range { start, end } = within(&entry, revisions);
        let first = u64::from(entry.offsets_at) + start;
        let offsets = self.layout.offsets.read::<4>(&self.reader, first, end.saturating_sub(start))?;
        Ok(offsets.into_iter().map(u32::from_le_bytes).collect())
    }

    /// For each name that has a number, in their order, the offset of the frame that gives it.
    pub(super) fn names_given_at(&self) -> Result<Vec<u32>, ReadError> {
        let given = self.layout.given.read::<4>(&self.reader, 0, self.layout.given.entries)?;
        Ok(given.into_iter().map(u32::from_le_bytes).collect())
    }

    fn find_stream(&self, stream: &str) -> Result<Option<StreamEntry>, ReadError> {
        let hash = ids::name_hash(stream);
        if !self.filter.may_contain(ids::of_name_hash(hash)) {
            return Ok(None);
        }
        let mut n = self.first_stream_from(hash)?;
        while let Some((found, name, entry)) = self.stream_entry(n)? {
            if found != hash {
                break;
            }
            if name == stream.as_bytes() {
                return if entry.count == 0 { Err(self.unfit()) } else { Ok(Some(entry)) };
            }
            n += 1;
        }
        Ok(None)
    }

    /// The first of the streams whose hash is not below this one.
    fn first_stream_from(&self, hash: u64) -> Result<u64, ReadError> {
        let (mut low, mut high) = (0, self.layout.streams.entries);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.layout.streams.get::<STREAM_ENTRY>(&self.reader, middle)?;
            let found = entry.and_then(|entry| Bytes(&entry).u64()).ok_or_else(|| self.unfit())?;
            if found < hash { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    fn stream_entry(&self, n: u64) -> Result<Option<(u64, Vec<u8>, StreamEntry)>, ReadError> {
        let Some(raw) = self.layout.streams.get::<STREAM_ENTRY>(&self.reader, n)? else { return Ok(None) };
        let mut rest = Bytes(&raw);
        let (hash, first_revision) = (rest.u64().unwrap_or_default(), rest.u64().unwrap_or_default());
        let mut number = || rest.u32().unwrap_or_default();
        let (count, offsets_at, name_at, name_len) = (number(), number(), number(), number());
        let name = self.layout.names.read::<1>(&self.reader, u64::from(name_at), u64::from(name_len))?;
        Ok(Some((hash, name.concat(), StreamEntry { first_revision, count, offsets_at })))
    }

    /// Checks every page of the file.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        self.reader.check()
    }

    /// Checks that the file is what is made of an index, byte for byte.
    pub(super) fn check_against(&self, index: &Index) -> Result<(), ReadError> {
        let file = &self.reader.file;
        let mut out = PagedWriter::new(Arc::new(Comparing(Arc::clone(&file.file))), self.reader.salt);
        let same = write_tables(&mut out, &self.summary, index).and_then(|()| out.finish());
        same.map_err(|error| io_error(&file.path, &error))
    }

    fn unfit(&self) -> ReadError {
        self.reader.file.damaged(0, REMEDY)
    }
}

/// Takes what is written only where it is there already.
struct Comparing(Arc<dyn LogFile>);

impl LogFile for Comparing {
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        self.0.read_at(out, at)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut found = vec![0; bytes.len()];
        let read = fill(&*self.0, &mut found, at)?;
        let alike = bytes.iter().zip(&found[..read]).take_while(|(a, b)| a == b).count();
        if alike == bytes.len() {
            Ok(())
        } else {
            Err(BadBytes { at: at + alike as u64, message: REMEDY }.into())
        }
    }

    fn set_size(&self, _size: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Which of a stream's events here have these revisions.
fn within(entry: &StreamEntry, revisions: &RangeInclusive<u64>) -> Range<u64> {
    let start = revisions.start().saturating_sub(entry.first_revision);
    let end = revisions.end().saturating_add(1).saturating_sub(entry.first_revision);
    start..end.min(u64::from(entry.count))
}

impl PagedReader {
    fn read_filter(&self, table: Table) -> Result<Option<Filter>, ReadError> {
        // Checked against the file's size before: no wrong number allocates without bound.
        let mut bytes = vec![0; table.entries as usize * Filter::BLOCK_BYTES];
        self.read(table.at, &mut bytes)?;
        Ok(Filter::from_bytes(&bytes))
    }
}
