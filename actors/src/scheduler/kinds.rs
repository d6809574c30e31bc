//! What a schedule can be for: the kinds of jobs that somebody does.

use events::{Event, PERFORMANCE_ANALYSIS, Timestamp};

/// A kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// The name, as a schedule says it.
    pub name: &'static str,
    /// Seconds after which a run counts as over although no outcome of it came; nothing where a run has no outcome,
    /// so that it overlaps nothing.
    pub longest_s: Option<i64>,
}

/// All of them.
pub const ALL: &[Kind] = &[Kind { name: PERFORMANCE_ANALYSIS, longest_s: Some(3600) }];

impl Kind {
    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|kind| kind.name == name)
    }
}

/// The kind and the planned moment of the run that an event is the outcome of.
pub(super) fn outcome(event: &Event) -> Option<(&'static str, Timestamp)> {
    match event {
        Event::PerformanceAnalyzed(made) => Some((PERFORMANCE_ANALYSIS, made.planned_at)),
        Event::PerformanceAnalysisSkipped(skipped) => Some((PERFORMANCE_ANALYSIS, skipped.planned_at)),
        _ => None,
    }
}
