//! What people are to be told.

use serde::{Deserialize, Serialize};

use crate::{Event, Family, payload::Payload};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Severity {
    /// For the record.
    Info,
    /// Look at it today.
    Warning,
    /// Something failed.
    Error,
    /// Money is at stake now.
    Critical,
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    /// A strategy was halted.
    StrategyDisabled,
    /// A strategy was reduced because its guard cannot know.
    StrategyReduced,
    /// A source stands still: the guards that live on it no longer know.
    SourceStalled,
    /// Records expired before they were read.
    RecordsMissing,
    /// A figure of the daily analysis is critical.
    PerformanceCritical,
    /// A part of tradewarden itself was taken out of service.
    ActorQuarantined,
    /// Records that belong to no known strategy could not be taken in.
    RecordsUnattributed,
    /// Trades of a strategy closed too long before its newest one to be judged.
    TradesTooOld,
    /// A halted strategy opened a position after its halt.
    StrategyContradicted,
    /// The clock stands before what is already in the log.
    ClockBehind,
    /// Another log publishes to our decisions topic.
    OtherPublisher,
    /// The cluster may delete records of a topic before they are read.
    TopicLosesRecords,
}

/// An alert began. It lasts until `AlertCleared` with the same kind and subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertRaised {
    /// What it is about.
    pub kind: AlertKind,
    /// The strategy, source or actor concerned.
    pub subject: String,
    /// How much it matters.
    pub severity: Severity,
    /// In words.
    pub message: String,
}

impl Payload for AlertRaised {
    const TYPE: &str = "AlertRaised";
    const FAMILY: Family = Family::Alert;
    const WRAP: fn(Self) -> Event = Event::AlertRaised;

    fn strategy(&self) -> Option<&str> {
        self.kind.is_about_strategy().then_some(&self.subject)
    }
}

/// An alert ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AlertCleared {
    /// What it was about.
    pub kind: AlertKind,
    /// The strategy, source or actor concerned.
    pub subject: String,
    /// Why it ended.
    pub message: String,
}

impl Payload for AlertCleared {
    const TYPE: &str = "AlertCleared";
    const FAMILY: Family = Family::Alert;
    const WRAP: fn(Self) -> Event = Event::AlertCleared;

    fn strategy(&self) -> Option<&str> {
        self.kind.is_about_strategy().then_some(&self.subject)
    }
}

impl AlertKind {
    /// Whether the subject is a strategy's name.
    #[must_use]
    pub const fn is_about_strategy(self) -> bool {
        matches!(
            self,
            Self::StrategyDisabled | Self::StrategyReduced | Self::TradesTooOld | Self::StrategyContradicted
        )
    }
}
