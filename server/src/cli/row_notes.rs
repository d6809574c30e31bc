//! What people are told about the rows of files: bad ones one by one, the rest as a summary.

use std::collections::{BTreeMap, HashMap};

use events::{Timestamp, TradeClosed, Uuid, id};
use intake::{
    RatioHint, Rejection,
    admit::conflict,
    files::{Passed, Row},
};
use runtime::rehearse::Place;

use super::output::Output;

/// What is told one by one, at most, of each kind.
pub(super) const TOLD: u64 = 20;

/// Trades that are kept to find conflicting ones among later rows.
const MOST_COMPARED: usize = 1 << 20;

/// What stands for a currency that is not known.
const UNKNOWN: &str = "?";

/// Looks at rows, and tells what people should know of them.
pub(super) struct RowNotes<'o> {
    out: &'o Output,
    /// Rows that are no trades.
    pub bad: u64,
    /// Those of them that name no strategy.
    of_nobody: u64,
    /// Rows that are trades.
    pub good: u64,
    /// The newest close.
    pub newest_close: Option<Timestamp>,
    /// Trades whose id an earlier one has, with other content.
    pub conflicts: u64,
    /// Trades by the currency of their profit; "?" where that is not known.
    currencies: BTreeMap<String, u64>,
    /// Trades by the field of theirs that was rounded.
    rounded: BTreeMap<String, u64>,
    /// Trades by the field of theirs that was left out, with the first reason.
    ignored: BTreeMap<String, (u64, String)>,
    earlier: Option<HashMap<Uuid, (TradeClosed, String)>>,
    /// Whether the percents look like ratios.
    hint: RatioHint,
}

impl<'o> RowNotes<'o> {
    /// Nothing seen yet.
    pub(super) fn new(out: &'o Output) -> Self {
        Self {
            out,
            bad: 0,
            of_nobody: 0,
            good: 0,
            newest_close: None,
            conflicts: 0,
            currencies: BTreeMap::new(),
            rounded: BTreeMap::new(),
            ignored: BTreeMap::new(),
            earlier: None,
            hint: RatioHint::default(),
        }
    }

    /// The same, which also finds trades that have the id of an earlier one.
    pub(super) fn with_conflicts(out: &'o Output) -> Self {
        Self { earlier: Some(HashMap::new()), ..Self::new(out) }
    }

    /// Looks at a row.
    pub(super) fn look(&mut self, file: &str, row: &Row) {
        match &row.decoded {
            Ok(trade) => self.look_at_trade(file, row.number, trade),
            Err(rejection) => self.look_at_rejection(file, row.number, rejection),
        }
    }

    /// Looks at a row that is none, which is told.
    pub(super) fn look_at_rejection(&mut self, file: &str, row: u64, rejection: &Rejection) {
        self.bad += 1;
        self.of_nobody += u64::from(rejection.strategy.is_none());
        if self.bad <= TOLD {
            self.out.note(&format!("{file}, row {row}: {}", rejection.detail));
        }
    }

    /// Looks at a row that is a trade.
    pub(super) fn look_at_trade(&mut self, file: &str, row: u64, trade: &TradeClosed) {
        self.good += 1;
        self.hint.look(trade);
        self.newest_close = self.newest_close.max(Some(trade.closed_at));
        let currency = trade.currency.as_deref().unwrap_or(UNKNOWN);
        match self.currencies.get_mut(currency) {
            Some(count) => *count += 1,
            None => {
                self.currencies.insert(currency.to_owned(), 1);
            }
        }
        for field in &trade.rounded {
            *self.rounded.entry(field.clone()).or_default() += 1;
        }
        for ignored in &trade.ignored {
            let seen = self.ignored.entry(ignored.field.clone());
            seen.or_insert_with(|| (0, format!("{file}, row {row}: {}", ignored.reason))).0 += 1;
        }
        self.compare(file, row, trade);
    }

    fn compare(&mut self, file: &str, row: u64, trade: &TradeClosed) {
        let Some(earlier) = &mut self.earlier else { return };
        let id = id::closed_trade(&trade.strategy, &trade.trade_id);
        match earlier.get(&id) {
            Some((first, place)) if !first.same_trade(trade) => {
                self.conflicts += 1;
                let told = conflict(trade, first, &format!("stands in {place}")).detail;
                self.tell_conflict(file, row, &told);
            }
            Some(_) => {}
            None if earlier.len() < MOST_COMPARED => {
                earlier.insert(id, (trade.clone(), format!("row {row} of {file}")));
            }
            None => {}
        }
    }

    /// Tells of trades that have the id of an earlier one and other content, each with its place, and how many more
    /// there are.
    pub(super) fn tell_conflicts<'c>(
        &mut self,
        conflicts: impl IntoIterator<Item = (&'c Place, &'c str)>,
        more: u64,
    ) {
        for (place, told) in conflicts {
            self.conflicts += 1;
            self.tell_conflict(&place.file, place.row, told);
        }
        self.conflicts += more;
        self.tell_more_conflicts();
    }

    fn tell_conflict(&self, file: &str, row: u64, told: &str) {
        if self.conflicts <= TOLD {
            self.out.note(&format!("{file}, row {row}: {told}"));
        }
    }

    fn tell_more_conflicts(&self) {
        if self.conflicts > TOLD {
            self.out.note(&format!("and {} more conflicting duplicates", self.conflicts - TOLD));
        }
    }

    /// Tells what was passed over in a file.
    pub(super) fn end_of(&self, file: &str, passed: &Passed) {
        for row in passed.headers.iter().take(TOLD as usize) {
            self.out.note(&format!("{file}, row {row}: the header stands here again; passed over"));
        }
        if passed.open_positions > 0 {
            let count = passed.open_positions;
            let positions = if count == 1 { "position is" } else { "positions are" };
            self.out.note(&format!("{file}: {count} {positions} still open; passed over"));
        }
    }

    /// Warns of trades that are long over, before they act on strategies that live.
    pub(super) fn warn_of_old(&self, now: Timestamp) {
        const DAY: i64 = 24 * 60 * 60 * 1_000_000;
        if let Some(newest) = self.newest_close.filter(|newest| now.micros() - newest.micros() > DAY) {
            self.out.note(&format!(
                "warning: the newest trade was closed at {newest}, more than a day ago. What is published acts on live \
                 strategies: it can halt them, and the decisions are sent to the bot. To only see what would have been \
                 decided: tradewarden rehearse"
            ));
        }
    }

    /// Tells the rest, when all rows were seen.
    pub(super) fn finish(&self) {
        if self.bad > TOLD {
            self.out.note(&format!("and {} more bad rows", self.bad - TOLD));
        }
        if self.of_nobody > 0 {
            self.out.note(&format!(
                "warning: {} of the bad rows name no strategy, so each may be of any: three such within ten minutes put \
                 every strategy to REDUCING. Mend or take out these rows, or name whose they are with --map strategy==NAME",
                self.of_nobody
            ));
        }
        self.tell_more_conflicts();
        if self.good + self.bad == 0 {
            self.out.note("there are no trades in the files");
        }
        if let Some(hint) = self.hint.told() {
            self.out.note(&format!("warning: {hint}"));
        }
        if !self.rounded.is_empty() {
            let told: Vec<String> =
                self.rounded.iter().map(|(field, count)| format!("{field} of {}", trades(*count))).collect();
            self.out.note(&format!(
                "rounded half to even, as there are more digits than are kept (the events list it): {}",
                told.join(", ")
            ));
        }
        for (field, (count, reason)) in &self.ignored {
            self.out.note(&format!("{field} of {} was left out, the trade counts; {reason}", trades(*count)));
        }
        self.tell_currencies();
    }

    fn tell_currencies(&self) {
        let known: Vec<String> = self
            .currencies
            .iter()
            .filter(|(currency, _)| *currency != UNKNOWN)
            .map(|(currency, count)| format!("{currency} ({count})"))
            .collect();
        if let Some(count) = self.currencies.get(UNKNOWN) {
            self.out.note(&format!(
                "the currency of {} is not known: neither the row nor the symbol tells it; --map currency==CURRENCY sets it, \
                 or a column currency",
                trades(*count)
            ));
        }
        if known.len() > 1 {
            self.out.note(&format!(
                "the profits are in several currencies, which are summed up each by itself: {}; where one is wrong, \
                 --map currency==CURRENCY sets it, or a column currency",
                known.join(", ")
            ));
        }
    }
}

fn trades(count: u64) -> String {
    if count == 1 { "1 trade".to_owned() } else { format!("{count} trades") }
}
