//! What the trading bot publishes: trades in and out of order, again, changed, too late, with numbers of every size, and
//! records that are none.

use events::{Decimal, Timestamp};

use super::random::Random;

/// The name of the topic.
pub(super) const TOPIC: &str = "trading.trade.closed.v1";

const SECONDS_A_DAY: u64 = 86_400;

/// Mostly the first; the others are in another currency, or in none that is known.
const SYMBOLS: [&str; 4] = ["BTC/USDT", "ETH/BTC", "BTC/EUR:EUR", "GOLD"];

/// A trade as the bot told it: what tells it from others, and what two reports of it must agree in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    /// The strategy.
    pub strategy: &'static str,
    /// The trade.
    pub trade_id: String,
    /// Its result.
    pub profit_pct: Decimal,
    /// Its close.
    pub closed_at: Timestamp,
    symbol: &'static str,
    held_s: u64,
}

/// A record of the topic.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Its bytes.
    pub value: Vec<u8>,
    /// The trade that they tell; nothing when no trade can be read.
    pub told: Option<Told>,
}

/// The records of each partition, by offset.
pub(super) type Partitions = Vec<Vec<Record>>;

/// The bot with its habits.
pub(super) struct Bot {
    strategies: Vec<(&'static str, u64)>,
    sent: Vec<Record>,
    owed: Vec<(&'static str, String)>,
    trades: u64,
}

impl Bot {
    /// A bot with two to four strategies, some of which lose.
    pub(super) fn new(random: &mut Random) -> Self {
        let names = ["rsi", "macd", "grid", "arbitrage"];
        let count = random.between(2, 4) as usize;
        let strategies = names.into_iter().take(count).map(|name| (name, random.between(20, 75)));
        Self { strategies: strategies.collect(), sent: Vec::new(), owed: Vec::new(), trades: 0 }
    }

    /// A strategy, to ask something of.
    pub(super) fn any_strategy(&self, random: &mut Random) -> &'static str {
        self.strategies[random.place(self.strategies.len())].0
    }

    /// Publishes a record to one of the partitions.
    pub(super) fn publish(&mut self, to: &mut Partitions, random: &mut Random, now: Timestamp) {
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
        record(told(strategy, trade_id, losing, random, now))
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
        record(told(strategy, trade_id, 50, random, now))
    }

    fn garbage(&mut self, random: &mut Random, now: Timestamp) -> Record {
        let strategy = self.any_strategy(random);
        self.trades += 1;
        let trade_id = self.trades.to_string();
        let broken = told(strategy, trade_id.clone(), 50, random, now);
        let id = &trade_id;
        let value = match random.below(6) {
            0 => b"{\"trade_id\":".to_vec(),
            1 => vec![0xff, 0xfe, (self.trades % 256) as u8],
            2 => Vec::new(),
            3 => format!(r#"{{"trade_id":"{id}","strategy":"{strategy}","symbol":"BTC/USDT"}}"#).into_bytes(),
            4 => json(&broken, "1", "-1").into_bytes(),
            _ => json(&broken, "not a number", "1").into_bytes(),
        };
        if value.len() > 30 {
            self.owed.push((strategy, trade_id));
        }
        Record { value, told: None }
    }
}

fn told(strategy: &'static str, trade_id: String, losing: u64, random: &mut Random, now: Timestamp) -> Told {
    let profit_pct = profit(losing, random);
    let symbol = if random.chance(4) { SYMBOLS[random.place(SYMBOLS.len())] } else { SYMBOLS[0] };
    let held_s = if random.chance(70) { random.below(7200) } else { random.below(30 * SECONDS_A_DAY) };
    Told { strategy, trade_id, profit_pct, closed_at: close(random, now), symbol, held_s }
}

/// Mostly hundredths; now and then nothing in every notation, the smallest number that there is, one of 28 digits.
fn profit(losing: u64, random: &mut Random) -> Decimal {
    let places = random.below(29) as u32;
    let size = match random.below(100) {
        0..5 => Decimal::new(0, places),
        5..9 => Decimal::new(1, 28),
        9..10 => Decimal::from_i128_with_scale(i128::from(random.draw()) * 10_i128.pow(8), places),
        _ => Decimal::new(random.between(1, 400) as i64, 2),
    };
    if random.chance(losing) { -size } else { size }
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
    let value = json(&told, &told.profit_pct.to_string(), "1").into_bytes();
    Record { value, told: Some(told) }
}

fn json(told: &Told, profit: &str, quantity: &str) -> String {
    let Told { strategy, trade_id, symbol, closed_at, .. } = told;
    let opened_at = closed_at.plus_seconds(-(told.held_s as i64));
    format!(
        r#"{{"trade_id":"{trade_id}","strategy":"{strategy}","symbol":"{symbol}","side":"long","quantity":{quantity},"entry_price":100,"profit":"{profit}","profit_pct":"{profit}","opened_at":"{opened_at}","closed_at":"{closed_at}"}}"#
    )
}
