//! How near a strategy is to each limit, for people: the same numbers that [`super::rules`] compare.

use std::collections::BTreeMap;

use events::{Decimal, GuardThresholds, LossBasis, ReduceCauseKind, StrategyGuardConfigured, StrategyState};
use quant::live::ExactSum;
use serde::Serialize;

use super::{
    day::DaySum,
    evidence,
    state::{Rejected, State, Strategy},
};

/// A strategy as its guard sees it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Standing {
    /// The three rules.
    pub limits: Limits,
    /// Why it is REDUCING; empty otherwise.
    pub reducing: Vec<Reducing>,
    /// Trades that are missing to the guard.
    pub rejected: Rejected,
}

/// The rules, each with its value, its limit, and on how many trades that rests.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// The day's loss.
    pub daily_loss: DailyLoss,
    /// Lost trades in a row.
    pub consecutive_losses: ConsecutiveLosses,
    /// Won trades.
    pub win_rate: WinRate,
}

/// What the newest day with a trade made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DailyLoss {
    /// That day, `YYYY-MM-DD` in UTC; null: no trade is counted.
    pub day: Option<String>,
    /// In percent; a loss is negative.
    pub value_pct: Option<f64>,
    /// Below it the strategy is halted: negative.
    pub limit_pct: f64,
    /// Trades of the day.
    pub trades: u32,
    /// What is compared.
    pub loss_basis: LossBasis,
    /// The day's profits by currency; under `"?"` where none is known.
    pub profits: BTreeMap<String, ExactSum>,
    /// Where a capital is set, of what the percent is.
    #[serde(with = "events::decimal::option_text")]
    pub capital: Option<Decimal>,
    /// The currency of the capital, if it is known.
    pub capital_currency: Option<String>,
    /// Where the limit is set: see [`Limits`].
    pub set_in: String,
}

/// Lost trades in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsecutiveLosses {
    /// How many.
    pub value: u32,
    /// More of them halt the strategy.
    pub limit: u32,
    /// The section that sets the limit, or `default`.
    pub set_in: String,
}

/// Won trades among the last ones.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WinRate {
    /// In percent; null with fewer trades than `window`.
    pub value_pct: Option<f64>,
    /// Below it the strategy is halted.
    pub limit_pct: f64,
    /// Won trades among `trades`.
    pub won: u32,
    /// The trades that are there, at most `window`.
    pub trades: u32,
    /// So many are judged.
    pub window: u32,
    /// The section that sets the limit, or `default`.
    pub set_in: String,
    /// The section that sets the window, or `default`.
    pub window_set_in: String,
}

/// A cause that holds a strategy REDUCING.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reducing {
    /// The kind.
    pub kind: ReduceCauseKind,
    /// In words, as it was announced.
    pub detail: String,
    /// What ends it.
    pub lifted_by: String,
}

/// How a strategy stands; one that is not known has counted nothing.
#[must_use]
pub fn standing(state: &State, name: &str, config: &StrategyGuardConfigured) -> Standing {
    let fresh = Strategy::default();
    let strategy = state.strategies.get(name).unwrap_or(&fresh);
    let set_in = Sections { name, config };
    let limits = Limits {
        daily_loss: daily_loss(strategy, &set_in),
        consecutive_losses: ConsecutiveLosses {
            value: strategy.consecutive_losses,
            limit: set_in.limit().max_consecutive_losses,
            set_in: set_in.of(|limit| &limit.max_consecutive_losses),
        },
        win_rate: win_rate(strategy, &set_in),
    };
    let announced = if strategy.state == StrategyState::Reducing { &strategy.announced[..] } else { &[] };
    let reducing = announced.iter().map(|cause| Reducing {
        kind: cause.kind,
        detail: cause.detail.clone(),
        lifted_by: lifted_by(cause.kind, name, &strategy.rejected),
    });
    Standing { limits, reducing: reducing.collect(), rejected: strategy.rejected.clone() }
}

fn daily_loss(strategy: &Strategy, set_in: &Sections<'_>) -> DailyLoss {
    let limit = set_in.limit();
    let newest = strategy.days.last_key_value();
    let named = |day: &DaySum| {
        let name = |name: &String| if name.is_empty() { "?".to_owned() } else { name.clone() };
        day.profits.iter().map(|(currency, sum)| (name(currency), *sum)).collect()
    };
    DailyLoss {
        day: newest.map(|(day, _)| State::day_name(*day)),
        value_pct: newest.map(|(_, sum)| evidence::daily_loss_pct(strategy, sum, limit)),
        limit_pct: -evidence::double(limit.max_daily_loss_pct),
        trades: newest.map_or(0, |(_, sum)| sum.trades),
        loss_basis: evidence::loss_basis(limit),
        profits: newest.map_or_else(BTreeMap::new, |(_, sum)| named(sum)),
        capital: limit.capital,
        capital_currency: limit.capital.and(strategy.capital_currency(limit)).map(str::to_owned),
        set_in: set_in.of(|limit| &limit.max_daily_loss_pct),
    }
}

fn win_rate(strategy: &Strategy, set_in: &Sections<'_>) -> WinRate {
    let limit = set_in.limit();
    let window = limit.win_rate_window;
    let trades = u32::try_from(strategy.outcomes.len()).unwrap_or(u32::MAX).min(window);
    let judged = evidence::won_in_window(strategy, window);
    WinRate {
        value_pct: judged.map(|won| evidence::percent(won, window)),
        limit_pct: evidence::double(limit.min_win_rate_pct),
        won: evidence::won_in_window(strategy, trades).unwrap_or(0),
        trades,
        window,
        set_in: set_in.of(|limit| &limit.min_win_rate_pct),
        window_set_in: set_in.of(|limit| &limit.win_rate_window),
    }
}

/// Where thresholds come from: each is told by the narrowest section that says something else than the wider ones.
struct Sections<'c> {
    name: &'c str,
    config: &'c StrategyGuardConfigured,
}

impl Sections<'_> {
    fn limit(&self) -> &GuardThresholds {
        self.config.of(self.name)
    }

    fn of<T: PartialEq>(&self, key: impl Fn(&GuardThresholds) -> &T) -> String {
        let (in_force, general) = (key(self.limit()), key(&self.config.default));
        if in_force != general {
            format!("strategy_guard.strategies.{}", self.name)
        } else if in_force != key(&GuardThresholds::default()) {
            "strategy_guard".to_owned()
        } else {
            "default".to_owned()
        }
    }
}

fn lifted_by(kind: ReduceCauseKind, name: &str, rejected: &Rejected) -> String {
    let enabling = format!("tradewarden strategies enable {name} --reason R");
    match kind {
        ReduceCauseKind::CheckFailed => "the next trade on which every rule can be checked".to_owned(),
        ReduceCauseKind::TradeRejected if rejected.others > 0 => {
            format!("only {enabling}: no later report can put it right")
        }
        ReduceCauseKind::TradeRejected => {
            format!("a report of the same trade_id that can be taken in, or {enabling}")
        }
        ReduceCauseKind::SourceStale => "the source, once it has read its topic to the end".to_owned(),
        ReduceCauseKind::Silence => format!("the next trade, or {enabling}"),
        ReduceCauseKind::RecordsUnattributed => {
            format!("ten minutes without such a record and then a good trade, or {enabling}")
        }
        ReduceCauseKind::ClockBehind => {
            "the clock, once it has caught up, or tradewarden clock accept --reason R".to_owned()
        }
        ReduceCauseKind::GuardQuarantined => "a start with a version that gets past its input".to_owned(),
    }
}
