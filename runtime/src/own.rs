//! The decisions that an actor has taken, read back from its stream by the input that they were taken on.

use std::{collections::VecDeque, sync::Arc};

use actors::Decider;
use events::Recorded;
use store::{EventLog, ReadError};

/// Decisions read at a time.
const PAGE: usize = 1000;

/// A cursor over an actor's own stream; asked by rising basis.
pub(crate) struct OwnDecisions {
    log: Arc<dyn EventLog>,
    stream: String,
    revision: u64,
    buffer: VecDeque<Arc<Recorded>>,
    last_basis: u64,
}

impl OwnDecisions {
    /// The decisions after a revision of the stream.
    pub(crate) fn after<D: Decider>(log: &Arc<dyn EventLog>, revision: u64) -> Result<Self, ReadError> {
        let stream = D::stream();
        let last = log.read_stream_back(&stream, u64::MAX, 1)?;
        let last_basis = last.first().and_then(|event| event.basis_position).unwrap_or(0);
        Ok(Self { log: Arc::clone(log), stream, revision, buffer: VecDeque::new(), last_basis })
    }

    /// The input of the newest decision: what lies after it is still to be decided.
    pub(crate) const fn last_basis(&self) -> u64 {
        self.last_basis
    }

    /// The decisions on one input.
    pub(crate) fn take(&mut self, basis: u64) -> Result<Vec<Arc<Recorded>>, ReadError> {
        let mut taken = Vec::new();
        while let Some(next) = self.peek()? {
            if next.basis_position.is_none_or(|at| at > basis) {
                break;
            }
            taken.extend(self.buffer.pop_front());
        }
        Ok(taken)
    }

    /// The version of the rules of the next decision.
    pub(crate) fn next_rules_version(&mut self) -> Result<Option<u32>, ReadError> {
        Ok(self.peek()?.and_then(|next| next.rules_version))
    }

    fn peek(&mut self) -> Result<Option<&Arc<Recorded>>, ReadError> {
        if self.buffer.is_empty() {
            self.buffer.extend(self.log.read_stream(&self.stream, self.revision, PAGE)?);
            self.revision += self.buffer.len() as u64;
        }
        Ok(self.buffer.front())
    }
}
