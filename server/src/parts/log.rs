//! The log, with its upkeep.

use std::sync::Arc;

use store::{EmbeddedLog, EventLog, SYNC_BOUNDS_US};

use super::{Figures, Part, PartState, Saved};

/// The log.
pub(crate) struct LogPart {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The same log with its files; nothing for a log in memory.
    pub embedded: Option<Arc<EmbeddedLog>>,
}

impl Part for LogPart {
    fn states(&self) -> Vec<PartState> {
        let stopped = self.log.stopped();
        // What cannot be compressed or moved stands in nobody's way, but somebody has to know.
        let upkeep = || self.embedded.as_ref()?.upkeep_fault();
        let ready = stopped.is_none();
        let detail = stopped.or_else(upkeep).map(|text| text.to_string());
        vec![PartState { part: "log".to_owned(), ready, detail }]
    }

    fn figures(&self, out: &mut Figures) {
        out.family("events_appended_total", "counter", "Events in the log: the position of the last one.")
            .sample(&[], self.log.head() as f64);
        if let Some(log) = &self.embedded {
            files(log, out);
        }
    }

    fn stop(self: Arc<Self>, saved: &mut Saved) {
        saved.events = self.log.head();
    }
}

fn files(log: &EmbeddedLog, out: &mut Figures) {
    let stats = log.stats();
    out.family("event_log_bytes", "gauge", "Size of the log's files; archived ones are not in it.")
        .sample(&[], stats.bytes as f64);
    out.family("event_log_archived_bytes", "gauge", "Size of the log's files that moved to the archive.")
        .sample(&[], stats.archived_bytes as f64);
    out.family(
        "event_log_upkeep_failing",
        "gauge",
        "Whether compressing or moving files failed the last time.",
    )
    .flag(&[], log.upkeep_fault().is_some());
    let syncs =
        out.family("event_log_fsync_duration_seconds", "histogram", "How long the fsync of a batch took.");
    for (bound, within) in SYNC_BOUNDS_US.into_iter().zip(stats.syncs_within) {
        let bound = (bound as f64 / 1e6).to_string();
        syncs.part("_bucket", &[("le", bound.as_str())], within as f64);
    }
    syncs.part("_bucket", &[("le", "+Inf")], stats.batches as f64);
    syncs.part("_sum", &[], stats.sync_time.as_secs_f64());
    syncs.part("_count", &[], stats.batches as f64);
    out.family("event_log_requests_waiting", "gauge", "Appends that wait for the writer.")
        .sample(&[], stats.waiting as f64);
}
