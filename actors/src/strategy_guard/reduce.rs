//! REDUCING: entered when the guard cannot know, left by itself when the causes are gone.

use events::{
    AlertKind, AlertRaised, DecidedBy, Event, RecordsMissing, ReduceCause, ReduceCauseKind, Severity,
    StrategyEnabled, StrategyGuardConfigured, StrategyReduced, StrategyState, Timestamp,
};

use super::rules::cleared;
use super::state::{State, Strategy};

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
    let rejected = (!strategy.rejected.is_empty()).then(|| {
        let (named, others) = (strategy.rejected.ids.len(), strategy.rejected.others);
        format!("{} reports of its trades are in the dead letters", named as u64 + u64::from(others))
    });
    let silence = silent_since(state, name, strategy, config)
        .map(|since| format!("no trade since {since}, longer than max_silence"));
    [
        (ReduceCauseKind::CheckFailed, check_failed),
        (ReduceCauseKind::TradeRejected, rejected),
        (ReduceCauseKind::SourceStale, stale(state)),
        (ReduceCauseKind::Silence, silence),
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

/// When the next strategy will have been silent for too long.
pub(super) fn next_silence(state: &State, config: &StrategyGuardConfigured) -> Option<Timestamp> {
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
    // One alert for a stalled source is enough; it concerns every strategy.
    let own_cause = causes.iter().any(|cause| cause.kind != ReduceCauseKind::SourceStale);
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

fn reduced(name: &str, from: StrategyState, causes: Vec<ReduceCause>) -> Event {
    Event::StrategyReduced(StrategyReduced {
        strategy: name.to_owned(),
        by: DecidedBy::Rule,
        causes,
        from,
        to: StrategyState::Reducing,
    })
}

/// What keeps a strategy in REDUCING although it was just enabled.
pub(super) fn still_stalled(state: &State, name: &str) -> Option<Event> {
    let cause = ReduceCause { kind: ReduceCauseKind::SourceStale, detail: stale(state)? };
    Some(reduced(name, StrategyState::Active, vec![cause]))
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

/// A source stands still or goes on: one alert for it, and every strategy follows.
pub(super) fn on_source(state: &State, event: &Event, config: &StrategyGuardConfigured) -> Vec<Event> {
    let alert = match event {
        Event::SourceStalled(e) => Event::AlertRaised(AlertRaised {
            kind: AlertKind::SourceStalled,
            subject: e.source.clone(),
            severity: Severity::Critical,
            message: format!("{} is not read to its end since {}: {}", e.source, e.since, e.detail),
        }),
        Event::SourceCaughtUp(e) => cleared(AlertKind::SourceStalled, &e.source, "its end is reached again"),
        _ => return Vec::new(),
    };
    let mut decided = vec![alert];
    decided.extend(reconcile_all(state, config));
    decided
}

/// Facts that nobody has seen and nobody can bring back.
pub(super) fn records_missing(missing: &RecordsMissing) -> Event {
    let RecordsMissing { topic, partition, from_offset, to_offset, at_most } = missing;
    Event::AlertRaised(AlertRaised {
        kind: AlertKind::RecordsMissing,
        subject: format!("{topic}/{partition}"),
        severity: Severity::Critical,
        message: format!(
            "offsets {from_offset} to {to_offset} of {topic}/{partition} expired unread: at most {at_most} facts are missing"
        ),
    })
}
