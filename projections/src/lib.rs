//! Pure folds from events to views: audit collections and what the dashboard shows.
//!
//! A projection reads no clock and no file, and does not know how its documents are stored; `views`
//! feeds it events and saves its changes. Views are disposable: the same events give the same documents again.

mod contract;
mod dead_letters;
mod decisions;
mod performance;
mod performance_metrics;
mod pipeline;
mod schedules;
mod strategies;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use contract::{Body, Change, Collection, Document, Key, Keys, Kind, Projection, RestoreError, Saved};
pub use dead_letters::word as dead_letter_reason;
pub use dead_letters::{DEAD_LETTER_COUNTS, DEAD_LETTERS, DeadLetter, DeadLetterCount, DeadLetters};
pub use decisions::{DECISIONS, DecisionEntry, Decisions};
pub use performance::{By, CHUNKS, Performance, PerformanceFold, PerformanceQuery, PerformanceRow};
pub use performance_metrics::{PERFORMANCE_METRICS, PERFORMANCE_SKIPS, PerformanceMetrics};
pub use pipeline::{
    ACTORS, ActorView, LastDecision, PUBLISHERS, Pipeline, PublisherView, RUNS, SOURCES, STREAMS, SourceView,
    StreamProgress,
};
pub use schedules::{
    LastFired, MAINTENANCE, MaintenanceView, MissedCounts, SCHEDULES, ScheduleSource, ScheduleView, Schedules,
};
pub use strategies::{Halt, KeptHalted, STRATEGIES, Standing, Strategies, StrategyView};

pub(crate) use contract::from_json;

/// Every projection.
pub const ALL: &[Kind] = &[
    Strategies::KIND,
    Performance::KIND,
    PerformanceMetrics::KIND,
    Decisions::KIND,
    DeadLetters::KIND,
    Pipeline::KIND,
    Schedules::KIND,
];
