//! The actors, and the clock that they go by.

use std::sync::Arc;

use runtime::{
    status::{ActorState, ActorStatus},
    system::System,
};

use super::{Figures, Part, PartState, Saved};

impl Part for System {
    fn states(&self) -> Vec<PartState> {
        let mut states: Vec<PartState> = self.status().into_iter().map(state_of).collect();
        // Whether the clock stands before what is in the log.
        let detail = self.clock_problem();
        states.push(PartState { part: "clock".to_owned(), ready: detail.is_none(), detail });
        states
    }

    fn figures(&self, out: &mut Figures) {
        let statuses = self.status();
        let positions = out.family("actor_position", "gauge", "Up to where an actor has decided.");
        for status in &statuses {
            positions.sample(&[("actor", status.actor)], status.position as f64);
        }
        let help = "Failures of an actor since the start of the process.";
        let restarts = out.family("actor_restarts_total", "counter", help);
        for status in &statuses {
            restarts.sample(&[("actor", status.actor)], status.failures as f64);
        }
    }

    fn stop(self: Arc<Self>, _saved: &mut Saved) {
        Self::stop(&self);
    }
}

fn state_of(status: ActorStatus) -> PartState {
    let ready = status.state == ActorState::Running;
    let detail = (!ready).then(|| {
        let message = status.message.unwrap_or_else(|| "no message".to_owned());
        format!("{:?} at position {}: {message}", status.state, status.position)
    });
    PartState { part: format!("actor:{}", status.actor), ready, detail }
}
