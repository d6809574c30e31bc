//! An operator's word about the clock: it is right as it is, whatever the log says of later moments.

use events::{ClockAcceptRequested, Event, id};
use runtime::system::System;
use serde::{Deserialize, Serialize};

use super::{
    Call, Method, Running,
    request::{self, Asked, Outcome},
};
use store::now;

use crate::problem::Problem;

/// Takes the clock as it is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct AcceptClock {
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

impl Call for AcceptClock {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/clock/accept";

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let clock = now();
        let event_id = id::derive(&[b"request", b"ClockAcceptRequested", self.asked.key.as_bytes()]);
        let known = running.log.events.position_of(event_id)?.is_some();
        if !known && running.actors.clock_problem().is_none() {
            let detail = format!(
                "the clock says {clock}, and nothing in the log is more than 5 min later: there is nothing to accept"
            );
            return Err(Problem::new(409, "clock_not_behind", detail));
        }
        let reason = self.asked.reason.clone();
        let event = Event::ClockAcceptRequested(ClockAcceptRequested { clock, reason });
        request::ask(running, System::CLOCK_REQUESTS, event_id, &self.asked, event)
    }
}
