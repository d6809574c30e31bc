//! Every trade is in the log exactly once, every record that is none in the dead letters exactly once.

use std::collections::{BTreeMap, BTreeSet};

use events::{Event, Origin, RecordRejected, RejectReason, TradeClosed};

use super::{super::bot::Told, Evidence};

type Trades<'e> = BTreeMap<(&'e str, &'e str), Vec<&'e TradeClosed>>;
type Letters<'e> = BTreeMap<(i32, i64), Vec<&'e RecordRejected>>;

/// What is lost, doubled or invented.
pub(super) fn violations(evidence: &Evidence<'_>) -> Vec<String> {
    let (trades, mut letters) = (trades(evidence), letters(evidence));
    let mut violations = Vec::new();
    let doubled = trades.iter().filter(|(_, recorded)| recorded.len() > 1);
    violations
        .extend(doubled.map(|(id, recorded)| format!("trade {id:?} is there {} times", recorded.len())));
    let mut told = BTreeSet::new();
    for (partition, records) in (0..).zip(evidence.topic) {
        for (offset, record) in (0..).zip(records) {
            let letters = letters.remove(&(partition, offset)).unwrap_or_default();
            let place = format!("record {partition}/{offset}");
            violations.extend(match &record.told {
                None => of_garbage(&place, &letters),
                Some(trade) => of_trade(&place, trade, &trades, &letters),
            });
            told.extend(record.told.as_ref().map(|trade| (trade.strategy, trade.trade_id.as_str())));
        }
    }
    let invented = trades.keys().filter(|id| !told.contains(*id));
    violations.extend(invented.map(|id| format!("trade {id:?} was never published")));
    violations.extend(letters.keys().map(|place| format!("a dead letter of {place:?}, where nothing is")));
    violations
}

fn of_garbage(place: &str, letters: &[&RecordRejected]) -> Option<String> {
    (letters.len() != 1).then(|| format!("{place} is no trade and has {} dead letters", letters.len()))
}

fn of_trade(place: &str, told: &Told, trades: &Trades<'_>, letters: &[&RecordRejected]) -> Option<String> {
    let recorded = trades.get(&(told.strategy, told.trade_id.as_str())).and_then(|recorded| recorded.first());
    let Some(recorded) = recorded else { return Some(format!("{place}: its trade is lost")) };
    let same = recorded.profit_pct == told.profit_pct && recorded.closed_at == told.closed_at;
    let conflicts = letters.iter().filter(|letter| {
        letter.reason == RejectReason::ConflictingDuplicate && letter.recorded.as_deref() == Some(*recorded)
    });
    let wanted = usize::from(!same);
    let kept = letters.len() == wanted && conflicts.count() == wanted;
    (!kept).then(|| format!("{place} (same as recorded: {same}) has the dead letters {letters:?}"))
}

fn trades<'e>(evidence: &Evidence<'e>) -> Trades<'e> {
    let mut trades = Trades::new();
    for event in evidence.events {
        if let Event::TradeClosed(trade) = &event.event {
            trades.entry((trade.strategy.as_str(), trade.trade_id.as_str())).or_default().push(trade);
        }
    }
    trades
}

fn letters<'e>(evidence: &Evidence<'e>) -> Letters<'e> {
    let mut letters = Letters::new();
    for event in evidence.events {
        if let Event::RecordRejected(letter) = &event.event
            && let Origin::Kafka { partition, offset, .. } = letter.origin
        {
            letters.entry((partition, offset)).or_default().push(letter);
        }
    }
    letters
}
