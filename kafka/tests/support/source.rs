//! A source that reads into a log in memory, and what a test asks of both.

use std::sync::Arc;

use events::{Event, FamilySet, Recorded, RecordsMissing, Uuid};
use intake::TradeFormat;
use kafka::{KafkaSettings, KafkaSource, SourceState, send_all, test_support::trade_json};
use store::{EventLog, MemoryLog};

use super::wait_for;

/// Starts a source.
pub(crate) fn source(log: &Arc<MemoryLog>, settings: &KafkaSettings) -> KafkaSource {
    let log = Arc::clone(log) as Arc<dyn EventLog>;
    KafkaSource::start(log, settings.clone(), TradeFormat::default(), Uuid::nil()).unwrap()
}

/// Waits until so many records are in and the end is reached.
#[track_caller]
pub(crate) fn wait_until_live(source: &KafkaSource, records: u64) {
    wait_for(&format!("{records} records are in"), || {
        let counts = source.status().counts;
        counts.taken + counts.rejected + counts.duplicate >= records
    });
    wait_for("it is live", || source.status().state == SourceState::Live && source.status().lag() == 0);
}

/// All events of a log.
pub(crate) fn everything(log: &MemoryLog) -> Vec<Arc<Recorded>> {
    log.read_all(0, FamilySet::ALL, usize::MAX).unwrap().events
}

/// Strategy and id of all trades.
pub(crate) fn trades(log: &MemoryLog) -> Vec<(String, String)> {
    let all = everything(log);
    let trades = all.iter().filter_map(|recorded| match &recorded.event {
        Event::TradeClosed(trade) => Some((trade.strategy.clone(), trade.trade_id.clone())),
        _ => None,
    });
    trades.collect()
}

/// What is told to be missing.
pub(crate) fn missing(log: &MemoryLog) -> Vec<RecordsMissing> {
    let all = everything(log);
    all.iter()
        .filter_map(|recorded| match &recorded.event {
            Event::RecordsMissing(missing) => Some(missing.clone()),
            _ => None,
        })
        .collect()
}

/// Sends records with keys to the trade topic.
pub(crate) fn send(settings: &KafkaSettings, records: Vec<(Vec<u8>, Vec<u8>)>) {
    let topic = settings.topics.trade_closed.clone();
    send_all(settings, &topic, records, None, &mut |_| {}).unwrap();
}

/// The strategy of a trade's number.
pub(crate) fn strategy(n: u64) -> String {
    format!("s{}", n % 7)
}

/// A trade by its number, with its key.
pub(crate) fn trade(n: u64) -> (Vec<u8>, Vec<u8>) {
    (strategy(n).into_bytes(), trade_json(&strategy(n), n, "1.5"))
}
