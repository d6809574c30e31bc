//! What would have been decided: recorded trades through the true actors, with a clock that follows the trades.
//!
//! One thread plays everything in the order in which it would have happened, so the same files always give the same
//! log. Nothing is sent anywhere.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, mpsc},
    thread,
};

use actors::{Decider, Fold, PerformanceAnalyst, Scheduler, StrategyGuard};
use events::{
    Event, NewEvent, Origin, RecordRejected, Recorded, RejectReason, StrategyDisabled, TimerDue, Timestamp,
    TradeClosed, Uuid, id,
};
use serde::Serialize;
use store::{AppendError, Duplicates, EventLog, Expected, Prepared, Request};

use crate::{
    clock,
    record::{Recorder, now},
    supervisor,
    system::{RUNS, SystemConfig, config_stream, configurations, configured, run_started},
};

/// The stream of the trades of a rehearsal.
const STREAM: &str = "ingest-rehearsal";

/// Events handed over to the log at a time.
const BATCH: usize = 4096;

/// A row of the files, in the order of the files and rows.
#[derive(Clone, Debug)]
pub enum Row {
    /// A trade, and where it stands.
    Trade(Box<TradeClosed>, Place),
    /// A row that is none.
    Rejected(Box<RecordRejected>),
}

/// A row of a file.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file's name as it was given.
    pub file: Arc<str>,
    /// Row, from 1, the header not counted.
    pub row: u64,
}

/// A strategy that would have been halted.
#[derive(Clone, Debug, Serialize)]
pub struct Halt {
    /// The decision.
    pub event_id: Uuid,
    /// Its position.
    pub position: u64,
    /// The close of the trade that caused it.
    pub at: Timestamp,
    /// Everything that was decided.
    pub decision: StrategyDisabled,
}

/// What a rehearsal did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// Trades that were played.
    pub trades: u64,
    /// The same trade again.
    pub duplicates: u64,
    /// Rows in the dead letters, conflicting duplicates among them.
    pub rejected: u64,
    /// Events in the log.
    pub events: u64,
    /// The first close.
    pub first_closed_at: Option<Timestamp>,
    /// The last close.
    pub last_closed_at: Option<Timestamp>,
    /// Decisions by type.
    pub decisions: BTreeMap<&'static str, u64>,
    /// Every halt, in order.
    pub halts: Vec<Halt>,
}

/// Why a rehearsal could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum RehearseError {
    /// The log is not empty.
    #[error("the log already holds {0} events: a rehearsal needs an empty one")]
    NotEmpty(u64),
    /// The log takes nothing.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// Somebody else wrote to the log meanwhile.
    #[error("somebody else appended to the log of the rehearsal at position {0}")]
    Disturbed(u64),
    /// An event has no stored form.
    #[error("a row has no stored form: {0}")]
    Encode(#[from] serde_json::Error),
    /// A thread could not be started.
    #[error("starting the rehearsal: {0}")]
    Io(#[from] std::io::Error),
}

/// Plays rows through the actors into an empty log.
///
/// # Errors
/// When the log is not empty or takes nothing.
pub fn rehearse(
    log: &Arc<dyn EventLog>,
    rows: Vec<Row>,
    config: &SystemConfig,
    progress: &mut dyn FnMut(u64),
) -> Result<Summary, RehearseError> {
    if log.head() > 0 {
        return Err(RehearseError::NotEmpty(log.head()));
    }
    let mut summary = Summary::default();
    let rows = in_order(rows, &mut summary);
    let (sender, played) = mpsc::sync_channel(4);
    let (encoder, encoded) = encoder(played)?;
    let appender = appender(Arc::clone(log), encoded)?;
    let mut stage = Stage::new(log, sender, summary);
    let played = stage.play(rows, config, progress);
    let summary = stage.finish();
    // A closed channel means that who reads it failed: their reason is the one that counts.
    let ended = |thread: Worker| thread.join().unwrap_or(Err(RehearseError::Disturbed(summary.events)));
    ended(appender)?;
    ended(encoder)?;
    played.map_err(|Closed| RehearseError::Disturbed(summary.events))?;
    Ok(summary)
}

/// A row in its place in time; a trade with its id.
struct Timed {
    at: Timestamp,
    row: Row,
    id: Option<Uuid>,
}

/// Sorts by close (ties: order of files, then rows) and drops what comes twice. A rejected row takes the place of the
/// trade before it.
fn in_order(rows: Vec<Row>, summary: &mut Summary) -> Vec<Timed> {
    let first = rows.iter().find_map(|row| match row {
        Row::Trade(trade, _) => Some(trade.closed_at),
        Row::Rejected(_) => None,
    });
    let mut last = first.unwrap_or_default();
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            if let Row::Trade(trade, _) = &row {
                last = trade.closed_at;
            }
            (last, row)
        })
        .collect();
    rows.sort_by_key(|(at, _)| *at);
    let mut ordered = Vec::with_capacity(rows.len());
    let mut seen = HashMap::with_capacity(rows.len());
    for (at, row) in rows {
        ordered.extend(once(&mut seen, &ordered, at, row, summary));
    }
    ordered
}

/// The same trade again is dropped; the same id with other content is a dead letter with both versions. `seen` tells
/// where in `ordered` a trade is.
fn once(
    seen: &mut HashMap<Uuid, usize>,
    ordered: &[Timed],
    at: Timestamp,
    row: Row,
    summary: &mut Summary,
) -> Option<Timed> {
    let Row::Trade(trade, place) = row else { return Some(Timed { at, row, id: None }) };
    let id = id::closed_trade(&trade.strategy, &trade.trade_id);
    let first = seen.get(&id).and_then(|first| match &ordered[*first].row {
        Row::Trade(trade, _) => Some(trade),
        Row::Rejected(_) => None,
    });
    match first {
        None => {
            seen.insert(id, ordered.len());
            Some(Timed { at, row: Row::Trade(trade, place), id: Some(id) })
        }
        Some(first) if first.same_trade(&trade) => {
            summary.duplicates += 1;
            None
        }
        Some(first) => {
            let row = Row::Rejected(Box::new(conflicting(first, &trade, &place)));
            Some(Timed { at, row, id: None })
        }
    }
}

fn conflicting(first: &TradeClosed, second: &TradeClosed, place: &Place) -> RecordRejected {
    let value = serde_json::to_vec(second).unwrap_or_default();
    RecordRejected {
        origin: Origin::File { file: place.file.to_string(), row: place.row },
        reason: RejectReason::ConflictingDuplicate,
        detail: format!("trade_id = {}: recorded before with other content", second.trade_id),
        strategy: Some(second.strategy.clone()),
        trade_id: Some(second.trade_id.clone()),
        key: None,
        value: Some(events::Bytes(value)),
        recorded: Some(Box::new(first.clone())),
    }
}

/// Events of one stream that follow each other.
struct Run {
    stream: Arc<str>,
    expected: u64,
    first_position: u64,
    events: Vec<NewEvent>,
}

/// A thread behind the stage.
type Worker = thread::JoinHandle<Result<(), RehearseError>>;

/// Requests, each with the position that its first event will have.
type Encoded = Vec<(Request, u64)>;

/// Encodes what the stage has played, in its order.
fn encoder(batches: mpsc::Receiver<Vec<Run>>) -> std::io::Result<(Worker, mpsc::Receiver<Encoded>)> {
    let (sender, encoded) = mpsc::sync_channel(4);
    let encode = move || {
        for batch in batches {
            let requests: Result<Encoded, serde_json::Error> = batch.into_iter().map(request).collect();
            if sender.send(requests?).is_err() {
                break;
            }
        }
        Ok(())
    };
    Ok((thread::Builder::new().name("encoder".into()).spawn(encode)?, encoded))
}

/// Appends what the stage has played, in its order.
fn appender(log: Arc<dyn EventLog>, batches: mpsc::Receiver<Encoded>) -> std::io::Result<Worker> {
    let append = move || {
        for batch in batches {
            let (requests, first): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
            for (appended, position) in log.append_all(requests).into_iter().zip(first) {
                let placed = appended?.placed;
                if placed.first().is_some_and(|placed| placed.position != position) {
                    return Err(RehearseError::Disturbed(position));
                }
            }
        }
        Ok(())
    };
    thread::Builder::new().name("rehearsal".into()).spawn(append)
}

fn request(run: Run) -> Result<(Request, u64), serde_json::Error> {
    let events = run.events.into_iter().map(Prepared::new).collect::<Result<_, _>>()?;
    let (expected, duplicates) = (Expected::Revision(run.expected), Duplicates::Skip);
    Ok((Request { stream: run.stream, expected, duplicates, events }, run.first_position))
}

/// Those behind the stage have ended: nothing more can be played.
struct Closed;

/// Where everything happens: actors, streams and positions, before the log knows of them.
struct Stage {
    recorder: Recorder,
    actors: Actors,
    names: BTreeMap<String, Arc<str>>,
    revisions: BTreeMap<Arc<str>, u64>,
    position: u64,
    pending: Vec<Run>,
    pending_events: usize,
    sender: mpsc::SyncSender<Vec<Run>>,
    summary: Summary,
}

impl Stage {
    fn new(log: &Arc<dyn EventLog>, sender: mpsc::SyncSender<Vec<Run>>, summary: Summary) -> Self {
        let recorder = Recorder::new(log, supervisor::fresh_run_id(&**log), "source:rehearsal");
        Self {
            actors: Actors::new(recorder.run_id),
            recorder,
            names: BTreeMap::new(),
            revisions: BTreeMap::new(),
            position: 0,
            pending: Vec::new(),
            pending_events: 0,
            sender,
            summary,
        }
    }

    fn play(
        &mut self,
        rows: Vec<Timed>,
        config: &SystemConfig,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Closed> {
        let start = rows.first().map_or_else(now, |timed| timed.at);
        self.set_up(config, start)?;
        for (played, timed) in rows.into_iter().enumerate() {
            self.pass_time(timed.at)?;
            self.play_row(timed)?;
            if played % BATCH == 0 {
                progress(played as u64);
            }
        }
        self.flush()
    }

    fn set_up(&mut self, config: &SystemConfig, start: Timestamp) -> Result<(), Closed> {
        self.happen(RUNS, run_started(&self.recorder, config, now()))?;
        for (actor, event) in configurations(config, start) {
            self.happen(&config_stream(actor), configured(&self.recorder, actor, start, event))?;
        }
        Ok(())
    }

    /// Lets every timer up to a moment fall due, the earliest first.
    fn pass_time(&mut self, until: Timestamp) -> Result<(), Closed> {
        while let Some((actor, due_at)) = self.actors.next_deadline().filter(|(_, due_at)| *due_at <= until) {
            let timer = Event::TimerDue(TimerDue { actor: actor.to_owned(), due_at, noticed_at: due_at });
            let timer = self.recorder.root(id::timer(actor, due_at), due_at, timer);
            self.happen(&clock::stream(actor), timer)?;
        }
        Ok(())
    }

    fn play_row(&mut self, Timed { at, row, id }: Timed) -> Result<(), Closed> {
        let event = match row {
            Row::Trade(trade, _) => {
                self.summary.trades += 1;
                self.summary.first_closed_at.get_or_insert(at);
                self.summary.last_closed_at = Some(at);
                let id = id.unwrap_or_else(|| id::closed_trade(&trade.strategy, &trade.trade_id));
                self.recorder.root(id, at, Event::TradeClosed(*trade))
            }
            Row::Rejected(rejected) => {
                self.summary.rejected += 1;
                let n = self.summary.rejected;
                let id =
                    id::derive(&[b"rehearsal.rejected", self.recorder.run_id.as_bytes(), &n.to_le_bytes()]);
                self.recorder.root(id, at, Event::RecordRejected(*rejected))
            }
        };
        self.happen(STREAM, event)
    }

    /// An event happens, and everything that follows from it.
    fn happen(&mut self, stream: &str, event: NewEvent) -> Result<(), Closed> {
        let (mut next, mut happening) = (Some((self.name(stream), event)), VecDeque::new());
        while let Some((stream, event)) = next.take().or_else(|| happening.pop_front()) {
            let recorded = self.record(&stream, event);
            for (actor, decisions) in self.actors.take(&recorded) {
                let own = self.name(&actor);
                happening.extend(decisions.into_iter().map(|decision| (Arc::clone(&own), decision)));
            }
            self.keep(stream, recorded)?;
        }
        Ok(())
    }

    fn name(&mut self, stream: &str) -> Arc<str> {
        if let Some(name) = self.names.get(stream) {
            return Arc::clone(name);
        }
        let name: Arc<str> = Arc::from(stream);
        self.names.insert(stream.to_owned(), Arc::clone(&name));
        name
    }

    fn record(&mut self, stream: &Arc<str>, event: NewEvent) -> Recorded {
        self.position += 1;
        let revision = self.revisions.entry(Arc::clone(stream)).or_default();
        *revision += 1;
        let recorded_at = event.occurred_at;
        event.placed((self.position, Arc::clone(stream), *revision), recorded_at)
    }

    fn keep(&mut self, stream: Arc<str>, recorded: Recorded) -> Result<(), Closed> {
        self.summarise(&recorded);
        let (position, revision) = (recorded.position, recorded.stream_revision);
        let event = unrecorded(recorded);
        match self.pending.last_mut() {
            Some(run) if run.stream == stream => run.events.push(event),
            _ => {
                let run =
                    Run { stream, expected: revision - 1, first_position: position, events: vec![event] };
                self.pending.push(run);
            }
        }
        self.pending_events += 1;
        if self.pending_events >= BATCH { self.flush() } else { Ok(()) }
    }

    fn summarise(&mut self, recorded: &Recorded) {
        if recorded.event.is_decision() {
            *self.summary.decisions.entry(recorded.event.event_type()).or_default() += 1;
        }
        if let Event::StrategyDisabled(decision) = &recorded.event {
            self.summary.halts.push(Halt {
                event_id: recorded.event_id,
                position: recorded.position,
                at: recorded.occurred_at,
                decision: decision.clone(),
            });
        }
    }

    fn flush(&mut self) -> Result<(), Closed> {
        self.pending_events = 0;
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() { Ok(()) } else { self.sender.send(pending).map_err(|_| Closed) }
    }

    fn finish(mut self) -> Summary {
        self.summary.events = self.position;
        self.summary
    }
}

/// All actors, without threads.
struct Actors {
    run_id: Uuid,
    guard: (Fold<StrategyGuard>, Arc<str>),
    analyst: (Fold<PerformanceAnalyst>, Arc<str>),
    scheduler: (Fold<Scheduler>, Arc<str>),
}

impl Actors {
    fn new(run_id: Uuid) -> Self {
        Self { run_id, guard: fresh(), analyst: fresh(), scheduler: fresh() }
    }

    /// What each actor decides on an event, with the stream that it goes to.
    fn take(&mut self, event: &Recorded) -> Vec<(String, Vec<NewEvent>)> {
        let mut decided = Vec::new();
        take(&mut self.guard, event, self.run_id, &mut decided);
        take(&mut self.analyst, event, self.run_id, &mut decided);
        take(&mut self.scheduler, event, self.run_id, &mut decided);
        decided
    }

    fn next_deadline(&self) -> Option<(&'static str, Timestamp)> {
        let deadlines = [
            (StrategyGuard::NAME, self.guard.0.next_deadline()),
            (PerformanceAnalyst::NAME, self.analyst.0.next_deadline()),
            (Scheduler::NAME, self.scheduler.0.next_deadline()),
        ];
        let known = deadlines.into_iter().filter_map(|(actor, due_at)| Some((actor, due_at?)));
        known.min_by_key(|(_, due_at)| *due_at)
    }
}

fn fresh<D: Decider>() -> (Fold<D>, Arc<str>) {
    (Fold::default(), Arc::from(format!("actor:{}", D::NAME)))
}

fn take<D: Decider>(
    (fold, producer): &mut (Fold<D>, Arc<str>),
    event: &Recorded,
    run_id: Uuid,
    decided: &mut Vec<(String, Vec<NewEvent>)>,
) {
    let decisions = fold.step(event, run_id, producer);
    if !decisions.is_empty() {
        decided.push((D::stream(), decisions));
    }
}

fn unrecorded(recorded: Recorded) -> NewEvent {
    NewEvent {
        event_id: recorded.event_id,
        occurred_at: recorded.occurred_at,
        producer: recorded.producer,
        run_id: recorded.run_id,
        correlation_id: recorded.correlation_id,
        causation_id: recorded.causation_id,
        basis_position: recorded.basis_position,
        rules_version: recorded.rules_version,
        source_offset: recorded.source_offset,
        event: recorded.event,
    }
}
