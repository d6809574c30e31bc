//! What the bot publishes: trades, some of them twice, and records that are none.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use events::{TradeClosed, Uuid, id};
use intake::{json, sample::SampleTrades};
use serde_json::{Value, json};

/// How long a record waits for its turn before its test has failed anyway.
const PATIENCE: Duration = Duration::from_secs(300);
/// The sample's five strategies are split into so many each: more decisions, and keys on all partitions.
const SPLIT: u64 = 40;

/// Key and value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Records and what has to become of them.
pub(crate) struct Input {
    /// All of them in their order.
    pub records: Vec<Pair>,
    /// The trades' event ids.
    pub trades: BTreeSet<Uuid>,
    /// Those that cannot be taken in, sorted.
    pub bad: Vec<Pair>,
}

impl Input {
    /// So many trades; 1 % duplicates and 1 % garbage come on top.
    pub(crate) fn new(count: u64) -> Self {
        let mut input = Self { records: Vec::new(), trades: BTreeSet::new(), bad: Vec::new() };
        for (index, mut trade) in (0..).zip(SampleTrades::new(42, count)) {
            trade.strategy = format!("{}_{}", trade.strategy, index % SPLIT);
            input.trades.insert(id::closed_trade(&trade.strategy, &trade.trade_id));
            let value = json::to_record(&trade).unwrap();
            input.records.push((trade.strategy.clone().into_bytes(), value));
            match index % 100 {
                // Far back as well as the record just sent.
                37 => input.records.push(input.records[input.records.len() / 2].clone()),
                73 => input.add_bad(index, &trade),
                _ => {}
            }
        }
        input.bad.sort();
        input
    }

    fn add_bad(&mut self, index: u64, trade: &TradeClosed) {
        let bad = (trade.strategy.clone().into_bytes(), garbage(index, trade));
        self.bad.push(bad.clone());
        self.records.push(bad);
    }
}

/// A record that cannot be taken in, of one kind after the other.
fn garbage(index: u64, trade: &TradeClosed) -> Vec<u8> {
    let changed = |changes: &[(&str, Value)]| {
        let mut fields: Value = serde_json::from_slice(&json::to_record(trade).unwrap()).unwrap();
        for (name, value) in changes {
            fields[*name] = value.clone();
        }
        fields.to_string().into_bytes()
    };
    let other_id = json!(format!("bad-{index}"));
    match index / 100 % 7 {
        0 => format!("{{\"trade_id\":{index},\"strategy\":").into_bytes(),
        1 => [&[0xff, 0xfe], &index.to_be_bytes()[..]].concat(),
        2 => Vec::new(),
        3 => format!("[{index}]").into_bytes(),
        4 => changed(&[("trade_id", other_id), ("quantity", json!("-1"))]),
        // The trade just sent with another result.
        5 => changed(&[("profit", json!("123456.75"))]),
        _ => [&[0, 0, 0, 0, 7], &index.to_be_bytes()[..]].concat(),
    }
}

/// Records that go out as far as a gate is open.
pub(crate) fn gated(records: Vec<Pair>, gate: Arc<AtomicUsize>) -> impl Iterator<Item = Pair> {
    let begun = Instant::now();
    records.into_iter().enumerate().map_while(move |(index, record)| {
        while index >= gate.load(Ordering::Relaxed) {
            if begun.elapsed() > PATIENCE {
                return None;
            }
            thread::sleep(Duration::from_millis(2));
        }
        Some(record)
    })
}
