//! Histories of chance: what they are made of, and that both actors decide on them as the judges do.

use actors::{Decider, PerformanceAnalyst, StrategyGuard};
use events::{
    ClockAcceptRequested, ClockCaughtUp, ClockFellBehind, Decimal, Event, GuardThresholds, Limits, Moment,
    Origin, PerformanceAnalystConfigured, RecordRejected, RejectReason, ScheduleFired, SourceCaughtUp,
    SourceStalled, StallReason, StrategyDisableRequested, StrategyEnableRequested, StrategyGuardConfigured,
    TimerDue, Timestamp, TradeClosed,
};
use proptest::prelude::*;
use tests::{
    at,
    judge::{self, play::Play},
    trade,
};

const STRATEGIES: [&str; 3] = ["rsi", "macd", "grid"];

/// Mostly the first.
const CURRENCIES: [Option<&str>; 6] =
    [Some("USDT"), Some("USDT"), Some("USDT"), Some("USDT"), Some("BTC"), None];

const DAY_S: i64 = 86_400;

/// Something that happens.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Trade {
        strategy: usize,
        percent: Decimal,
        profit: Decimal,
        currency: usize,
        late_s: i64,
        held_s: i64,
        on_minute: bool,
    },
    Letter {
        strategy: Option<usize>,
        trade_id: Option<usize>,
        reason: RejectReason,
    },
    Source {
        stalls: bool,
    },
    /// The clock is set back, until it has caught up or is accepted.
    Back {
        seconds: i64,
    },
    Timer,
    Guard(StrategyGuardConfigured),
    Analyst {
        min_trades: u64,
        limit: f64,
    },
    Disable {
        strategy: usize,
    },
    Enable {
        strategy: usize,
        reset_counters: bool,
    },
    Tick {
        late_minutes: i64,
    },
}

/// Numbers at which sums go wrong: nothing in every notation, the smallest part, 28 digits, and what adds up to a limit.
fn number() -> impl Strategy<Value = Decimal> {
    let part = Decimal::new(1, 28);
    let limits = ["-10", "-5", "-2.5", "-9.9999999999999999999999999", "5", "10"];
    let limits = limits.map(|text| events::decimal::parse(text).expect("invariant: these are numbers"));
    prop_oneof![
        3 => (0..29_u32).prop_map(|places| Decimal::new(0, places)),
        2 => prop::sample::select(vec![part, -part]),
        1 => (any::<i64>(), 0..29_u32).prop_map(|(digits, places)| {
            Decimal::from_i128_with_scale(i128::from(digits) * 10_i128.pow(9), places)
        }),
        5 => prop::sample::select(limits.to_vec()),
        9 => (-400..300_i64).prop_map(|hundredths| Decimal::new(hundredths, 2)),
    ]
}

/// Closes on whole minutes as well as between them, some reports late.
fn trade_step() -> impl Strategy<Value = Step> {
    let late_s = prop_oneof![6 => 0..120_i64, 2 => 0..DAY_S, 2 => 0..12 * DAY_S];
    let held_s = prop_oneof![0..60_i64, 0..20 * DAY_S];
    let (place, flags) = ((0..STRATEGIES.len(), 0..CURRENCIES.len()), any::<(bool, bool)>());
    (place, number(), number(), flags, late_s, held_s).prop_map(
        |((strategy, currency), percent, profit, (same, on_minute), late_s, held_s)| {
            let profit = if same { percent } else { profit };
            Step::Trade { strategy, percent, profit, currency, late_s, held_s, on_minute }
        },
    )
}

fn thresholds() -> impl Strategy<Value = GuardThresholds> {
    let capital = prop::option::of(prop_oneof![Just(Decimal::ONE_HUNDRED), Just(Decimal::new(333, 1))]);
    let currency = prop::option::of(Just("USDT".to_owned()));
    (1..2000_i64, 1..6_u32, 0..60_i64, 1..9_u32, capital, currency, prop::option::of(600..400_000_u64))
        .prop_map(|(loss, row, rate, window, capital, capital_currency, max_silence_s)| GuardThresholds {
            // Also limits that trades add up to exactly.
            max_daily_loss_pct: if loss % 2 == 0 {
                Decimal::from(loss % 11 + 1)
            } else {
                Decimal::new(loss, 2)
            },
            max_consecutive_losses: row,
            min_win_rate_pct: Decimal::from(rate),
            win_rate_window: window,
            capital_currency: capital_currency.filter(|_| capital.is_some()),
            capital,
            max_silence_s,
        })
}

fn guard_step() -> impl Strategy<Value = Step> {
    (thresholds(), prop::collection::btree_map("rsi|grid", thresholds(), 0..2)).prop_map(
        |(default, strategies)| {
            let default = GuardThresholds { capital: None, capital_currency: None, ..default };
            Step::Guard(StrategyGuardConfigured { default, strategies })
        },
    )
}

fn letter() -> impl Strategy<Value = Step> {
    let reasons = [
        RejectReason::Malformed,
        RejectReason::InvalidField,
        RejectReason::ConflictingDuplicate,
        RejectReason::OtherType,
    ];
    let strategy = prop::option::of(0..STRATEGIES.len());
    (strategy, prop::option::of(1..4_usize), prop::sample::select(reasons.to_vec()))
        .prop_map(|(strategy, trade_id, reason)| Step::Letter { strategy, trade_id, reason })
}

fn step() -> impl Strategy<Value = Step> {
    let enable = (0..STRATEGIES.len(), any::<bool>())
        .prop_map(|(strategy, reset_counters)| Step::Enable { strategy, reset_counters });
    prop_oneof![
        24 => trade_step(),
        2 => letter(),
        1 => any::<bool>().prop_map(|stalls| Step::Source { stalls }),
        1 => (0..3 * DAY_S).prop_map(|seconds| Step::Back { seconds }),
        3 => Just(Step::Timer),
        1 => guard_step(),
        1 => (0..8_u64, -3.0..80.0_f64).prop_map(|(trades, limit)| Step::Analyst { min_trades: trades + 1, limit }),
        1 => (0..STRATEGIES.len()).prop_map(|strategy| Step::Disable { strategy }),
        5 => enable,
        3 => prop_oneof![0..3_i64, 0..4 * 1440_i64].prop_map(|late_minutes| Step::Tick { late_minutes }),
    ]
}

/// Steps, and how many seconds pass before each.
pub(crate) fn steps() -> impl Strategy<Value = Vec<(i64, Step)>> {
    let pause = prop_oneof![4 => 0..300_i64, 3 => 0..7200_i64, 1 => 0..2 * DAY_S];
    prop::collection::vec((pause, step()), 1..120)
}

/// A history while it is made.
struct Maker<G: Decider, A: Decider> {
    play: Play<G, A>,
    now: Timestamp,
    /// The latest moment that the clock ever said.
    latest: Timestamp,
    behind: bool,
    trades: usize,
}

impl<G: Decider, A: Decider> Maker<G, A> {
    fn new() -> Self {
        let now = at("2025-03-01T00:00:00Z");
        Self { play: Play::default(), now, latest: now, behind: false, trades: 0 }
    }

    fn make(&mut self, step: &Step) {
        let event = match step {
            Step::Trade { strategy, percent, profit, currency, late_s, held_s, on_minute } => {
                let close = self.now.plus_seconds(-late_s);
                let closed_at = if *on_minute { minutes(close, 0) } else { close };
                let opened_at = closed_at.plus_seconds(-held_s);
                self.trades += 1;
                let closed = trade(STRATEGIES[*strategy], &self.trades.to_string(), "0", closed_at);
                let currency = CURRENCIES[*currency].map(str::to_owned);
                let (profit, profit_pct) = (*profit, *percent);
                Event::TradeClosed(TradeClosed { profit, profit_pct, currency, opened_at, ..closed })
            }
            Step::Letter { strategy, trade_id, reason } => {
                let ahead = trade_id.map(|ahead| (self.trades + ahead).to_string());
                Event::RecordRejected(dead_letter(*strategy, ahead, *reason))
            }
            Step::Source { stalls: true } => Event::SourceStalled(SourceStalled {
                source: "trades".into(),
                reason: StallReason::Behind,
                since: self.now,
                detail: "played".into(),
            }),
            Step::Source { stalls: false } => {
                Event::SourceCaughtUp(SourceCaughtUp { source: "trades".into() })
            }
            Step::Back { seconds } => self.clock(*seconds),
            Step::Timer => {
                let (due_at, noticed_at) = (self.now, self.now);
                Event::TimerDue(TimerDue { actor: "strategy_guard".into(), due_at, noticed_at })
            }
            Step::Guard(config) => Event::StrategyGuardConfigured(config.clone()),
            Step::Analyst { min_trades, limit } => {
                Event::PerformanceAnalystConfigured(analyst(*min_trades, *limit))
            }
            Step::Disable { strategy } => {
                let strategy = STRATEGIES[*strategy].to_owned();
                Event::StrategyDisableRequested(StrategyDisableRequested {
                    strategy,
                    reason: "played".into(),
                })
            }
            Step::Enable { strategy, reset_counters } => {
                let (strategy, reset_counters) = (STRATEGIES[*strategy].to_owned(), *reset_counters);
                let reason = "played".to_owned();
                Event::StrategyEnableRequested(StrategyEnableRequested { strategy, reason, reset_counters })
            }
            Step::Tick { late_minutes } => {
                let planned_at = minutes(self.now, *late_minutes);
                let schedule = "performance_analysis".to_owned();
                Event::ScheduleFired(ScheduleFired::planned(&schedule, planned_at))
            }
        };
        self.play.tell(self.now, event);
    }

    /// A clock that ran ahead is set back; one that is behind has caught up, or is accepted as it is.
    fn clock(&mut self, seconds: i64) -> Event {
        if self.behind {
            self.behind = false;
            if seconds % 2 == 0 {
                self.now = self.latest;
                return Event::ClockCaughtUp(ClockCaughtUp { clock: self.now });
            }
            let (clock, reason) = (self.now, "played".to_owned());
            return Event::ClockAcceptRequested(ClockAcceptRequested { clock, reason });
        }
        let newest = self.latest;
        // It has to have come up to where it was before it is set back again.
        self.behind = self.now >= newest;
        self.now = self.now.plus_seconds(if self.behind { -seconds } else { 0 });
        let (moment, behind_s) = (Moment::RecordedAt, seconds.unsigned_abs());
        if !self.behind {
            return Event::ClockCaughtUp(ClockCaughtUp { clock: self.now });
        }
        Event::ClockFellBehind(ClockFellBehind { clock: self.now, newest, moment, position: 1, behind_s })
    }
}

/// So many whole minutes before the one that a moment lies in.
fn minutes(moment: Timestamp, before: i64) -> Timestamp {
    Timestamp::from_micros((moment.micros().div_euclid(60_000_000) - before) * 60_000_000)
}

fn dead_letter(strategy: Option<usize>, trade_id: Option<String>, reason: RejectReason) -> RecordRejected {
    let conflict = reason == RejectReason::ConflictingDuplicate;
    let recorded = conflict.then(|| Box::new(trade(STRATEGIES[0], "0", "1", Timestamp::default())));
    let strategy = strategy.map(|strategy| STRATEGIES[strategy].to_owned());
    let (origin, detail) = (Origin::Http { digest: String::new() }, "played".to_owned());
    RecordRejected { origin, reason, detail, strategy, trade_id, key: None, value: None, recorded }
}

fn analyst(min_trades: u64, limit: f64) -> PerformanceAnalystConfigured {
    let mut config = PerformanceAnalystConfigured { min_trades, ..Default::default() };
    config.limits.win_rate_pct = Limits { warning: limit.max(0.0) + 10.0, critical: limit };
    config.limits.average_profit_pct = Limits { warning: limit / 10.0 + 0.5, critical: limit / 10.0 };
    config.limits.sharpe = Limits { warning: limit / 4.0 + 1.0, critical: limit / 4.0 };
    config
}

/// Lets it all happen.
pub(crate) fn made<G: Decider, A: Decider>(steps: &[(i64, Step)]) -> Play<G, A> {
    let mut maker = Maker::<G, A>::new();
    for (pause_s, step) in steps {
        maker.now = maker.now.plus_seconds(*pause_s);
        maker.latest = maker.latest.max(maker.now);
        maker.make(step);
    }
    maker.play
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn both_actors_decide_as_the_judges_do_on_any_history(steps in steps()) {
        let play = made::<StrategyGuard, PerformanceAnalyst>(&steps);
        let violations = judge::violations(play.history());
        prop_assert!(violations.is_empty(), "{}", violations.join("\n"));
    }
}
