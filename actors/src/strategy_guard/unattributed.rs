//! Dead letters that belong to no known strategy: whose guard cannot know is not known, so after a few it is all.

use std::collections::VecDeque;

use events::{AlertKind, AlertRaised, Event, RecordRejected, Severity, StrategyGuardConfigured, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    outside::cleared,
    reduce,
    state::{State, Strategy},
};

/// So many within [`WINDOW_S`] reduce every strategy.
const TOO_MANY: usize = 3;

/// Ten minutes, in which they are counted, and which have to pass without one until it is over.
const WINDOW_S: i64 = 600;

/// The alert's subject: it is about whatever comes in, not about one source.
const SUBJECT: &str = "intake";

/// The dead letters of nobody, and what was said about them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unattributed {
    /// How many there ever were: whoever enables a strategy knows of those before.
    pub letters: u64,
    /// When the last of them came, oldest first; empty when it is over.
    pub recent: VecDeque<Timestamp>,
    /// Whether there were too many, so that every strategy is reduced until it is over.
    pub reducing: bool,
    /// Whether a good trade came after the last of them.
    pub trade_since: bool,
    /// The alert that is open.
    pub alerted: Option<Severity>,
}

impl Unattributed {
    pub(super) fn add(&mut self, at: Timestamp) {
        self.letters = self.letters.saturating_add(1);
        self.trade_since = false;
        // A clock that is set back does not shorten the wait.
        self.recent.push_back(self.recent.back().map_or(at, |last| at.max(*last)));
        if self.recent.len() > TOO_MANY {
            self.recent.pop_front();
        }
        let first = self.recent.front().copied().unwrap_or(at);
        let is_dense = self.last().is_some_and(|last| last <= first.plus_seconds(WINDOW_S));
        self.reducing |= self.recent.len() >= TOO_MANY && is_dense;
    }

    pub(super) const fn see_trade(&mut self) {
        self.trade_since = true;
    }

    pub(super) const fn told(&mut self) {
        self.alerted = Some(if self.reducing { Severity::Critical } else { Severity::Warning });
    }

    /// It is over; what was counted is kept for those who have looked at it.
    pub(super) fn end(&mut self) {
        *self = Self { letters: self.letters, ..Self::default() };
    }

    pub(super) fn forget_after(&mut self, clock: Timestamp) {
        self.recent.iter_mut().for_each(|at| *at = clock.min(*at));
    }

    fn last(&self) -> Option<Timestamp> {
        self.recent.back().copied()
    }

    fn quiet_at(&self) -> Option<Timestamp> {
        Some(self.last()?.plus_seconds(WINDOW_S))
    }

    /// When the window without one ends; nothing once it has.
    pub(super) fn next_deadline(&self, clock: Timestamp) -> Option<Timestamp> {
        self.quiet_at().filter(|quiet_at| *quiet_at > clock)
    }

    /// Whether the time has passed and a good trade has come in.
    pub(super) fn is_over(&self, clock: Timestamp) -> bool {
        self.trade_since && self.quiet_at().is_some_and(|quiet_at| quiet_at <= clock)
    }
}

/// Why a strategy is reduced by them, if it is.
pub(super) fn cause(state: &State, strategy: &Strategy) -> Option<String> {
    let Unattributed { letters, reducing, .. } = state.unattributed;
    let holds = reducing && strategy.pardoned_letters < letters && !state.unattributed.is_over(state.clock);
    holds.then(|| "records in the dead letters belong to no known strategy: it may be this one".to_owned())
}

/// A letter of nobody came: told with the first, and again once there are too many.
pub(super) fn on_letter(
    state: &State,
    letter: &RecordRejected,
    config: &StrategyGuardConfigured,
) -> Vec<Event> {
    let severity = if state.unattributed.reducing { Severity::Critical } else { Severity::Warning };
    let mut decided = Vec::new();
    if state.unattributed.alerted < Some(severity) {
        decided.push(Event::AlertRaised(AlertRaised {
            kind: AlertKind::RecordsUnattributed,
            subject: SUBJECT.to_owned(),
            severity,
            message: message(severity, letter),
        }));
    }
    decided.extend(reduce::reconcile_all(state, config));
    decided
}

fn message(severity: Severity, letter: &RecordRejected) -> String {
    let follows = if severity == Severity::Critical {
        "three within ten minutes: every strategy opens no new positions until ten minutes passed without one and a \
         good trade came in"
    } else {
        "nothing is reduced by it yet"
    };
    format!("a record belongs to no known strategy and is in the dead letters ({}); {follows}", letter.detail)
}

/// After a good trade: ends the alert when it is over, and lifts the strategies but that of the trade, which were
/// answered already.
pub(super) fn end_if_over(state: &State, config: &StrategyGuardConfigured, answered: &str) -> Vec<Event> {
    let others = state.strategies.iter().filter(|(name, _)| *name != answered);
    let lift = |(name, strategy): (&String, &Strategy)| {
        reduce::reconcile(state, name, strategy, config, reduce::Check::AsAnnounced)
    };
    let mut decided: Vec<_> = alert_over(state).into_iter().collect();
    if !decided.is_empty() && state.unattributed.reducing {
        decided.extend(others.flat_map(lift));
    }
    decided
}

/// The end of the alert, when it is over.
pub(super) fn alert_over(state: &State) -> Option<Event> {
    let words = "ten minutes passed without a record of nobody, and a good trade came in";
    state.unattributed.is_over(state.clock).then(|| cleared(AlertKind::RecordsUnattributed, SUBJECT, words))
}
