//! What the trading bot publishes: trades in and out of order, again, changed, too late, and records that are none.

use events::{Decimal, Timestamp};

use super::random::Random;

/// The name of the topic.
pub const TOPIC: &str = "trading.trade.closed.v1";

const SECONDS_A_DAY: u64 = 86_400;

/// A trade as the bot told it: what tells it from others, and what two reports of it must agree in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The strategy.
    pub strategy: &'static str,
    /// The trade.
    pub trade_id: String,
    /// Its result.
    pub profit_pct: Decimal,
    /// Its close.
    pub closed_at: Timestamp,
}

/// A record of the topic.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its bytes.
    pub value: Vec<u8>,
    /// The trade that they tell; nothing when no trade can be read.
    pub told: Option<Told>,
}

/// The records of each partition, by offset.
pub type Partitions = Vec<Vec<Record>>;

/// The bot with its habits.
pub struct Bot {
    strategies: Vec<(&'static str, u64)>,
    sent: Vec<Record>,
    owed: Vec<(&'static str, String)>,
    trades: u64,
}

impl Bot {
    /// A bot with two to four strategies, some of which lose.
    pub fn new(random: &mut Random) -> Self {
        let names = ["rsi", "macd", "grid", "arbitrage"];
        let count = random.between(2, 4) as usize;
        let strategies = names.into_iter().take(count).map(|name| (name, random.between(20, 75)));
        Self { strategies: strategies.collect(), sent: Vec::new(), owed: Vec::new(), trades: 0 }
    }

    /// A strategy, to ask something of.
    pub fn any_strategy(&self, random: &mut Random) -> &'static str {
        self.strategies[random.place(self.strategies.len())].0
    }

    /// Publishes a record to one of the partitions.
    pub fn publish(&mut self, to: &mut Partitions, random: &mut Random, now: Timestamp) {
        let record = match random.below(100) {
            0..10 if !self.sent.is_empty() => self.again(random),
            10..15 if !self.sent.is_empty() => self.changed(random),
            15..25 => self.garbage(random, now),
            25..35 if !self.owed.is_empty() => self.corrected(random, now),
            _ => self.trade(random, now),
        };
        if record.told.is_some() {
            self.sent.push(record.clone());
        }
        let partition = random.place(to.len());
        to[partition].push(record);
    }

    fn trade(&mut self, random: &mut Random, now: Timestamp) -> Record {
        let (strategy, losing) = self.strategies[random.place(self.strategies.len())];
        self.trades += 1;
        let trade_id = self.trades.to_string();
        let told =
            Told { strategy, trade_id, profit_pct: profit(losing, random), closed_at: close(random, now) };
        record(told)
    }

    fn again(&self, random: &mut Random) -> Record {
        self.sent[random.place(self.sent.len())].clone()
    }

    /// The same id with another result.
    fn changed(&self, random: &mut Random) -> Record {
        let again = self.again(random).told.expect("invariant: only trades are kept");
        record(Told { profit_pct: -again.profit_pct, ..again })
    }

    /// A trade that could not be read before.
    fn corrected(&mut self, random: &mut Random, now: Timestamp) -> Record {
        let (strategy, trade_id) = self.owed.swap_remove(random.place(self.owed.len()));
        record(Told { strategy, trade_id, profit_pct: profit(50, random), closed_at: close(random, now) })
    }

    fn garbage(&mut self, random: &mut Random, now: Timestamp) -> Record {
        let strategy = self.any_strategy(random);
        self.trades += 1;
        let trade_id = self.trades.to_string();
        let (id, now) = (trade_id.clone(), now.to_string());
        let value = match random.below(6) {
            0 => b"{\"trade_id\":".to_vec(),
            1 => vec![0xff, 0xfe, (self.trades % 256) as u8],
            2 => Vec::new(),
            3 => format!(r#"{{"trade_id":"{id}","strategy":"{strategy}","symbol":"BTC/USDT"}}"#).into_bytes(),
            4 => json(strategy, &id, "1", "-1", &now).into_bytes(),
            _ => json(strategy, &id, "not a number", "1", &now).into_bytes(),
        };
        if value.len() > 30 {
            self.owed.push((strategy, trade_id));
        }
        Record { value, told: None }
    }
}

/// Now and then a number so long that a sum with it has no exact value.
fn profit(losing: u64, random: &mut Random) -> Decimal {
    if random.chance(1) {
        return Decimal::from_i128_with_scale(10_i128.pow(27), 0);
    }
    let hundredths = random.between(1, 400) as i64;
    Decimal::new(if random.chance(losing) { -hundredths } else { hundredths }, 2)
}

/// Mostly just closed; some reports come hours late, some after days.
fn close(random: &mut Random, now: Timestamp) -> Timestamp {
    let late = match random.below(100) {
        0..70 => random.below(120),
        70..90 => random.below(SECONDS_A_DAY),
        _ => random.below(12 * SECONDS_A_DAY),
    };
    now.plus_seconds(-(late as i64))
}

fn record(told: Told) -> Record {
    let (profit, closed_at) = (told.profit_pct.to_string(), told.closed_at.to_string());
    let value = json(told.strategy, &told.trade_id, &profit, "1", &closed_at).into_bytes();
    Record { value, told: Some(told) }
}

fn json(strategy: &str, trade_id: &str, profit: &str, quantity: &str, closed_at: &str) -> String {
    format!(
        r#"{{"trade_id":"{trade_id}","strategy":"{strategy}","symbol":"BTC/USDT","side":"long","quantity":{quantity},"entry_price":100,"profit":"{profit}","profit_pct":"{profit}","opened_at":"2025-01-01T00:00:00Z","closed_at":"{closed_at}"}}"#
    )
}
