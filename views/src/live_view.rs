//! One projection with its file: folding, saving, and going on after a failure.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use events::{FamilySet, Recorded, Uuid};
use projections::{Kind, Projection};

use super::saved::{SavedByWriter, table, write};
use crate::sqlite::{Identity, ViewError, ViewFiles, ViewPath, ViewWriter};
use store::panic_message;

/// Events folded before they are saved, at most.
pub(super) const SAVE_EVENTS: u64 = 16_384;
/// Time between two saves, at least.
const SAVE_EVERY: Duration = Duration::from_millis(100);
/// The same while far behind, where every save would write nearly every document anew, only to write it again.
const SAVE_EVENTS_BEHIND: u64 = 65_536;
const SAVE_EVERY_BEHIND: Duration = Duration::from_secs(1);
/// A position without changes is saved less often: to fold those events again costs next to nothing.
const SAVE_QUIET_EVENTS: u64 = 1 << 17;

/// Why a projection could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// The event, or where saving stopped.
    pub(super) at_position: u64,
    pub(super) message: String,
    /// The file is of no use any more.
    pub(super) unusable: bool,
}

impl Fault {
    fn panic(at_position: u64, panic: &(dyn std::any::Any + Send)) -> Self {
        Self { at_position, message: format!("it panicked: {}", panic_message(panic)), unusable: false }
    }

    fn view(at_position: u64, error: &ViewError) -> Self {
        Self { at_position, message: error.to_string(), unusable: error.is_unusable() }
    }
}

/// One projection with its file.
pub(super) struct LiveView {
    kind: Kind,
    projection: Box<dyn Projection>,
    interests: FamilySet,
    writer: ViewWriter,
    path: ViewPath,
    /// Every event up to here is folded, saved or not.
    applied: u64,
    saved_at: Instant,
    /// Changes were taken out of the fold and could not be saved: it has to go back to what was saved last.
    lost: bool,
}

impl LiveView {
    /// Opens the live view, or begins a new one where there is none that can be used.
    pub(super) fn open(kind: &Kind, files: &ViewFiles, log_id: Uuid, head: u64) -> Result<Self, ViewError> {
        let Kind { name, version, .. } = *kind;
        // What an earlier process was still building, and older versions.
        files.sweep(name, version);
        let Some(path) = files.live(name, version) else { return Self::begin_live(kind, files, log_id) };
        match Self::resume(kind, &path, log_id, head) {
            Ok(view) => Ok(view),
            Err(fault) if fault.unusable => {
                tracing::warn!(projection = name, reason = fault.message, "the view is built again");
                path.remove();
                Self::begin_live(kind, files, log_id)
            }
            Err(fault) => {
                Err(ViewError::Io { file: path.as_path().display().to_string(), reason: fault.message })
            }
        }
    }

    /// A new, empty view that is the live one.
    pub(super) fn begin_live(kind: &Kind, files: &ViewFiles, log_id: Uuid) -> Result<Self, ViewError> {
        let view = Self::begin(kind, files, log_id)?;
        files.set_live(view.name(), &view.path)?;
        Ok(view)
    }

    /// A new, empty view beside the live one.
    pub(super) fn begin(kind: &Kind, files: &ViewFiles, log_id: Uuid) -> Result<Self, ViewError> {
        let path = files.fresh(kind.name, kind.version);
        let tables: Vec<_> = kind.collections.iter().map(table).collect();
        let writer = ViewWriter::create(&path, &identity(kind, log_id, 0), &tables)?;
        Ok(Self::with(kind, writer, path))
    }

    fn resume(kind: &Kind, path: &ViewPath, log_id: Uuid, head: u64) -> Result<Self, Fault> {
        let opened = ViewWriter::open(path, &identity(kind, log_id, head));
        let writer = opened.map_err(|error| Fault::view(0, &error))?;
        let mut view = Self::with(kind, writer, path.clone());
        view.restore()?;
        Ok(view)
    }

    fn with(kind: &Kind, writer: ViewWriter, path: ViewPath) -> Self {
        let projection = (kind.new)();
        Self {
            kind: *kind,
            interests: projection.interests(),
            projection,
            applied: writer.checkpoint().position,
            writer,
            path,
            saved_at: Instant::now(),
            lost: false,
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.kind.name
    }

    pub(super) const fn kind(&self) -> &Kind {
        &self.kind
    }

    pub(super) const fn path(&self) -> &ViewPath {
        &self.path
    }

    pub(super) const fn interests(&self) -> FamilySet {
        self.interests
    }

    pub(super) const fn applied(&self) -> u64 {
        self.applied
    }

    /// Up to where a reader sees everything.
    pub(super) fn visible(&self) -> u64 {
        if self.lost || self.projection.has_changes() { self.saved() } else { self.applied }
    }

    pub(super) const fn saved(&self) -> u64 {
        self.writer.checkpoint().position
    }

    /// Folds what is new of a batch that was read up to `read_to`.
    pub(super) fn fold(&mut self, batch: &[Arc<Recorded>], read_to: u64) -> Result<(), Fault> {
        let (projection, interests, applied) = (&mut self.projection, self.interests, self.applied);
        let mut at_position = applied;
        let folded = catch_unwind(AssertUnwindSafe(|| {
            for event in batch.iter().filter(|event| event.position > applied) {
                if interests.contains(event.event.family()) {
                    at_position = event.position;
                    projection.apply(event);
                }
            }
        }));
        folded.map_err(|panic| Fault::panic(at_position, &*panic))?;
        self.applied = applied.max(read_to);
        Ok(())
    }

    /// Saves when it is time to, or when somebody waits for it; later where there is much more to fold.
    pub(super) fn save_if_due(&mut self, wanted: bool, is_behind: bool) -> Result<bool, Fault> {
        let events = self.applied - self.saved();
        let (most, every) =
            if is_behind { (SAVE_EVENTS_BEHIND, SAVE_EVERY_BEHIND) } else { (SAVE_EVENTS, SAVE_EVERY) };
        let due = if self.projection.has_changes() {
            wanted || events >= most || self.saved_at.elapsed() >= every
        } else {
            events >= SAVE_QUIET_EVENTS
        };
        if due {
            self.save()?;
        }
        Ok(due)
    }

    /// Saves changes and position.
    pub(super) fn save(&mut self) -> Result<(), Fault> {
        if self.applied == self.saved() && !self.projection.has_changes() {
            return Ok(());
        }
        let projection = &mut self.projection;
        self.lost = true;
        let changes = catch_unwind(AssertUnwindSafe(|| projection.take_changes()));
        let changes = changes.map_err(|panic| Fault::panic(self.applied, &*panic))?;
        let saved = self.writer.save(changes.into_iter().map(write), self.applied);
        saved.map_err(|error| Fault::view(self.applied, &error))?;
        (self.saved_at, self.lost) = (Instant::now(), false);
        Ok(())
    }

    pub(super) fn has_changes(&self) -> bool {
        self.projection.has_changes()
    }

    /// Goes back to what was saved last, with a new projection.
    pub(super) fn restore(&mut self) -> Result<(), Fault> {
        let (kind, writer) = (self.kind, &self.writer);
        let position = writer.checkpoint().position;
        let restored = catch_unwind(AssertUnwindSafe(|| {
            let mut projection = (kind.new)();
            projection.restore(&SavedByWriter(writer)).map(|()| projection)
        }));
        let restored = restored.map_err(|panic| Fault::panic(position, &*panic))?;
        self.projection = restored.map_err(|error| Fault {
            at_position: position,
            message: error.to_string(),
            unusable: true,
        })?;
        (self.applied, self.lost) = (position, false);
        Ok(())
    }
}

const fn identity(kind: &Kind, log_id: Uuid, head: u64) -> Identity<'static> {
    Identity { name: kind.name, version: kind.version, log_id, head }
}
