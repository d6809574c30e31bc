//! The views.

use std::sync::Arc;

use events::StrategyState;
use store::now;
use views::{ProjectionState, ProjectionStatus, Views};

use super::{Figures, Part, PartState, Saved};

impl Part for Views {
    fn states(&self) -> Vec<PartState> {
        self.list().into_iter().map(state_of).collect()
    }

    fn figures(&self, out: &mut Figures) {
        progress(&self.list(), out);
        shown(self, out);
    }

    fn stop(self: Arc<Self>, _saved: &mut Saved) {
        drop(self);
    }
}

fn state_of(status: ProjectionStatus) -> PartState {
    let ready = status.state == ProjectionState::Running;
    let detail = (!ready).then(|| {
        let failure = status.failure.map_or_else(|| "does not get on".to_owned(), |f| f.message);
        format!("at position {} of {}: {failure}", status.position, status.head)
    });
    PartState { part: format!("projection:{}", status.name), ready, detail }
}

type Read = fn(&ProjectionStatus) -> Option<f64>;

/// Figures of each projection.
const PROGRESS: [(&str, &str, Read); 5] = [
    ("projection_position", "Up to where a projection shows the log.", |view| Some(view.position as f64)),
    ("projection_lag_events", "Events that a projection does not show yet.", |view| {
        view.lag_events.map(|lag| lag as f64)
    }),
    ("projection_lag_seconds", "Age of the oldest event that a projection does not show yet.", |view| {
        Some(view.lag_seconds)
    }),
    ("projection_last_advance_age_seconds", "How long ago a projection last got on.", |view| {
        Some((now().micros() - view.last_advance.micros()).max(0) as f64 / 1e6)
    }),
    (
        "projection_rebuild_progress_ratio",
        "How much of a rebuild is done; 1 when none is under way.",
        |view| Some(view.rebuild_progress.unwrap_or(1.0)),
    ),
];

fn progress(views: &[ProjectionStatus], out: &mut Figures) {
    for (name, help, read) in PROGRESS {
        let family = out.family(name, "gauge", help);
        for view in views {
            if let Some(value) = read(view) {
                family.sample(&[("projection", view.name)], value);
            }
        }
    }
}

/// Figures out of views; a view that is behind leaves its figures out rather than telling old ones.
fn shown(views: &Views, out: &mut Figures) {
    if let Ok(strategies) = views.strategies() {
        let family = out.family("strategy_state", "gauge", "1 for the state that a strategy is in.");
        for strategy in strategies {
            for state in [StrategyState::Active, StrategyState::Reducing, StrategyState::Halted] {
                let labels = [("strategy", strategy.strategy.as_str()), ("state", state.word())];
                family.flag(&labels, strategy.state == state);
            }
        }
    }
    if let Ok(counts) = views.dead_letter_counts() {
        let family = out.family("dead_letters", "gauge", "Records that could not be taken in.");
        for count in counts {
            let kind = serde_json::to_value(count.reason).unwrap_or_default();
            family.sample(&[("kind", kind.as_str().unwrap_or("unknown"))], count.count as f64);
        }
    }
}
