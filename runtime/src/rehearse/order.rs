//! The rows of all files in the order in which they would have happened, each trade once, in bounded memory.
//!
//! A row is kept as soon as it was read, under its close and its place in the files. No file is read twice, so that a
//! pipe is like a file and one that changes meanwhile changes nothing. The ids are sorted beside, so that it is known of
//! each row, before the first is played, whether an earlier one has its id.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use events::{Bytes, Origin, RecordRejected, Timestamp, TradeClosed, Uuid, id};
use intake::admit::conflict;

use super::{
    Conflict, Place, RehearseError, Row,
    kept::{self, Kept},
    sorter::{RUN_BYTES, Sorted, Sorter},
};

/// Conflicting duplicates that are told with what differs, at most.
const MOST_CONFLICTS: usize = 100;

/// When, and as which of all rows.
type Moment = [u8; 16];

/// The rows of files, taken in the order of the files and rows.
pub struct Rows {
    folder: Arc<Path>,
    run_bytes: usize,
    /// By moment.
    rows: Sorter<16>,
    /// Rows before the first trade, by number.
    leading: Sorter<8>,
    /// By id and moment, with the place in `rows`.
    ids: Sorter<32>,
    files: Vec<Arc<str>>,
    taken: u64,
    first: Option<Timestamp>,
    /// The close of the last trade.
    last: Timestamp,
}

/// A row in its place in time.
pub(super) struct Timed {
    pub at: Timestamp,
    pub row: Unique,
}

/// A row that is no duplicate.
pub(super) enum Unique {
    Trade(Uuid, Box<TradeClosed>),
    Rejected(Box<RecordRejected>),
}

/// What comes twice.
#[derive(Default)]
pub(super) struct Again {
    /// The same trade.
    pub duplicates: u64,
    /// The same id with other content.
    pub conflicting: u64,
    /// The first of them.
    pub conflicts: Vec<Conflict>,
}

/// The rows in order. A rejected row takes the place of the trade before it.
pub(super) struct Ordered {
    folder: Arc<Path>,
    rows: Sorted<16>,
    /// The moments of trades that come again, with the place of the first in `rows`.
    later: Sorted<16>,
    next_later: Option<(Moment, u64)>,
    files: Vec<Arc<str>>,
    pub again: Again,
}

impl Rows {
    /// None yet. Those that do not fit into memory are kept in a folder, in files that end with the process.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self::in_runs(folder, RUN_BYTES)
    }

    fn in_runs(folder: PathBuf, run_bytes: usize) -> Self {
        let folder = Arc::from(folder);
        Self {
            rows: Sorter::new(&folder, run_bytes),
            leading: Sorter::new(&folder, run_bytes),
            ids: Sorter::new(&folder, run_bytes),
            folder,
            run_bytes,
            files: Vec::new(),
            taken: 0,
            first: None,
            last: Timestamp::default(),
        }
    }

    /// How many were taken.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.taken
    }

    /// Whether none was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken == 0
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// When the folder takes nothing.
    pub fn push(&mut self, row: &Row) -> Result<(), RehearseError> {
        self.take(row).map_err(|source| RehearseError::keeping(&self.folder, source))
    }

    fn take(&mut self, row: &Row) -> io::Result<()> {
        self.taken += 1;
        let full = match row {
            Row::Trade(trade, place) => {
                self.last = trade.closed_at;
                self.first.get_or_insert(trade.closed_at);
                let (id, place) = (id::closed_trade(&trade.strategy, &trade.trade_id), self.place(place));
                let key = moment(trade.closed_at, self.taken);
                self.rows.push(key, |out| kept::write_trade(out, place, id, trade))
            }
            Row::Rejected(rejected) if self.first.is_none() => {
                let full =
                    self.leading.push(self.taken.to_be_bytes(), |out| kept::write_rejected(out, rejected));
                return if full { self.leading.write_run(|_, _, _| Ok(())) } else { Ok(()) };
            }
            Row::Rejected(rejected) => {
                self.rows.push(moment(self.last, self.taken), |out| kept::write_rejected(out, rejected))
            }
        };
        if full {
            self.rows.write_run(|key, record, at| note_id(&mut self.ids, key, record, at))
        } else {
            Ok(())
        }
    }

    fn place(&mut self, place: &Place) -> (u32, u64) {
        if self.files.last() != Some(&place.file) {
            self.files.push(Arc::clone(&place.file));
        }
        (self.files.len() as u32 - 1, place.row)
    }

    pub(super) fn in_order(self) -> Result<Ordered, RehearseError> {
        let folder = Arc::clone(&self.folder);
        self.ordered().map_err(|source| RehearseError::keeping(&folder, source))
    }

    fn ordered(self) -> io::Result<Ordered> {
        let Self { folder, run_bytes, mut rows, leading, mut ids, files, first, .. } = self;
        let mut leading = leading.sorted(|_, _, _| Ok(()))?;
        while let Some((number, record)) = leading.next()? {
            let key = moment(first.unwrap_or_default(), u64::from_be_bytes(number));
            if rows.push(key, |out| out.extend_from_slice(record)) {
                rows.write_run(|key, record, at| note_id(&mut ids, key, record, at))?;
            }
        }
        let rows = rows.sorted(|key, record, at| note_id(&mut ids, key, record, at))?;
        let mut later = later(ids.sorted(|_, _, _| Ok(()))?, Sorter::new(&folder, run_bytes))?;
        let next_later = next(&mut later)?;
        Ok(Ordered { folder, rows, later, next_later, files, again: Again::default() })
    }
}

/// Sorted as bytes as it is by time, then by number.
fn moment(at: Timestamp, number: u64) -> Moment {
    let mut moment = [0; 16];
    let (time, order) = moment.split_at_mut(8);
    time.copy_from_slice(&(at.micros() ^ i64::MIN).to_be_bytes());
    order.copy_from_slice(&number.to_be_bytes());
    moment
}

fn time_of(moment: &Moment) -> Timestamp {
    let time = moment.first_chunk().copied().unwrap_or_default();
    Timestamp::from_micros(i64::from_be_bytes(time) ^ i64::MIN)
}

fn note_id(ids: &mut Sorter<32>, at: &Moment, record: &[u8], place: u64) -> io::Result<()> {
    let Some(id) = kept::id_of(record) else { return Ok(()) };
    let mut key = [0; 32];
    let (of, when) = key.split_at_mut(16);
    of.copy_from_slice(&id);
    when.copy_from_slice(at);
    let full = ids.push(key, |out| out.extend_from_slice(&place.to_le_bytes()));
    if full { ids.write_run(|_, _, _| Ok(())) } else { Ok(()) }
}

/// The moments of all trades but the first of each id, with the place of the first.
fn later(mut ids: Sorted<32>, mut later: Sorter<16>) -> io::Result<Sorted<16>> {
    let mut first: Option<([u8; 16], [u8; 8])> = None;
    while let Some((key, place)) = ids.next()? {
        let (id, at) = (key.first_chunk::<16>(), key.last_chunk().copied().unwrap_or_default());
        match &first {
            Some((known, place)) if id == Some(known) => {
                if later.push(at, |out| out.extend_from_slice(place)) {
                    later.write_run(|_, _, _| Ok(()))?;
                }
            }
            _ => first = id.copied().zip(place.first_chunk::<8>().copied()),
        }
    }
    later.sorted(|_, _, _| Ok(()))
}

fn next(later: &mut Sorted<16>) -> io::Result<Option<(Moment, u64)>> {
    let next = later.next()?;
    Ok(next.map(|(at, place)| (at, u64::from_le_bytes(place.first_chunk().copied().unwrap_or_default()))))
}

impl Ordered {
    /// The next row. The same trade again is passed over; the same id with other content is a dead letter with both
    /// versions.
    pub(super) fn next(&mut self) -> Result<Option<Timed>, RehearseError> {
        let next = self.unique();
        next.map_err(|source| RehearseError::keeping(&self.folder, source))
    }

    fn unique(&mut self) -> io::Result<Option<Timed>> {
        loop {
            let Some((key, record)) = self.rows.next()? else { return Ok(None) };
            let at = time_of(&key);
            let (trade, id, place) = match kept::read(record)? {
                Kept::Rejected(rejected) => return Ok(Some(Timed { at, row: Unique::Rejected(rejected) })),
                Kept::Trade(trade, id, place) => (trade, id, place),
            };
            let Some((_, first)) = self.next_later.filter(|(later, _)| *later == key) else {
                return Ok(Some(Timed { at, row: Unique::Trade(id, trade) }));
            };
            self.next_later = next(&mut self.later)?;
            if let Some(letter) = self.compare(first, &trade, place)? {
                return Ok(Some(Timed { at, row: Unique::Rejected(Box::new(letter)) }));
            }
        }
    }

    fn compare(
        &mut self,
        first: u64,
        trade: &TradeClosed,
        place: (u32, u64),
    ) -> io::Result<Option<RecordRejected>> {
        let Kept::Trade(first, _, stood) = kept::read(&self.rows.at(first)?)? else { return Ok(None) };
        if first.same_trade(trade) {
            self.again.duplicates += 1;
            return Ok(None);
        }
        let place = self.place(place);
        let letter = conflicting((&first, &self.place(stood)), trade, &place);
        self.again.conflicting += 1;
        if self.again.conflicts.len() < MOST_CONFLICTS {
            self.again.conflicts.push(Conflict { place, detail: letter.detail.clone() });
        }
        Ok(Some(letter))
    }

    fn place(&self, (file, row): (u32, u64)) -> Place {
        let file = self.files.get(file as usize).cloned();
        Place { file: file.unwrap_or_else(|| Arc::from("")), row }
    }
}

fn conflicting(first: (&TradeClosed, &Place), second: &TradeClosed, place: &Place) -> RecordRejected {
    let (first, stood) = first;
    let rejection = conflict(second, first, &format!("stands in row {} of {}", stood.row, stood.file));
    RecordRejected {
        origin: Origin::File { file: place.file.to_string(), row: place.row },
        reason: rejection.reason,
        detail: rejection.detail,
        strategy: rejection.strategy,
        trade_id: rejection.trade_id,
        key: None,
        value: Some(Bytes(serde_json::to_vec(second).unwrap_or_default())),
        recorded: Some(Box::new(first.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use events::{Decimal, RejectReason, Side};
    use proptest::prelude::*;

    use super::*;

    /// What a row becomes, in words.
    type Told = (Timestamp, String);

    fn told(at: Timestamp, id: Option<Uuid>, row: &impl serde::Serialize) -> Told {
        (at, format!("{id:?} {}", serde_json::to_string(row).unwrap()))
    }

    fn trade_of((strategy, id, close, profit): (u8, u8, i64, i64)) -> TradeClosed {
        TradeClosed {
            trade_id: id.to_string(),
            strategy: strategy.to_string(),
            symbol: "BTC/EUR".into(),
            side: Side::Long,
            quantity: Decimal::ONE,
            entry_price: Decimal::ONE,
            exit_price: None,
            profit: Decimal::from(profit),
            profit_pct: Decimal::ONE,
            opened_at: Timestamp::from_micros(-9),
            closed_at: Timestamp::from_micros(close),
            currency: None,
            fee: None,
            leverage: None,
            exit_reason: None,
            model: None,
            account: None,
            source_event_id: None,
            rounded: Vec::new(),
            ignored: Vec::new(),
        }
    }

    fn rejected(file: &str, row: u64) -> RecordRejected {
        RecordRejected {
            origin: Origin::File { file: file.to_owned(), row },
            reason: RejectReason::Malformed,
            detail: "as the test says".into(),
            strategy: None,
            trade_id: None,
            key: None,
            value: None,
            recorded: None,
        }
    }

    /// Rows of files of several lengths; nothing stands for a row that is none.
    fn rows_of(cells: &[Option<(u8, u8, i64, i64)>], lengths: &[usize]) -> Vec<Row> {
        let (mut rows, mut cells) = (Vec::new(), cells.iter());
        for (n, length) in lengths.iter().chain([&usize::MAX]).enumerate() {
            let file: Arc<str> = Arc::from(format!("{n}.csv"));
            for (row, cell) in (1..).zip(cells.by_ref().take(*length)) {
                rows.push(match cell {
                    Some(cell) => {
                        Row::Trade(Box::new(trade_of(*cell)), Place { file: Arc::clone(&file), row })
                    }
                    None => Row::Rejected(Box::new(rejected(&file, row))),
                });
            }
        }
        rows
    }

    /// The same by holding and sorting everything.
    fn by_sorting(rows: &[Row]) -> (Vec<Told>, u64, Vec<String>) {
        let first = rows.iter().find_map(|row| match row {
            Row::Trade(trade, _) => Some(trade.closed_at),
            Row::Rejected(_) => None,
        });
        let mut last = first.unwrap_or_default();
        let mut timed: Vec<_> = rows
            .iter()
            .map(|row| {
                if let Row::Trade(trade, _) = row {
                    last = trade.closed_at;
                }
                (last, row)
            })
            .collect();
        timed.sort_by_key(|(at, _)| *at);
        let (mut seen, mut duplicates, mut conflicts) = (HashMap::new(), 0, Vec::new());
        let mut ordered = Vec::new();
        for (at, row) in timed {
            let (trade, place) = match row {
                Row::Trade(trade, place) => (trade, place),
                Row::Rejected(rejected) => {
                    ordered.push(told(at, None, rejected));
                    continue;
                }
            };
            let id = id::closed_trade(&trade.strategy, &trade.trade_id);
            let (first, stood) = *seen.entry(id).or_insert((trade, place));
            if std::ptr::eq(first, trade) {
                ordered.push(told(at, Some(id), trade));
            } else if first.same_trade(trade) {
                duplicates += 1;
            } else {
                let letter = conflicting((first, stood), trade, place);
                conflicts.push(format!("{place:?} {}", letter.detail));
                ordered.push(told(at, None, &letter));
            }
        }
        (ordered, duplicates, conflicts)
    }

    fn by_rows(rows: &[Row], run_bytes: usize) -> (Vec<Told>, u64, Vec<String>) {
        let mut kept = Rows::in_runs(std::env::temp_dir(), run_bytes);
        rows.iter().for_each(|row| kept.push(row).unwrap());
        let (mut ordered, mut found) = (kept.in_order().unwrap(), Vec::new());
        while let Some(Timed { at, row }) = ordered.next().unwrap() {
            found.push(match row {
                Unique::Trade(id, trade) => told(at, Some(id), &trade),
                Unique::Rejected(letter) => told(at, None, &letter),
            });
        }
        let Again { duplicates, conflicting, conflicts } = ordered.again;
        let conflicts: Vec<_> = conflicts.iter().map(|it| format!("{:?} {}", it.place, it.detail)).collect();
        assert_eq!(conflicting, conflicts.len() as u64);
        (found, duplicates, conflicts)
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_sorting_everything(
            cells in prop::collection::vec(prop::option::weighted(0.9, (0..2_u8, 0..20_u8, -3..9_i64, 0..2_i64)), 0..80),
            lengths in prop::collection::vec(0..40_usize, 0..3),
            run_bytes in prop::sample::select(vec![1, 300, 2000, RUN_BYTES]),
        ) {
            let rows = rows_of(&cells, &lengths);
            prop_assert_eq!(by_rows(&rows, run_bytes), by_sorting(&rows));
        }

        #[test]
        fn also_of_files_that_are_sorted(
            mut closes in prop::collection::vec(-3..60_i64, 0..80),
            length in 0..80_usize,
            run_bytes in prop::sample::select(vec![1, 300, RUN_BYTES]),
        ) {
            let length = length.min(closes.len());
            closes[..length].sort_unstable();
            closes[length..].sort_unstable();
            let cells: Vec<_> = (0..).zip(closes).map(|(n, close)| Some((0, n % 60, close, 0))).collect();
            let rows = rows_of(&cells, &[length]);
            prop_assert_eq!(by_rows(&rows, run_bytes), by_sorting(&rows));
        }
    }

    #[test]
    fn a_folder_that_takes_nothing_is_told_with_the_remedy() {
        let mut kept = Rows::in_runs(PathBuf::from("/nonexistent"), 1);
        let told = kept.push(&Row::Rejected(Box::new(rejected("a.csv", 1)))).unwrap_err().to_string();
        assert!(told.contains("/nonexistent") && told.contains("room"), "{told}");
    }
}
