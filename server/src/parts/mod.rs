//! The parts of the process, each with how it is, its figures and its end. `/readyz`, `/metrics` and the end of the
//! process go through them; a further part is a file here and its line in `process.rs`.

mod actors;
pub(crate) mod figures;
mod log;
mod publisher;
mod source;
mod views;

use std::sync::Arc;

use serde::Serialize;

pub(crate) use figures::Figures;
pub(crate) use log::LogPart;
#[cfg(test)]
pub(crate) use publisher::figures_of as publisher_figures;

/// Something that runs in this process.
pub(crate) trait Part: Send + Sync {
    /// How it is; several, where each of its own is told by itself. May block.
    fn states(&self) -> Vec<PartState> {
        Vec::new()
    }

    /// Adds its figures. May block.
    fn figures(&self, _out: &mut Figures) {}

    /// Ends it; what it shares has to have been let go of.
    fn stop(self: Arc<Self>, saved: &mut Saved);
}

/// How a part of the process is, as `/readyz` tells it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PartState {
    /// `log`, `actor:NAME`, `clock`, `projection:NAME`, `source:TOPIC`, `publisher`.
    pub part: String,
    /// Whether it gets on.
    pub ready: bool,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What is there when everything has stopped.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saved {
    /// Events in the log.
    pub events: u64,
    /// Up to where decisions are published.
    pub published: u64,
}

/// How all parts are, in their order.
pub(crate) fn states(parts: &[Arc<dyn Part>]) -> Vec<PartState> {
    parts.iter().flat_map(|part| part.states()).collect()
}
