//! REDUCING: entered when the guard cannot know, left by itself when the causes are gone.

use events::{
    AlertKind, AlertRaised, DecidedBy, Event, ReduceCause, ReduceCauseKind, Severity, StrategyEnabled,
    StrategyGuardConfigured, StrategyReduced, StrategyState, Timestamp,
};

use super::{
    outside::cleared,
    state::{State, Strategy},
    unattributed,
};

/// Whether the input let the rules be checked.
pub(super) enum Check {
    /// It did not: what was announced about the check still holds.
    AsAnnounced,
    /// It did; the reasons of those that failed.
    Made(Vec<String>),
}

/// Compares the causes that hold with those that were announced, and announces the difference.
pub(super) fn reconcile(
    state: &State,
    name: &str,
    strategy: &Strategy,
    config: &StrategyGuardConfigured,
    check: Check,
) -> Vec<Event> {
    if strategy.state == StrategyState::Halted {
        return Vec::new();
    }
    let causes = causes(state, name, strategy, config, check);
    let same_kinds = causes.len() == strategy.announced.len()
        && causes.iter().zip(&strategy.announced).all(|(now, then)| now.kind == then.kind);
    match (causes.is_empty(), strategy.state) {
        _ if same_kinds => Vec::new(),
        (true, StrategyState::Reducing) => lift(name, strategy),
        _ => announce(name, strategy, causes),
    }
}

/// [`reconcile`] for every strategy.
pub(super) fn reconcile_all(state: &State, config: &StrategyGuardConfigured) -> Vec<Event> {
    let each =
        |(name, strategy): (&String, &Strategy)| reconcile(state, name, strategy, config, Check::AsAnnounced);
    state.strategies.iter().flat_map(each).collect()
}

/// Every cause that holds, ordered by kind.
fn causes(
    state: &State,
    name: &str,
    strategy: &Strategy,
    config: &StrategyGuardConfigured,
    check: Check,
) -> Vec<ReduceCause> {
    let check_failed = match check {
        Check::Made(failed) => (!failed.is_empty()).then(|| failed.join("; ")),
        Check::AsAnnounced => announced(strategy, ReduceCauseKind::CheckFailed),
    };
    let rejected = match strategy.rejected.count() {
        0 => None,
        1 => Some("1 report of its trades is in the dead letters".to_owned()),
        count => Some(format!("{count} reports of its trades are in the dead letters")),
    };
    let silence = silent_since(state, name, strategy, config)
        .map(|since| format!("no trade since {since}, longer than max_silence"));
    [
        (ReduceCauseKind::CheckFailed, check_failed),
        (ReduceCauseKind::TradeRejected, rejected),
        (ReduceCauseKind::SourceStale, stale(state)),
        (ReduceCauseKind::Silence, silence),
        (ReduceCauseKind::RecordsUnattributed, unattributed::cause(state, strategy)),
        (ReduceCauseKind::ClockBehind, state.clock_behind.clone()),
    ]
    .into_iter()
    .filter_map(|(kind, detail)| detail.map(|detail| ReduceCause { kind, detail }))
    .collect()
}

fn announced(strategy: &Strategy, kind: ReduceCauseKind) -> Option<String> {
    strategy.announced.iter().find(|cause| cause.kind == kind).map(|cause| cause.detail.clone())
}

fn stale(state: &State) -> Option<String> {
    let (source, detail) = state.stalled.first_key_value()?;
    Some(format!("{source}: {detail}"))
}

fn silent_since(
    state: &State,
    name: &str,
    strategy: &Strategy,
    config: &StrategyGuardConfigured,
) -> Option<Timestamp> {
    let heard_at = strategy.heard_at?;
    (silence_ends(name, heard_at, config)? <= state.clock).then_some(heard_at)
}

fn silence_ends(name: &str, heard_at: Timestamp, config: &StrategyGuardConfigured) -> Option<Timestamp> {
    let seconds = config.of(name).max_silence_s?;
    Some(heard_at.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)))
}

/// When something may end or begin without a fact: a silence that is too long, the wait after records of nobody.
pub(super) fn next_deadline(state: &State, config: &StrategyGuardConfigured) -> Option<Timestamp> {
    let quiet = state.unattributed.next_deadline(state.clock);
    next_silence(state, config).into_iter().chain(quiet).min()
}

/// When the next strategy will have been silent for too long.
fn next_silence(state: &State, config: &StrategyGuardConfigured) -> Option<Timestamp> {
    let waits = config.default.max_silence_s.is_some()
        || config.strategies.values().any(|thresholds| thresholds.max_silence_s.is_some());
    if !waits {
        return None;
    }
    let guarded = state.strategies.iter().filter(|(_, strategy)| strategy.state != StrategyState::Halted);
    guarded
        .filter_map(|(name, strategy)| silence_ends(name, strategy.heard_at?, config))
        .filter(|ends| *ends > state.clock)
        .min()
}

fn lift(name: &str, strategy: &Strategy) -> Vec<Event> {
    let gone = strategy.announced.iter().map(|cause| cause.detail.as_str()).collect::<Vec<_>>().join("; ");
    let mut decided = vec![Event::StrategyEnabled(StrategyEnabled {
        strategy: name.to_owned(),
        by: DecidedBy::Rule,
        from: StrategyState::Reducing,
        to: StrategyState::Active,
        reason: format!("no longer: {gone}"),
        forgets: None,
    })];
    decided.extend(clear_alert(name, strategy, "the cause is gone"));
    decided
}

fn announce(name: &str, strategy: &Strategy, causes: Vec<ReduceCause>) -> Vec<Event> {
    let why = causes.iter().map(|cause| cause.detail.as_str()).collect::<Vec<_>>().join("; ");
    // One alert for what concerns every strategy is enough.
    let own_cause = causes.iter().any(|cause| !concerns_all(cause.kind));
    let mut decided = vec![reduced(name, strategy.state, causes)];
    if own_cause && strategy.alerted.is_none() {
        decided.push(Event::AlertRaised(AlertRaised {
            kind: AlertKind::StrategyReduced,
            subject: name.to_owned(),
            severity: Severity::Error,
            message: format!("{name} opens no new positions: {why}"),
        }));
    }
    decided
}

const fn concerns_all(kind: ReduceCauseKind) -> bool {
    use ReduceCauseKind::{ClockBehind, RecordsUnattributed, SourceStale};
    matches!(kind, SourceStale | RecordsUnattributed | ClockBehind)
}

pub(super) fn reduced(name: &str, from: StrategyState, causes: Vec<ReduceCause>) -> Event {
    Event::StrategyReduced(StrategyReduced {
        strategy: name.to_owned(),
        by: DecidedBy::Rule,
        causes,
        from,
        to: StrategyState::Reducing,
    })
}

/// What keeps every strategy in REDUCING, whoever enables it.
pub(super) fn of_all(state: &State) -> Vec<ReduceCause> {
    [(ReduceCauseKind::SourceStale, stale(state)), (ReduceCauseKind::ClockBehind, state.clock_behind.clone())]
        .into_iter()
        .filter_map(|(kind, detail)| detail.map(|detail| ReduceCause { kind, detail }))
        .collect()
}

/// Closes the alert about the strategy's state, if one is open.
pub(super) fn clear_alert(name: &str, strategy: &Strategy, message: &str) -> Vec<Event> {
    let kind = match strategy.alerted {
        Some(StrategyState::Halted) => AlertKind::StrategyDisabled,
        Some(_) => AlertKind::StrategyReduced,
        None => return Vec::new(),
    };
    vec![cleared(kind, name, message)]
}
