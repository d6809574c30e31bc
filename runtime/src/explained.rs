//! Decisions that do not follow from the facts, and of which the log itself says why: an actor had started from a wrong
//! snapshot (`SnapshotDiffered`), and a halt that was missed was decided later (`HaltMissed`).

use std::sync::Arc;

use actors::Decider;
use events::{Event, Recorded};
use store::EventLog;

use crate::supervisor;

/// Events read at a time.
const PAGE: usize = 1000;

/// Inputs after one position and before another.
struct Span {
    after: u64,
    before: u64,
}

impl Span {
    const fn holds(&self, position: u64) -> bool {
        self.after < position && position < self.before
    }
}

/// What is explained of one actor.
#[derive(Default)]
pub(crate) struct Explained {
    wrong: Vec<Span>,
    missed: Vec<(String, Span)>,
    count: u64,
    first: u64,
}

impl Explained {
    /// Whatever of it can be read: who reads the whole log tells what cannot.
    pub(crate) fn read<D: Decider>(log: &Arc<dyn EventLog>) -> Self {
        let (mut explained, mut read_to) = (Self::default(), 0);
        while let Ok(page) = log.read_stream(supervisor::STREAM, read_to, PAGE) {
            let Some(last) = page.last() else { break };
            read_to = last.stream_revision;
            page.iter().for_each(|event| explained.note::<D>(event));
        }
        explained
    }

    fn note<D: Decider>(&mut self, event: &Recorded) {
        let before = event.position;
        match &event.event {
            Event::SnapshotDiffered(e) if e.actor == D::NAME => {
                self.wrong.push(Span { after: e.position, before });
            }
            Event::HaltMissed(e) if D::GUARDS => {
                let after = e.at_position.saturating_sub(1);
                self.missed.push((e.strategy.clone(), Span { after, before }));
            }
            _ => {}
        }
    }

    /// Whether a difference at an input is explained, with the event that is missing or too much there.
    pub(crate) fn takes(&mut self, position: u64, event: &Event) -> bool {
        let of_strategy = |name: &str| event.strategy() == Some(name);
        let takes = self.wrong.iter().any(|span| span.holds(position))
            || self.missed.iter().any(|(name, span)| of_strategy(name) && span.holds(position));
        if takes {
            self.count += 1;
            self.first = if self.count == 1 { position } else { self.first };
        }
        takes
    }

    /// What was explained, in words.
    pub(crate) fn note_of<D: Decider>(&self) -> Option<String> {
        let Self { count, first, .. } = self;
        (*count > 0).then(|| {
            format!(
                "{count} decisions of {} do not follow from the facts, the first at position {first}: its state was wrong \
                 then, which SnapshotDiffered and HaltMissed in the log tell",
                D::NAME
            )
        })
    }
}
