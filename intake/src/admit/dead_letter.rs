//! Dead letters: their ids, their text, and how much of a record they keep.

use events::{Bytes, RecordRejected, RejectReason, TradeClosed, Uuid, id};

use super::{Candidate, Place, Raw, Rejection};

/// The id of a record's dead letter: derived from where the record stands and from its bytes.
///
/// For a topic the stream stands for the topic's own id: offsets of a topic that was made anew are other places.
pub(super) fn id<R: Raw>(stream: &str, candidate: &Candidate<'_, R>) -> Uuid {
    const KIND: &[u8] = b"record.rejected";
    let value = candidate.raw.value();
    match candidate.place {
        Place::Kafka { topic, partition, offset } => id::derive(&[
            KIND,
            b"kafka",
            stream.as_bytes(),
            topic.as_bytes(),
            &partition.to_le_bytes(),
            &offset.to_le_bytes(),
            value,
        ]),
        Place::File { file, row } => id::derive(&[KIND, b"file", file.as_bytes(), &row.to_le_bytes(), value]),
        Place::Http => id::derive(&[KIND, b"http", value]),
    }
}

/// The dead letter; `kept` limits how many bytes of key and value it holds.
pub(super) fn write<R: Raw>(
    candidate: &Candidate<'_, R>,
    rejection: &Rejection,
    recorded: Option<TradeClosed>,
    kept: Option<usize>,
) -> RecordRejected {
    let cut = |bytes: &[u8]| Bytes(bytes[..bytes.len().min(kept.unwrap_or(usize::MAX))].to_vec());
    let mut detail = rejection.detail.clone();
    if let Some(kept) = kept {
        let bytes = candidate.raw.value().len();
        detail.push_str(&format!(
            "; of its {bytes} bytes only the first {kept} are kept, the log takes no more"
        ));
    }
    RecordRejected {
        origin: candidate.place.origin(candidate.raw.value()),
        reason: rejection.reason,
        detail,
        strategy: rejection.strategy.clone(),
        trade_id: rejection.trade_id.clone(),
        key: candidate.raw.key().map(cut),
        value: Some(cut(candidate.raw.value())),
        recorded: recorded.map(Box::new),
    }
}

/// The same trade id with other content: what differs, and what to do. `stood` tells where the earlier one is, as
/// "was recorded at position 7".
#[must_use]
pub fn conflict(trade: &TradeClosed, earlier: &TradeClosed, stood: &str) -> Rejection {
    let detail = format!(
        "trade {} of {} {stood} with other content: {}; the earlier one counts. Ids are unique within a strategy: \
         give another trade an id of its own; where two accounts count alike, put the account in front \
         (--map trade_id=account+id)",
        trade.trade_id,
        trade.strategy,
        differences(earlier, trade)
    );
    Rejection {
        reason: RejectReason::ConflictingDuplicate,
        detail,
        strategy: Some(trade.strategy.clone()),
        trade_id: Some(trade.trade_id.clone()),
    }
}

fn differences(earlier: &TradeClosed, trade: &TradeClosed) -> String {
    let told = |name: &str, was: String, is: String| (was != is).then(|| format!("{name} {was}, now {is}"));
    let decimal = |name, was: events::Decimal, is: events::Decimal| {
        told(name, was.normalize().to_string(), is.normalize().to_string())
    };
    let all = [
        told("symbol", earlier.symbol.clone(), trade.symbol.clone()),
        told("side", format!("{:?}", earlier.side), format!("{:?}", trade.side)),
        decimal("quantity", earlier.quantity, trade.quantity),
        decimal("entry_price", earlier.entry_price, trade.entry_price),
        decimal("profit", earlier.profit, trade.profit),
        decimal("profit_pct", earlier.profit_pct, trade.profit_pct),
        told("opened_at", earlier.opened_at.to_string(), trade.opened_at.to_string()),
        told("closed_at", earlier.closed_at.to_string(), trade.closed_at.to_string()),
    ];
    all.into_iter().flatten().collect::<Vec<_>>().join("; ")
}
