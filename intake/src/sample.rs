//! Made-up trades for the first minute, tests and benchmarks: the same for the same seed, everywhere and for ever.
//!
//! Some strategies stay healthy, some break down so that their guards have something to find. No market data.

use events::{Decimal, Side, Timestamp, TradeClosed};

/// How a strategy behaves over the sample's time.
struct Character {
    strategy: &'static str,
    model: &'static str,
    symbols: &'static [(&'static str, i64)],
    /// Won trades of 100 while it is well.
    wins: u64,
    /// The largest gain and the largest loss, in hundredths of a percent.
    gain: u64,
    loss: u64,
    /// From which hundredth of the sample's time it is broken, and how many of 100 trades it wins then.
    breaks_at: u64,
    wins_broken: u64,
}

const CHARACTERS: [Character; 5] = [
    Character {
        strategy: "trend_following",
        model: "lstm_v3",
        symbols: &[("BTC/USDT", 6_423_150), ("ETH/USDT", 341_275)],
        wins: 58,
        gain: 280,
        loss: 190,
        breaks_at: 101,
        wins_broken: 58,
    },
    Character {
        strategy: "mean_reversion",
        model: "gru_v1",
        symbols: &[("SOL/USDT", 14_830), ("LINK/USDT", 1_735), ("AVAX/USDT", 3_612)],
        wins: 64,
        gain: 120,
        loss: 150,
        breaks_at: 62,
        wins_broken: 4,
    },
    Character {
        strategy: "breakout",
        model: "lstm_v3",
        symbols: &[("BTC/USDT", 6_423_150), ("BNB/USDT", 57_940)],
        wins: 45,
        gain: 420,
        loss: 160,
        breaks_at: 40,
        wins_broken: 22,
    },
    Character {
        strategy: "scalper",
        model: "none",
        symbols: &[("ETH/USDT", 341_275), ("XRP/USDT", 61)],
        wins: 71,
        gain: 45,
        loss: 60,
        breaks_at: 101,
        wins_broken: 71,
    },
    Character {
        strategy: "news_sentiment",
        model: "transformer_v2",
        symbols: &[("BTC/EUR", 5_911_240), ("ADA/EUR", 42)],
        wins: 52,
        gain: 380,
        loss: 330,
        breaks_at: 78,
        wins_broken: 15,
    },
];

/// 2025-01-06T00:00:00Z, a Monday.
const START_S: i64 = 1_736_121_600;
/// Six weeks.
const SPAN_S: i64 = 6 * 7 * 86_400;
/// What each trade puts in, in quote currency.
const STAKE: i64 = 1000;

/// An iterator over made-up trades in the order of their close, spread over six weeks.
#[derive(Clone, Debug)]
pub struct SampleTrades {
    state: u64,
    next: u64,
    count: u64,
}

impl SampleTrades {
    /// So many trades from this seed.
    #[must_use]
    pub fn new(seed: u64, count: u64) -> Self {
        Self { state: seed, next: 0, count }
    }

    /// The next number of splitmix64 (Steele, Lea, Flood 2014), below a bound.
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn signed_below(&mut self, bound: u64) -> i64 {
        i64::try_from(self.below(bound)).unwrap_or(i64::MAX)
    }

    /// A result in hundredths of a percent: small ones are more frequent than large ones.
    fn result(&mut self, character: &Character, passed: u64) -> i64 {
        let wins = if passed < character.breaks_at { character.wins } else { character.wins_broken };
        let won = self.below(100) < wins;
        let most = if won { character.gain } else { character.loss };
        let size =
            1 + self.signed_below(most) * (1 + self.signed_below(most)) / i64::try_from(most).unwrap_or(1);
        if won { size } else { -size }
    }

    /// The close: each trade has its own slice of the time.
    fn close(&mut self, index: u64) -> i64 {
        let slice =
            |index: u64| START_S + (i128::from(SPAN_S) * i128::from(index) / i128::from(self.count)) as i64;
        let (from, to) = (slice(index), slice(index + 1));
        from + self.signed_below((to - from).max(1).unsigned_abs())
    }

    fn trade(&mut self, index: u64) -> TradeClosed {
        let character = &CHARACTERS[self.below(CHARACTERS.len() as u64) as usize];
        let (symbol, base) = character.symbols[self.below(character.symbols.len() as u64) as usize];
        let closed_s = self.close(index);
        let result = self.result(character, 100 * index / self.count);
        let price = base + base * (self.signed_below(600) - 300) / 10_000;
        let side = if self.below(3) == 0 { Side::Short } else { Side::Long };
        let moved = price * result / 10_000;
        TradeClosed {
            trade_id: format!("{}-{}", character.strategy, index + 1),
            strategy: character.strategy.to_owned(),
            symbol: symbol.to_owned(),
            side,
            quantity: Decimal::new(STAKE * 100_000_000 / price, 6),
            entry_price: Decimal::new(price, 2),
            exit_price: Some(Decimal::new(price + if side == Side::Long { moved } else { -moved }, 2)),
            profit: Decimal::new(STAKE * result, 4),
            profit_pct: Decimal::new(result, 2),
            opened_at: seconds(closed_s - 60 - self.signed_below(8 * 3600)),
            closed_at: seconds(closed_s),
            currency: symbol.rsplit('/').next().map(str::to_owned),
            fee: Some(Decimal::new(STAKE * 2, 3)),
            leverage: None,
            exit_reason: Some(if result > 0 { "take_profit" } else { "stop_loss" }.to_owned()),
            model: (character.model != "none").then(|| character.model.to_owned()),
            account: None,
            source_event_id: None,
            rounded: Vec::new(),
            ignored: Vec::new(),
        }
    }
}

fn seconds(s: i64) -> Timestamp {
    Timestamp::from_micros(s * 1_000_000)
}

impl Iterator for SampleTrades {
    type Item = TradeClosed;

    fn next(&mut self) -> Option<TradeClosed> {
        let index = self.next;
        (index < self.count).then(|| {
            self.next += 1;
            self.trade(index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn longest_losing_streaks(trades: impl Iterator<Item = TradeClosed>) -> BTreeMap<String, u32> {
        let (mut running, mut longest) = (BTreeMap::<String, u32>::new(), BTreeMap::new());
        for trade in trades {
            let streak = running.entry(trade.strategy.clone()).or_default();
            *streak = if trade.outcome() == events::Outcome::Lost { *streak + 1 } else { 0 };
            let most: &mut u32 = longest.entry(trade.strategy).or_default();
            *most = (*most).max(*streak);
        }
        longest
    }

    #[test]
    fn the_same_seed_gives_the_same_trades_and_another_gives_others() {
        let trades = |seed| SampleTrades::new(seed, 50).collect::<Vec<_>>();
        assert_eq!(trades(1), trades(1));
        assert_ne!(trades(1), trades(2));
    }

    #[test]
    fn trades_come_in_the_order_of_their_close_over_six_weeks_each_with_its_own_id() {
        let trades: Vec<_> = SampleTrades::new(3, 2000).collect();
        assert!(trades.windows(2).all(|pair| pair[0].closed_at <= pair[1].closed_at));
        assert!(trades.iter().all(|trade| trade.opened_at < trade.closed_at));
        let days = |trade: &TradeClosed| trade.closed_at.day().number();
        assert!(days(&trades[1999]) - days(&trades[0]) >= 40);
        let ids: BTreeSet<_> = trades.iter().map(|trade| &trade.trade_id).collect();
        assert_eq!(ids.len(), trades.len());
    }

    #[test]
    fn guards_have_something_to_find_and_healthy_strategies_have_not() {
        let longest = longest_losing_streaks(SampleTrades::new(42, 1500));
        assert_eq!(longest.len(), CHARACTERS.len());
        assert!(longest["mean_reversion"] > 10, "{longest:?}");
        assert!(longest["scalper"] <= 10 && longest["trend_following"] <= 10, "{longest:?}");
    }
}
