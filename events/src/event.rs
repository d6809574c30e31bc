//! All events under one roof: their stable names, families, versions and codec.

use serde::Serialize;

use crate::upcast::upcast;

use crate::{
    ActorFailed, ActorQuarantined, ActorRecovered, AlertCleared, AlertRaised, ClockAcceptRequested,
    ClockCaughtUp, ClockFellBehind, DeadLetterLeftOut, IngestAdvanced, OtherPublisherGone,
    OtherPublisherSeen, PartitionsAdded, PerformanceAnalysisSkipped, PerformanceAnalystConfigured,
    PerformanceAnalyzed, PublishAdvanced, PublishIdentityRenewed, PublishTopicMade, RecordRejected,
    RecordsMissing, RunStarted, ScheduleFired, ScheduleMissed, SchedulerConfigured, SourceCaughtUp,
    SourceStalled, StrategyDisableRequested, StrategyDisabled, StrategyEnableRefused,
    StrategyEnableRequested, StrategyEnabled, StrategyGuardConfigured, StrategyKeptHalted, StrategyReduced,
    TimerDue, TradeAfterHalt, TradeClosed,
};

/// A family of events; what is read and folded is chosen by family. The numbers are written to disk: never reuse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Family {
    /// Closed trades.
    Trade = 1,
    /// Dead letters, progress and faults of sources.
    Ingest = 2,
    /// Decisions about strategies.
    Strategy = 3,
    /// Decisions about performance.
    Performance = 4,
    /// What people are to be told.
    Alert = 5,
    /// What operators ask.
    Request = 6,
    /// Moments that actors wait for.
    Timer = 7,
    /// Schedules that fired or were missed.
    Schedule = 8,
    /// The configuration of actors.
    Configuration = 9,
    /// Runs and failures of our own parts.
    Host = 10,
    /// How far decisions are published.
    Publish = 11,
    /// Our own clock against the log.
    Clock = 12,
}

/// A set of families.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilySet(u64);

impl FamilySet {
    /// Every family, those of later versions too.
    pub const ALL: Self = Self(u64::MAX);

    /// The set of these families.
    pub const fn of(families: &[Family]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < families.len() {
            bits |= 1 << families[i] as u8;
            i += 1;
        }
        Self(bits)
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a family, by its number on disk, belongs to the set.
    pub const fn contains_code(self, code: u8) -> bool {
        // A number that no version gives is in the set of all: who reads everything is to be told, not spared.
        if code < 64 { self.0 & (1 << code) != 0 } else { self.0 == u64::MAX }
    }

    /// Whether a family belongs to the set.
    pub const fn contains(self, family: Family) -> bool {
        self.contains_code(family as u8)
    }
}

/// What happened. On the wire only the fields: the type travels beside them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Event {
    /// A trade was closed.
    TradeClosed(TradeClosed),
    /// A record could not be taken in.
    RecordRejected(RecordRejected),
    /// A source read on.
    IngestAdvanced(IngestAdvanced),
    /// A source stands still.
    SourceStalled(SourceStalled),
    /// It reached the end again.
    SourceCaughtUp(SourceCaughtUp),
    /// Records expired unread.
    RecordsMissing(RecordsMissing),
    /// A topic has more partitions.
    PartitionsAdded(PartitionsAdded),
    /// A strategy was halted.
    StrategyDisabled(StrategyDisabled),
    /// A strategy was reduced.
    StrategyReduced(StrategyReduced),
    /// A strategy may trade again.
    StrategyEnabled(StrategyEnabled),
    /// An operator's request to enable changed nothing.
    StrategyEnableRefused(StrategyEnableRefused),
    /// An operator has a reason to keep it halted.
    StrategyKeptHalted(StrategyKeptHalted),
    /// A halted strategy closed a trade.
    TradeAfterHalt(TradeAfterHalt),
    /// The analysis was made.
    PerformanceAnalyzed(PerformanceAnalyzed),
    /// The analysis was skipped.
    PerformanceAnalysisSkipped(PerformanceAnalysisSkipped),
    /// An alert began.
    AlertRaised(AlertRaised),
    /// An alert ended.
    AlertCleared(AlertCleared),
    /// An operator asks to halt.
    StrategyDisableRequested(StrategyDisableRequested),
    /// An operator asks to enable.
    StrategyEnableRequested(StrategyEnableRequested),
    /// An operator takes the clock as it is.
    ClockAcceptRequested(ClockAcceptRequested),
    /// The clock stands before what is in the log.
    ClockFellBehind(ClockFellBehind),
    /// It has come up to it again.
    ClockCaughtUp(ClockCaughtUp),
    /// A timer fell due.
    TimerDue(TimerDue),
    /// A schedule fired.
    ScheduleFired(ScheduleFired),
    /// Planned moments were skipped.
    ScheduleMissed(ScheduleMissed),
    /// Of StrategyGuard.
    StrategyGuardConfigured(StrategyGuardConfigured),
    /// Of PerformanceAnalyst.
    PerformanceAnalystConfigured(PerformanceAnalystConfigured),
    /// Of Scheduler.
    SchedulerConfigured(SchedulerConfigured),
    /// A process took over.
    RunStarted(RunStarted),
    /// An actor failed.
    ActorFailed(ActorFailed),
    /// An actor was taken out.
    ActorQuarantined(ActorQuarantined),
    /// An actor is back.
    ActorRecovered(ActorRecovered),
    /// Decisions were published.
    PublishAdvanced(PublishAdvanced),
    /// The log publishes under another identity.
    PublishIdentityRenewed(PublishIdentityRenewed),
    /// A topic of ours was made.
    PublishTopicMade(PublishTopicMade),
    /// A dead letter was not published.
    DeadLetterLeftOut(DeadLetterLeftOut),
    /// Another log publishes where we do.
    OtherPublisherSeen(OtherPublisherSeen),
    /// It does so no longer.
    OtherPublisherGone(OtherPublisherGone),
}

/// Why stored bytes are no event of ours.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer tradewarden.
    #[error("{event_type} version {version} is not known here: it was written by a newer tradewarden")]
    Unknown {
        /// The stored type.
        event_type: String,
        /// The stored version.
        version: u16,
    },
    /// The fields do not fit the type.
    #[error("{event_type} version {version}: {source}")]
    Fields {
        /// The stored type.
        event_type: String,
        /// The stored version.
        version: u16,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// The newest shape of every type that is not at its first.
const VERSIONS: &[(&str, u16)] = &[("StrategyDisabled", 2)];

/// Bytes that the fields of most events fit in.
const USUAL_BYTES: usize = 512;

impl Event {
    /// The stable name, never a path of the code.
    pub const fn event_type(&self) -> &'static str {
        match self {
            Self::TradeClosed(_) => "TradeClosed",
            Self::RecordRejected(_) => "RecordRejected",
            Self::IngestAdvanced(_) => "IngestAdvanced",
            Self::SourceStalled(_) => "SourceStalled",
            Self::SourceCaughtUp(_) => "SourceCaughtUp",
            Self::RecordsMissing(_) => "RecordsMissing",
            Self::PartitionsAdded(_) => "PartitionsAdded",
            Self::StrategyDisabled(_) => "StrategyDisabled",
            Self::StrategyReduced(_) => "StrategyReduced",
            Self::StrategyEnabled(_) => "StrategyEnabled",
            Self::StrategyEnableRefused(_) => "StrategyEnableRefused",
            Self::StrategyKeptHalted(_) => "StrategyKeptHalted",
            Self::TradeAfterHalt(_) => "TradeAfterHalt",
            Self::PerformanceAnalyzed(_) => "PerformanceAnalyzed",
            Self::PerformanceAnalysisSkipped(_) => "PerformanceAnalysisSkipped",
            Self::AlertRaised(_) => "AlertRaised",
            Self::AlertCleared(_) => "AlertCleared",
            Self::StrategyDisableRequested(_) => "StrategyDisableRequested",
            Self::StrategyEnableRequested(_) => "StrategyEnableRequested",
            Self::ClockAcceptRequested(_) => "ClockAcceptRequested",
            Self::ClockFellBehind(_) => "ClockFellBehind",
            Self::ClockCaughtUp(_) => "ClockCaughtUp",
            Self::TimerDue(_) => "TimerDue",
            Self::ScheduleFired(_) => "ScheduleFired",
            Self::ScheduleMissed(_) => "ScheduleMissed",
            Self::StrategyGuardConfigured(_) => "StrategyGuardConfigured",
            Self::PerformanceAnalystConfigured(_) => "PerformanceAnalystConfigured",
            Self::SchedulerConfigured(_) => "SchedulerConfigured",
            Self::RunStarted(_) => "RunStarted",
            Self::ActorFailed(_) => "ActorFailed",
            Self::ActorQuarantined(_) => "ActorQuarantined",
            Self::ActorRecovered(_) => "ActorRecovered",
            Self::PublishAdvanced(_) => "PublishAdvanced",
            Self::PublishIdentityRenewed(_) => "PublishIdentityRenewed",
            Self::PublishTopicMade(_) => "PublishTopicMade",
            Self::DeadLetterLeftOut(_) => "DeadLetterLeftOut",
            Self::OtherPublisherSeen(_) => "OtherPublisherSeen",
            Self::OtherPublisherGone(_) => "OtherPublisherGone",
        }
    }

    /// The family.
    pub const fn family(&self) -> Family {
        match self {
            Self::TradeClosed(_) => Family::Trade,
            Self::RecordRejected(_)
            | Self::IngestAdvanced(_)
            | Self::SourceStalled(_)
            | Self::SourceCaughtUp(_)
            | Self::RecordsMissing(_)
            | Self::PartitionsAdded(_) => Family::Ingest,
            Self::StrategyDisabled(_)
            | Self::StrategyReduced(_)
            | Self::StrategyEnabled(_)
            | Self::StrategyEnableRefused(_)
            | Self::StrategyKeptHalted(_)
            | Self::TradeAfterHalt(_) => Family::Strategy,
            Self::PerformanceAnalyzed(_) | Self::PerformanceAnalysisSkipped(_) => Family::Performance,
            Self::AlertRaised(_) | Self::AlertCleared(_) => Family::Alert,
            Self::StrategyDisableRequested(_)
            | Self::StrategyEnableRequested(_)
            | Self::ClockAcceptRequested(_) => Family::Request,
            Self::ClockFellBehind(_) | Self::ClockCaughtUp(_) => Family::Clock,
            Self::TimerDue(_) => Family::Timer,
            Self::ScheduleFired(_) | Self::ScheduleMissed(_) => Family::Schedule,
            Self::StrategyGuardConfigured(_)
            | Self::PerformanceAnalystConfigured(_)
            | Self::SchedulerConfigured(_) => Family::Configuration,
            Self::RunStarted(_)
            | Self::ActorFailed(_)
            | Self::ActorQuarantined(_)
            | Self::ActorRecovered(_) => Family::Host,
            Self::PublishAdvanced(_)
            | Self::PublishIdentityRenewed(_)
            | Self::PublishTopicMade(_)
            | Self::DeadLetterLeftOut(_)
            | Self::OtherPublisherSeen(_)
            | Self::OtherPublisherGone(_) => Family::Publish,
        }
    }

    /// The version of the shape that is written now.
    pub fn schema_version(&self) -> u16 {
        current_version(self.event_type())
    }

    /// Whether this is one of the decisions that are published (interfaces: "Decisions are the events of these types").
    ///
    /// What leaves a strategy as it is answers the operator, not the bot.
    pub const fn is_decision(&self) -> bool {
        matches!(self.family(), Family::Strategy | Family::Performance | Family::Alert)
            && !matches!(self, Self::StrategyEnableRefused(_) | Self::StrategyKeptHalted(_))
    }

    /// The strategy that the event is about.
    pub fn strategy(&self) -> Option<&str> {
        Some(match self {
            Self::TradeClosed(e) => &e.strategy,
            Self::RecordRejected(e) => return e.strategy.as_deref(),
            Self::StrategyDisabled(e) => &e.strategy,
            Self::StrategyReduced(e) => &e.strategy,
            Self::StrategyEnabled(e) => &e.strategy,
            Self::StrategyEnableRefused(e) => &e.strategy,
            Self::StrategyKeptHalted(e) => &e.strategy,
            Self::TradeAfterHalt(e) => &e.strategy,
            Self::StrategyDisableRequested(e) => &e.strategy,
            Self::StrategyEnableRequested(e) => &e.strategy,
            Self::AlertRaised(e) => return e.kind.is_about_strategy().then_some(&e.subject),
            Self::AlertCleared(e) => return e.kind.is_about_strategy().then_some(&e.subject),
            _ => return None,
        })
    }

    /// The fields as JSON, as stored and published.
    ///
    /// # Errors
    /// When a value has no JSON form (a time beyond the year 9999).
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut fields = Vec::with_capacity(USUAL_BYTES);
        serde_json::to_writer(&mut fields, self)?;
        Ok(fields)
    }

    /// Reads stored fields of any version that was ever written.
    ///
    /// # Errors
    /// When the type or version is not known, or the fields do not fit it.
    pub fn from_json(event_type: &str, version: u16, fields: &[u8]) -> Result<Self, DecodeError> {
        let unknown = || DecodeError::Unknown { event_type: event_type.to_owned(), version };
        let misfit = |source| DecodeError::Fields { event_type: event_type.to_owned(), version, source };
        let newest = current_version(event_type);
        if version > newest {
            return Err(unknown());
        }
        let decoded = if version < newest {
            let old = serde_json::from_slice(fields).map_err(misfit)?;
            let new = upcast(event_type, version, newest, old).ok_or_else(unknown)?;
            Self::decode(event_type, &serde_json::to_vec(&new).map_err(misfit)?)
        } else {
            Self::decode(event_type, fields)
        };
        decoded.ok_or_else(unknown)?.map_err(misfit)
    }

    /// Reads fields of the newest shape; nothing when the type is not known.
    fn decode(event_type: &str, fields: &[u8]) -> Option<Result<Self, serde_json::Error>> {
        use serde_json::from_slice;
        Some(match event_type {
            "TradeClosed" => from_slice(fields).map(Self::TradeClosed),
            "RecordRejected" => from_slice(fields).map(Self::RecordRejected),
            "IngestAdvanced" => from_slice(fields).map(Self::IngestAdvanced),
            "SourceStalled" => from_slice(fields).map(Self::SourceStalled),
            "SourceCaughtUp" => from_slice(fields).map(Self::SourceCaughtUp),
            "RecordsMissing" => from_slice(fields).map(Self::RecordsMissing),
            "PartitionsAdded" => from_slice(fields).map(Self::PartitionsAdded),
            "StrategyDisabled" => from_slice(fields).map(Self::StrategyDisabled),
            "StrategyReduced" => from_slice(fields).map(Self::StrategyReduced),
            "StrategyEnabled" => from_slice(fields).map(Self::StrategyEnabled),
            "StrategyEnableRefused" => from_slice(fields).map(Self::StrategyEnableRefused),
            "StrategyKeptHalted" => from_slice(fields).map(Self::StrategyKeptHalted),
            "TradeAfterHalt" => from_slice(fields).map(Self::TradeAfterHalt),
            "PerformanceAnalyzed" => from_slice(fields).map(Self::PerformanceAnalyzed),
            "PerformanceAnalysisSkipped" => from_slice(fields).map(Self::PerformanceAnalysisSkipped),
            "AlertRaised" => from_slice(fields).map(Self::AlertRaised),
            "AlertCleared" => from_slice(fields).map(Self::AlertCleared),
            "StrategyDisableRequested" => from_slice(fields).map(Self::StrategyDisableRequested),
            "StrategyEnableRequested" => from_slice(fields).map(Self::StrategyEnableRequested),
            "ClockAcceptRequested" => from_slice(fields).map(Self::ClockAcceptRequested),
            "ClockFellBehind" => from_slice(fields).map(Self::ClockFellBehind),
            "ClockCaughtUp" => from_slice(fields).map(Self::ClockCaughtUp),
            "TimerDue" => from_slice(fields).map(Self::TimerDue),
            "ScheduleFired" => from_slice(fields).map(Self::ScheduleFired),
            "ScheduleMissed" => from_slice(fields).map(Self::ScheduleMissed),
            "StrategyGuardConfigured" => from_slice(fields).map(Self::StrategyGuardConfigured),
            "PerformanceAnalystConfigured" => from_slice(fields).map(Self::PerformanceAnalystConfigured),
            "SchedulerConfigured" => from_slice(fields).map(Self::SchedulerConfigured),
            "RunStarted" => from_slice(fields).map(Self::RunStarted),
            "ActorFailed" => from_slice(fields).map(Self::ActorFailed),
            "ActorQuarantined" => from_slice(fields).map(Self::ActorQuarantined),
            "ActorRecovered" => from_slice(fields).map(Self::ActorRecovered),
            "PublishAdvanced" => from_slice(fields).map(Self::PublishAdvanced),
            "PublishIdentityRenewed" => from_slice(fields).map(Self::PublishIdentityRenewed),
            "PublishTopicMade" => from_slice(fields).map(Self::PublishTopicMade),
            "DeadLetterLeftOut" => from_slice(fields).map(Self::DeadLetterLeftOut),
            "OtherPublisherSeen" => from_slice(fields).map(Self::OtherPublisherSeen),
            "OtherPublisherGone" => from_slice(fields).map(Self::OtherPublisherGone),
            _ => return None,
        })
    }
}

/// The newest version of a type's shape.
pub(crate) fn current_version(event_type: &str) -> u16 {
    VERSIONS.iter().find(|(name, _)| *name == event_type).map_or(1, |(_, version)| *version)
}
