//! The rows of all files in the order in which they would have happened, each trade once.

use std::collections::HashMap;

use events::{Bytes, Origin, RecordRejected, Timestamp, TradeClosed, Uuid, id};

use super::{Conflict, Place, Row, Summary};
use intake::admit::conflict;

/// A row in its place in time; a trade with its id.
pub(super) struct Timed {
    pub at: Timestamp,
    pub row: Row,
    pub id: Option<Uuid>,
}

/// Sorts by close (ties: order of files, then rows) and drops what comes twice. A rejected row takes the place of the
/// trade before it.
pub(super) fn in_order(rows: Vec<Row>, summary: &mut Summary) -> Vec<Timed> {
    let first = rows.iter().find_map(|row| match row {
        Row::Trade(trade, _) => Some(trade.closed_at),
        Row::Rejected(_) => None,
    });
    let mut last = first.unwrap_or_default();
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            if let Row::Trade(trade, _) = &row {
                last = trade.closed_at;
            }
            (last, row)
        })
        .collect();
    rows.sort_by_key(|(at, _)| *at);
    let mut ordered = Vec::with_capacity(rows.len());
    let mut seen = HashMap::with_capacity(rows.len());
    for (at, row) in rows {
        ordered.extend(once(&mut seen, &ordered, at, row, summary));
    }
    ordered
}

/// The same trade again is dropped; the same id with other content is a dead letter with both versions. `seen` tells
/// where in `ordered` a trade is.
fn once(
    seen: &mut HashMap<Uuid, usize>,
    ordered: &[Timed],
    at: Timestamp,
    row: Row,
    summary: &mut Summary,
) -> Option<Timed> {
    let Row::Trade(trade, place) = row else { return Some(Timed { at, row, id: None }) };
    let id = id::closed_trade(&trade.strategy, &trade.trade_id);
    let first = seen.get(&id).and_then(|first| match &ordered[*first].row {
        Row::Trade(trade, place) => Some((&**trade, place)),
        Row::Rejected(_) => None,
    });
    match first {
        None => {
            seen.insert(id, ordered.len());
            Some(Timed { at, row: Row::Trade(trade, place), id: Some(id) })
        }
        Some((first, _)) if first.same_trade(&trade) => {
            summary.duplicates += 1;
            None
        }
        Some(first) => {
            let letter = conflicting(first, &trade, &place);
            summary.conflicts.push(Conflict { place, detail: letter.detail.clone() });
            Some(Timed { at, row: Row::Rejected(Box::new(letter)), id: None })
        }
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
