//! The trades of the last days, small enough to keep: sums by minute, and each trade's percent for the drawdown.

use std::collections::BTreeMap;

use events::{Decimal, Event, Fact, Outcome, Timestamp, TradeClosed};
use quant::live::ExactSum;
use serde::{Deserialize, Serialize};

const US_PER_MINUTE: i64 = 60_000_000;

/// Days with trades that are kept: the eight that a window falls on, and as many more for ticks that are made up for late,
/// after newer trades were read, or for days of a wrong clock.
const KEPT_DAYS: usize = 16;

/// Days that a window of seven times 24 hours falls on.
const WINDOW_DAYS: i32 = 8;

/// The analyst's memory. Ticks fall on whole minutes, so no minute is ever split by a window.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Minutes since 1970, by the number of their day.
    days: BTreeMap<i32, BTreeMap<i64, Minute>>,
    /// The day that has been reached: that of the newest trade, unless the clock turned out to be behind it.
    reached: i32,
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
            Event::ClockFellBehind(behind) => self.reached = behind.clock.day().number(),
            Event::ClockAcceptRequested(accepted) => {
                self.reached = self.reached.min(accepted.clock.day().number());
            }
            Event::AlertRaised(_) => self.alerted = true,
            Event::AlertCleared(_) => self.alerted = false,
            _ => {}
        }
    }

    /// The minutes of `[start, end)`; both whole minutes.
    pub fn minutes(&self, start: Timestamp, end: Timestamp) -> impl Iterator<Item = &Minute> {
        let days = self.days.range(start.day().number()..=end.max(start).day().number());
        let (start, end) = (start.micros().div_euclid(US_PER_MINUTE), end.micros().div_euclid(US_PER_MINUTE));
        days.flat_map(move |(_, day)| day.range(start..end.max(start))).map(|(_, minute)| minute)
    }

    fn remember(&mut self, trade: &TradeClosed) {
        let (us, day) = (trade.closed_at.micros(), trade.closed_at.day().number());
        let offset = u32::try_from(us.rem_euclid(US_PER_MINUTE)).unwrap_or_default();
        let minutes = self.days.entry(day).or_default();
        minutes.entry(us.div_euclid(US_PER_MINUTE)).or_default().add(offset, trade);
        self.reached = self.reached.max(day);
        self.forget();
    }

    /// By number and not by age: what a clock that ran ahead has counted is forgotten before a day that the next window
    /// looks at.
    fn forget(&mut self) {
        let oldest = self.reached.saturating_sub(WINDOW_DAYS);
        while self.days.len() > KEPT_DAYS {
            let is_old = self.days.first_key_value().is_some_and(|(day, _)| *day < oldest);
            if is_old {
                self.days.pop_first()
            } else {
                self.days.pop_last()
            };
        }
    }
}
