//! Compares the clock with the newest moment in the log. Where it is far behind, it ran ahead before or is wrong now: the
//! guards are told by a fact, and so is the way back.

use std::time::Duration;

use events::{ClockCaughtUp, ClockFellBehind, Event, Family, FamilySet, Moment, Recorded, Timestamp, id};
use store::{AppendError, ReadError, Recorder, Subscription};

/// The stream of what the clock is found to be.
const STREAM: &str = "clock";

/// The stream of the operators' words about the clock.
pub(crate) const REQUESTS: &str = "clock-requests";

/// The clock may be so far behind the newest moment.
const ALLOWED_S: i64 = 300;

/// Events of the end of the log that are looked at when a process starts.
const TAIL: u64 = 4096;

/// Events looked at in one go.
const PAGE: usize = 4096;

/// What tells a moment: all that is recorded as it happens.
const FAMILIES: FamilySet = FamilySet::of(&[
    Family::Trade,
    Family::Ingest,
    Family::Strategy,
    Family::Request,
    Family::Timer,
    Family::Schedule,
    Family::Host,
    Family::Clock,
]);

/// A moment in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Newest {
    at: Timestamp,
    moment: Moment,
    position: u64,
}

/// Why the clock could not be compared; tried again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Appending failed.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Follows the log and compares.
pub(crate) struct ClockWatch {
    recorder: Recorder,
    reader: Option<Box<dyn Subscription>>,
    newest: Option<Newest>,
    /// What was told and is not over.
    behind: Option<Newest>,
    /// The position of the last acceptance.
    accepted: u64,
}

impl ClockWatch {
    pub(crate) const fn new(recorder: Recorder) -> Self {
        Self { recorder, reader: None, newest: None, behind: None, accepted: 0 }
    }

    /// The position of the last time that an operator took the clock as it is; 0 without one. What fell due before it by
    /// a clock that ran ahead may fall due again.
    pub(crate) const fn accepted(&self) -> u64 {
        self.accepted
    }

    /// What is wrong with the clock, in words.
    pub(crate) fn problem(&self, now: Timestamp) -> Option<String> {
        let Newest { at, position, .. } = self.behind?;
        Some(format!(
            "the clock says {now}, but the log holds a moment of {at} (position {position}): every strategy is REDUCING. \
             Set the clock right, or take it as it is with tradewarden clock accept --reason R"
        ))
    }

    /// Reads what is new and tells what has changed.
    pub(crate) fn turn(&mut self, now: Timestamp) -> Result<(), WatchError> {
        self.read_on()?;
        let newest = self.newest.map(|newest| newest.at);
        match (self.behind, self.newest) {
            (None, Some(newest)) if newest.at > now.plus_seconds(ALLOWED_S) => {
                self.fell_behind(newest, now)?;
            }
            (Some(behind), _) if newest.unwrap_or(behind.at).max(behind.at) <= now => {
                self.caught_up(now)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn read_on(&mut self) -> Result<(), ReadError> {
        if self.reader.is_none() {
            self.resume()?;
        }
        let head = self.recorder.log.head();
        while let Some(reader) = &mut self.reader {
            let batch = reader.next(PAGE, Duration::ZERO)?;
            batch.events.iter().for_each(|event| self.note(event));
            if batch.read_to >= head || batch.events.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// What was told last, and what the end of the log says.
    fn resume(&mut self) -> Result<(), ReadError> {
        let log = &self.recorder.log;
        let accepted = log.read_stream_back(REQUESTS, u64::MAX, 1)?;
        let told = log.read_stream_back(STREAM, u64::MAX, 1)?;
        let after = accepted.first().map_or(0, |event| event.position);
        let reader = log.subscribe(after.max(log.head().saturating_sub(TAIL)), FAMILIES);
        accepted.iter().for_each(|event| self.note(event));
        told.iter().filter(|told| told.position > after).for_each(|event| self.note(event));
        self.reader = Some(reader);
        Ok(())
    }

    fn note(&mut self, event: &Recorded) {
        let position = event.position;
        match &event.event {
            Event::ClockAcceptRequested(_) => {
                self.newest = None;
                self.behind = None;
                self.accepted = position;
            }
            Event::ClockFellBehind(e) => {
                let told = Newest { at: e.newest, moment: e.moment, position: e.position };
                self.behind = Some(told);
                self.know(told);
            }
            Event::ClockCaughtUp(_) => self.behind = None,
            Event::TradeClosed(trade) => {
                self.know(Newest { at: trade.closed_at, moment: Moment::ClosedAt, position });
            }
            _ => {}
        }
        self.know(Newest { at: event.recorded_at, moment: Moment::RecordedAt, position });
    }

    fn know(&mut self, moment: Newest) {
        if self.newest.is_none_or(|newest| moment.at > newest.at) {
            self.newest = Some(moment);
        }
    }

    fn fell_behind(&mut self, newest: Newest, now: Timestamp) -> Result<(), AppendError> {
        let Newest { at, moment, position } = newest;
        let behind_s = u64::try_from((at.micros() - now.micros()) / 1_000_000).unwrap_or_default();
        let event = ClockFellBehind { clock: now, newest: at, moment, position, behind_s };
        self.tell(b"clock.fell_behind", now, Event::ClockFellBehind(event))?;
        tracing::error!(clock = %now, newest = %at, position, "the clock stands before what is in the log");
        self.behind = Some(newest);
        Ok(())
    }

    fn caught_up(&mut self, now: Timestamp) -> Result<(), AppendError> {
        self.tell(b"clock.caught_up", now, Event::ClockCaughtUp(ClockCaughtUp { clock: now }))?;
        tracing::info!(clock = %now, "the clock has come up to what is in the log");
        self.behind = None;
        Ok(())
    }

    fn tell(&self, kind: &[u8], now: Timestamp, event: Event) -> Result<(), AppendError> {
        let run = self.recorder.run_id;
        let id = id::derive(&[kind, run.as_bytes(), &now.micros().to_le_bytes()]);
        self.recorder.append(STREAM, self.recorder.root(id, now, event)).map(drop)
    }
}
