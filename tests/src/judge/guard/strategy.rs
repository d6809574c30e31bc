//! What is known of one strategy.

use std::collections::BTreeSet;

use events::{
    AlertKind, DecidedBy, GuardThresholds, RecordRejected, ReduceCauseKind, StrategyEnabled, StrategyState,
    Timestamp, TradeClosed, Uuid,
};

use super::limits::{Books, Counted, currency};

/// Days after which a trade is too old, measured from the newest one.
const MAX_AGE_DAYS: i64 = 7;

/// Rejected trades that a corrected report can bring back.
const MAX_REMEMBERED: usize = 64;

#[derive(Default)]
pub(super) struct Strategy<'e> {
    pub state: StrategyState,
    /// What it was told to be reduced for.
    pub announced: Vec<ReduceCauseKind>,
    /// The halt, and when it came.
    pub halt: Option<(Uuid, Timestamp)>,
    pub told_after_halt: bool,
    pub contradicted: bool,
    /// The alert about its state that is open.
    pub alert: Option<AlertKind>,
    /// All trades.
    pub closed: u64,
    /// Trades that count since the last fresh start.
    trades: Vec<Counted<'e>>,
    /// The latest close since the last fresh start.
    pub newest: Option<Timestamp>,
    first_currency: Option<&'e str>,
    /// Trades in a row that were too old.
    pub too_old: u32,
    pub too_old_told: bool,
    missing: BTreeSet<&'e str>,
    missing_for_good: usize,
    pub heard_at: Option<Timestamp>,
    /// Letters of nobody that an operator knew of.
    pub pardoned: usize,
}

impl<'e> Strategy<'e> {
    pub(super) fn books<'b>(&'b self, limits: &'b GuardThresholds) -> Books<'b> {
        Books { trades: &self.trades, limits, first_currency: self.first_currency }
    }

    pub(super) fn is_too_old(&self, trade: &TradeClosed) -> bool {
        self.newest.is_some_and(|newest| trade.closed_at.plus_days(MAX_AGE_DAYS) < newest)
    }

    pub(super) fn close(&mut self, trade: &'e TradeClosed) {
        self.closed += 1;
        self.missing.remove(trade.trade_id.as_str());
        self.first_currency = self.first_currency.or_else(|| currency(trade));
        let too_old = self.is_too_old(trade);
        self.newest = self.newest.max(Some(trade.closed_at));
        self.heard_at = self.heard_at.max(Some(trade.closed_at));
        match (self.state, too_old) {
            (StrategyState::Halted, _) => {}
            (_, true) => self.too_old += 1,
            (_, false) => {
                self.too_old = 0;
                self.trades.push(Counted::new(trade));
            }
        }
    }

    pub(super) fn miss(&mut self, letter: &'e RecordRejected) {
        match &letter.trade_id {
            Some(id) if letter.recorded.is_none() && self.missing.len() < MAX_REMEMBERED => {
                self.missing.insert(id);
            }
            _ => self.missing_for_good += 1,
        }
    }

    pub(super) fn misses(&self) -> usize {
        self.missing.len() + self.missing_for_good
    }

    pub(super) fn halt(&mut self, by: Uuid, at: Timestamp) {
        (self.state, self.halt, self.told_after_halt) = (StrategyState::Halted, Some((by, at)), false);
        self.announced.clear();
    }

    pub(super) fn enable(&mut self, enabled: &StrategyEnabled, at: Timestamp, letters: usize) {
        (self.state, self.halt) = (StrategyState::Active, None);
        self.announced.clear();
        if enabled.by == DecidedBy::Operator {
            (self.pardoned, self.heard_at) = (letters, self.heard_at.max(Some(at)));
            self.missing.clear();
            self.missing_for_good = 0;
        }
        if enabled.forgets.is_some() {
            self.trades.clear();
            (self.newest, self.too_old) = (None, 0);
        }
    }

    pub(super) fn accept(&mut self, clock: Timestamp) {
        self.heard_at = self.heard_at.map(|heard| heard.min(clock));
        self.newest = self.newest.filter(|newest| *newest <= clock);
    }

    pub(super) fn note_alert(&mut self, kind: AlertKind, open: bool) {
        match kind {
            AlertKind::StrategyDisabled | AlertKind::StrategyReduced => self.alert = open.then_some(kind),
            AlertKind::TradesTooOld => self.too_old_told = open,
            AlertKind::StrategyContradicted => self.contradicted = open,
            _ => {}
        }
    }
}
