//! What operators ask: to halt, to enable. Nothing is forgotten that is not told.

use events::{
    DecidedBy, EnableRefusal, Event, GuardThresholds, ReduceCause, ReduceCauseKind, StrategyDisabled,
    StrategyEnableRefused, StrategyEnableRequested, StrategyEnabled, StrategyKeptHalted, StrategyState,
};

use super::{evidence, halt, reduce, state::State, state::Strategy};

/// Halts a strategy; of one that is halted only the operator's reason is kept.
pub(super) fn on_disable(
    name: &str,
    strategy: &Strategy,
    reason: &str,
    limit: &GuardThresholds,
) -> Vec<Event> {
    let (strategy_name, reason) = (name.to_owned(), reason.to_owned());
    if strategy.state == StrategyState::Halted {
        let disabled_by = strategy.disabled_by;
        return vec![Event::StrategyKeptHalted(StrategyKeptHalted {
            strategy: strategy_name,
            reason,
            disabled_by,
        })];
    }
    let newest_day = strategy.newest_close.map(|newest| newest.day().number());
    let mut decided = reduce::clear_alert(name, strategy, "the strategy was halted by an operator");
    decided.push(Event::StrategyDisabled(StrategyDisabled {
        strategy: strategy_name,
        by: DecidedBy::Operator,
        rules: Vec::new(),
        metrics: evidence::metrics(strategy, newest_day.and_then(|day| strategy.days.get(&day)), limit),
        from: strategy.state,
        to: StrategyState::Halted,
        loss_basis: evidence::loss_basis(limit),
        trades: Some(strategy.trades),
        reason: Some(reason),
    }));
    decided
}

/// Enables a strategy: of a HALTED one the counters start afresh, of a REDUCING one they stay. What still holds (a
/// stalled source) reduces at once.
pub(super) fn on_enable(
    state: &State,
    strategy: &Strategy,
    request: &StrategyEnableRequested,
    limit: &GuardThresholds,
) -> Vec<Event> {
    let name = &request.strategy;
    let holding = reduce::of_all(state);
    let afresh = request.reset_counters || strategy.state == StrategyState::Halted;
    if !afresh && let Some(refused) = refusal(name, strategy, &holding) {
        return vec![refused];
    }
    let mut decided = reduce::clear_alert(name, strategy, "an operator enabled the strategy");
    decided.extend(halt::clear_contradiction(name, strategy));
    decided.extend(afresh.then(|| halt::clear_too_old(name, strategy)).flatten());
    decided.push(Event::StrategyEnabled(StrategyEnabled {
        strategy: name.clone(),
        by: DecidedBy::Operator,
        from: strategy.state,
        to: StrategyState::Active,
        reason: request.reason.clone(),
        forgets: afresh.then(|| evidence::forgotten(strategy, limit)),
    }));
    if !holding.is_empty() {
        decided.push(reduce::reduced(name, StrategyState::Active, holding));
    }
    decided
}

fn refusal(name: &str, strategy: &Strategy, holding: &[ReduceCause]) -> Option<Event> {
    let only_of_all =
        !strategy.announced.is_empty() && strategy.announced.iter().all(|cause| is_of_all(cause.kind));
    let (refusal, detail) = match strategy.state {
        StrategyState::Active => (
            EnableRefusal::IsActive,
            format!("{name} is ACTIVE; --reset-counters starts its counters afresh"),
        ),
        StrategyState::Reducing if only_of_all && !holding.is_empty() => (
            EnableRefusal::CauseHolds,
            format!("{name} is REDUCING as long as this holds: {}", words(holding)),
        ),
        _ => return None,
    };
    let (strategy, state) = (name.to_owned(), strategy.state);
    Some(Event::StrategyEnableRefused(StrategyEnableRefused { strategy, state, refusal, detail }))
}

const fn is_of_all(kind: ReduceCauseKind) -> bool {
    matches!(kind, ReduceCauseKind::SourceStale | ReduceCauseKind::ClockBehind)
}

fn words(causes: &[ReduceCause]) -> String {
    causes.iter().map(|cause| cause.detail.as_str()).collect::<Vec<_>>().join("; ")
}
