//! The live figures of a window, folded from the chunks.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};

use events::{Day, Timestamp};
use quant::live::{LiveFigures, LiveSummary, UNKNOWN_CURRENCY};
use serde::Serialize;

use super::chunk::{self, Row};
use super::{DAY_US, names};
use crate::{RestoreError, Saved};

/// What there is one object of figures for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Everything.
    #[default]
    Total,
    /// Each strategy.
    Strategy,
    /// Each symbol.
    Symbol,
    /// Each UTC day with a trade.
    Day,
}

/// Which figures are wanted, over the trades closed in `[since, until)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PerformanceQuery {
    /// For what.
    pub by: By,
    /// The first moment.
    pub since: Option<Timestamp>,
    /// The first moment that no longer counts.
    pub until: Option<Timestamp>,
    /// Only this strategy's trades.
    pub strategy: Option<String>,
}

/// The figures of one key.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PerformanceRow {
    /// By strategy: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// By symbol: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// By day: which, as `YYYY-MM-DD`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    /// The figures.
    #[serde(flatten)]
    pub figures: LiveSummary,
}

/// In order of (moment of closing, position).
struct Waiting(Row);

impl Waiting {
    fn key(&self) -> (i64, u64) {
        (self.0.trade.closed_at_us, self.0.trade.position)
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Waiting {}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

/// Computes a [`PerformanceQuery`]: takes the chunks of [`Self::window`] in order of their time, then [`Self::finish`].
pub struct PerformanceFold {
    by: By,
    since_us: i64,
    until_us: i64,
    strategy: Option<u32>,
    names: Vec<String>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    groups: BTreeMap<i64, LiveFigures>,
}

impl PerformanceFold {
    /// Begins a query on what the projection saved.
    ///
    /// # Errors
    /// When the saved names cannot be read.
    pub fn new(query: &PerformanceQuery, saved: &dyn Saved) -> Result<Self, RestoreError> {
        let names = names::read(saved)?;
        // A strategy that is not known has a number that no trade has.
        let number = |name: &String| names.iter().position(|known| known == name).unwrap_or(names.len());
        Ok(Self {
            by: query.by,
            since_us: query.since.map_or(i64::MIN, Timestamp::micros),
            until_us: query.until.map_or(i64::MAX, Timestamp::micros),
            strategy: query.strategy.as_ref().map(|name| number(name) as u32),
            waiting: BinaryHeap::new(),
            groups: BTreeMap::new(),
            names,
        })
    }

    /// The times of the chunks that may hold trades of the window: a chunk's trades are of one UTC day.
    #[must_use]
    pub fn window(&self) -> (Timestamp, Timestamp) {
        let first_day = self.since_us.div_euclid(DAY_US).saturating_mul(DAY_US);
        (Timestamp::from_micros(first_day), Timestamp::from_micros(self.until_us))
    }

    /// Takes the next chunk.
    ///
    /// # Errors
    /// When the bytes are no chunk.
    pub fn chunk(&mut self, time: Timestamp, bytes: &[u8]) -> Result<(), RestoreError> {
        self.count_before(time.micros());
        for row in chunk::rows(bytes) {
            let row = row.ok_or_else(|| RestoreError(format!("the chunk of {time} is broken")))?;
            if self.wants(&row) {
                self.waiting.push(Reverse(Waiting(row)));
            }
        }
        Ok(())
    }

    /// The figures, by name or day; of everything: one row, also without trades.
    #[must_use]
    pub fn finish(mut self) -> Vec<PerformanceRow> {
        self.count_before(i64::MAX);
        while let Some(Reverse(Waiting(row))) = self.waiting.pop() {
            self.count(&row);
        }
        if self.by == By::Total {
            self.groups.entry(0).or_default();
        }
        let groups = std::mem::take(&mut self.groups);
        let mut rows: Vec<_> = groups.into_iter().map(|(key, figures)| self.row(key, &figures)).collect();
        rows.sort_by(|a, b| (&a.strategy, &a.symbol).cmp(&(&b.strategy, &b.symbol)));
        rows
    }

    fn wants(&self, row: &Row) -> bool {
        let closed_at = row.trade.closed_at_us;
        let in_window = self.since_us <= closed_at && closed_at < self.until_us;
        in_window && self.strategy.is_none_or(|strategy| strategy == row.strategy)
    }

    /// Counts the trades that nothing can come before any more.
    fn count_before(&mut self, moment_us: i64) {
        while let Some(Reverse(next)) = self.waiting.peek()
            && next.0.trade.closed_at_us < moment_us
            && let Some(Reverse(Waiting(row))) = self.waiting.pop()
        {
            self.count(&row);
        }
    }

    fn count(&mut self, row: &Row) {
        let key = match self.by {
            By::Total => 0,
            By::Strategy => i64::from(row.strategy),
            By::Symbol => i64::from(row.symbol),
            By::Day => row.trade.closed_at_us.div_euclid(DAY_US),
        };
        let figures = self.groups.entry(key).or_default();
        let currency = self.names.get(row.currency as usize).map_or(UNKNOWN_CURRENCY, String::as_str);
        // The heap gives them in order, and the log holds each trade once.
        let counted = figures.push(&row.trade, currency);
        debug_assert_eq!(counted, Ok(()));
    }

    fn row(&self, key: i64, figures: &LiveFigures) -> PerformanceRow {
        let name = || usize::try_from(key).ok().and_then(|number| self.names.get(number)).cloned();
        PerformanceRow {
            strategy: (self.by == By::Strategy).then(name).flatten(),
            symbol: (self.by == By::Symbol).then(name).flatten(),
            day: (self.by == By::Day).then(|| Day::from_number(key as i32).to_string()),
            figures: figures.finish(),
        }
    }
}
