//! Records in the order of their keys, in bounded memory: what is not at hand lies in sorted runs on a file without a
//! name. Records that come in order make one run, which is read as it was written.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
    process,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes of records that are sorted at a time.
pub(super) const RUN_BYTES: usize = 4 << 20;
/// Bytes for reading all runs together, and for each of them at least and at most.
const READ_BYTES: usize = 8 << 20;
const LEAST_READ: usize = 16 << 10;
const MOST_READ: usize = 512 << 10;

/// A record in front of which its length stands.
const LENGTH: usize = size_of::<u32>();

/// Takes records in any order. Keys are compared byte by byte; no two are equal.
pub(super) struct Sorter<const K: usize> {
    folder: Arc<Path>,
    run_bytes: usize,
    /// Of the records that were not written yet.
    records: Vec<u8>,
    places: Vec<([u8; K], u32, u32)>,
    in_order: bool,
    /// Made when there is more than fits into memory.
    file: Option<File>,
    written: u64,
    runs: Vec<Run<K>>,
}

/// Records that follow each other in the file in the order of their keys.
struct Run<const K: usize> {
    from: u64,
    to: u64,
    last: [u8; K],
}

/// The bytes of a run, with its first and its last key.
type LaidOut<const K: usize> = (Vec<u8>, [u8; K], [u8; K]);

impl<const K: usize> Sorter<K> {
    /// Nothing yet; a file is made in a folder when there is more than a run of so many bytes.
    pub(super) fn new(folder: &Arc<Path>, run_bytes: usize) -> Self {
        Self {
            folder: Arc::clone(folder),
            run_bytes,
            records: Vec::new(),
            places: Vec::new(),
            in_order: true,
            file: None,
            written: 0,
            runs: Vec::new(),
        }
    }

    /// Takes a record that `write` appends to what it is given. True when a run is full and is to be written.
    pub(super) fn push(&mut self, key: [u8; K], write: impl FnOnce(&mut Vec<u8>)) -> bool {
        let from = self.records.len();
        write(&mut self.records);
        self.in_order &= self.places.last().is_none_or(|(last, ..)| *last < key);
        self.places.push((key, from as u32, (self.records.len() - from) as u32));
        self.records.len() + self.places.len() * size_of::<([u8; K], u32, u32)>() >= self.run_bytes
    }

    /// Writes what was taken as a run, and tells of each record its key and where it is.
    pub(super) fn write_run(
        &mut self,
        tell: impl FnMut(&[u8; K], &[u8], u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some((bytes, first, last)) = self.lay_out(tell)? else { return Ok(()) };
        let file = match self.file.take() {
            Some(file) => file,
            None => nameless(&self.folder)?,
        };
        self.file.insert(file).write_all_at(&bytes, self.written)?;
        let from = self.written;
        self.written += bytes.len() as u64;
        match self.runs.last_mut() {
            Some(run) if run.last < first => (run.to, run.last) = (self.written, last),
            _ => self.runs.push(Run { from, to: self.written, last }),
        }
        Ok(())
    }

    /// The next run.
    fn lay_out(
        &mut self,
        mut tell: impl FnMut(&[u8; K], &[u8], u64) -> io::Result<()>,
    ) -> io::Result<Option<LaidOut<K>>> {
        if !self.in_order {
            self.places.sort_unstable_by_key(|(key, ..)| *key);
        }
        let (Some((first, ..)), Some((last, ..))) = (self.places.first(), self.places.last()) else {
            return Ok(None);
        };
        let (first, last) = (*first, *last);
        let mut bytes = Vec::with_capacity(self.records.len() + self.places.len() * (LENGTH + K));
        for (key, from, length) in self.places.drain(..) {
            let record = &self.records[from as usize..][..length as usize];
            tell(&key, record, self.written + bytes.len() as u64)?;
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(&key);
            bytes.extend_from_slice(record);
        }
        self.records.clear();
        self.in_order = true;
        Ok(Some((bytes, first, last)))
    }

    /// All records in the order of their keys, after it has told of those that were not written.
    pub(super) fn sorted(
        mut self,
        tell: impl FnMut(&[u8; K], &[u8], u64) -> io::Result<()>,
    ) -> io::Result<Sorted<K>> {
        let mut sorted = Sorted { file: None, readers: Vec::new(), next: BinaryHeap::new(), given: None };
        if self.runs.is_empty() {
            let bytes = self.lay_out(tell)?.map(|(bytes, ..)| bytes).unwrap_or_default();
            sorted.readers.push(Reader { at: 0, to: 0, bytes, read: 0, room: 0 });
        } else {
            self.write_run(tell)?;
        }
        sorted.file = self.file;
        let room = (READ_BYTES / self.runs.len().max(1)).clamp(LEAST_READ, MOST_READ);
        let reader = |run: Run<K>| Reader { at: run.from, to: run.to, bytes: Vec::new(), read: 0, room };
        sorted.readers.extend(self.runs.into_iter().map(reader));
        (0..sorted.readers.len()).try_for_each(|reader| sorted.advance(reader))?;
        Ok(sorted)
    }
}

/// The records in the order of their keys.
pub(super) struct Sorted<const K: usize> {
    /// Nothing where all of them are in the one reader.
    file: Option<File>,
    readers: Vec<Reader>,
    /// The next key of each run that has one.
    next: BinaryHeap<Reverse<([u8; K], usize)>>,
    /// The run whose record was given out last: it is still being looked at.
    given: Option<usize>,
}

/// A run as far as it was read.
struct Reader {
    at: u64,
    to: u64,
    bytes: Vec<u8>,
    /// Up to where `bytes` were given out.
    read: usize,
    room: usize,
}

impl<const K: usize> Sorted<K> {
    /// The next record and its key.
    pub(super) fn next(&mut self) -> io::Result<Option<([u8; K], &[u8])>> {
        if let Some(given) = self.given.take() {
            self.readers[given].pass::<K>();
            self.advance(given)?;
        }
        let Some(Reverse((key, reader))) = self.next.pop() else { return Ok(None) };
        self.given = Some(reader);
        Ok(Some((key, self.readers[reader].record::<K>())))
    }

    fn advance(&mut self, reader: usize) -> io::Result<()> {
        if let Some(key) = self.readers[reader].key(self.file.as_ref())? {
            self.next.push(Reverse((key, reader)));
        }
        Ok(())
    }

    /// A record by the place that was told when it was written.
    pub(super) fn at(&self, place: u64) -> io::Result<Vec<u8>> {
        let Some(file) = &self.file else {
            return Ok(record::<K>(&self.readers[0].bytes[place as usize..]).to_vec());
        };
        let mut length = [0; LENGTH];
        file.read_exact_at(&mut length, place)?;
        let mut record = vec![0; u32::from_le_bytes(length) as usize];
        file.read_exact_at(&mut record, place + (LENGTH + K) as u64)?;
        Ok(record)
    }
}

impl Reader {
    /// The key of the next record, which is at hand afterwards.
    fn key<const K: usize>(&mut self, file: Option<&File>) -> io::Result<Option<[u8; K]>> {
        if self.read == self.bytes.len() && self.at == self.to {
            return Ok(None);
        }
        self.fill(file, LENGTH + K)?;
        self.fill(file, LENGTH + K + length(&self.bytes[self.read..]))?;
        let mut key = [0; K];
        key.copy_from_slice(&self.bytes[self.read + LENGTH..][..K]);
        Ok(Some(key))
    }

    fn record<const K: usize>(&self) -> &[u8] {
        record::<K>(&self.bytes[self.read..])
    }

    fn pass<const K: usize>(&mut self) {
        self.read += LENGTH + K + length(&self.bytes[self.read..]);
    }

    /// Sees to it that so many bytes are at hand.
    fn fill(&mut self, file: Option<&File>, wanted: usize) -> io::Result<()> {
        let kept = self.bytes.len() - self.read;
        let Some(file) = file.filter(|_| kept < wanted) else { return Ok(()) };
        self.bytes.drain(..self.read);
        self.read = 0;
        let more = (self.to - self.at).min(self.room.max(wanted - kept) as u64) as usize;
        self.bytes.resize(kept + more, 0);
        file.read_exact_at(&mut self.bytes[kept..], self.at)?;
        self.at += more as u64;
        Ok(())
    }
}

/// How long the record is whose length, key and bytes stand here.
fn length(bytes: &[u8]) -> usize {
    let mut length = [0; LENGTH];
    length.copy_from_slice(&bytes[..LENGTH]);
    u32::from_le_bytes(length) as usize
}

fn record<const K: usize>(bytes: &[u8]) -> &[u8] {
    &bytes[LENGTH + K..][..length(bytes)]
}

/// A file that ends with the process, however it ends.
fn nameless(folder: &Path) -> io::Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("tradewarden-{}-{count}.rows.tmp", process::id()));
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u64) -> [u8; 8] {
        n.to_be_bytes()
    }

    /// Splitmix64.
    fn chance(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn folder() -> Arc<Path> {
        Arc::from(std::env::temp_dir())
    }

    /// What was taken in runs of so many, all but the last of them written, with the places of all.
    fn sorted(keys: &[u64], run: usize) -> (Sorted<8>, Vec<(u64, u64)>) {
        let (mut sorter, mut places) = (Sorter::new(&folder(), RUN_BYTES), Vec::new());
        let mut tell = |key: &[u8; 8], _: &[u8], place| {
            places.push((u64::from_be_bytes(*key), place));
            Ok(())
        };
        for (n, key_of) in keys.iter().enumerate() {
            if n > 0 && n % run == 0 {
                sorter.write_run(&mut tell).unwrap();
            }
            sorter.push(key(*key_of), |out| out.extend_from_slice(key_of.to_string().as_bytes()));
        }
        (sorter.sorted(tell).unwrap(), places)
    }

    #[test]
    fn records_come_back_sorted_and_are_found_by_their_place() {
        let mut state = 7;
        for run in [1, 3, 50, 5000] {
            let mut keys: Vec<u64> = (0..5000).map(|_| chance(&mut state)).collect();
            let (mut sorted, places) = sorted(&keys, run);
            keys.sort_unstable();
            for n in &keys {
                let (found, record) = sorted.next().unwrap().unwrap();
                assert_eq!((found, record), (key(*n), n.to_string().as_bytes()));
            }
            assert!(sorted.next().unwrap().is_none());
            assert_eq!(places.len(), 5000);
            for (n, place) in places.iter().step_by(97) {
                assert_eq!(sorted.at(*place).unwrap(), n.to_string().as_bytes());
            }
        }
    }

    #[test]
    fn what_comes_in_order_is_one_run() {
        let keys: Vec<u64> = (0..1000).collect();
        assert_eq!(sorted(&keys, 10).0.readers.len(), 1);
        let backwards: Vec<u64> = (0..1000).rev().collect();
        assert_eq!(sorted(&backwards, 10).0.readers.len(), 100);
    }

    #[test]
    fn a_record_may_be_larger_than_what_is_read_at_a_time() {
        let mut sorter = Sorter::<8>::new(&folder(), RUN_BYTES);
        assert!(sorter.push(key(2), |out| out.resize(RUN_BYTES, 2)), "the run is full");
        sorter.write_run(|_, _, _| Ok(())).unwrap();
        assert!(!sorter.push(key(1), |_| ()));
        let mut sorted = sorter.sorted(|_, _, _| Ok(())).unwrap();
        assert_eq!(sorted.next().unwrap().unwrap(), (key(1), &[][..]));
        assert_eq!(sorted.next().unwrap().unwrap().1.len(), RUN_BYTES);
    }
}
