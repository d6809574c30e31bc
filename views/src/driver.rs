//! The projector's thread: reads the log once for all projections, folds, saves, and lets nobody wait for a failed one.
//!
//! Most projections are at the front, which follows the log live. One that failed, or was just built, is behind and
//! catches up in slices between the batches of the front, until it is part of it again.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::{Duration, Instant},
};

use events::FamilySet;
use store::{EventLog, ReadError, Subscription, now};

use super::{
    live_view::{Fault, LiveView},
    progress::{Progress, ProjectionFailure},
};
use crate::sqlite::ViewFiles;

/// Events read at a time: as many decoded events are in memory.
pub(super) const BATCH: usize = 2048;
/// How long the thread sleeps while there is nothing to do.
const IDLE: Duration = Duration::from_millis(25);
/// How long it waits for more when little came, so that a trickle of events is folded together.
const PACE: Duration = Duration::from_millis(5);
const MAX_BACKOFF: Duration = Duration::from_secs(60);

/// What the thread is asked.
pub(super) enum Command {
    /// Save now: somebody waits.
    Save,
    /// Serve from this rebuilt view from now on; the answer says whether it is the live one.
    Swap(Box<LiveView>, SyncSender<bool>),
    /// A reader found the live view damaged.
    Discard(&'static str),
    /// Save and end.
    Stop,
}

/// What a failed projection waits for.
struct Repair {
    attempts: u32,
    /// It is well again once it is past this event.
    at_position: u64,
    unusable: bool,
    /// When it is tried again; nothing: it is being tried.
    retry_at: Option<Instant>,
}

/// The thread's state.
pub(super) struct Driver {
    pub(super) log: Arc<dyn EventLog>,
    pub(super) files: ViewFiles,
    pub(super) progress: Arc<Progress>,
    pub(super) commands: Receiver<Command>,
    pub(super) first_backoff: Duration,
    views: Vec<LiveView>,
    repairs: Vec<Option<Repair>>,
    /// The front has read up to here.
    front: u64,
    subscription: Option<Box<dyn Subscription>>,
    /// How often in a row the log could not be read, and when it is read again.
    unread: Option<(u32, Instant)>,
    save_wanted: bool,
}

impl Driver {
    pub(super) fn new(
        log: Arc<dyn EventLog>,
        files: ViewFiles,
        progress: Arc<Progress>,
        commands: Receiver<Command>,
        views: Vec<LiveView>,
        first_backoff: Duration,
    ) -> Self {
        Self {
            front: views.iter().map(LiveView::applied).max().unwrap_or(0),
            repairs: views.iter().map(|_| None).collect(),
            subscription: None,
            unread: None,
            save_wanted: false,
            log,
            files,
            progress,
            commands,
            first_backoff,
            views,
        }
    }

    /// Runs until it is told to stop or nobody can tell it anything any more.
    pub(super) fn run(mut self) {
        let mut pace = Duration::ZERO;
        while self.obey(pace) {
            self.repair();
            let read = self.read();
            self.save();
            self.progress.show(&self.views);
            pace = self.pace(read);
        }
        self.save_for_good();
    }

    /// What failed is left as it was saved last: its fold may be half-way through an event.
    fn save_for_good(&mut self) {
        for index in (0..self.views.len()).filter(|index| self.is_well(*index)).collect::<Vec<_>>() {
            let view = &mut self.views[index];
            if let Err(fault) = view.save() {
                tracing::warn!(projection = view.name(), reason = fault.message, "the last save failed");
            }
        }
    }

    /// How long to listen to commands alone before reading on.
    fn pace(&self, read: usize) -> Duration {
        let is_busy = read >= BATCH / 8 || self.is_anyone_behind();
        // With nothing to save the wait is that of the subscription, which an append ends.
        let waits_for_log = self.unread.is_none() && !self.has_changes();
        if is_busy || waits_for_log { Duration::ZERO } else { PACE }
    }

    fn has_changes(&self) -> bool {
        self.views.iter().any(LiveView::has_changes)
    }

    /// Takes commands for a while; whether to go on.
    fn obey(&mut self, pace: Duration) -> bool {
        let until = Instant::now() + pace;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.commands.recv_timeout(left) {
                Ok(Command::Save) => {
                    self.save_wanted = true;
                    return true;
                }
                Ok(Command::Swap(view, answer)) => {
                    // Whoever asked may have given up waiting.
                    let _ = answer.try_send(self.swap(*view));
                }
                Ok(Command::Discard(name)) => self.discard(name),
                Err(RecvTimeoutError::Timeout) => return true,
                Ok(Command::Stop) | Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }

    /// Reads and folds, unless the log could not be read a moment ago; how many events were looked at.
    fn read(&mut self) -> usize {
        if self.unread.is_some_and(|(_, read_at)| read_at > Instant::now()) {
            return 0;
        }
        match self.turn() {
            Ok(read) => {
                self.can_read_again();
                read
            }
            Err(error) => {
                self.cannot_read(&error);
                0
            }
        }
    }

    /// One batch of the front and one slice of what is behind.
    fn turn(&mut self) -> Result<usize, ReadError> {
        let ahead = self.follow_front()?;
        let behind = self.follow_behind()?;
        Ok(ahead + behind)
    }

    fn follow_front(&mut self) -> Result<usize, ReadError> {
        let nothing_to_do = !self.is_anyone_behind() && !self.has_changes();
        let wait = if nothing_to_do { IDLE } else { Duration::ZERO };
        let (log, front, families) = (&self.log, self.front, interests(self.views.iter()));
        let subscription = self.subscription.get_or_insert_with(|| log.subscribe(front, families));
        let batch = subscription.next(BATCH, wait)?;
        let at_front = |view: &LiveView| view.applied() >= front;
        self.fold_where(at_front, &batch.events, batch.read_to);
        self.front = front.max(batch.read_to);
        Ok((self.front - front) as usize)
    }

    fn follow_behind(&mut self) -> Result<usize, ReadError> {
        let front = self.front;
        let Some(from) = self.behind().map(LiveView::applied).min() else { return Ok(0) };
        let max = usize::try_from(front - from).unwrap_or(BATCH).min(BATCH);
        let batch = self.log.read_all(from, interests(self.behind()), max)?;
        let gets_on = |view: &LiveView| view.applied() < batch.read_to && view.applied() < front;
        self.fold_where(gets_on, &batch.events, batch.read_to);
        Ok((batch.read_to - from) as usize)
    }

    fn fold_where(
        &mut self,
        who: impl Fn(&LiveView) -> bool,
        events: &[Arc<events::Recorded>],
        read_to: u64,
    ) {
        for index in 0..self.views.len() {
            if self.is_well(index) && who(&self.views[index]) {
                let folded = self.views[index].fold(events, read_to);
                self.note(index, folded);
            }
        }
    }

    fn save(&mut self) {
        let (wanted, head) = (std::mem::take(&mut self.save_wanted), self.log.head());
        for index in 0..self.views.len() {
            if self.is_well(index) {
                let is_behind = head - self.views[index].applied().min(head) > BATCH as u64;
                let saved = self.views[index].save_if_due(wanted, is_behind).map(|_| ());
                self.note(index, saved);
            }
        }
    }

    fn is_well(&self, index: usize) -> bool {
        self.repairs[index].as_ref().is_none_or(|repair| repair.retry_at.is_none())
    }

    fn behind(&self) -> impl Iterator<Item = &LiveView> {
        let well = self.views.iter().enumerate().filter(|(index, _)| self.is_well(*index));
        well.map(|(_, view)| view).filter(|view| view.applied() < self.front)
    }

    fn is_anyone_behind(&self) -> bool {
        self.behind().next().is_some()
    }

    /// Takes note of what became of a projection.
    fn note(&mut self, index: usize, outcome: Result<(), Fault>) {
        match outcome {
            Err(fault) => self.failed(index, &fault),
            Ok(()) => self.got_past(index),
        }
    }

    fn failed(&mut self, index: usize, fault: &Fault) {
        let name = self.views[index].name();
        let attempts = self.repairs[index].as_ref().map_or(0, |repair| repair.attempts) + 1;
        let pause = backoff(self.first_backoff, attempts);
        let (at_position, message) = (fault.at_position, fault.message.clone());
        tracing::error!(
            projection = name,
            at_position,
            attempts,
            message,
            "the projection failed; it is tried again"
        );
        self.progress.update(name, |entry| {
            entry.failures += 1;
            entry.failure = Some(failure(at_position, message, attempts, pause));
        });
        let (unusable, retry_at) = (fault.unusable, Some(Instant::now() + pause));
        self.repairs[index] = Some(Repair { attempts, at_position, unusable, retry_at });
    }

    fn got_past(&mut self, index: usize) {
        let view = &self.views[index];
        if self.repairs[index].as_ref().is_some_and(|repair| view.visible() >= repair.at_position) {
            tracing::info!(projection = view.name(), "the projection is well again");
            self.repairs[index] = None;
            self.progress.update(view.name(), |entry| entry.failure = None);
        }
    }

    /// Goes back to the last save with those whose pause is over.
    fn repair(&mut self) {
        for index in 0..self.views.len() {
            let Some(repair) = &mut self.repairs[index] else { continue };
            if repair.retry_at.is_none_or(|retry_at| retry_at > Instant::now()) {
                continue;
            }
            repair.retry_at = None;
            let restored = if repair.unusable { self.begin_anew(index) } else { self.views[index].restore() };
            if let Err(fault) = restored {
                self.failed(index, &fault);
            }
        }
    }

    fn begin_anew(&mut self, index: usize) -> Result<(), Fault> {
        let old = self.views[index].path().clone();
        let begun = LiveView::begin_live(self.views[index].kind(), &self.files, self.log.log_id());
        let view =
            begun.map_err(|error| Fault { at_position: 0, message: error.to_string(), unusable: true })?;
        self.replace(index, view);
        old.remove();
        Ok(())
    }

    fn replace(&mut self, index: usize, view: LiveView) {
        let (path, visible) = (view.path().clone(), view.visible());
        self.views[index] = view;
        // Together: whoever waits for a position must not take the old view's for the new one's.
        self.progress.update(self.views[index].name(), |entry| (entry.path, entry.visible) = (path, visible));
    }

    /// Takes over a rebuilt view; whether it is the live one now.
    fn swap(&mut self, view: LiveView) -> bool {
        let Some(index) = self.views.iter().position(|old| old.name() == view.name()) else {
            return false;
        };
        if let Err(error) = self.files.set_live(view.name(), view.path()) {
            tracing::error!(projection = view.name(), %error, "the rebuilt view is not taken over");
            view.path().remove();
            return false;
        }
        let old = self.views[index].path().clone();
        self.repairs[index] = None;
        self.replace(index, view);
        self.progress.update(self.views[index].name(), |entry| entry.failure = None);
        old.remove();
        true
    }

    fn discard(&mut self, name: &'static str) {
        if let Some(index) = self.views.iter().position(|view| view.name() == name) {
            let message = "a query found the view damaged".to_owned();
            self.failed(index, &Fault { at_position: 0, message, unusable: true });
        }
    }

    /// Every projection waits for the log; none of them is at fault.
    fn cannot_read(&mut self, error: &ReadError) {
        let attempts = self.unread.map_or(0, |(attempts, _)| attempts) + 1;
        let pause = backoff(self.first_backoff, attempts);
        tracing::error!(%error, attempts, "the projector cannot read the log; it is tried again");
        self.subscription = None;
        self.unread = Some((attempts, Instant::now() + pause));
        for view in &self.views {
            let failure = failure(view.applied(), error.to_string(), attempts, pause);
            self.progress.update(view.name(), |entry| entry.failure = Some(failure));
        }
    }

    fn can_read_again(&mut self) {
        if self.unread.take().is_some() {
            for (view, _) in self.views.iter().zip(&self.repairs).filter(|(_, repair)| repair.is_none()) {
                self.progress.update(view.name(), |entry| entry.failure = None);
            }
        }
    }
}

/// Everything that any of them folds.
pub(super) fn interests<'a>(views: impl Iterator<Item = &'a LiveView>) -> FamilySet {
    views.fold(FamilySet::of(&[]), |all, view| all.union(view.interests()))
}

/// 1, 2, 4 … 60 s, in multiples of the first.
fn backoff(first: Duration, attempts: u32) -> Duration {
    (first * (1 << (attempts - 1).min(6))).min(MAX_BACKOFF)
}

fn failure(at_position: u64, message: String, attempts: u32, pause: Duration) -> ProjectionFailure {
    let retry_at = now().plus_micros(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
    ProjectionFailure { at_position, message, attempts, retry_at }
}
