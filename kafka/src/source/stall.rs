//! Whether the source is known to stand still, as the log has it.
//!
//! A thread of its own judges: the one that talks to the cluster may itself be what stands still.

use std::time::Duration;

use events::{Event, SourceCaughtUp, SourceStalled, StallReason, Timestamp, id};
use store::ReadError;

use super::{
    super::fault::KafkaFault,
    source_log::SourceLog,
    state::{SourceContext, Verdict},
};

const JUDGE_EVERY: Duration = Duration::from_millis(200);

/// Judges until the source is asked to stop. A fault of the log ends it, and the source with it.
pub(super) fn judge(source: &SourceContext, mut stall: Stall) {
    loop {
        // Decided under the lock of the state, appended without it, and its result set under it again.
        if let Some(verdict) = source.verdict() {
            match stall.apply(verdict) {
                Ok(()) => source.noted(stall.stalled()),
                Err(fault) => return source.fail(fault),
            }
        }
        if source.stop.wait(JUDGE_EVERY) {
            return;
        }
    }
}

/// Whether the source is known to stand still, as the log has it: one event for each change.
pub(super) struct Stall {
    log: SourceLog,
    topic: String,
    stream: String,
    revision: u64,
    stalled: Option<StallReason>,
}

impl Stall {
    /// As the log has it now.
    pub(super) fn open(log: SourceLog, topic: &str) -> Result<Self, ReadError> {
        let stream = format!("source-{topic}");
        let last = log.event_log.read_stream_back(&stream, u64::MAX, 1)?;
        let revision = last.first().map_or(0, |event| event.stream_revision);
        let stalled = last.first().and_then(|event| match &event.event {
            Event::SourceStalled(stalled) => Some(stalled.reason),
            _ => None,
        });
        Ok(Self { log, topic: topic.to_owned(), stream, revision, stalled })
    }

    /// Why it stands still, if it does.
    pub(super) fn stalled(&self) -> Option<StallReason> {
        self.stalled
    }

    /// Notes a change; what is known already is not noted again.
    pub(super) fn apply(&mut self, verdict: Verdict) -> Result<(), KafkaFault> {
        match verdict {
            Verdict::Reached => self.end(),
            Verdict::Stands { reason, since, detail } => self.begin(reason, since, &detail),
        }
    }

    /// The end was not reached for too long.
    fn begin(&mut self, reason: StallReason, since: Timestamp, detail: &str) -> Result<(), KafkaFault> {
        if self.stalled.is_some() {
            return Ok(());
        }
        tracing::warn!(topic = self.topic, ?reason, %since, detail, "the kafka source stands still");
        let (source, detail) = (self.topic.clone(), detail.to_owned());
        self.note("source.stalled", Event::SourceStalled(SourceStalled { source, reason, since, detail }))?;
        self.stalled = Some(reason);
        Ok(())
    }

    /// The end is reached.
    fn end(&mut self) -> Result<(), KafkaFault> {
        if self.stalled.is_none() {
            return Ok(());
        }
        tracing::info!(topic = self.topic, "the kafka source has caught up");
        let source = self.topic.clone();
        self.note("source.caught_up", Event::SourceCaughtUp(SourceCaughtUp { source }))?;
        self.stalled = None;
        Ok(())
    }

    fn note(&mut self, kind: &str, event: Event) -> Result<(), KafkaFault> {
        let event_id = id::derive(&[kind.as_bytes(), self.stream.as_bytes(), &self.revision.to_le_bytes()]);
        self.revision = self.log.append(&self.stream, self.revision, event_id, event)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use events::Uuid;
    use store::MemoryLog;

    use super::*;

    #[test]
    fn standing_still_is_noted_once_for_each_change_over_restarts_too() {
        let log = SourceLog { event_log: Arc::new(MemoryLog::new()), run_id: Uuid::nil() };
        let mut stall = Stall::open(log.clone(), "t").unwrap();
        stall.end().unwrap();
        stall.begin(StallReason::Behind, Timestamp::from_micros(1), "x").unwrap();
        stall.begin(StallReason::Unreachable, Timestamp::from_micros(2), "y").unwrap();
        let mut again = Stall::open(log.clone(), "t").unwrap();
        assert_eq!(again.stalled(), Some(StallReason::Behind));
        again.end().unwrap();
        again.end().unwrap();
        assert_eq!(log.event_log.revision("source-t").unwrap(), 2);
    }
}
