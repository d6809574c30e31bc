//! The trades that the live figures are computed from.
//!
//! The figures are defined in order of `closed_at`, and trades arrive in any order, so what is kept is not figures but
//! the trades themselves, as chunks of bytes, each with trades of one UTC day. In memory there is one open chunk for
//! each of the last few days that trades came for; a full chunk is saved for good and forgotten. A query
//! ([`PerformanceFold`]) reads the chunks in order of their first close and folds them, so it holds no more trades than
//! overlap in time.

mod chunk;
mod fold;
mod names;

use events::{Event, Family, FamilySet, Recorded, Timestamp, TradeClosed};
use quant::live::LiveTrade;
use serde::{Deserialize, Serialize};

use self::chunk::{Last, Row};
use self::names::Names;
use crate::{Body, Change, Collection, Key, Keys, Kind, Projection, RestoreError, Saved, from_json};

pub use self::fold::{By, PerformanceFold, PerformanceQuery, PerformanceRow};

/// Chunks of trades, keyed by the position of their first one; their time is the earliest close in them.
pub const CHUNKS: &str = "chunks";
const NAMES: &str = "names";
const STATE: &str = "state";

const COLLECTIONS: &[Collection] = &[
    Collection { name: CHUNKS, keys: Keys::Numbers, by_time: true, indexes: &[], shown: false },
    Collection { name: NAMES, keys: Keys::Numbers, by_time: false, indexes: &[], shown: false },
    Collection { name: STATE, keys: Keys::Numbers, by_time: false, indexes: &[], shown: false },
];

/// Trades in a full chunk: about 10 KB, which is what a save rewrites at most for a day.
const CHUNK_ROWS: usize = 512;
/// Days that have an open chunk; one more closes the day that trades came for the longest ago.
const OPEN_DAYS: usize = 16;

const DAY_US: i64 = 86_400_000_000;

/// A chunk that still grows.
struct Open {
    day: i64,
    key: u64,
    earliest_us: i64,
    rows: usize,
    last: Last,
    bytes: Vec<u8>,
    dirty: bool,
}

/// Which chunks are open, as saved.
#[derive(Serialize, Deserialize)]
struct State {
    open: Vec<u64>,
}

/// See the head of the module.
#[derive(Default)]
pub struct Performance {
    names: Names,
    open: Vec<Open>,
    /// Whether other chunks are open than were saved.
    reopened: bool,
    sealed: Vec<Change>,
}

impl Open {
    fn new(row: &Row) -> Self {
        Self {
            day: day(row),
            key: row.trade.position,
            earliest_us: row.trade.closed_at_us,
            rows: 0,
            last: Last::default(),
            bytes: Vec::with_capacity(CHUNK_ROWS * 20),
            dirty: true,
        }
    }

    fn push(&mut self, row: &Row) {
        chunk::push(&mut self.bytes, &mut self.last, row);
        self.earliest_us = self.earliest_us.min(row.trade.closed_at_us);
        self.rows += 1;
        self.dirty = true;
    }

    fn change(&self, bytes: Vec<u8>) -> Change {
        let time = Timestamp::from_micros(self.earliest_us);
        Change::put(CHUNKS, Key::Number(self.key), Some(time), Body::Blob(bytes))
    }

    fn restore(key: u64, bytes: Vec<u8>) -> Option<Self> {
        let rows: Vec<Row> = chunk::rows(&bytes).collect::<Option<_>>()?;
        let mut open = Self { key, ..Self::new(rows.first()?) };
        open.earliest_us = rows.iter().map(|row| row.trade.closed_at_us).min()?;
        (open.rows, open.last) = (rows.len(), chunk::last_of(rows.last()?));
        (open.bytes, open.dirty) = (bytes, false);
        Some(open)
    }
}

fn day(row: &Row) -> i64 {
    row.trade.closed_at_us.div_euclid(DAY_US)
}

impl Performance {
    fn row(&mut self, position: u64, trade: &TradeClosed) -> Row {
        Row {
            trade: LiveTrade {
                closed_at_us: trade.closed_at.micros(),
                position,
                profit: trade.profit,
                profit_pct: trade.profit_pct,
            },
            strategy: self.names.number(&trade.strategy),
            symbol: self.names.number(&trade.symbol),
            // What no currency is known of is shown under a name of its own.
            currency: self.names.number(trade.currency.as_deref().unwrap_or("?")),
        }
    }

    fn push(&mut self, row: &Row) {
        let index = self.open.iter().position(|open| open.day == day(row));
        let index = index.unwrap_or_else(|| self.open_day(row));
        self.open[index].push(row);
        if self.open[index].rows >= CHUNK_ROWS {
            self.seal(index);
        }
    }

    fn open_day(&mut self, row: &Row) -> usize {
        if self.open.len() >= OPEN_DAYS {
            let oldest = (0..self.open.len()).min_by_key(|index| self.open[*index].last.position);
            self.seal(oldest.unwrap_or(0));
        }
        self.open.push(Open::new(row));
        self.reopened = true;
        self.open.len() - 1
    }

    fn seal(&mut self, index: usize) {
        let mut open = self.open.swap_remove(index);
        self.reopened = true;
        if open.dirty {
            let bytes = std::mem::take(&mut open.bytes);
            self.sealed.push(open.change(bytes));
        }
    }

    /// The chunks that are open from now on. By key, so that the document does not tell how often it was saved.
    fn state_change(&self) -> Change {
        let mut open: Vec<u64> = self.open.iter().map(|open| open.key).collect();
        open.sort_unstable();
        Change::put(STATE, Key::Number(0), None, Body::json(&State { open }))
    }
}

impl Performance {
    /// What is known of it without making one.
    pub const KIND: Kind =
        Kind { name: "performance", version: 1, collections: COLLECTIONS, new: || Box::new(Self::default()) };
}

impl Projection for Performance {
    fn interests(&self) -> FamilySet {
        FamilySet::of(&[Family::Trade])
    }

    fn apply(&mut self, event: &Recorded) {
        if let Event::TradeClosed(trade) = &event.event {
            let row = self.row(event.position, trade);
            self.push(&row);
        }
    }

    fn has_changes(&self) -> bool {
        self.names.has_changes() || !self.sealed.is_empty() || self.open.iter().any(|open| open.dirty)
    }

    fn take_changes(&mut self) -> Vec<Change> {
        let mut changes = self.names.take_changes();
        changes.append(&mut self.sealed);
        for open in self.open.iter_mut().filter(|open| open.dirty) {
            changes.push(open.change(open.bytes.clone()));
            open.dirty = false;
        }
        if std::mem::take(&mut self.reopened) {
            changes.push(self.state_change());
        }
        changes
    }

    fn restore(&mut self, saved: &dyn Saved) -> Result<(), RestoreError> {
        self.names.restore(saved)?;
        let key = Key::Number(0);
        let Some(state) = saved.get(STATE, &key)? else { return Ok(()) };
        for key in from_json::<State>(&key, &state)?.open {
            let broken = || RestoreError(format!("open chunk {key} is missing or broken"));
            let Some(Body::Blob(bytes)) = saved.get(CHUNKS, &Key::Number(key))? else { return Err(broken()) };
            self.open.push(Open::restore(key, bytes).ok_or_else(broken)?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
