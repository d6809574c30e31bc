//! What to append for a batch, given what the log is known to hold: recomputed after each refusal.

use std::collections::HashMap;

use events::{Event, Timestamp, TradeClosed, Uuid};
use store::{Appended, Prepared};

use super::{Admission, Admitted, Answer, Candidate, InFlight, Raw, Rejection, Seen, dead_letter};

/// What is done for one record.
pub(super) struct Step {
    event_id: Uuid,
    outcome: Outcome,
    /// Set when the event is a dead letter.
    rejection: Option<Rejection>,
}

enum Outcome {
    /// Appended as this event of the request.
    Append(usize),
    /// The same as this event of the request.
    SameAs(usize),
    /// The log holds it at this position.
    Known(u64),
}

/// The request's events, and one step for each record.
pub(super) struct Plan {
    pub events: Vec<Prepared>,
    steps: Vec<Step>,
}

impl Plan {
    pub(super) fn of<R: Raw>(
        admission: &Admission,
        candidates: &mut [Candidate<'_, R>],
        seen: &Seen,
        now: Timestamp,
        in_flight: &mut InFlight,
    ) -> Result<Self, serde_json::Error> {
        let capacity = candidates.len();
        let plan = Self { events: Vec::with_capacity(capacity), steps: Vec::with_capacity(capacity) };
        let mut planner = Planner {
            admission,
            seen,
            now,
            plan,
            in_flight,
            firsts: HashMap::with_capacity(capacity),
            at: 0,
        };
        for (at, candidate) in candidates.iter_mut().enumerate() {
            planner.at = at;
            planner.place(candidate)?;
        }
        Ok(planner.plan)
    }

    /// Which record an event of the request is the dead letter of, if it is one.
    pub(super) fn letter_of(&self, event: usize) -> Option<usize> {
        let appended = |step: &Step| {
            step.rejection.is_some() && matches!(step.outcome, Outcome::Append(index) if index == event)
        };
        self.steps.iter().position(appended)
    }

    pub(super) fn answers(self, appended: &Appended) -> Admitted {
        let at = |event: usize| appended.placed[event].position;
        let answers = self.steps.into_iter().map(|Step { event_id, outcome, rejection }| match outcome {
            Outcome::Known(position) => Answer::Duplicate { event_id, position, rejection },
            Outcome::SameAs(event) => Answer::Duplicate { event_id, position: at(event), rejection },
            Outcome::Append(event) => match rejection {
                None => Answer::Taken { event_id, position: at(event) },
                Some(rejection) => Answer::Rejected { event_id, position: at(event), rejection },
            },
        });
        Admitted { answers: answers.collect(), revision: appended.revision }
    }
}

struct Planner<'p> {
    admission: &'p Admission,
    seen: &'p Seen,
    in_flight: &'p mut InFlight,
    now: Timestamp,
    plan: Plan,
    /// The event of the request that has an id.
    firsts: HashMap<Uuid, usize>,
    /// Which record it is.
    at: usize,
}

impl Planner<'_> {
    fn place<R: Raw>(&mut self, candidate: &mut Candidate<'_, R>) -> Result<(), serde_json::Error> {
        let prepared = match &candidate.prepared {
            Err(rejection) => return self.reject(candidate, rejection.clone(), None),
            Ok(prepared) => prepared.as_ref(),
        };
        let Some(prepared) = prepared else { return Ok(()) };
        let event_id = prepared.event.event_id;
        let (outcome, earlier, position) = if let Some(recorded) = self.seen.recorded.get(&event_id) {
            (Outcome::Known(recorded.position), &recorded.event, Some(recorded.position))
        } else if let Some(first) = self.firsts.get(&event_id) {
            (Outcome::SameAs(*first), &self.plan.events[*first].event.event, None)
        } else {
            self.lend(candidate);
            return Ok(());
        };
        match (earlier, &prepared.event.event) {
            (Event::TradeClosed(earlier), Event::TradeClosed(trade)) if !earlier.same_trade(trade) => {
                let earlier = earlier.clone();
                let stood = position.map_or_else(
                    || "was recorded earlier in the same batch".to_owned(),
                    |at| format!("was recorded at position {at}"),
                );
                self.reject(candidate, dead_letter::conflict(trade, &earlier, &stood), Some(earlier))
            }
            _ => {
                self.plan.steps.push(Step { event_id, outcome, rejection: None });
                Ok(())
            }
        }
    }

    fn lend<R: Raw>(&mut self, candidate: &mut Candidate<'_, R>) {
        if let Ok(slot) = &mut candidate.prepared
            && let Some(prepared) = slot.take()
        {
            let event_id = prepared.event.event_id;
            self.in_flight.note(self.at, &prepared);
            let outcome = Outcome::Append(self.append(prepared));
            self.plan.steps.push(Step { event_id, outcome, rejection: None });
        }
    }

    fn append(&mut self, prepared: Prepared) -> usize {
        let event = self.plan.events.len();
        self.firsts.insert(prepared.event.event_id, event);
        self.plan.events.push(prepared);
        event
    }

    fn reject<R: Raw>(
        &mut self,
        candidate: &Candidate<'_, R>,
        rejection: Rejection,
        recorded: Option<TradeClosed>,
    ) -> Result<(), serde_json::Error> {
        let event_id = dead_letter::id(&self.admission.stream, candidate);
        let outcome = if let Some(recorded) = self.seen.recorded.get(&event_id) {
            Outcome::Known(recorded.position)
        } else if let Some(first) = self.firsts.get(&event_id) {
            Outcome::SameAs(*first)
        } else {
            let kept = self.seen.kept.get(&self.at).copied();
            let event = Event::RecordRejected(dead_letter::write(candidate, &rejection, recorded, kept));
            let event = self.admission.event(event_id, self.now, candidate.place, event);
            Outcome::Append(self.append(Prepared::new(event)?))
        };
        self.plan.steps.push(Step { event_id, outcome, rejection: Some(rejection) });
        Ok(())
    }
}
