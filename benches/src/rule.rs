//! StrategyGuard's three rules with their default thresholds once more, as small as they can be: what the floor decides
//! by, and what everybody's decisions are counted against.

use std::collections::BTreeMap;

use events::{Decimal, Outcome, Timestamp, TradeClosed};

const MAX_DAILY_LOSS_PCT: i64 = 10;
const MAX_CONSECUTIVE_LOSSES: u32 = 10;
const MIN_WIN_RATE_PCT: usize = 30;
const WIN_RATE_WINDOW: usize = 20;
/// Days that can still be judged.
const DAYS: usize = 8;

/// All strategies.
#[derive(Default)]
pub(crate) struct Guard {
    strategies: BTreeMap<String, Strategy>,
}

#[derive(Default)]
struct Strategy {
    halted_at: Option<Timestamp>,
    told_after_halt: bool,
    contradicted: bool,
    losses: u32,
    /// Won or not, newest last.
    outcomes: Vec<bool>,
    days: BTreeMap<i32, Decimal>,
}

impl Guard {
    /// Whether it has seen trades of a strategy.
    pub(crate) fn knows(&self, strategy: &str) -> bool {
        self.strategies.contains_key(strategy)
    }

    /// How many decisions a trade leads to.
    pub(crate) fn decide(&mut self, trade: &TradeClosed) -> usize {
        if !self.strategies.contains_key(&trade.strategy) {
            self.strategies.insert(trade.strategy.clone(), Strategy::default());
        }
        let Some(strategy) = self.strategies.get_mut(&trade.strategy) else { return 0 };
        if let Some(halted_at) = strategy.halted_at {
            return strategy.after_halt(trade, halted_at);
        }
        strategy.count(trade);
        if !strategy.is_breached(trade) {
            return 0;
        }
        strategy.halted_at = Some(trade.closed_at);
        // The halt and its alert.
        2
    }
}

impl Strategy {
    fn count(&mut self, trade: &TradeClosed) {
        let outcome = trade.outcome();
        self.losses = if outcome == Outcome::Lost { self.losses + 1 } else { 0 };
        if self.outcomes.len() == WIN_RATE_WINDOW {
            self.outcomes.remove(0);
        }
        self.outcomes.push(outcome == Outcome::Won);
        *self.days.entry(trade.closed_at.day().number()).or_default() += trade.profit_pct;
        if self.days.len() > DAYS {
            self.days.pop_first();
        }
    }

    fn is_breached(&self, trade: &TradeClosed) -> bool {
        let day = self.days.get(&trade.closed_at.day().number()).copied().unwrap_or_default();
        let won = self.outcomes.iter().filter(|won| **won).count();
        day < Decimal::from(-MAX_DAILY_LOSS_PCT)
            || self.losses > MAX_CONSECUTIVE_LOSSES
            || self.outcomes.len() == WIN_RATE_WINDOW && won * 100 < MIN_WIN_RATE_PCT * WIN_RATE_WINDOW
    }

    /// The first trade after the halt, and the first that was opened after it.
    fn after_halt(&mut self, trade: &TradeClosed, halted_at: Timestamp) -> usize {
        let first = !std::mem::replace(&mut self.told_after_halt, true);
        let contradicts = !self.contradicted && trade.opened_at > halted_at;
        self.contradicted |= contradicts;
        usize::from(first) + usize::from(contradicts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trades::trade;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_micros(1_736_121_600_000_000 + minute * 60_000_000)
    }

    #[test]
    fn each_rule_halts_just_beyond_its_limit() {
        let decided = |results: &[i64]| -> Vec<usize> {
            let mut guard = Guard::default();
            let one = |(n, result): (usize, &i64)| guard.decide(&trade("s", &n.to_string(), *result, at(0)));
            results.iter().enumerate().map(one).collect()
        };
        assert_eq!(decided(&[-10, -1]), [0, 2]);
        let mut row = vec![10, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1];
        assert_eq!(decided(&row).iter().sum::<usize>(), 0);
        row.push(-1);
        assert_eq!(decided(&row)[11], 2);
        let rate =
            |won: usize| (0..20).map(|n| if n % 3 == 0 && n / 3 < won { 30 } else { -1 }).collect::<Vec<_>>();
        assert_eq!(decided(&rate(6)).iter().sum::<usize>(), 0);
        assert_eq!(decided(&rate(5))[19], 2);
    }

    #[test]
    fn after_a_halt_the_first_trade_is_told_and_the_first_that_was_opened_since() {
        let mut guard = Guard::default();
        let mut decide = |minute: i64| guard.decide(&trade("s", &minute.to_string(), -11, at(minute)));
        // Each was opened a minute before its close.
        assert_eq!([decide(0), decide(1), decide(2), decide(3)], [2, 1, 1, 0]);
    }
}
