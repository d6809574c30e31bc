//! A segment: a file of frames that starts at a position, with its index: in memory while it is written, a sidecar
//! once it is sealed.
//!
//! A sealed one may be compressed (see `packed`), and may be a link to a file on another disk; readers see no difference.
//!
//! The file's header: 8 bytes magic, u64 format version, 16 bytes log id, u64 first position, u64 first batch,
//! 32 bytes chain value before it, zeros up to byte 124, CRC-32C of all that. The checksum is the salt of the frames.

use std::{
    io,
    ops::RangeInclusive,
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use events::Uuid;

use super::{
    bytes::Bytes,
    chain::Hash,
    error::{FORMAT_VERSION, OpenFault, refuse_other_version},
    files::{Access, Folder, Named, UNFINISHED, io_error, packed_name, path_of, segment_name},
    ids::Fingerprint,
    index::{Entry, Index},
    names::Names,
    packed::{Packed, Unpacking},
    scan::{FEW, Scanner, Step},
    sidecar::{Sidecar, Summary},
};
use crate::ReadError;

const MAGIC: &[u8; 8] = b"twevents";
/// Bytes before the first frame.
pub(super) const HEADER: usize = 128;

/// Opens the file of a segment; answers also whether it is elsewhere.
fn open_file(folder: &dyn Folder, name: &str, access: Access) -> Result<(Named, bool), OpenFault> {
    let here = path_of(folder, name);
    let target = folder.target(name).map_err(|error| io_error(&here, &error))?;
    match (folder.open(name, access), target) {
        (Ok(file), None) => Ok((Named { path: here, file, unpacked: false }, false)),
        (Ok(file), Some(target)) => {
            let path = Arc::from(target.to_string_lossy());
            Ok((Named { path, file, unpacked: false }, true))
        }
        (Err(error), None) => Err(io_error(&here, &error).into()),
        (Err(error), Some(target)) => {
            let message = format!(
                "it was moved to {}, which cannot be read ({error}); mount that disk, or put the file back here",
                target.display()
            );
            Err(ReadError::Io { file: here, message: message.into() }.into())
        }
    }
}

/// Gives a header its right checksum; answers the salt of the frames.
#[cfg(any(test, feature = "contract"))]
pub(super) fn mend_header(bytes: &mut [u8]) -> Option<u32> {
    let (content, checksum) = bytes.get_mut(..HEADER)?.split_last_chunk_mut()?;
    let salt = crc32c::crc32c(content);
    *checksum = salt.to_le_bytes();
    Some(salt)
}

/// What a segment starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub log_id: Uuid,
    pub first_position: u64,
    pub first_batch: u64,
    pub chain_before: Hash,
}

impl SegmentHeader {
    fn encode(&self) -> ([u8; HEADER], u32) {
        let mut bytes = [0; HEADER];
        bytes[0..8].copy_from_slice(MAGIC);
        bytes[8..16].copy_from_slice(&u64::from(FORMAT_VERSION).to_le_bytes());
        bytes[16..32].copy_from_slice(self.log_id.as_bytes());
        bytes[32..40].copy_from_slice(&self.first_position.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_batch.to_le_bytes());
        bytes[48..80].copy_from_slice(&self.chain_before);
        let salt = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&salt.to_le_bytes());
        (bytes, salt)
    }

    fn decode(bytes: &[u8; HEADER]) -> Option<(Self, u32)> {
        let mut rest = Bytes(bytes);
        let (magic, version) = (rest.array::<8>()?, rest.u64()?);
        let header = Self {
            log_id: Uuid::from_bytes(rest.array()?),
            first_position: rest.u64()?,
            first_batch: rest.u64()?,
            chain_before: rest.array()?,
        };
        let salt = Bytes(bytes.get(HEADER - 4..)?).u32()?;
        let whole = crc32c::crc32c(&bytes[..HEADER - 4]) == salt;
        let ours = &magic == MAGIC && version == u64::from(FORMAT_VERSION);
        (whole && ours).then_some((header, salt))
    }
}

impl Summary {
    /// What the segment after this one starts with.
    pub(super) fn next_header(&self) -> SegmentHeader {
        SegmentHeader {
            log_id: self.log_id,
            first_position: self.first_position + self.events,
            first_batch: self.last_batch + 1,
            chain_before: self.chain,
        }
    }
}

/// A segment of the log.
pub(super) struct Segment {
    pub header: SegmentHeader,
    pub salt: u32,
    pub file: Named,
    /// Bytes of the file of a compressed one.
    pub packed_bytes: Option<u64>,
    /// Whether its file is a link to one elsewhere.
    pub archived: bool,
    memory: RwLock<Option<Index>>,
    sidecar: OnceLock<Sidecar>,
    sealed: OnceLock<Summary>,
    /// Of a sealed one, once somebody asked.
    names: OnceLock<Arc<Names>>,
}

impl Segment {
    /// Makes a new segment, durably, and holds it against other processes. Where no descriptor is left, nothing was
    /// made: past the first step none is needed.
    pub(super) fn create(folder: &dyn Folder, header: SegmentHeader) -> Result<Self, (Arc<str>, io::Error)> {
        let name = segment_name(header.first_position);
        let path = path_of(folder, &name);
        let (bytes, salt) = header.encode();
        let unfinished = format!("{name}{UNFINISHED}");
        let make = || {
            let file = folder.open(&unfinished, Access::Create)?;
            file.write_all_at(&bytes, 0)?;
            file.sync()?;
            if !file.try_lock(true)? {
                return Err(io::Error::other("another process holds it"));
            }
            folder.rename(&unfinished, &name)?;
            folder.sync()?;
            Ok(file)
        };
        let file = make().map_err(|error| (Arc::clone(&path), error))?;
        let segment = Self::new(header, salt, Named { path, file, unpacked: false });
        segment.set_index(Index::default());
        Ok(segment)
    }

    /// Opens a segment by its name; it has no index yet.
    pub(super) fn open(folder: &dyn Folder, first_position: u64, access: Access) -> Result<Self, OpenFault> {
        let (file, archived) = open_file(folder, &segment_name(first_position), access)?;
        Ok(Self { archived, ..Self::begin(file, first_position)? })
    }

    /// The same for a compressed one.
    pub(super) fn open_packed(
        folder: &dyn Folder,
        first_position: u64,
        unpacking: &Arc<Unpacking>,
    ) -> Result<Self, OpenFault> {
        let (on_disk, archived) = open_file(folder, &packed_name(first_position), Access::Read)?;
        let packed = Packed::open(on_disk.file, unpacking).and_then(|file| Ok((file.packed_bytes()?, file)));
        let (bytes, file) = packed.map_err(|error| io_error(&on_disk.path, &error))?;
        let file = Named { path: on_disk.path, file: Arc::new(file), unpacked: true };
        Ok(Self { archived, packed_bytes: Some(bytes), ..Self::begin(file, first_position)? })
    }

    fn begin(file: Named, first_position: u64) -> Result<Self, OpenFault> {
        let mut bytes = [0; HEADER];
        file.read_exact(&mut bytes, 0)?;
        refuse_other_version(&file, &bytes, MAGIC)?;
        let Some((header, salt)) = SegmentHeader::decode(&bytes) else {
            return Err(file
                .damaged(0, "the segment's header is damaged; restore the file from a backup")
                .into());
        };
        if header.first_position != first_position {
            let message = format!(
                "its name says that it starts at position {first_position}, its header says {}; put the right file \
                 back from a backup",
                header.first_position
            );
            return Err(file.damaged(32, &message).into());
        }
        Ok(Self::new(header, salt, file))
    }

    fn new(header: SegmentHeader, salt: u32, file: Named) -> Self {
        let (memory, sidecar, sealed, names) = Default::default();
        Self { header, salt, file, packed_bytes: None, archived: false, memory, sidecar, sealed, names }
    }

    /// Bytes that a sealed one takes on its disk.
    pub(super) fn bytes_on_disk(&self) -> u64 {
        self.packed_bytes.or(self.summary().map(|summary| summary.segment_bytes)).unwrap_or_default()
    }

    /// The name of its file in the log's folder.
    pub(super) fn name(&self) -> String {
        let name = if self.packed_bytes.is_some() { packed_name } else { segment_name };
        name(self.header.first_position)
    }

    /// Nothing more will be appended to it.
    pub(super) fn set_summary(&self, summary: Summary) {
        // Of two summaries of one segment either will do.
        let _ = self.sealed.set(summary);
    }

    /// What it is as a whole, once nothing more is appended to it.
    pub(super) fn summary(&self) -> Option<Summary> {
        self.sealed.get().copied()
    }

    /// Gives it an index in memory.
    pub(super) fn set_index(&self, index: Index) {
        *self.memory.write().unwrap_or_else(PoisonError::into_inner) = Some(index);
    }

    /// Gives it its sidecar and frees the index in memory.
    pub(super) fn set_sidecar(&self, sidecar: Sidecar) {
        self.set_summary(sidecar.summary);
        // Of two sidecars of one segment either will do.
        let _ = self.sidecar.set(sidecar);
        if let Some(index) = self.memory.write().unwrap_or_else(PoisonError::into_inner).take() {
            // The same as who reads them from the segment finds.
            let _ = self.names.set(index.names);
        }
    }

    /// Its sidecar, once it is sealed.
    pub(super) fn sidecar(&self) -> Option<&Sidecar> {
        self.sidecar.get()
    }

    /// Adds events that are durable, with the names that have numbers since.
    pub(super) fn add(&self, entries: impl Iterator<Item = Entry>, names: Arc<Names>) {
        let mut memory = self.memory.write().unwrap_or_else(PoisonError::into_inner);
        let index = memory.get_or_insert_default();
        index.names = names;
        for entry in entries {
            let follows = index.add(entry);
            debug_assert!(follows, "invariant: the writer numbers a stream's events without gaps");
        }
    }

    /// The names that have numbers here: those of all events that are published.
    pub(super) fn names(&self) -> Result<Arc<Names>, ReadError> {
        if let Some(names) = self.names.get() {
            return Ok(Arc::clone(names));
        }
        let of_sealed = |sidecar: &Sidecar| Ok((self.read_names(&sidecar.names_given_at()?)?, true));
        let (names, is_whole) = self.ask(of_sealed, |index| (Arc::clone(&index.names), false))?;
        if is_whole {
            // Whoever else read them found the same.
            let _ = self.names.set(Arc::clone(&names));
        }
        Ok(names)
    }

    /// The names from the frames that give them: those alone say what a number means.
    fn read_names(&self, given_at: &[u32]) -> Result<Arc<Names>, ReadError> {
        let (mut names, mut scanner) = (Arc::<Names>::default(), Scanner::new(self, HEADER as u64, FEW));
        let mut frames = given_at.to_vec();
        frames.dedup();
        for at in frames {
            scanner.seek(u64::from(at));
            let found = match scanner.next()? {
                Step::Frame(_, frame) => Names::follow(&mut names, &frame, at),
                Step::Bad(_, why) => Err(why),
                Step::End => Err("the file ends here"),
            };
            let unfit = |why: &str| {
                let message = format!(
                    "{why}, as its sidecar has it; remove the sidecar, or restore the file from a backup"
                );
                self.file.damaged(u64::from(at), &message)
            };
            found.map_err(unfit)?;
        }
        if names.given_at() != given_at {
            let message = "its sidecar names other places of names than it has; remove the sidecar";
            return Err(self.file.damaged(0, message));
        }
        Ok(names)
    }

    /// Asks the sidecar, or the index in memory: one of them is there.
    pub(super) fn ask<T>(
        &self,
        sidecar: impl FnOnce(&Sidecar) -> Result<T, ReadError>,
        index: impl FnOnce(&Index) -> T,
    ) -> Result<T, ReadError> {
        if let Some(found) = self.sidecar.get() {
            return sidecar(found);
        }
        let memory = self.memory.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = memory.as_ref() {
            return Ok(index(found));
        }
        drop(memory);
        // It was sealed between the two looks.
        match self.sidecar.get() {
            Some(found) => sidecar(found),
            None => Err(self.file.damaged(0, "it has no index; open the log again")),
        }
    }

    /// Appends the offsets of the frames whose event id may be the one meant.
    pub(super) fn candidates(&self, fingerprint: Fingerprint, out: &mut Vec<u32>) -> Result<(), ReadError> {
        // Both closures want the list, only one runs.
        let mut from_memory = Vec::new();
        self.ask(|s| s.candidates(fingerprint, out), |i| i.ids.candidates(fingerprint, &mut from_memory))?;
        out.append(&mut from_memory);
        Ok(())
    }

    /// The numbers of those fingerprints whose keys may be here. One lock for all of them: a lock for each would keep
    /// the processor from fetching the next one's slot meanwhile.
    pub(super) fn suspects(&self, all: &[Fingerprint]) -> Result<Vec<usize>, ReadError> {
        let among = |may_contain: &dyn Fn(Fingerprint) -> bool| -> Vec<usize> {
            (0..all.len()).filter(|n| may_contain(all[*n])).collect()
        };
        self.ask(|s| Ok(among(&|key| s.may_contain(key))), |i| among(&|key| i.ids.may_contain(key)))
    }

    /// The offset of the frame at a position, or of one at most 63 before it, and which position that is.
    pub(super) fn near(&self, position: u64) -> Result<Option<(u64, u32)>, ReadError> {
        let first = self.header.first_position;
        let n = position.saturating_sub(first);
        let found = self.ask(|s| s.near(n), |i| i.near(n))?;
        Ok(found.map(|(n, offset)| (first + n, offset)))
    }

    /// First and last revision of a stream here.
    pub(super) fn span(&self, stream: &str) -> Result<Option<(u64, u64)>, ReadError> {
        self.ask(|s| s.span(stream), |i| i.span(stream))
    }

    /// Offsets of a stream's frames here.
    pub(super) fn offsets(
        &self,
        stream: &str,
        revisions: &RangeInclusive<u64>,
    ) -> Result<Vec<u32>, ReadError> {
        self.ask(|s| s.offsets(stream, revisions), |i| i.offsets(stream, revisions))
    }
}
