//! The views of a log: opened, kept up to date, listed, rebuilt, verified, closed.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use projections::Kind;
use store::{EventLog, waiting_since};

use super::{
    build::{self, BuildError, Difference, RebuildProgress},
    driver::{Command, Driver},
    folder::ViewFolder,
    live_view::LiveView,
    progress::{Entry, NotCaughtUp, Progress, ProjectionStatus},
};
use crate::sqlite::{ViewError, ViewFiles, ViewPath, ViewReader};

/// Commands that wait for the projector's thread.
const COMMANDS: usize = 64;
/// How long the thread may take to serve from a rebuilt view: it may be in the midst of a slow save.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(30);

/// How views are kept.
#[derive(Clone)]
pub struct ViewsOptions {
    /// The projections.
    pub kinds: Vec<Kind>,
    /// How long a query waits until its view has caught up with the log.
    pub patience: Duration,
    /// The pause after a projection's first failure; doubled with each further one, up to a minute.
    pub first_backoff: Duration,
}

impl Default for ViewsOptions {
    fn default() -> Self {
        Self {
            kinds: projections::ALL.to_vec(),
            patience: Duration::from_secs(10),
            first_backoff: Duration::from_secs(1),
        }
    }
}

/// Why the views could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file failed.
    #[error(transparent)]
    View(#[from] ViewError),
    /// No thread could be started.
    #[error("the projector's thread: {0}")]
    Thread(std::io::Error),
}

/// The views of a log, kept at its head while this lives. All calls block: make them from threads that may wait.
pub struct Views {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) progress: Arc<Progress>,
    pub(super) options: ViewsOptions,
    folder: ViewFolder,
    commands: SyncSender<Command>,
    thread: Option<JoinHandle<()>>,
    /// One rebuild or verification at a time.
    building: Mutex<()>,
}

impl Views {
    /// Opens the views in a folder and starts to catch them up. What is damaged, or belongs to another log, is built
    /// again. A folder that cannot be written is left alone: its views are copied and caught up elsewhere.
    ///
    /// # Errors
    /// When neither the folder nor a scratch folder can be used.
    pub fn open(log: Arc<dyn EventLog>, folder: &Path, options: ViewsOptions) -> Result<Self, OpenError> {
        Self::open_in(log, ViewFolder::open(folder)?, options)
    }

    /// Folds all views anew among the system's temporary files, or in memory where there is no room: for a command that
    /// cannot write those of the data folder.
    ///
    /// # Errors
    /// When there is no room either.
    pub fn open_elsewhere(log: Arc<dyn EventLog>, options: ViewsOptions) -> Result<Self, OpenError> {
        Self::open_in(log, ViewFolder::elsewhere()?, options)
    }

    fn open_in(log: Arc<dyn EventLog>, folder: ViewFolder, options: ViewsOptions) -> Result<Self, OpenError> {
        let (log_id, head) = (log.log_id(), log.head());
        let open = |kind| LiveView::open(kind, &folder.files, log_id, head);
        let views = options.kinds.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let progress = Arc::new(Progress::new(&views));
        let (commands, receiver) = sync_channel(COMMANDS);
        let driver = Driver::new(
            Arc::clone(&log),
            folder.files.clone(),
            Arc::clone(&progress),
            receiver,
            views,
            options.first_backoff,
        );
        let thread = thread::Builder::new().name("projector".into()).spawn(move || driver.run());
        let thread = Some(thread.map_err(OpenError::Thread)?);
        Ok(Self { log, progress, options, folder, commands, thread, building: Mutex::new(()) })
    }

    /// How each projection is doing.
    pub fn list(&self) -> Vec<ProjectionStatus> {
        let head = self.log.head();
        let entries = self.progress.entries();
        let status = |entry: Entry| {
            let lag = self.log.count(entry.visible, head);
            entry.status(head, lag, waiting_since(&*self.log, entry.visible))
        };
        entries.into_iter().map(status).collect()
    }

    /// Waits until a view shows everything up to a position.
    ///
    /// # Errors
    /// When it does not come so far within `timeout`, with the reason.
    pub fn catch_up(&self, name: &str, position: u64, timeout: Duration) -> Result<(), NotCaughtUp> {
        // A full queue means that a save is asked for already.
        self.progress.wait_for(name, position, timeout, &|| {
            let _ = self.commands.try_send(Command::Save);
        })
    }

    /// Waits until every view shows everything up to the head at the time of the call.
    ///
    /// # Errors
    /// As [`Self::catch_up`].
    pub fn catch_up_all(&self, timeout: Duration) -> Result<(), NotCaughtUp> {
        let head = self.log.head();
        let entries = self.progress.entries();
        entries.iter().try_for_each(|entry| self.catch_up(entry.name, head, timeout))
    }

    /// Builds views anew from the whole log, beside the live ones, which serve until they are swapped. Without names: all.
    ///
    /// # Errors
    /// When a name is unknown, the log cannot be read, or a projection fails; the live views stay then.
    pub fn rebuild(
        &self,
        names: &[&str],
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<(), RebuildError> {
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let mut views = self.begin(names)?;
        let built = self.build(&mut views, progress);
        for name in views.iter().map(LiveView::name) {
            self.progress.update(name, |entry| entry.rebuild_progress = None);
        }
        if let Err(error) = built {
            views.iter().for_each(|view| view.path().remove());
            return Err(error.into());
        }
        Ok(views.into_iter().try_for_each(|view| self.take_over(view))?)
    }

    fn begin(&self, names: &[&str]) -> Result<Vec<LiveView>, RebuildError> {
        for name in names {
            self.progress.entry(name)?;
        }
        let wanted = |kind: &&Kind| names.is_empty() || names.contains(&kind.name);
        let kinds = self.options.kinds.iter().filter(wanted);
        let begin = |kind| LiveView::begin(kind, self.files(), self.log.log_id());
        Ok(kinds.map(begin).collect::<Result<_, _>>().map_err(BuildError::from)?)
    }

    /// Builds up to the head, and again until hardly anything came in the meantime.
    fn build(
        &self,
        views: &mut [LiveView],
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<(), BuildError> {
        let names: Vec<_> = views.iter().map(LiveView::name).collect();
        let mut progress = |done: RebuildProgress| {
            let share = done.position as f64 / done.head.max(1) as f64;
            for name in &names {
                self.progress.update(name, |entry| entry.rebuild_progress = Some(share));
            }
            progress(done);
        };
        loop {
            let head = self.log.head();
            build::build_to(views, &self.log, head, &mut progress)?;
            if self.log.head() - head <= super::live_view::SAVE_EVENTS {
                return Ok(());
            }
        }
    }

    /// Hands a built view to the thread and waits until it is the live one.
    fn take_over(&self, view: LiveView) -> Result<(), BuildError> {
        let name = view.name();
        let (answer, is_taken_over) = sync_channel(1);
        // Where the thread has ended, the command and with it the answer are dropped.
        let _ = self.commands.send(Command::Swap(Box::new(view), answer));
        match is_taken_over.recv_timeout(TAKEN_OVER_WITHIN) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(BuildError::NotTakenOver(name)),
        }
    }

    /// Builds a copy of a view from the events and compares it with the live one; nothing: they are equal.
    ///
    /// # Errors
    /// When the name is unknown, the view does not catch up, or the copy cannot be built.
    pub fn verify(
        &self,
        name: &str,
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Option<Difference>, RebuildError> {
        self.catch_up(name, self.log.head(), self.options.patience)?;
        let _one_at_a_time = self.building.lock().unwrap_or_else(PoisonError::into_inner);
        let mut views = self.begin(&[name])?;
        let compared = self.compare(&mut views, progress);
        views.iter().for_each(|view| view.path().remove());
        Ok(compared?)
    }

    fn compare(
        &self,
        views: &mut [LiveView],
        progress: &mut dyn FnMut(RebuildProgress),
    ) -> Result<Option<Difference>, BuildError> {
        for view in views {
            let live = self.reader(view.name())?;
            let at = live.pin()?;
            build::build_to(std::slice::from_mut(view), &self.log, at, progress)?;
            let rebuilt = ViewReader::open(view.path())?;
            for collection in view.kind().collections {
                let found = build::first_difference(view.name(), collection.name, &live, &rebuilt)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// A reader of the live view, as it is.
    pub(super) fn reader(&self, name: &str) -> Result<ViewReader, ViewError> {
        let open = || ViewReader::open(&self.live_path(name)?);
        // A swap may have removed the file between the two steps.
        open().or_else(|_| open())
    }

    fn live_path(&self, name: &str) -> Result<ViewPath, ViewError> {
        let entry = self.progress.entry(name).map_err(|error| ViewError::Query(error.to_string()))?;
        Ok(entry.path)
    }

    /// Has a view that turned out to be damaged built again.
    pub(super) fn discard(&self, name: &'static str) {
        let _ = self.commands.try_send(Command::Discard(name));
    }

    fn files(&self) -> &ViewFiles {
        &self.folder.files
    }

    /// Whether the views are kept in a scratch folder, as their own cannot be written.
    pub fn is_scratch(&self) -> bool {
        self.folder.scratch.is_some()
    }
}

impl Drop for Views {
    /// Saves what is folded and ends the thread.
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Why a view could not be rebuilt or verified.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The name is unknown, or the live view does not catch up.
    #[error(transparent)]
    NotCaughtUp(#[from] NotCaughtUp),
    /// The copy could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
}
