//! What StrategyGuard remembers of each strategy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use events::{
    DecidedBy, Decimal, Event, Fact, Outcome, RecordRejected, ReduceCause, StrategyState, Timestamp,
    TradeClosed, Uuid, decimal::exact_add,
};
use serde::{Deserialize, Serialize};

use super::config::MAX_WIN_RATE_WINDOW;

/// A trade closed longer before the strategy's newest one is not judged.
const MAX_AGE_DAYS: i64 = 7;

/// Rejected trade ids that are remembered for each strategy; beyond, only an operator clears the cause.
const MAX_REJECTED: usize = 64;

/// The guard's memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// By name.
    pub strategies: BTreeMap<String, Strategy>,
    /// Sources that stand still, with what was said about them.
    pub stalled: BTreeMap<String, String>,
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
    /// Whether a trade after the halt was told.
    pub told_after_halt: bool,
    /// The causes that were announced with REDUCING.
    pub announced: Vec<ReduceCause>,
    /// Whether an alert about its state is open, and of which state.
    pub alerted: Option<StrategyState>,
    /// The latest close of a trade.
    pub newest_close: Option<Timestamp>,
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
}

/// Sums over the trades of a UTC day; nothing where a sum has no exact value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DaySum {
    /// Of `profit_pct`.
    #[serde(with = "events::decimal::option_text")]
    pub percent: Option<Decimal>,
    /// Of `profit`.
    #[serde(with = "events::decimal::option_text")]
    pub profit: Option<Decimal>,
    /// How many trades.
    pub trades: u32,
}

impl Default for DaySum {
    fn default() -> Self {
        Self { percent: Some(Decimal::ZERO), profit: Some(Decimal::ZERO), trades: 0 }
    }
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
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.others == 0
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
            Event::TradeClosed(trade) => self.strategy(&trade.strategy).close(trade),
            Event::RecordRejected(rejection) => {
                if let Some(strategy) = &rejection.strategy {
                    self.strategy(strategy).rejected.add(rejection);
                }
            }
            Event::SourceStalled(stalled) => {
                self.stalled.insert(stalled.source.clone(), stalled.detail.clone());
            }
            Event::SourceCaughtUp(source) => {
                self.stalled.remove(&source.source);
            }
            Event::TimerDue(timer) => self.clock = self.clock.max(timer.due_at),
            _ => self.evolve_own(fact),
        }
    }

    fn evolve_own(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::StrategyDisabled(e) => self.strategy(&e.strategy).halt(fact.event_id),
            Event::StrategyReduced(e) => {
                let strategy = self.strategy(&e.strategy);
                strategy.state = StrategyState::Reducing;
                strategy.announced.clone_from(&e.causes);
            }
            Event::StrategyEnabled(e) => {
                let strategy = self.strategy(&e.strategy);
                strategy.enable();
                if e.by == DecidedBy::Operator {
                    strategy.start_afresh(fact.occurred_at);
                }
            }
            Event::TradeAfterHalt(e) => self.strategy(&e.strategy).told_after_halt = true,
            Event::AlertRaised(alert) if alert.kind.is_about_strategy() => {
                let strategy = self.strategy(&alert.subject);
                strategy.alerted = Some(strategy.state);
            }
            Event::AlertCleared(alert) if alert.kind.is_about_strategy() => {
                self.strategy(&alert.subject).alerted = None;
            }
            _ => {}
        }
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

    fn close(&mut self, trade: &TradeClosed) {
        self.rejected.ids.remove(&trade.trade_id);
        let judged = self.state != StrategyState::Halted && !self.is_too_old(trade.closed_at);
        self.newest_close = self.newest_close.max(Some(trade.closed_at));
        self.heard_at = self.heard_at.max(Some(trade.closed_at));
        if judged {
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
        let sum = self.days.entry(trade.closed_at.day().number()).or_default();
        sum.percent = sum.percent.and_then(|percent| exact_add(percent, trade.profit_pct));
        sum.profit = sum.profit.and_then(|profit| exact_add(profit, trade.profit));
        sum.trades = sum.trades.saturating_add(1);
        self.forget_old_days();
    }

    fn forget_old_days(&mut self) {
        let Some(newest) = self.newest_close else { return };
        let oldest = newest.plus_days(-MAX_AGE_DAYS).day().number();
        while self.days.first_key_value().is_some_and(|(day, _)| *day < oldest) {
            self.days.pop_first();
        }
    }

    fn halt(&mut self, decision: Uuid) {
        self.state = StrategyState::Halted;
        self.disabled_by = Some(decision);
        self.told_after_halt = false;
        self.announced.clear();
    }

    fn enable(&mut self) {
        self.state = StrategyState::Active;
        self.disabled_by = None;
        self.announced.clear();
    }

    /// A person has looked: counters, silence and what could not be taken in start from here.
    fn start_afresh(&mut self, at: Timestamp) {
        self.consecutive_losses = 0;
        self.outcomes.clear();
        self.days.clear();
        self.rejected = Rejected::default();
        self.heard_at = self.heard_at.max(Some(at));
    }
}
