//! What StrategyGuard remembers of each strategy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use events::{
    AlertKind, DecidedBy, Event, Fact, GuardThresholds, Outcome, RecordRejected, ReduceCause,
    StrategyEnabled, StrategyState, Timestamp, TradeClosed, Uuid,
};
use serde::{Deserialize, Serialize};

use super::{
    config::MAX_WIN_RATE_WINDOW,
    day::{self, DaySum},
    unattributed::Unattributed,
};

/// A trade closed longer before the strategy's newest one is not judged.
const MAX_AGE_DAYS: i64 = 7;

/// Days that are kept of each strategy: the eight that trades of seven days fall on, and as many of a wrong clock.
const MAX_DAYS: usize = 16;

/// Days that a trade which is not too old may fall on.
const JUDGED_DAYS: i32 = 8;

/// Rejected trade ids that are remembered for each strategy; beyond, only an operator clears the cause.
const MAX_REJECTED: usize = 64;

/// The guard's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// By name. There are as many as a person gave names to; the deadline is looked for through all of them once a turn.
    pub strategies: BTreeMap<String, Strategy>,
    /// Sources that stand still, with what was said about them.
    pub stalled: BTreeMap<String, String>,
    /// Dead letters that belong to no known strategy.
    pub unattributed: Unattributed,
    /// How the clock stands behind what is in the log; nothing while it does not.
    pub clock_behind: Option<String>,
    /// Whether that was told.
    pub clock_alerted: bool,
    /// The latest moment that is known to have been reached.
    pub clock: Timestamp,
}

/// One strategy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Strategy {
    /// As decided.
    pub state: StrategyState,
    /// The decision that halted it.
    pub disabled_by: Option<Uuid>,
    /// When that happened: a position opened later contradicts it.
    pub disabled_at: Option<Timestamp>,
    /// Whether a trade after the halt was told.
    pub told_after_halt: bool,
    /// Whether an alert is open about a position that was opened after the halt.
    pub contradicted: bool,
    /// The causes that were announced with REDUCING.
    pub announced: Vec<ReduceCause>,
    /// Whether an alert about its state is open, and of which state.
    pub alerted: Option<StrategyState>,
    /// Closed trades in all, judged or not.
    pub trades: u64,
    /// The latest close of a trade.
    pub newest_close: Option<Timestamp>,
    /// Trades in a row that closed too long before it to be judged.
    pub too_old: u32,
    /// Whether an alert about them is open.
    pub too_old_alerted: bool,
    /// The currency of the first trade that told one.
    pub currency: Option<String>,
    /// Since when its silence counts: the latest close, or the moment it was enabled.
    pub heard_at: Option<Timestamp>,
    /// Lost trades in a row.
    pub consecutive_losses: u32,
    /// Won or not, of the last trades, newest last.
    pub outcomes: VecDeque<bool>,
    /// Sums of the UTC days that can still be judged, by day number.
    pub days: BTreeMap<i32, DaySum>,
    /// Trades that could not be taken in.
    pub rejected: Rejected,
    /// Unattributed dead letters that an operator knew of when enabling it; see [`Unattributed::letters`].
    pub pardoned_letters: u64,
}

/// Trades of a strategy in the dead letters. One whose corrected report comes in is forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Those whose id could be read.
    pub ids: BTreeSet<String>,
    /// Those whose id could not, or for which there was no room.
    pub others: u32,
}

impl Rejected {
    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.others == 0
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.others.saturating_add(u32::try_from(self.ids.len()).unwrap_or(u32::MAX))
    }

    fn add(&mut self, rejection: &RecordRejected) {
        // A conflicting duplicate keeps its cause: its id is recorded, so no later report can clear it.
        let correctable = rejection.recorded.is_none() && self.ids.len() < MAX_REJECTED;
        match &rejection.trade_id {
            Some(id) if correctable => {
                self.ids.insert(id.clone());
            }
            _ => self.others = self.others.saturating_add(1),
        }
    }
}

impl State {
    /// Folds an input or a decision of the guard itself.
    pub fn evolve(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::TradeClosed(trade) => {
                self.unattributed.see_trade();
                self.strategy(&trade.strategy).close(trade);
            }
            Event::RecordRejected(letter) if letter.reason.reduces() => match &letter.strategy {
                Some(strategy) => self.strategy(strategy).rejected.add(letter),
                None => self.unattributed.add(fact.occurred_at),
            },
            Event::SourceStalled(stalled) => {
                self.stalled.insert(stalled.source.clone(), stalled.detail.clone());
            }
            Event::SourceCaughtUp(source) => {
                self.stalled.remove(&source.source);
            }
            Event::ClockFellBehind(e) => {
                let words = format!("the clock says {}, the log already has {}", e.clock, e.newest);
                self.clock_behind = Some(words);
            }
            Event::ClockCaughtUp(_) => self.clock_behind = None,
            Event::ClockAcceptRequested(e) => self.accept_clock(e.clock),
            Event::TimerDue(timer) => self.clock = self.clock.max(timer.due_at),
            _ => self.evolve_own(fact),
        }
    }

    fn evolve_own(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::StrategyDisabled(e) => self.strategy(&e.strategy).halt(fact),
            Event::StrategyReduced(e) => {
                let strategy = self.strategy(&e.strategy);
                strategy.state = StrategyState::Reducing;
                strategy.announced.clone_from(&e.causes);
            }
            Event::StrategyEnabled(e) => {
                let letters = self.unattributed.letters;
                self.strategy(&e.strategy).enable(e, fact.occurred_at, letters);
            }
            Event::TradeAfterHalt(e) => self.strategy(&e.strategy).told_after_halt = true,
            Event::AlertRaised(alert) => self.note_alert(alert.kind, &alert.subject, true),
            Event::AlertCleared(alert) => self.note_alert(alert.kind, &alert.subject, false),
            _ => {}
        }
    }

    fn note_alert(&mut self, kind: AlertKind, subject: &str, open: bool) {
        match kind {
            AlertKind::StrategyDisabled | AlertKind::StrategyReduced => {
                let strategy = self.strategy(subject);
                strategy.alerted = open.then_some(strategy.state);
            }
            AlertKind::TradesTooOld => self.strategy(subject).too_old_alerted = open,
            AlertKind::StrategyContradicted => self.strategy(subject).contradicted = open,
            AlertKind::RecordsUnattributed if open => self.unattributed.told(),
            AlertKind::RecordsUnattributed => self.unattributed.end(),
            AlertKind::ClockBehind => self.clock_alerted = open,
            _ => {}
        }
    }

    /// What lies beyond the accepted clock never happened as far as time is told by it; what was counted stays.
    fn accept_clock(&mut self, clock: Timestamp) {
        self.clock_behind = None;
        self.clock = self.clock.min(clock);
        self.unattributed.forget_after(clock);
        for strategy in self.strategies.values_mut() {
            strategy.newest_close = strategy.newest_close.filter(|newest| *newest <= clock);
            strategy.heard_at = strategy.heard_at.map(|heard| heard.min(clock));
        }
    }

    /// A day of [`Strategy::days`], `YYYY-MM-DD`.
    #[must_use]
    pub fn day_name(number: i32) -> String {
        events::Day::from_number(number).to_string()
    }

    fn strategy(&mut self, name: &str) -> &mut Strategy {
        if !self.strategies.contains_key(name) {
            self.strategies.insert(name.to_owned(), Strategy::default());
        }
        self.strategies.get_mut(name).expect("invariant: it was inserted above")
    }
}

impl Strategy {
    /// Whether a trade is too old to be judged.
    pub fn is_too_old(&self, closed_at: Timestamp) -> bool {
        self.newest_close.is_some_and(|newest| closed_at.plus_days(MAX_AGE_DAYS) < newest)
    }

    /// The currency that a capital is in: as configured, else that of the first trade.
    pub fn capital_currency<'s>(&'s self, limit: &'s GuardThresholds) -> Option<&'s str> {
        limit.capital_currency.as_deref().or(self.currency.as_deref())
    }

    fn close(&mut self, trade: &TradeClosed) {
        self.trades += 1;
        self.rejected.ids.remove(&trade.trade_id);
        let currency = day::currency(trade);
        if self.currency.is_none() && !currency.is_empty() {
            self.currency = Some(currency.to_owned());
        }
        let too_old = self.is_too_old(trade.closed_at);
        self.newest_close = self.newest_close.max(Some(trade.closed_at));
        self.heard_at = self.heard_at.max(Some(trade.closed_at));
        if self.state == StrategyState::Halted {
            return;
        }
        if too_old {
            self.too_old = self.too_old.saturating_add(1);
        } else {
            self.too_old = 0;
            self.count(trade);
        }
    }

    fn count(&mut self, trade: &TradeClosed) {
        let outcome = trade.outcome();
        self.consecutive_losses = match outcome {
            Outcome::Lost => self.consecutive_losses.saturating_add(1),
            Outcome::Won | Outcome::Drawn => 0,
        };
        if self.outcomes.len() >= MAX_WIN_RATE_WINDOW as usize {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(outcome == Outcome::Won);
        let day = trade.closed_at.day().number();
        self.days.entry(day).or_default().add(trade);
        self.forget_days(day);
    }

    /// By number and not by age, and never the day that was just counted: what a clock that ran ahead has counted pushes
    /// no day out that can still be judged.
    fn forget_days(&mut self, counted: i32) {
        let reached = self.heard_at.unwrap_or_default().day().number();
        while self.days.len() > MAX_DAYS {
            let is_old = |day: &&i32| **day < reached.saturating_sub(JUDGED_DAYS) && **day != counted;
            let old = self.days.keys().find(is_old).or(self.days.keys().next_back()).copied();
            old.map(|day| self.days.remove(&day));
        }
    }

    fn halt(&mut self, decision: Fact<'_>) {
        self.state = StrategyState::Halted;
        self.disabled_by = Some(decision.event_id);
        self.disabled_at = Some(decision.occurred_at);
        self.told_after_halt = false;
        self.announced.clear();
    }

    fn enable(&mut self, enabled: &StrategyEnabled, at: Timestamp, letters: u64) {
        self.state = StrategyState::Active;
        (self.disabled_by, self.disabled_at) = (None, None);
        self.announced.clear();
        if enabled.by == DecidedBy::Operator {
            self.lift(at, letters);
            // The first rules did not say what they forgot, and forgot it whatever the state was.
            if enabled.forgets.is_some() || enabled.from == StrategyState::Halted {
                self.start_afresh();
            }
        }
    }

    /// A person has looked: silence and what could not be taken in count from here.
    fn lift(&mut self, at: Timestamp, letters: u64) {
        self.rejected = Rejected::default();
        self.pardoned_letters = letters;
        self.heard_at = self.heard_at.max(Some(at));
    }

    /// Counters, and what is too old for them, start from here.
    fn start_afresh(&mut self) {
        self.consecutive_losses = 0;
        self.outcomes.clear();
        self.days.clear();
        self.newest_close = None;
        self.too_old = 0;
    }
}
