//! What operators ask.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, Timestamp, payload::Payload};

/// An operator asks to halt a strategy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyDisableRequested {
    /// Which strategy.
    pub strategy: String,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Payload for StrategyDisableRequested {
    const TYPE: &str = "StrategyDisableRequested";
    const FAMILY: Family = Family::Request;
    const WRAP: fn(Self) -> Event = Event::StrategyDisableRequested;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// An operator asks to let a strategy trade again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyEnableRequested {
    /// Which strategy.
    pub strategy: String,
    /// Why, in the operator's words.
    pub reason: String,
    /// Whether the counters start afresh also where the strategy is not HALTED.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reset_counters: bool,
}

impl Payload for StrategyEnableRequested {
    const TYPE: &str = "StrategyEnableRequested";
    const FAMILY: Family = Family::Request;
    const WRAP: fn(Self) -> Event = Event::StrategyEnableRequested;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// An operator says that the clock is right as it is, and that what is later in the log is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClockAcceptRequested {
    /// What the clock says; guards and schedules go on from here.
    pub clock: Timestamp,
    /// Why, in the operator's words.
    pub reason: String,
}

impl Payload for ClockAcceptRequested {
    const TYPE: &str = "ClockAcceptRequested";
    const FAMILY: Family = Family::Request;
    const WRAP: fn(Self) -> Event = Event::ClockAcceptRequested;
}
