//! Where everything happens: one thread plays rows, timers and decisions in their order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc},
};

use events::{Event, NewEvent, Recorded, StrategyReduced, TimerDue, Timestamp, Uuid, id};
use store::{EventLog, now};

use super::{
    Halt, Reduction, Summary,
    cast::Cast,
    order::{Timed, Unique},
    write::Run,
};
use crate::{
    clock,
    run::{RUNS, config_stream, configurations, configured, run_started},
    supervisor,
    system::SystemConfig,
};

/// The stream of the trades of a rehearsal.
const STREAM: &str = "ingest-rehearsal";

/// Events handed over to the log at a time.
const BATCH: usize = 4096;

/// The threads behind the stage have ended: nothing more can be played.
pub(super) struct Closed;

/// Where everything happens: actors, streams and positions, before the log knows of them.
pub(super) struct Stage {
    run_id: Uuid,
    producer: Arc<str>,
    actors: Cast,
    names: BTreeMap<String, Arc<str>>,
    revisions: BTreeMap<Arc<str>, u64>,
    position: u64,
    pending: Vec<Run>,
    pending_events: usize,
    sender: mpsc::SyncSender<Vec<Run>>,
    summary: Summary,
    /// Where in the summary a strategy that was reduced stands.
    reduced: BTreeMap<String, usize>,
}

impl Stage {
    pub(super) fn new(log: Option<&Arc<dyn EventLog>>, sender: mpsc::SyncSender<Vec<Run>>) -> Self {
        let run_id = supervisor::fresh_run_id(log.map_or_else(Uuid::nil, |log| log.log_id()));
        Self {
            actors: Cast::new(run_id),
            run_id,
            producer: Arc::from("source:rehearsal"),
            names: BTreeMap::new(),
            revisions: BTreeMap::new(),
            position: 0,
            pending: Vec::new(),
            pending_events: 0,
            sender,
            summary: Summary::default(),
            reduced: BTreeMap::new(),
        }
    }

    pub(super) fn play(
        &mut self,
        rows: mpsc::Receiver<Vec<Timed>>,
        config: &SystemConfig,
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), Closed> {
        let mut rows = rows.into_iter().peekable();
        let first = rows.peek().and_then(|batch| batch.first());
        let start = first.map_or_else(now, |timed| timed.at);
        self.set_up(config, start)?;
        let mut played = 0;
        for batch in rows {
            played += batch.len() as u64;
            for timed in batch {
                self.pass_time(timed.at)?;
                self.play_row(timed)?;
            }
            progress(played);
        }
        self.flush()
    }

    fn set_up(&mut self, config: &SystemConfig, start: Timestamp) -> Result<(), Closed> {
        let run = self.root(self.run_id, now(), run_started(self.run_id, config));
        self.happen(RUNS, run)?;
        for (actor, event) in configurations(config) {
            let configured = self.root(configured(self.run_id, actor), start, event.clone());
            self.happen(&config_stream(actor), configured)?;
        }
        Ok(())
    }

    fn root(&self, id: Uuid, at: Timestamp, event: Event) -> NewEvent {
        NewEvent::root(id, at, &self.producer, self.run_id, event)
    }

    /// Lets every timer up to a moment fall due, the earliest first.
    fn pass_time(&mut self, until: Timestamp) -> Result<(), Closed> {
        while let Some((actor, due_at)) = self.actors.next_deadline().filter(|(_, due_at)| *due_at <= until) {
            let timer = Event::TimerDue(TimerDue { actor: actor.to_owned(), due_at, noticed_at: due_at });
            let timer = self.root(id::timer(actor, due_at), due_at, timer);
            self.happen(&clock::stream(actor), timer)?;
        }
        Ok(())
    }

    fn play_row(&mut self, Timed { at, row }: Timed) -> Result<(), Closed> {
        let event = match row {
            Unique::Trade(id, trade) => {
                self.summary.trades += 1;
                self.summary.first_closed_at.get_or_insert(at);
                self.summary.last_closed_at = Some(at);
                self.root(id, at, Event::TradeClosed(*trade))
            }
            Unique::Rejected(rejected) => {
                self.summary.rejected += 1;
                let n = self.summary.rejected;
                let id = id::derive(&[b"rehearsal.rejected", self.run_id.as_bytes(), &n.to_le_bytes()]);
                self.root(id, at, Event::RecordRejected(*rejected))
            }
        };
        self.happen(STREAM, event)
    }

    /// An event happens, and everything that follows from it.
    fn happen(&mut self, stream: &str, event: NewEvent) -> Result<(), Closed> {
        let (mut next, mut happening) = (Some((self.name(stream), event)), VecDeque::new());
        while let Some((stream, event)) = next.take().or_else(|| happening.pop_front()) {
            let recorded = self.record(&stream, event);
            happening.extend(self.actors.take(&recorded));
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
        match &recorded.event {
            Event::StrategyDisabled(decision) => self.summary.halts.push(Halt {
                event_id: recorded.event_id,
                position: recorded.position,
                at: recorded.occurred_at,
                decision: decision.clone(),
            }),
            Event::StrategyReduced(decision) => self.reduced(recorded, decision),
            _ => {}
        }
    }

    fn reduced(&mut self, recorded: &Recorded, decision: &StrategyReduced) {
        let known = self.reduced.entry(decision.strategy.clone()).or_insert(self.summary.reductions.len());
        if let Some(reduction) = self.summary.reductions.get_mut(*known) {
            reduction.times += 1;
            return;
        }
        self.summary.reductions.push(Reduction {
            strategy: decision.strategy.clone(),
            times: 1,
            event_id: recorded.event_id,
            position: recorded.position,
            at: recorded.occurred_at,
            causes: decision.causes.clone(),
        });
    }

    fn flush(&mut self) -> Result<(), Closed> {
        self.pending_events = 0;
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() { Ok(()) } else { self.sender.send(pending).map_err(|_| Closed) }
    }

    pub(super) fn finish(mut self) -> Summary {
        self.summary.events = self.position;
        self.summary
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
