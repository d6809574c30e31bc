//! The configuration that decisions are taken with, in full, as events: an input is decided with the last one
//! before it in the log, never with the process's own.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Schedule, decimal::Decimal, payload::Payload};

/// Thresholds of StrategyGuard for one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuardThresholds {
    /// Halt when the UTC day's loss is larger, percent.
    #[serde(with = "number")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub max_daily_loss_pct: Decimal,
    /// Halt when more trades in a row are lost.
    pub max_consecutive_losses: u32,
    /// Halt when fewer of the last `win_rate_window` trades are won, percent.
    #[serde(with = "number")]
    #[cfg_attr(feature = "schema", schemars(with = "f64"))]
    pub min_win_rate_pct: Decimal,
    /// How many trades the win rate looks at; fewer are not judged.
    pub win_rate_window: u32,
    /// Capital in `capital_currency`; where set, the loss of the day is measured against it.
    #[serde(default, with = "crate::decimal::option_text")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<crate::schema::DecimalText>"))]
    pub capital: Option<Decimal>,
    /// Currency of `capital`; without it that of the strategy's first trade.
    #[serde(default)]
    pub capital_currency: Option<String>,
    /// Reduce when no trade comes for so many seconds; null: silence means nothing.
    pub max_silence_s: Option<u64>,
}

impl Default for GuardThresholds {
    /// The limits of the requirements (SG1).
    fn default() -> Self {
        Self {
            max_daily_loss_pct: Decimal::from(10),
            max_consecutive_losses: 10,
            min_win_rate_pct: Decimal::from(30),
            win_rate_window: 20,
            capital: None,
            capital_currency: None,
            max_silence_s: None,
        }
    }
}

/// StrategyGuard's configuration from here on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyGuardConfigured {
    /// For every strategy that is not named.
    pub default: GuardThresholds,
    /// For single strategies, each in full.
    pub strategies: BTreeMap<String, GuardThresholds>,
}

impl Payload for StrategyGuardConfigured {
    const TYPE: &str = "StrategyGuardConfigured";
    const FAMILY: Family = Family::Configuration;
    const WRAP: fn(Self) -> Event = Event::StrategyGuardConfigured;
}

impl StrategyGuardConfigured {
    /// The thresholds of one strategy.
    #[must_use]
    pub fn of(&self, strategy: &str) -> &GuardThresholds {
        self.strategies.get(strategy).unwrap_or(&self.default)
    }
}

/// A figure's two limits: below `warning`, below `critical`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Below: warning.
    pub warning: f64,
    /// Below: critical.
    pub critical: f64,
}

/// The limits of the daily analysis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PerformanceLimits {
    /// Percent.
    pub win_rate_pct: Limits,
    /// Percent.
    pub average_profit_pct: Limits,
    /// A ratio.
    pub sharpe: Limits,
    /// Points; above: the advice to search for other parameters.
    pub advise_drawdown_pct: f64,
}

impl Default for PerformanceLimits {
    /// The limits of the requirements (P2).
    fn default() -> Self {
        Self {
            win_rate_pct: Limits { warning: 70.0, critical: 55.0 },
            average_profit_pct: Limits { warning: 2.6, critical: 1.5 },
            sharpe: Limits { warning: 2.1, critical: 1.0 },
            advise_drawdown_pct: 15.0,
        }
    }
}

/// PerformanceAnalyst's configuration from here on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PerformanceAnalystConfigured {
    /// Fewer trades are not judged.
    pub min_trades: u64,
    /// Limits.
    pub limits: PerformanceLimits,
}

impl Payload for PerformanceAnalystConfigured {
    const TYPE: &str = "PerformanceAnalystConfigured";
    const FAMILY: Family = Family::Configuration;
    const WRAP: fn(Self) -> Event = Event::PerformanceAnalystConfigured;
}

impl Default for PerformanceAnalystConfigured {
    /// The requirements' window and minimum (P2).
    fn default() -> Self {
        Self { min_trades: 10, limits: PerformanceLimits::default() }
    }
}

/// The schedules from here on. Moments before it were never planned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SchedulerConfigured {
    /// By name.
    pub schedules: BTreeMap<String, Schedule>,
}

impl Payload for SchedulerConfigured {
    const TYPE: &str = "SchedulerConfigured";
    const FAMILY: Family = Family::Configuration;
    const VERSION: u16 = 3;
    const WRAP: fn(Self) -> Event = Event::SchedulerConfigured;
}

/// serde for a threshold: a JSON number, exact as it is written.
mod number {
    use crate::decimal::{Decimal, parse};
    use rust_decimal::prelude::ToPrimitive as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer, de};

    pub(super) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        value.to_f64().unwrap_or(f64::NAN).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        parse(&f64::deserialize(deserializer)?.to_string()).map_err(de::Error::custom)
    }
}
