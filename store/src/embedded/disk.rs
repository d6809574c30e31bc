//! For tests: a disk of the test's making. It loses what was never synced, half writes what was in flight, fills up, fails a
//! sync. Contents are kept by sectors, names by snapshots of the directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
};

use super::{
    files::{Access, Folder, LogFile},
    lock::{FolderLock, LockError},
};

const SECTOR: usize = 512;

/// What goes wrong at an operation that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// This operation and all later ones fail: the power is gone.
    PowerCut,
    /// From now on nothing more can be written.
    Full,
    /// The next sync of a file fails; its changes count as clean then but are not on the disk.
    FailedSync,
    /// The operation panics.
    Panic,
    /// A read fails; the count is that of reads.
    FailedRead,
}

#[derive(Default)]
struct State {
    names: Names,
    /// What the directory was since it was last synced, that moment included.
    since_sync: Vec<Names>,
    files: Vec<Contents>,
    operations: u64,
    reads: u64,
    trouble: Option<(u64, Trouble)>,
    lies: bool,
}

type Names = BTreeMap<String, usize>;

#[derive(Clone, Default)]
struct Contents {
    bytes: Vec<u8>,
    durable: Vec<u8>,
    dirty: BTreeSet<usize>,
}

/// The disk; its clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
}

struct SimFile {
    disk: Disk,
    number: usize,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Self {
        let disk = Self::default();
        disk.state().since_sync.push(Names::new());
        disk
    }

    /// A disk with files on it.
    pub fn with_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let disk = Self::new();
        let mut state = disk.state();
        for (name, bytes) in files {
            let number = state.files.len();
            state.names.insert(name, number);
            state.files.push(Contents { durable: bytes.clone(), bytes, dirty: BTreeSet::new() });
        }
        state.since_sync = vec![state.names.clone()];
        drop(state);
        disk
    }

    /// Every file and what is in it.
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.state();
        state.names.iter().map(|(name, number)| (name.clone(), state.files[*number].bytes.clone())).collect()
    }

    /// A disk that answers a sync without doing it.
    pub fn lying() -> Self {
        let disk = Self::new();
        disk.state().lies = true;
        disk
    }

    /// The disk as a log's folder.
    pub fn folder(&self) -> Arc<dyn Folder> {
        Arc::new(self.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How many reads there were.
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// How many operations have changed something.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Lets trouble come at an operation, counted from 1.
    pub fn trouble(&self, at: u64, trouble: Trouble) {
        self.state().trouble = Some((at, trouble));
    }

    /// Calls the trouble off.
    pub fn no_trouble(&self) {
        self.state().trouble = None;
    }

    /// What is left after the power was cut; `random` decides over everything that was in flight.
    pub fn after_power_cut(&self, random: &mut Random) -> Self {
        let state = self.state();
        let names = &state.since_sync[random.below(state.since_sync.len() as u64) as usize];
        let files: Vec<_> = state.files.iter().map(|file| file.after_power_cut(random)).collect();
        let left = State {
            names: names.clone(),
            since_sync: vec![names.clone()],
            files,
            lies: state.lies,
            ..State::default()
        };
        Self { state: Arc::new(Mutex::new(left)) }
    }
}

/// SplitMix64: the same seed gives the same faults.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    #[expect(clippy::should_implement_trait, reason = "it never ends")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    /// A number below a bound.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

impl Contents {
    fn after_power_cut(&self, random: &mut Random) -> Self {
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
        Self { durable: bytes.clone(), bytes, dirty: BTreeSet::new() }
    }

    fn write(&mut self, written: &[u8], at: usize) {
        let end = at + written.len();
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        self.bytes[at..end].copy_from_slice(written);
        self.dirty.extend(at / SECTOR..end.div_ceil(SECTOR));
    }

    fn sync(&mut self) {
        self.durable.resize(self.bytes.len(), 0);
        for sector in std::mem::take(&mut self.dirty) {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(self.bytes.len());
            if !range.is_empty() {
                self.durable[range.clone()].copy_from_slice(&self.bytes[range]);
            }
        }
    }
}

impl State {
    /// Counts an operation that changes something, and fails it if its time has come.
    #[expect(clippy::panic, reason = "a test asks for it")]
    fn change(&mut self, is_sync: bool) -> io::Result<()> {
        self.operations += 1;
        match self.trouble {
            Some((at, Trouble::PowerCut)) if self.operations >= at => {
                Err(io::Error::other("the power is gone"))
            }
            Some((at, Trouble::Full)) if self.operations >= at && !is_sync => {
                Err(io::ErrorKind::StorageFull.into())
            }
            Some((at, Trouble::FailedSync)) if self.operations >= at && is_sync => {
                self.trouble = None;
                Err(io::Error::other("input/output error"))
            }
            Some((at, Trouble::Panic)) if self.operations >= at => {
                self.trouble = None;
                panic!("a fault of the program");
            }
            _ => Ok(()),
        }
    }

    fn changed_names(&mut self) {
        let names = self.names.clone();
        self.since_sync.push(names);
    }
}

impl Folder for Disk {
    fn path(&self) -> &Path {
        Path::new("disk")
    }

    fn lock(&self, _exclusive: bool) -> Result<FolderLock, LockError> {
        Ok(FolderLock::none())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.state().names.keys().cloned().collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn LogFile>> {
        let mut state = self.state();
        if access == Access::Create {
            state.change(false)?;
            let number = state.files.len();
            state.files.push(Contents::default());
            state.names.insert(name.to_owned(), number);
            state.changed_names();
        }
        let number = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Arc::new(SimFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.change(false)?;
        let number = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        state.changed_names();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.state();
        state.change(false)?;
        state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.changed_names();
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.state();
        state.change(true)?;
        if !state.lies {
            let names = state.names.clone();
            state.since_sync = vec![names];
        }
        Ok(())
    }
}

impl LogFile for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.state().files[self.number].bytes.len() as u64)
    }

    fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        let mut state = self.disk.state();
        state.reads += 1;
        if matches!(state.trouble, Some((at, Trouble::FailedRead)) if state.reads >= at) {
            state.trouble = None;
            return Err(io::Error::other("input/output error"));
        }
        let ahead = state.files[self.number].bytes.get(at as usize..).unwrap_or_default();
        let read = ahead.len().min(out.len());
        out[..read].copy_from_slice(&ahead[..read]);
        Ok(read)
    }

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let allowed = state.change(false);
        // What fails may have been written in part.
        let part = if allowed.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        state.files[self.number].write(part, at as usize);
        allowed
    }

    fn set_size(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change(false)?;
        state.files[self.number].bytes.resize(size as usize, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let allowed = state.change(true);
        let lies = state.lies;
        let file = &mut state.files[self.number];
        if allowed.is_err() {
            file.dirty.clear();
        } else if !lies {
            file.sync();
        }
        allowed
    }
}
