//! What is decided about a strategy, and what an operator asks.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Event, Family, Timestamp, payload::Payload};

/// What a strategy may do. The same three words everywhere; the later one is the stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum StrategyState {
    /// Trades freely.
    #[default]
    Active,
    /// Opens no new positions until its cause is gone.
    Reducing,
    /// Opens no new positions until a person enables it.
    Halted,
}

impl StrategyState {
    /// The word shown to people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Reducing => "REDUCING",
            Self::Halted => "HALTED",
        }
    }
}

/// Who decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DecidedBy {
    /// A rule of the guard.
    Rule,
    /// An operator's request.
    Operator,
    /// The supervisor, because the guard itself is quarantined.
    Supervisor,
}

/// A rule of the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleName {
    /// Loss of the UTC day.
    DailyLoss,
    /// Lost trades in a row.
    ConsecutiveLosses,
    /// Win rate over the last trades.
    WinRate,
}

/// The window that a rule looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum RuleWindow {
    /// A UTC day, `YYYY-MM-DD`.
    Day(String),
    /// That many trades.
    Trades(u32),
}

/// A number as evidence: a count is an integer on the wire, everything else a number with a point.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Measure {
    /// So many.
    Count(u32),
    /// Percent.
    Number(f64),
}

impl std::fmt::Display for Measure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Number(number) => number.fmt(f),
        }
    }
}

/// A rule that was breached, with the numbers that it compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BreachedRule {
    /// Which rule.
    pub rule: RuleName,
    /// What was measured: percent, a count, percent. Where the nearest double does not tell the breach, the next one
    /// that does.
    pub value: Measure,
    /// What it was compared with: breached below −threshold, above, below.
    pub threshold: Measure,
    /// The UTC day, the row's length, or the number of trades.
    pub window: RuleWindow,
    /// How many trades the value rests on.
    pub trades: u32,
}

/// The guard's three figures at the moment of a decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GuardMetrics {
    /// Sum of the day in percent (negative is a loss); null where it cannot be computed.
    pub daily_loss_pct: Option<f64>,
    /// Lost trades in a row.
    pub consecutive_losses: u32,
    /// Won trades among the last ones; null with fewer trades than the window.
    pub win_rate_pct: Option<f64>,
}

/// What the loss of the day is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum LossBasis {
    /// The sum of the trades' own percents.
    SumOfTradePercents,
    /// The sum of profits against the configured capital.
    Capital,
}

/// A strategy was halted: no new positions until a person enables it. Open positions are left alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyDisabled {
    /// Which strategy.
    pub strategy: String,
    /// Rule or operator.
    pub by: DecidedBy,
    /// All rules that were breached, in the order daily_loss, consecutive_losses, win_rate; empty by hand.
    pub rules: Vec<BreachedRule>,
    /// The guard's figures at that moment.
    pub metrics: GuardMetrics,
    /// State before.
    pub from: StrategyState,
    /// Always HALTED.
    pub to: StrategyState,
    /// What the loss of the day was measured in.
    pub loss_basis: LossBasis,
    /// The strategy's closed trades up to the input that it was decided on: what comes on top closed after the halt. Not
    /// known of halts by rules before version 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trades: Option<u64>,
    /// The operator's reason; by hand only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Payload for StrategyDisabled {
    const TYPE: &str = "StrategyDisabled";
    const FAMILY: Family = Family::Strategy;
    const VERSION: u16 = 2;
    const WRAP: fn(Self) -> Event = Event::StrategyDisabled;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// Why a guard cannot know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReduceCauseKind {
    /// A rule's own check failed.
    CheckFailed,
    /// A trade of the strategy could not be taken in.
    TradeRejected,
    /// The source has not reached the end of its topic.
    SourceStale,
    /// No trade for longer than configured.
    Silence,
    /// Records that belong to no known strategy could not be taken in.
    RecordsUnattributed,
    /// The clock stands before what is already in the log.
    ClockBehind,
    /// The guard itself is quarantined.
    GuardQuarantined,
}

/// One cause for REDUCING.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReduceCause {
    /// The kind.
    pub kind: ReduceCauseKind,
    /// In words.
    pub detail: String,
}

/// A strategy may open no new positions because its guard cannot know; lifted when the causes are gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyReduced {
    /// Which strategy.
    pub strategy: String,
    /// Rule or supervisor.
    pub by: DecidedBy,
    /// Every cause that holds.
    pub causes: Vec<ReduceCause>,
    /// State before.
    pub from: StrategyState,
    /// Always REDUCING.
    pub to: StrategyState,
}

impl Payload for StrategyReduced {
    const TYPE: &str = "StrategyReduced";
    const FAMILY: Family = Family::Strategy;
    const WRAP: fn(Self) -> Event = Event::StrategyReduced;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// A strategy may trade again, or at least is no longer halted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyEnabled {
    /// Which strategy.
    pub strategy: String,
    /// Operator, or rule and supervisor (a REDUCING was lifted).
    pub by: DecidedBy,
    /// State before.
    pub from: StrategyState,
    /// ACTIVE, or REDUCING while a cause holds.
    pub to: StrategyState,
    /// The operator's reason, or what is gone.
    pub reason: String,
    /// What the guard counts no longer, where an operator let it start afresh.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgets: Option<Forgotten>,
}

impl Payload for StrategyEnabled {
    const TYPE: &str = "StrategyEnabled";
    const FAMILY: Family = Family::Strategy;
    const WRAP: fn(Self) -> Event = Event::StrategyEnabled;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// What a guard knew of a strategy before its counters started afresh.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Forgotten {
    /// The UTC day of the newest trade, `YYYY-MM-DD`; null without a trade that counted.
    pub day: Option<String>,
    /// Sum of that day in percent (negative is a loss); null without a trade that counted.
    pub daily_loss_pct: Option<f64>,
    /// Trades of that day.
    pub day_trades: u32,
    /// Lost trades in a row.
    pub consecutive_losses: u32,
    /// Trades that the win rate would have looked at.
    pub outcomes: u32,
    /// Reports of its trades in the dead letters.
    pub rejected: u32,
}

/// Why an operator's request to enable was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum EnableRefusal {
    /// The strategy is ACTIVE: there is nothing to lift, and counters start afresh only where that is asked for.
    IsActive,
    /// What holds it REDUCING is not the strategy's own and no enabling of one strategy ends it.
    CauseHolds,
}

/// An operator's request to enable a strategy changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyEnableRefused {
    /// Which strategy.
    pub strategy: String,
    /// Its state, which it keeps.
    pub state: StrategyState,
    /// Why.
    pub refusal: EnableRefusal,
    /// The same in words, with what to do.
    pub detail: String,
}

impl Payload for StrategyEnableRefused {
    const TYPE: &str = "StrategyEnableRefused";
    const FAMILY: Family = Family::Strategy;
    // What leaves a strategy as it is answers the operator, not the bot.
    const IS_DECISION: bool = false;
    const WRAP: fn(Self) -> Event = Event::StrategyEnableRefused;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// An operator asked to halt a strategy that is HALTED: nothing changes but that a person has a reason too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StrategyKeptHalted {
    /// Which strategy.
    pub strategy: String,
    /// The operator's reason to keep it halted.
    pub reason: String,
    /// The decision that halted it.
    pub disabled_by: Option<Uuid>,
}

impl Payload for StrategyKeptHalted {
    const TYPE: &str = "StrategyKeptHalted";
    const FAMILY: Family = Family::Strategy;
    // What leaves a strategy as it is answers the operator, not the bot.
    const IS_DECISION: bool = false;
    const WRAP: fn(Self) -> Event = Event::StrategyKeptHalted;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}

/// The first trade that a halted strategy closed after its halt; later ones are counted in the view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TradeAfterHalt {
    /// Which strategy.
    pub strategy: String,
    /// The trade.
    pub trade_id: String,
    /// When the position had been opened: before the halt it only ran out.
    pub opened_at: Timestamp,
    /// The decision that halted the strategy.
    pub disabled_by: Uuid,
}

impl Payload for TradeAfterHalt {
    const TYPE: &str = "TradeAfterHalt";
    const FAMILY: Family = Family::Strategy;
    const WRAP: fn(Self) -> Event = Event::TradeAfterHalt;

    fn strategy(&self) -> Option<&str> {
        Some(&self.strategy)
    }
}
