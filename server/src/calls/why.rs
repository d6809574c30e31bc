//! Why something was decided: the chain of causes down to the fact, the evidence, the basis, and the trades that the
//! window rested on.

use std::sync::Arc;

use events::{Event, Recorded, StrategyDisabled};
use runtime::held::{self, Held, HeldError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use store::EventLog;

use super::{Call, Log, events::find, path_part, raw};
use crate::problem::Problem;

/// The explanation of an event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Why {
    /// The event's id or position.
    #[serde(skip_serializing)]
    pub id: String,
    /// Whether the state that the actor held is folded anew.
    #[serde(default)]
    pub state: bool,
}

/// Causes that are followed, at most: a chain of ours has a handful.
const LONGEST_CHAIN: usize = 64;

/// Events of the trade's stream that are looked at for the trades of the window.
const LOOKED_AT: usize = 20_000;

/// Trades of the window that are shown.
const TRADES_SHOWN: usize = 1000;

#[derive(Serialize)]
struct Explanation<'a> {
    /// The event itself first, the fact that began it last.
    chain: Vec<events::RecordedJson<'a>>,
    /// Up to where the actor had read.
    basis_position: Option<u64>,
    /// The version of the rules that decided.
    rules_version: Option<u32>,
    /// Every rule that was breached with its value, threshold, window and number of trades.
    evidence: Option<Box<RawValue>>,
    /// The trades that the largest window rested on, newest first.
    trades: Vec<events::RecordedJson<'a>>,
    /// Whether older trades of the window were left out.
    trades_left_out: bool,
    /// The actor as it was when it decided: its configuration and state; null when that was not asked for.
    held: Option<Held>,
}

impl Call for Why {
    type Answer = Box<RawValue>;
    type Given = Log;
    const PATH: &'static str = "/api/why/{id}";
    const TAKES_LONG: bool = true;

    fn path(&self) -> String {
        format!("/api/why/{}", path_part(&self.id))
    }

    fn answer(&self, log: &Log) -> Result<Box<RawValue>, Problem> {
        let event = find(&*log.events, &self.id)?;
        let chain = chain(&*log.events, Arc::clone(&event))?;
        let (trades, trades_left_out) = match decision_of(&chain) {
            Some(decision) => trades_of(&*log.events, decision, &chain)?,
            None => (Vec::new(), false),
        };
        let held = if self.state { held(log, &event)? } else { None };
        raw(&Explanation {
            held,
            basis_position: event.basis_position,
            rules_version: event.rules_version,
            evidence: evidence(&chain)?,
            chain: chain.iter().map(|event| event.json()).collect(),
            trades: trades.iter().map(|event| event.json()).collect(),
            trades_left_out,
        })
    }
}

/// What the actor held; of the strategies, the one that was decided on.
fn held(log: &Log, event: &Recorded) -> Result<Option<Held>, Problem> {
    let held = held::held(&log.events, log.saved_states().as_ref(), event);
    let mut held = held.map_err(|error| match error {
        HeldError::Read(error) => error.into(),
        HeldError::Encode(_) => Problem::internal(error.to_string()),
    })?;
    let strategies = held.as_mut().and_then(|held| held.state.get_mut("strategies")?.as_object_mut());
    if let Some((strategies, strategy)) = strategies.zip(event.event.strategy()) {
        strategies.retain(|name, _| name == strategy);
    }
    Ok(held)
}

/// The event, what caused it, what caused that … down to the fact.
fn chain(log: &dyn EventLog, event: Arc<Recorded>) -> Result<Vec<Arc<Recorded>>, Problem> {
    let mut chain = vec![event];
    while let Some(cause) =
        chain.last().and_then(|event| event.causation_id).filter(|_| chain.len() < LONGEST_CHAIN)
    {
        match find(log, &cause.to_string()) {
            Ok(event) => chain.push(event),
            // Its facts are archived away: the chain ends here.
            Err(problem) if problem.status == 404 => break,
            Err(problem) => return Err(problem),
        }
    }
    Ok(chain)
}

fn decision_of(chain: &[Arc<Recorded>]) -> Option<&StrategyDisabled> {
    chain.iter().find_map(|event| match &event.event {
        Event::StrategyDisabled(decision) if !decision.rules.is_empty() => Some(decision),
        _ => None,
    })
}

/// The numbers that the decision compared: they stand in the decision itself, or in the one that caused it.
fn evidence(chain: &[Arc<Recorded>]) -> Result<Option<Box<RawValue>>, Problem> {
    chain.iter().find_map(|event| numbers(&event.event)).transpose()
}

fn numbers(event: &Event) -> Option<Result<Box<RawValue>, Problem>> {
    match event {
        Event::StrategyDisabled(decision) => Some(raw(&serde_json::json!({
            "rules": decision.rules,
            "metrics": decision.metrics,
            "loss_basis": decision.loss_basis,
        }))),
        Event::StrategyReduced(decision) => Some(raw(&serde_json::json!({ "causes": decision.causes }))),
        Event::PerformanceAnalyzed(analysis) => Some(raw(analysis)),
        Event::PerformanceAnalysisSkipped(skipped) => Some(raw(skipped)),
        // Facts, requests and what rests on them. A new type is asked for here.
        Event::TradeClosed(_)
        | Event::RecordRejected(_)
        | Event::IngestAdvanced(_)
        | Event::SourceStalled(_)
        | Event::SourceCaughtUp(_)
        | Event::RecordsMissing(_)
        | Event::PartitionsAdded(_)
        | Event::TopicSettingsSeen(_)
        | Event::StrategyEnabled(_)
        | Event::StrategyEnableRefused(_)
        | Event::StrategyKeptHalted(_)
        | Event::TradeAfterHalt(_)
        | Event::AlertRaised(_)
        | Event::AlertCleared(_)
        | Event::StrategyDisableRequested(_)
        | Event::StrategyEnableRequested(_)
        | Event::ClockAcceptRequested(_)
        | Event::ClockFellBehind(_)
        | Event::ClockCaughtUp(_)
        | Event::TimerDue(_)
        | Event::ScheduleFired(_)
        | Event::ScheduleMissed(_)
        | Event::ScheduleCreateRequested(_)
        | Event::ScheduleSetRequested(_)
        | Event::ScheduleDeleteRequested(_)
        | Event::SchedulePauseRequested(_)
        | Event::ScheduleResumeRequested(_)
        | Event::ScheduleRunRequested(_)
        | Event::ScheduleCreated(_)
        | Event::ScheduleChanged(_)
        | Event::ScheduleDeleted(_)
        | Event::SchedulePaused(_)
        | Event::ScheduleResumed(_)
        | Event::ScheduleRefused(_)
        | Event::StrategyGuardConfigured(_)
        | Event::PerformanceAnalystConfigured(_)
        | Event::SchedulerConfigured(_)
        | Event::RunStarted(_)
        | Event::ActorFailed(_)
        | Event::ActorQuarantined(_)
        | Event::ActorRecovered(_)
        | Event::SnapshotDiffered(_)
        | Event::HaltMissed(_)
        | Event::PublishAdvanced(_)
        | Event::PublishIdentityRenewed(_)
        | Event::PublishTopicMade(_)
        | Event::DeadLetterLeftOut(_)
        | Event::OtherPublisherSeen(_)
        | Event::OtherPublisherGone(_) => None,
    }
}

/// The strategy's last trades up to the cause, as many as the largest window counted.
fn trades_of(
    log: &dyn EventLog,
    decision: &StrategyDisabled,
    chain: &[Arc<Recorded>],
) -> Result<(Vec<Arc<Recorded>>, bool), Problem> {
    let cause = chain.iter().find(|event| matches!(event.event, Event::TradeClosed(_)));
    let Some(cause) = cause else { return Ok((Vec::new(), false)) };
    let counted = decision.rules.iter().map(|rule| rule.trades as usize).max().unwrap_or(0);
    let wanted = counted.min(TRADES_SHOWN);
    let mut trades = Vec::new();
    let mut before = cause.stream_revision + 1;
    let mut looked_at = 0;
    while trades.len() < wanted && looked_at < LOOKED_AT {
        let events = log.read_stream_back(&cause.stream, before, 1000)?;
        let Some(last) = events.last() else { break };
        (before, looked_at) = (last.stream_revision, looked_at + events.len());
        let of_strategy = |event: &Arc<Recorded>| matches!(&event.event, Event::TradeClosed(trade) if trade.strategy == decision.strategy);
        trades.extend(events.into_iter().filter(of_strategy));
    }
    trades.truncate(wanted);
    let left_out = trades.len() < counted;
    Ok((trades, left_out))
}
