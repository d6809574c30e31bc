//! Where everything happens: one thread plays rows, timers and decisions in their order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, mpsc},
};

use events::{Event, NewEvent, Recorded, StrategyReduced, TimerDue, Timestamp, id};
use store::{EventLog, Recorder, now};

use super::{Halt, Reduction, Row, Summary, cast::Cast, order::Timed, write::Run};
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
    recorder: Recorder,
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
    pub(super) fn new(log: &Arc<dyn EventLog>, sender: mpsc::SyncSender<Vec<Run>>, summary: Summary) -> Self {
        let recorder = Recorder::new(log, supervisor::fresh_run_id(&**log), "source:rehearsal");
        Self {
            actors: Cast::new(recorder.run_id),
            recorder,
            names: BTreeMap::new(),
            revisions: BTreeMap::new(),
            position: 0,
            pending: Vec::new(),
            pending_events: 0,
            sender,
            summary,
            reduced: BTreeMap::new(),
        }
    }

    pub(super) fn play(
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
        for (actor, event) in configurations(config) {
            self.happen(&config_stream(actor), configured(&self.recorder, actor, start, event.clone()))?;
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
