//! For tests: a disk of the test's making. It loses what was never synced, half writes what was in flight, fills up, fails a
//! sync. Contents are kept by sectors, names by snapshots of the directory.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::contents::Contents;
use crate::embedded::{
    files::{Access, Folder, LogFile},
    lock::{FolderLock, LockError},
};

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
    /// What the directories were since they were last synced, that moment included.
    since_sync: Vec<Names>,
    files: Vec<Contents>,
    operations: u64,
    reads: u64,
    trouble: Option<(u64, Trouble)>,
    lies: bool,
    /// Nothing more can be opened.
    no_descriptor: bool,
}

/// Paths from the disk's root; those of folders end with a slash.
type Names = BTreeMap<String, Node>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    File(usize),
    Link(String),
    Folder,
}

/// Whether a path names something that is directly in a folder.
fn is_in(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder).map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    rest.is_some_and(|name| !name.is_empty() && !name.contains('/'))
}

/// The folders that a path goes through.
fn folders_of(path: &str) -> impl Iterator<Item = &str> {
    let path_end = path.len().saturating_sub(1);
    path.char_indices().filter(move |(at, c)| *c == '/' && *at < path_end).map(|(at, _)| &path[..=at])
}

/// The disk; its clones are the same disk.
#[derive(Clone, Default)]
pub struct Disk {
    state: Arc<Mutex<State>>,
    /// Held by a test: no index can be opened meanwhile.
    pub indexes: Arc<Mutex<()>>,
}

struct SimFile {
    disk: Disk,
    number: usize,
}

struct SimFolder {
    disk: Disk,
    /// Path from the root, with a slash at its end; empty for the root.
    prefix: String,
    path: PathBuf,
}

/// What messages and links show as the disk's root.
const ROOT: &str = "/disk/";

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        let disk = Self::default();
        disk.state().since_sync.push(Names::new());
        disk
    }

    /// A disk with files and links on it.
    pub fn with(
        files: impl IntoIterator<Item = (String, Vec<u8>)>,
        links: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let disk = Self::new();
        let mut state = disk.state();
        for (name, bytes) in files {
            let number = state.files.len();
            state.files.push(Contents::durable(bytes));
            state.put_durably(&name, &Node::File(number));
        }
        for (name, target) in links {
            state.put_durably(&name, &Node::Link(target));
        }
        drop(state);
        disk
    }

    /// From now on nothing can be opened, or can again.
    pub fn run_out_of_descriptors(&self, out: bool) {
        self.state().no_descriptor = out;
    }

    /// Every file and what is in it.
    #[must_use]
    pub fn files(&self) -> Vec<(String, Vec<u8>)> {
        let state = self.state();
        let files = state.names.iter().filter_map(|(name, node)| match node {
            Node::File(number) => Some((name.clone(), state.files[*number].bytes.clone())),
            Node::Link(_) | Node::Folder => None,
        });
        files.collect()
    }

    /// Every folder, those above before those in them.
    #[must_use]
    pub fn folders(&self) -> Vec<String> {
        let state = self.state();
        let folders = state.names.iter().filter(|(_, node)| **node == Node::Folder);
        folders.map(|(name, _)| name.clone()).collect()
    }

    /// Whether a path names a folder; the empty one is the root.
    #[must_use]
    pub fn is_folder(&self, path: &str) -> bool {
        path.is_empty() || self.state().names.contains_key(&format!("{path}/"))
    }

    /// Makes a folder, which is not durable by that.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn make_folder(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.change(false)?;
        state.names.insert(format!("{path}/"), Node::Folder);
        state.changed_names();
        Ok(())
    }

    /// Makes durable what a folder's names are.
    ///
    /// # Errors
    /// See [`Trouble`].
    pub fn sync_folder(&self, path: &str) -> io::Result<()> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        self.at(prefix).sync()
    }

    /// Every link and where it leads.
    #[must_use]
    pub fn links(&self) -> Vec<(String, String)> {
        let state = self.state();
        let links = state.names.iter().filter_map(|(name, node)| match node {
            Node::Link(target) => Some((name.clone(), target.clone())),
            Node::File(_) | Node::Folder => None,
        });
        links.collect()
    }

    /// A disk that answers a sync without doing it.
    #[must_use]
    pub fn lying() -> Self {
        let disk = Self::new();
        disk.state().lies = true;
        disk
    }

    /// The disk's root as a folder.
    #[must_use]
    pub fn folder(&self) -> Arc<dyn Folder> {
        self.at(String::new())
    }

    /// A folder in the root that was there before the test.
    #[must_use]
    pub fn folder_named(&self, name: &str) -> Arc<dyn Folder> {
        self.state().put_durably(&format!("{name}/"), &Node::Folder);
        self.at(format!("{name}/"))
    }

    fn at(&self, prefix: String) -> Arc<dyn Folder> {
        let path = PathBuf::from(format!("{ROOT}{prefix}"));
        Arc::new(SimFolder { disk: self.clone(), prefix, path })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many reads there were.
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// How many operations have changed something.
    #[must_use]
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
        let names = state.names_after_power_cut(random);
        let files: Vec<_> = state.files.iter().map(|file| file.after_power_cut(random)).collect();
        let left =
            State { since_sync: vec![names.clone()], names, files, lies: state.lies, ..State::default() };
        Self { state: Arc::new(Mutex::new(left)), ..Self::default() }
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

    /// Puts something there with its folders, as if it had always been.
    fn put_durably(&mut self, path: &str, node: &Node) {
        for names in self.since_sync.iter_mut().chain([&mut self.names]) {
            folders_of(path).for_each(|folder| drop(names.insert(folder.to_owned(), Node::Folder)));
            names.insert(path.to_owned(), node.clone());
        }
    }

    /// The names in one folder are as they are now; those of others may still be what they were.
    fn sync_folder(&mut self, folder: &str) {
        let now: Names = self
            .names
            .iter()
            .filter(|(path, _)| is_in(path, folder))
            .map(|(p, n)| (p.clone(), n.clone()))
            .collect();
        for names in &mut self.since_sync {
            names.retain(|path, _| !is_in(path, folder));
            names.extend(now.clone());
        }
        self.since_sync.dedup();
    }

    /// Each folder on its own is what it was at some moment since it was synced.
    fn names_after_power_cut(&self, random: &mut Random) -> Names {
        let all = self.since_sync.iter().flatten();
        let folders = all.filter(|(_, node)| **node == Node::Folder).map(|(path, _)| path.as_str());
        let folders: BTreeSet<_> = folders.chain([""]).collect();
        let mut left = Names::new();
        for folder in folders {
            let then = &self.since_sync[random.below(self.since_sync.len() as u64) as usize];
            left.extend(
                then.iter().filter(|(path, _)| is_in(path, folder)).map(|(p, n)| (p.clone(), n.clone())),
            );
        }
        let found = left.clone();
        left.retain(|path, _| folders_of(path).all(|folder| found.contains_key(folder)));
        left
    }

    /// The number of the file that a path leads to.
    fn resolve(&self, path: &str) -> io::Result<usize> {
        match self.names.get(path).ok_or(io::ErrorKind::NotFound)? {
            Node::File(number) => Ok(*number),
            Node::Link(target) => match self.names.get(target) {
                Some(Node::File(number)) => Ok(*number),
                _ => Err(io::ErrorKind::NotFound.into()),
            },
            Node::Folder => Err(io::ErrorKind::IsADirectory.into()),
        }
    }
}

impl SimFolder {
    fn full(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }
}

impl Folder for SimFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn lock(&self, _exclusive: bool) -> Result<FolderLock, LockError> {
        Ok(FolderLock::none())
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let state = self.disk.state();
        let here =
            state.names.iter().filter(|(path, node)| **node != Node::Folder && is_in(path, &self.prefix));
        Ok(here.map(|(path, _)| path[self.prefix.len()..].to_owned()).collect())
    }

    fn open(&self, name: &str, access: Access) -> io::Result<Arc<dyn LogFile>> {
        if name.contains(".idx") {
            drop(self.disk.indexes.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let (mut state, path) = (self.disk.state(), self.full(name));
        if state.no_descriptor {
            return Err(rustix::io::Errno::MFILE.into());
        }
        if access == Access::Create {
            state.change(false)?;
            let number = state.files.len();
            state.files.push(Contents::default());
            state.names.insert(path.clone(), Node::File(number));
            state.changed_names();
        }
        let number = state.resolve(&path)?;
        Ok(Arc::new(SimFile { disk: self.disk.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change(false)?;
        let node = state.names.remove(&self.full(from)).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(self.full(to), node);
        state.changed_names();
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change(false)?;
        state.names.remove(&self.full(name)).ok_or(io::ErrorKind::NotFound)?;
        state.changed_names();
        Ok(())
    }

    fn link(&self, name: &str, target: &Path) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change(false)?;
        let target = target.to_string_lossy();
        let target = target.strip_prefix(ROOT).ok_or(io::ErrorKind::InvalidInput)?;
        state.names.insert(self.full(name), Node::Link(target.to_owned()));
        state.changed_names();
        Ok(())
    }

    fn target(&self, name: &str) -> io::Result<Option<PathBuf>> {
        let state = self.disk.state();
        match state.names.get(&self.full(name)).ok_or(io::ErrorKind::NotFound)? {
            Node::Link(target) => Ok(Some(PathBuf::from(format!("{ROOT}{target}")))),
            Node::File(_) | Node::Folder => Ok(None),
        }
    }

    fn subfolder(&self, name: &str) -> io::Result<Arc<dyn Folder>> {
        let path = self.full(name);
        if !self.disk.is_folder(&path) {
            self.disk.make_folder(&path)?;
            self.sync()?;
        }
        Ok(self.disk.at(format!("{path}/")))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.change(true)?;
        if !state.lies {
            state.sync_folder(&self.prefix);
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
            file.fail_sync();
        } else if !lies {
            file.sync();
        }
        allowed
    }
}
