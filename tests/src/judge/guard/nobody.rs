//! Dead letters that belong to no strategy.

use events::{Severity, Timestamp};

/// Ten minutes.
const WINDOW_S: i64 = 600;

/// All that came since it was last over.
#[derive(Default)]
pub(super) struct Nobody {
    /// How many there ever were.
    pub letters: usize,
    /// When each came; a clock that is set back does not shorten the wait.
    came: Vec<Timestamp>,
    /// Whether three came within ten minutes.
    pub reducing: bool,
    trade_since: bool,
    /// The alert that is open.
    pub alert: Option<Severity>,
}

impl Nobody {
    pub(super) fn miss(&mut self, at: Timestamp) {
        self.letters += 1;
        self.trade_since = false;
        self.came.push(self.came.iter().copied().fold(at, Timestamp::max));
        if let [.., first, _, last] = self.came[..] {
            self.reducing |= last <= first.plus_seconds(WINDOW_S);
        }
    }

    pub(super) const fn see_trade(&mut self) {
        self.trade_since = true;
    }

    /// How loud the alert has to be.
    pub(super) const fn severity(&self) -> Severity {
        if self.reducing { Severity::Critical } else { Severity::Warning }
    }

    /// Whether ten minutes passed without one and a good trade came in.
    pub(super) fn is_over(&self, clock: Timestamp) -> bool {
        let quiet = self.came.iter().max().is_some_and(|last| last.plus_seconds(WINDOW_S) <= clock);
        quiet && self.trade_since
    }

    pub(super) fn end(&mut self) {
        *self = Self { letters: self.letters, ..Self::default() };
    }

    pub(super) fn accept(&mut self, clock: Timestamp) {
        self.came.iter_mut().for_each(|at| *at = clock.min(*at));
    }
}
