//! What an operator asks: the request is a fact, an actor decides on it. Of the guard: disable or enable a strategy.

use std::{sync::Arc, time::Duration};

use events::{
    EnableRefusal, Event, Family, FamilySet, NewEvent, Recorded, StrategyDisableRequested,
    StrategyEnableRefused, StrategyEnableRequested, Uuid, id,
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::{Duplicates, Expected, Prepared, Request, now};

use super::{Call, Log, Method, Running, known, path_part, raw};

use crate::problem::Problem;

/// Disables a strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Disable {
    /// Which one.
    #[serde(default, skip_serializing)]
    pub name: String,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

/// Enables a strategy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Enable {
    /// Which one.
    #[serde(default, skip_serializing)]
    pub name: String,
    /// Whether the counters start afresh also where the strategy is not HALTED.
    #[serde(default)]
    pub reset_counters: bool,
    /// By whom, why, and how the request is known.
    #[serde(flatten)]
    pub asked: Asked,
}

/// What every request of an operator says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Why.
    pub reason: String,
    /// Who asks.
    #[serde(default = "somebody")]
    pub operator: String,
    /// The same key is the same request, however often it is sent.
    pub key: String,
    /// Whether the strategy may be one that no trade is known of.
    #[serde(default)]
    pub new: bool,
}

fn somebody() -> String {
    "unknown".to_owned()
}

/// What came of a request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// The request as an event.
    pub request: Box<RawValue>,
    /// What was decided on it; empty when nothing changes.
    pub decisions: Vec<Box<RawValue>>,
}

/// What an operator is called as the producer of a request.
const OPERATOR: &str = "operator:";

/// The operator who made an event, if one did.
pub(super) fn operator_of(producer: &str) -> Option<&str> {
    producer.strip_prefix(OPERATOR)
}

/// How long the actors are waited for; less than whoever asks waits for the answer.
const PATIENCE: Duration = Duration::from_secs(25);

impl Call for Disable {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/strategies/{name}/disable";

    fn path(&self) -> String {
        format!("/api/strategies/{}/disable", path_part(&self.name))
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (strategy, reason) = (self.name.clone(), self.asked.reason.clone());
        let event = Event::StrategyDisableRequested(StrategyDisableRequested { strategy, reason });
        request(running, &self.name, &self.asked, event)
    }
}

impl Call for Enable {
    type Answer = Outcome;
    type Given = Running;
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/strategies/{name}/enable";

    fn path(&self) -> String {
        format!("/api/strategies/{}/enable", path_part(&self.name))
    }

    fn answer(&self, running: &Running) -> Result<Outcome, Problem> {
        let (strategy, reason) = (self.name.clone(), self.asked.reason.clone());
        let event = Event::StrategyEnableRequested(StrategyEnableRequested {
            strategy,
            reason,
            reset_counters: self.reset_counters,
        });
        request(running, &self.name, &self.asked, event)
    }
}

fn request(running: &Running, strategy: &str, asked: &Asked, event: Event) -> Result<Outcome, Problem> {
    check("strategy", strategy, 128)?;
    let event_id =
        id::derive(&[b"request", event.event_type().as_bytes(), strategy.as_bytes(), asked.key.as_bytes()]);
    if running.log.events.position_of(event_id)?.is_none() && !asked.new {
        let otherwise =
            "Nothing is changed; --new (in JSON \"new\": true) is for a strategy that has not traded yet";
        known::check(&running.log, strategy, otherwise)?;
    }
    ask(running, "requests", event_id, asked, event)
}

/// Records what an operator asks and waits for what is decided on it.
pub(super) fn ask(
    running: &Running,
    stream: &str,
    event_id: Uuid,
    asked: &Asked,
    event: Event,
) -> Result<Outcome, Problem> {
    check("reason", &asked.reason, 1024)?;
    check("operator", &asked.operator, 128)?;
    let actors = &running.actors;
    let producer = Arc::from(format!("{OPERATOR}{}", asked.operator));
    let meant = event.clone();
    let new = NewEvent::root(event_id, now(), &producer, actors.run_id(), event);
    let prepared = Prepared::new(new).map_err(|error| Problem::internal(error.to_string()))?;
    let appended = running.log.events.append(Request {
        stream: Arc::from(stream),
        expected: Expected::Any,
        duplicates: Duplicates::Skip,
        events: vec![prepared],
    })?;
    let position = appended.placed.first().map_or(0, |placed| placed.position);
    if !actors.wait_for(position, PATIENCE) {
        let detail = format!(
            "the request is recorded at position {position}, but the actors have not come to it yet; \
             tradewarden events tail and the server's /readyz tell more"
        );
        return Err(Problem::new(503, "guard_behind", detail));
    }
    let outcome = outcome(&running.log, position, event_id, &meant, &producer)?;
    outcome.refusal.map_or(Ok(outcome.told), Err)
}

fn check(name: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.trim().is_empty() || text.chars().count() > most {
        let detail = format!("{name} is {text:?}: wanted is a text of 1 to {most} characters");
        return Err(Problem::usage(detail));
    }
    Ok(())
}

/// What came of a request, and whether that is a refusal.
struct Decided {
    told: Outcome,
    refusal: Option<Problem>,
}

fn outcome(
    log: &Log,
    position: u64,
    event_id: Uuid,
    meant: &Event,
    producer: &str,
) -> Result<Decided, Problem> {
    let request = log.events.event_at(position)?.ok_or_else(|| {
        Problem::internal(format!("the request at position {position} cannot be read back"))
    })?;
    if !says_the_same(&request.event, meant) || *request.producer != *producer {
        let detail =
            "this key was used for a request that said something else; give each request a key of its own";
        return Err(Problem::new(422, "key_reused", detail));
    }
    let families = FamilySet::of(&[Family::Strategy, Family::Schedule]);
    let caused = |event: &Arc<Recorded>| event.causation_id == Some(event_id);
    // The guard answers within few events of the request; a repeated request may lie further back.
    let mut at = position;
    let mut decisions = Vec::new();
    let head = log.events.head();
    while at < head && decisions.is_empty() {
        let batch = log.events.read_all(at, families, 4096)?;
        at = batch.read_to.max(at + 1);
        decisions.extend(batch.events.into_iter().filter(caused));
    }
    let refusal = decisions.iter().find_map(|event| match &event.event {
        Event::StrategyEnableRefused(refused) => Some(refused_as(refused)),
        Event::ScheduleRefused(refused) => Some(super::schedules::refused_as(refused)),
        _ => None,
    });
    let decisions = decisions.iter().map(|event| raw(&event.json())).collect::<Result<_, _>>()?;
    Ok(Decided { told: Outcome { request: raw(&request.json())?, decisions }, refusal })
}

/// Whether two requests with one key are the same one. When the clock was read is no part of what is asked.
fn says_the_same(recorded: &Event, meant: &Event) -> bool {
    match (recorded, meant) {
        (Event::ClockAcceptRequested(one), Event::ClockAcceptRequested(other)) => one.reason == other.reason,
        _ => recorded == meant,
    }
}

fn refused_as(refused: &StrategyEnableRefused) -> Problem {
    let code = match refused.refusal {
        EnableRefusal::IsActive => "strategy_active",
        EnableRefusal::CauseHolds => "cause_holds",
    };
    Problem::new(409, code, refused.detail.clone())
}
