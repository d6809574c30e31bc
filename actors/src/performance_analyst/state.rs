//! The trades of the last days, small enough to keep: sums by minute, and each trade's percent for the drawdown.

use std::collections::BTreeMap;

use events::{Decimal, Event, Fact, Outcome, Timestamp, TradeClosed};
use quant::live::ExactSum;
use serde::{Deserialize, Serialize};

const US_PER_MINUTE: i64 = 60_000_000;

/// Trades closed longer before the newest one are forgotten: the window of seven days, and two more for ticks that
/// are made up for after newer trades were read.
const KEPT_DAYS: i64 = 9;

/// Minutes that a trade may be ahead of the clock, rounded up.
const MINUTES_AHEAD: i64 = 6;

/// The analyst's memory. Ticks fall on whole minutes, so no minute is ever split by a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// By minutes since 1970.
    minutes: BTreeMap<i64, Minute>,
    /// Those that are later than a clock which fell behind, until it has caught up or is taken as it is.
    ahead: BTreeMap<i64, Minute>,
    /// Whether the alert of the last analysis is open.
    pub alerted: bool,
}

/// The trades closed in one minute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Minute {
    /// Won trades.
    pub wins: u64,
    /// Lost trades.
    pub losses: u64,
    /// Sum of the won trades' profits.
    pub won: ExactSum,
    /// Sum of the lost trades' profits.
    pub lost: ExactSum,
    /// Sum of the percents.
    pub percent: ExactSum,
    /// Offset in the minute (microseconds) and percent of each trade, by offset, ties by arrival.
    percents: Vec<(u32, Percent)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Percent(#[serde(with = "events::decimal::text")] Decimal);

impl Minute {
    /// How many trades.
    pub fn trades(&self) -> u64 {
        self.percents.len() as u64
    }

    /// The trades' percents in the order of their closes.
    pub fn percents(&self) -> impl Iterator<Item = Decimal> + '_ {
        self.percents.iter().map(|(_, Percent(percent))| *percent)
    }

    fn add(&mut self, offset: u32, trade: &TradeClosed) {
        match trade.outcome() {
            Outcome::Won => {
                self.wins += 1;
                self.won += trade.profit;
            }
            Outcome::Lost => {
                self.losses += 1;
                self.lost += trade.profit;
            }
            Outcome::Drawn => {}
        }
        self.percent += trade.profit_pct;
        let place = self.percents.partition_point(|(earlier, _)| *earlier <= offset);
        self.percents.insert(place, (offset, Percent(trade.profit_pct)));
    }
}

impl State {
    /// Folds an input or a decision of the analyst itself.
    pub fn evolve(&mut self, fact: Fact<'_>) {
        match fact.event {
            Event::TradeClosed(trade) => self.remember(trade),
            Event::ClockFellBehind(behind) => {
                let clock = behind.clock.micros().div_euclid(US_PER_MINUTE);
                self.ahead = self.minutes.split_off(&clock.saturating_add(MINUTES_AHEAD));
            }
            Event::ClockCaughtUp(_) => self.minutes.append(&mut self.ahead),
            Event::ClockAcceptRequested(_) => self.ahead.clear(),
            Event::AlertRaised(_) => self.alerted = true,
            Event::AlertCleared(_) => self.alerted = false,
            _ => {}
        }
    }

    /// The minutes of `[start, end)`; both whole minutes.
    pub fn minutes(&self, start: Timestamp, end: Timestamp) -> impl Iterator<Item = &Minute> {
        let (start, end) = (start.micros().div_euclid(US_PER_MINUTE), end.micros().div_euclid(US_PER_MINUTE));
        self.minutes.range(start..end.max(start)).map(|(_, minute)| minute)
    }

    fn remember(&mut self, trade: &TradeClosed) {
        let us = trade.closed_at.micros();
        let offset = u32::try_from(us.rem_euclid(US_PER_MINUTE)).unwrap_or_default();
        self.minutes.entry(us.div_euclid(US_PER_MINUTE)).or_default().add(offset, trade);
        let newest = self.minutes.last_key_value().map_or(0, |(minute, _)| *minute);
        let oldest = newest - KEPT_DAYS * 24 * 60;
        while self.minutes.first_key_value().is_some_and(|(minute, _)| *minute < oldest) {
            self.minutes.pop_first();
        }
    }
}
