//! What concerns every strategy at once: sources that stand still, records that are gone, a clock that is behind.

use events::{
    AlertCleared, AlertKind, AlertRaised, Event, RecordsMissing, Severity, StrategyGuardConfigured,
};

use super::{reduce::reconcile_all, state::State};

/// The alert's subject: there is one clock.
const CLOCK: &str = "clock";

/// For people: how an alert was closed.
pub(super) fn cleared(kind: AlertKind, subject: &str, message: &str) -> Event {
    Event::AlertCleared(AlertCleared { kind, subject: subject.to_owned(), message: message.to_owned() })
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

/// The clock fell behind, caught up or was accepted: one alert for it, and every strategy follows.
pub(super) fn on_clock(state: &State, event: &Event, config: &StrategyGuardConfigured) -> Vec<Event> {
    let mut decided = Vec::new();
    match (&state.clock_behind, state.clock_alerted) {
        (Some(words), false) => decided.push(Event::AlertRaised(AlertRaised {
            kind: AlertKind::ClockBehind,
            subject: CLOCK.to_owned(),
            severity: Severity::Critical,
            message: format!(
                "{words}: no strategy opens new positions until it has caught up; if the clock is right as it is: \
                 tradewarden clock accept --reason R"
            ),
        })),
        (None, true) => {
            let words = match event {
                Event::ClockAcceptRequested(e) => format!("accepted as it is by an operator: {}", e.reason),
                _ => "it has caught up".to_owned(),
            };
            decided.push(cleared(AlertKind::ClockBehind, CLOCK, &words));
        }
        _ => {}
    }
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
