//! The projector: keeps every view at the head of the log, saves, rebuilds and verifies them, and answers queries.
//!
//! One thread reads the log once for all projections. A projection that fails is told, restored from its last save
//! and tried again after 1, 2, 4 … 60 s, while the others go on. What the views mean is the business of `projections`.

mod ask;
mod build;
mod driver;
mod folder;
mod live_view;
mod progress;
mod saved;
pub mod sqlite;
mod views;

#[cfg(test)]
mod tests;

pub use ask::{
    AuditPage, AuditQuery, DeadLetterQuery, DecisionQuery, PipelineView, PublisherProgress, QueryError,
};
pub use build::{BuildError, Difference, RebuildProgress};
pub use progress::{NotCaughtUp, ProjectionFailure, ProjectionState, ProjectionStatus};
pub use views::{OpenError, RebuildError, Views, ViewsOptions};
