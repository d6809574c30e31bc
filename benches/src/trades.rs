//! The trades that everybody works on, and the marks among them that tell how far somebody has come.

use std::collections::BTreeMap;

use events::{Decimal, Timestamp, TradeClosed};
use intake::{json, sample::SampleTrades};

/// Partitions of the topic.
pub(crate) const PARTITIONS: usize = 4;
/// Marks in each partition.
const MARKS: u64 = 8;
/// The seed of the trades.
const SEED: u64 = 42;
/// Ways that strategies behave in the sample.
const CHARACTERS: u64 = 5;

/// A record of the backlog.
pub(crate) struct Fed {
    /// Where it goes.
    pub(crate) partition: usize,
    /// The strategy.
    pub(crate) key: Vec<u8>,
    /// The trade.
    pub(crate) value: Vec<u8>,
}

/// A mark: so many trades of a partition come before it. It is a trade that halts a strategy of its own, so its
/// decision says that all before it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Of which partition.
    pub(crate) partition: usize,
    /// How many of its trades come before.
    pub(crate) trades: u64,
}

impl Mark {
    /// The name of its strategy.
    pub(crate) fn name(self) -> String {
        format!("mark-{}-{}", self.partition, self.trades)
    }

    /// Read from the name of a strategy.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (partition, trades) = name.strip_prefix("mark-")?.split_once('-')?;
        Some(Self { partition: partition.parse().ok()?, trades: trades.parse().ok()? })
    }
}

/// So many trades of about so many strategies (rounded up to a multiple of five), always the same.
pub(crate) fn trades(count: u64, strategies: u64) -> impl Iterator<Item = TradeClosed> {
    let members = strategies.div_ceil(CHARACTERS).max(1);
    SampleTrades::new(SEED, count).zip(0_u64..).map(move |(mut trade, index)| {
        trade.strategy = format!("{}_{}", trade.strategy, hash(&index.to_le_bytes()) % members);
        trade
    })
}

/// The same as a backlog, with the marks.
pub(crate) fn backlog(count: u64, strategies: u64) -> impl Iterator<Item = Fed> {
    let step = count.div_ceil(PARTITIONS as u64 * MARKS).max(1);
    let mut fed = [0_u64; PARTITIONS];
    let mut newest = Timestamp::from_micros(0);
    let body = trades(count, strategies).flat_map(move |trade| {
        let partition = partition(&trade.strategy);
        fed[partition] += 1;
        let mark = Mark { partition, trades: fed[partition] };
        let mark = (fed[partition] % step == 0).then(|| of_mark(mark, trade.closed_at));
        std::iter::once(of_trade(partition, &trade)).chain(mark)
    });
    // The marks at the ends: what lies between the last step and the last trade counts too.
    let mut sizes = BTreeMap::new();
    for trade in trades(count, strategies) {
        *sizes.entry(partition(&trade.strategy)).or_insert(0_u64) += 1;
        newest = newest.max(trade.closed_at);
    }
    let ends = sizes.into_iter().filter(move |(_, trades)| trades % step != 0);
    body.chain(ends.map(move |(partition, trades)| of_mark(Mark { partition, trades }, newest)))
}

fn of_trade(partition: usize, trade: &TradeClosed) -> Fed {
    let (key, value) = record(trade);
    Fed { partition, key, value }
}

fn of_mark(mark: Mark, closed_at: Timestamp) -> Fed {
    let (key, value) = halting(&mark.name(), closed_at);
    Fed { partition: mark.partition, key, value }
}

/// A trade as the bot sends it, keyed by strategy.
pub(crate) fn record(trade: &TradeClosed) -> (Vec<u8>, Vec<u8>) {
    (trade.strategy.clone().into_bytes(), json::to_record(trade).unwrap_or_default())
}

/// A trade that halts its strategy at once.
pub(crate) fn halting(strategy: &str, closed_at: Timestamp) -> (Vec<u8>, Vec<u8>) {
    record(&trade(strategy, "probe", -11, closed_at))
}

/// A trade with this result.
pub(crate) fn trade(strategy: &str, trade_id: &str, profit_pct: i64, closed_at: Timestamp) -> TradeClosed {
    TradeClosed {
        exit_price: Some(Decimal::ONE_HUNDRED),
        opened_at: closed_at.plus_seconds(-60),
        ..events::test_support::trade(strategy, trade_id, Decimal::from(profit_pct), closed_at)
    }
}

fn partition(strategy: &str) -> usize {
    (hash(strategy.as_bytes()) % PARTITIONS as u64) as usize
}

/// FNV-1a (Fowler, Noll, Vo), with the upper half folded onto the lower one.
fn hash(bytes: &[u8]) -> u64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, fnv);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_as_many_strategies_as_wanted_each_in_one_partition() {
        let names: BTreeSet<_> = trades(20_000, 62).map(|trade| trade.strategy).collect();
        assert_eq!(names.len(), 65);
        let used: BTreeSet<_> = names.iter().map(|name| partition(name)).collect();
        assert_eq!(used.len(), PARTITIONS);
    }

    #[test]
    fn the_marks_tell_how_many_trades_come_before_them_and_the_last_ones_all() {
        let (mut trades, mut last) = ([0; PARTITIONS], [0; PARTITIONS]);
        for Fed { partition, key, .. } in backlog(10_000, 64) {
            match Mark::parse(&String::from_utf8(key).unwrap()) {
                Some(mark) => {
                    assert_eq!((mark.partition, mark.trades), (partition, trades[partition]));
                    last[partition] = mark.trades;
                }
                None => trades[partition] += 1,
            }
        }
        assert_eq!(last, trades);
        assert_eq!(trades.iter().sum::<u64>(), 10_000);
    }
}
