//! What lies in the log's folder, by name. A file that is not the log's is refused: it may be a copy of one that is.

use super::{
    error::OpenError,
    files::{Folder, UNFINISHED, damaged, packed_name, path_of, segment_name, sidecar_name},
    head::HEAD,
    lock::LOCK,
};

/// The files of a log; segments and sidecars by the position that they start with, in order.
#[derive(Default)]
pub(super) struct Inventory {
    pub segments: Vec<u64>,
    /// Those of the segments that are compressed. One that is there in both forms counts as compressed: that it was
    /// compared with the other one and removed is what was left to do.
    pub packed: Vec<u64>,
    pub sidecars: Vec<u64>,
    /// What a killed process left behind half made.
    pub unfinished: Vec<String>,
    pub has_head: bool,
}

impl Inventory {
    pub(super) fn read(folder: &dyn Folder) -> Result<Self, OpenError> {
        let names = folder.names().map_err(|error| OpenError::io(folder, &error))?;
        let mut found = Self::default();
        for name in names {
            found.sort_in(folder, name)?;
        }
        found.segments.extend_from_slice(&found.packed);
        found.segments.sort_unstable();
        found.segments.dedup();
        found.sidecars.sort_unstable();
        Ok(found)
    }

    fn sort_in(&mut self, folder: &dyn Folder, name: String) -> Result<(), OpenError> {
        let finished = name.strip_suffix(UNFINISHED).unwrap_or(&name);
        let number = |ending| finished.strip_suffix(ending).and_then(|stem| stem.parse().ok());
        let segment = number(".log").filter(|first| segment_name(*first) == finished);
        let packed = number(".log.zst").filter(|first| packed_name(*first) == finished);
        let sidecar = number(".idx").filter(|first| sidecar_name(*first) == finished);
        let known = segment.or(packed).or(sidecar).is_some() || finished == HEAD;
        if finished != name && known {
            self.unfinished.push(name);
        } else if name == HEAD {
            self.has_head = true;
        } else if let Some(first) = segment {
            self.segments.push(first);
        } else if let Some(first) = packed {
            self.packed.push(first);
        } else if let Some(first) = sidecar {
            self.sidecars.push(first);
        } else if name != LOCK {
            let message = "this file does not belong to the event log; move it elsewhere";
            return Err(damaged(&path_of(folder, &name), 0, message).into());
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.sidecars.is_empty() && !self.has_head
    }
}
