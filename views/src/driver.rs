//! The projector's thread: reads the log once for all projections, folds, saves, and lets nobody wait for a failed one.
//!
//! Most projections are at the front, which follows the log live. One that failed, or was just built, is behind and
//! catches up in slices between the batches of the front, until it is part of it again.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use events::FamilySet;
use store::{EventLog, ReadError, Subscription, now};

use super::{
    board::{Board, ProjectionFailure},
    seat::{Fault, Seat},
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
    /// Serve from this rebuilt view from now on.
    Swap(Box<Seat>),
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
    pub(super) board: Arc<Board>,
    pub(super) commands: Receiver<Command>,
    pub(super) first_backoff: Duration,
    seats: Vec<Seat>,
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
        board: Arc<Board>,
        commands: Receiver<Command>,
        seats: Vec<Seat>,
        first_backoff: Duration,
    ) -> Self {
        Self {
            front: seats.iter().map(Seat::applied).max().unwrap_or(0),
            repairs: seats.iter().map(|_| None).collect(),
            subscription: None,
            unread: None,
            save_wanted: false,
            log,
            files,
            board,
            commands,
            first_backoff,
            seats,
        }
    }

    /// Runs until it is told to stop or nobody can tell it anything any more.
    pub(super) fn run(mut self) {
        let mut pace = Duration::ZERO;
        while self.obey(pace) {
            self.repair();
            let read = self.read();
            self.save();
            self.board.show(&self.seats);
            pace = self.pace(read);
        }
        self.save_for_good();
    }

    /// What failed is left as it was saved last: its fold may be half-way through an event.
    fn save_for_good(&mut self) {
        for index in (0..self.seats.len()).filter(|index| self.is_well(*index)).collect::<Vec<_>>() {
            let seat = &mut self.seats[index];
            if let Err(fault) = seat.save() {
                tracing::warn!(projection = seat.name(), reason = fault.message, "the last save failed");
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
        self.seats.iter().any(Seat::has_changes)
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
                Ok(Command::Swap(seat)) => self.swap(*seat),
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
        let (log, front, families) = (&self.log, self.front, interests(self.seats.iter()));
        let subscription = self.subscription.get_or_insert_with(|| log.subscribe(front, families));
        let batch = subscription.next(BATCH, wait)?;
        let at_front = |seat: &Seat| seat.applied() >= front;
        self.fold_where(at_front, &batch.events, batch.read_to);
        self.front = front.max(batch.read_to);
        Ok((self.front - front) as usize)
    }

    fn follow_behind(&mut self) -> Result<usize, ReadError> {
        let front = self.front;
        let Some(from) = self.behind().map(Seat::applied).min() else { return Ok(0) };
        let max = usize::try_from(front - from).unwrap_or(BATCH).min(BATCH);
        let batch = self.log.read_all(from, interests(self.behind()), max)?;
        let gets_on = |seat: &Seat| seat.applied() < batch.read_to && seat.applied() < front;
        self.fold_where(gets_on, &batch.events, batch.read_to);
        Ok((batch.read_to - from) as usize)
    }

    fn fold_where(&mut self, who: impl Fn(&Seat) -> bool, events: &[Arc<events::Recorded>], read_to: u64) {
        for index in 0..self.seats.len() {
            if self.is_well(index) && who(&self.seats[index]) {
                let folded = self.seats[index].fold(events, read_to);
                self.note(index, folded);
            }
        }
    }

    fn save(&mut self) {
        let wanted = std::mem::take(&mut self.save_wanted);
        for index in 0..self.seats.len() {
            if self.is_well(index) {
                let saved = self.seats[index].save_if_due(wanted).map(|_| ());
                self.note(index, saved);
            }
        }
    }

    fn is_well(&self, index: usize) -> bool {
        self.repairs[index].as_ref().is_none_or(|repair| repair.retry_at.is_none())
    }

    fn behind(&self) -> impl Iterator<Item = &Seat> {
        let well = self.seats.iter().enumerate().filter(|(index, _)| self.is_well(*index));
        well.map(|(_, seat)| seat).filter(|seat| seat.applied() < self.front)
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
        let name = self.seats[index].name();
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
        self.board.update(name, |entry| {
            entry.failures += 1;
            entry.failure = Some(failure(at_position, message, attempts, pause));
        });
        let (unusable, retry_at) = (fault.unusable, Some(Instant::now() + pause));
        self.repairs[index] = Some(Repair { attempts, at_position, unusable, retry_at });
    }

    fn got_past(&mut self, index: usize) {
        let seat = &self.seats[index];
        if self.repairs[index].as_ref().is_some_and(|repair| seat.visible() >= repair.at_position) {
            tracing::info!(projection = seat.name(), "the projection is well again");
            self.repairs[index] = None;
            self.board.update(seat.name(), |entry| entry.failure = None);
        }
    }

    /// Goes back to the last save with those whose pause is over.
    fn repair(&mut self) {
        for index in 0..self.seats.len() {
            let Some(repair) = &mut self.repairs[index] else { continue };
            if repair.retry_at.is_none_or(|retry_at| retry_at > Instant::now()) {
                continue;
            }
            repair.retry_at = None;
            let restored = if repair.unusable { self.begin_anew(index) } else { self.seats[index].restore() };
            if let Err(fault) = restored {
                self.failed(index, &fault);
            }
        }
    }

    fn begin_anew(&mut self, index: usize) -> Result<(), Fault> {
        let old = self.seats[index].path().clone();
        let begun = Seat::begin_live(self.seats[index].factory(), &self.files, self.log.log_id());
        let seat =
            begun.map_err(|error| Fault { at_position: 0, message: error.to_string(), unusable: true })?;
        self.replace(index, seat);
        old.remove();
        Ok(())
    }

    fn replace(&mut self, index: usize, seat: Seat) {
        let (path, visible) = (seat.path().clone(), seat.visible());
        self.seats[index] = seat;
        // Together: whoever waits for a position must not take the old view's for the new one's.
        self.board.update(self.seats[index].name(), |entry| (entry.path, entry.visible) = (path, visible));
    }

    fn swap(&mut self, seat: Seat) {
        let Some(index) = self.seats.iter().position(|old| old.name() == seat.name()) else { return };
        if let Err(error) = self.files.set_live(seat.name(), seat.path()) {
            tracing::error!(projection = seat.name(), %error, "the rebuilt view is not taken over");
            seat.path().remove();
            return;
        }
        let old = self.seats[index].path().clone();
        self.repairs[index] = None;
        self.replace(index, seat);
        self.board.update(self.seats[index].name(), |entry| entry.failure = None);
        old.remove();
    }

    fn discard(&mut self, name: &'static str) {
        if let Some(index) = self.seats.iter().position(|seat| seat.name() == name) {
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
        for seat in &self.seats {
            let failure = failure(seat.applied(), error.to_string(), attempts, pause);
            self.board.update(seat.name(), |entry| entry.failure = Some(failure));
        }
    }

    fn can_read_again(&mut self) {
        if self.unread.take().is_some() {
            for (seat, _) in self.seats.iter().zip(&self.repairs).filter(|(_, repair)| repair.is_none()) {
                self.board.update(seat.name(), |entry| entry.failure = None);
            }
        }
    }
}

/// Everything that any of them folds.
pub(super) fn interests<'a>(seats: impl Iterator<Item = &'a Seat>) -> FamilySet {
    seats.fold(FamilySet::of(&[]), |all, seat| all.union(seat.interests()))
}

/// 1, 2, 4 … 60 s, in multiples of the first.
fn backoff(first: Duration, attempts: u32) -> Duration {
    (first * (1 << (attempts - 1).min(6))).min(MAX_BACKOFF)
}

fn failure(at_position: u64, message: String, attempts: u32, pause: Duration) -> ProjectionFailure {
    let retry_at = now().plus_micros(i64::try_from(pause.as_micros()).unwrap_or(i64::MAX));
    ProjectionFailure { at_position, message, attempts, retry_at }
}
