//! All events under one roof: their stable names, families, versions and codec.

use serde::Serialize;

use crate::{
    ActorFailed, ActorQuarantined, ActorRecovered, AlertCleared, AlertRaised, ClockAcceptRequested,
    ClockCaughtUp, ClockFellBehind, DeadLetterLeftOut, Family, HaltMissed, IngestAdvanced,
    OtherPublisherGone, OtherPublisherSeen, PartitionsAdded, PerformanceAnalysisSkipped,
    PerformanceAnalystConfigured, PerformanceAnalyzed, PublishAdvanced, PublishIdentityRenewed,
    PublishTopicMade, RecordRejected, RecordsMissing, RunStarted, ScheduleChanged, ScheduleCreateRequested,
    ScheduleCreated, ScheduleDeleteRequested, ScheduleDeleted, ScheduleFired, ScheduleMissed,
    SchedulePauseRequested, SchedulePaused, ScheduleRefused, ScheduleResumeRequested, ScheduleResumed,
    ScheduleRunRequested, ScheduleSetRequested, SchedulerConfigured, SnapshotDiffered, SourceCaughtUp,
    SourceStalled, StrategyDisableRequested, StrategyDisabled, StrategyEnableRefused,
    StrategyEnableRequested, StrategyEnabled, StrategyGuardConfigured, StrategyKeptHalted, StrategyReduced,
    TimerDue, TopicSettingsSeen, TradeAfterHalt, TradeClosed,
    compact::Misfit,
    path::path_of,
    payload::{About, Type},
    upcast::upcast,
};

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
    /// How the cluster keeps a topic.
    TopicSettingsSeen(TopicSettingsSeen),
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
    /// An operator asks for a new schedule.
    ScheduleCreateRequested(ScheduleCreateRequested),
    /// An operator asks to change a schedule.
    ScheduleSetRequested(ScheduleSetRequested),
    /// An operator asks to remove a schedule.
    ScheduleDeleteRequested(ScheduleDeleteRequested),
    /// An operator asks that schedules plan nothing for a while.
    SchedulePauseRequested(SchedulePauseRequested),
    /// An operator asks that paused schedules go on.
    ScheduleResumeRequested(ScheduleResumeRequested),
    /// An operator asks that a schedule fires now.
    ScheduleRunRequested(ScheduleRunRequested),
    /// There is a new schedule.
    ScheduleCreated(ScheduleCreated),
    /// A schedule changed.
    ScheduleChanged(ScheduleChanged),
    /// A schedule is gone.
    ScheduleDeleted(ScheduleDeleted),
    /// Schedules plan nothing.
    SchedulePaused(SchedulePaused),
    /// They go on.
    ScheduleResumed(ScheduleResumed),
    /// A request about a schedule changed nothing.
    ScheduleRefused(ScheduleRefused),
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
    /// An actor had started with a state that is not the log's.
    SnapshotDiffered(SnapshotDiffered),
    /// A halt was missed because of one.
    HaltMissed(HaltMissed),
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

/// The form of an event's fields where they are stored. The numbers are written to disk: never reuse one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As they are published.
    #[default]
    Json = 0,
    /// In few bytes: for types of which there are many.
    Compact = 1,
}

impl Codec {
    /// The form with a number, if there is one.
    #[must_use]
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Json),
            1 => Some(Self::Compact),
            _ => None,
        }
    }
}

/// Why stored bytes are no event of ours.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer tradewarden.
    #[error(
        "{event_type} version {version} is not known here: it was written by a newer tradewarden; read this log with \
         that version or one after it"
    )]
    Unknown {
        /// The stored type.
        event_type: String,
        /// The stored version.
        version: u16,
    },
    /// The fields do not fit the type.
    #[error(
        "{event_type} version {version}{}: {source}; it was written by another version of tradewarden: read this log with \
         that one, or begin a new log in an empty folder (--data DIR)",
        if field.is_empty() { String::new() } else { format!(", field {field}") }
    )]
    Fields {
        /// The stored type.
        event_type: String,
        /// The stored version.
        version: u16,
        /// Where in the fields; empty where that is not known.
        field: String,
        /// What does not fit.
        source: serde_json::Error,
    },
}

/// Every type. A stored name is looked for from the front: the one of high volume comes first.
const TYPES: &[Type] = &[
    Type::of::<TradeClosed>(),
    Type::of::<RecordRejected>(),
    Type::of::<IngestAdvanced>(),
    Type::of::<SourceStalled>(),
    Type::of::<SourceCaughtUp>(),
    Type::of::<RecordsMissing>(),
    Type::of::<PartitionsAdded>(),
    Type::of::<TopicSettingsSeen>(),
    Type::of::<StrategyDisabled>(),
    Type::of::<StrategyReduced>(),
    Type::of::<StrategyEnabled>(),
    Type::of::<StrategyEnableRefused>(),
    Type::of::<StrategyKeptHalted>(),
    Type::of::<TradeAfterHalt>(),
    Type::of::<PerformanceAnalyzed>(),
    Type::of::<PerformanceAnalysisSkipped>(),
    Type::of::<AlertRaised>(),
    Type::of::<AlertCleared>(),
    Type::of::<StrategyDisableRequested>(),
    Type::of::<StrategyEnableRequested>(),
    Type::of::<ClockAcceptRequested>(),
    Type::of::<ClockFellBehind>(),
    Type::of::<ClockCaughtUp>(),
    Type::of::<TimerDue>(),
    Type::of::<ScheduleFired>(),
    Type::of::<ScheduleMissed>(),
    Type::of::<ScheduleCreateRequested>(),
    Type::of::<ScheduleSetRequested>(),
    Type::of::<ScheduleDeleteRequested>(),
    Type::of::<SchedulePauseRequested>(),
    Type::of::<ScheduleResumeRequested>(),
    Type::of::<ScheduleRunRequested>(),
    Type::of::<ScheduleCreated>(),
    Type::of::<ScheduleChanged>(),
    Type::of::<ScheduleDeleted>(),
    Type::of::<SchedulePaused>(),
    Type::of::<ScheduleResumed>(),
    Type::of::<ScheduleRefused>(),
    Type::of::<StrategyGuardConfigured>(),
    Type::of::<PerformanceAnalystConfigured>(),
    Type::of::<SchedulerConfigured>(),
    Type::of::<RunStarted>(),
    Type::of::<ActorFailed>(),
    Type::of::<ActorQuarantined>(),
    Type::of::<ActorRecovered>(),
    Type::of::<SnapshotDiffered>(),
    Type::of::<HaltMissed>(),
    Type::of::<PublishAdvanced>(),
    Type::of::<PublishIdentityRenewed>(),
    Type::of::<PublishTopicMade>(),
    Type::of::<DeadLetterLeftOut>(),
    Type::of::<OtherPublisherSeen>(),
    Type::of::<OtherPublisherGone>(),
];

/// Bytes that the fields of most events fit in.
const USUAL_BYTES: usize = 512;

impl Event {
    /// What its type knows of itself.
    fn about(&self) -> &dyn About {
        match self {
            Self::TradeClosed(e) => e,
            Self::RecordRejected(e) => e,
            Self::IngestAdvanced(e) => e,
            Self::SourceStalled(e) => e,
            Self::SourceCaughtUp(e) => e,
            Self::RecordsMissing(e) => e,
            Self::PartitionsAdded(e) => e,
            Self::TopicSettingsSeen(e) => e,
            Self::StrategyDisabled(e) => e,
            Self::StrategyReduced(e) => e,
            Self::StrategyEnabled(e) => e,
            Self::StrategyEnableRefused(e) => e,
            Self::StrategyKeptHalted(e) => e,
            Self::TradeAfterHalt(e) => e,
            Self::PerformanceAnalyzed(e) => e,
            Self::PerformanceAnalysisSkipped(e) => e,
            Self::AlertRaised(e) => e,
            Self::AlertCleared(e) => e,
            Self::StrategyDisableRequested(e) => e,
            Self::StrategyEnableRequested(e) => e,
            Self::ClockAcceptRequested(e) => e,
            Self::ClockFellBehind(e) => e,
            Self::ClockCaughtUp(e) => e,
            Self::TimerDue(e) => e,
            Self::ScheduleFired(e) => e,
            Self::ScheduleMissed(e) => e,
            Self::ScheduleCreateRequested(e) => e,
            Self::ScheduleSetRequested(e) => e,
            Self::ScheduleDeleteRequested(e) => e,
            Self::SchedulePauseRequested(e) => e,
            Self::ScheduleResumeRequested(e) => e,
            Self::ScheduleRunRequested(e) => e,
            Self::ScheduleCreated(e) => e,
            Self::ScheduleChanged(e) => e,
            Self::ScheduleDeleted(e) => e,
            Self::SchedulePaused(e) => e,
            Self::ScheduleResumed(e) => e,
            Self::ScheduleRefused(e) => e,
            Self::StrategyGuardConfigured(e) => e,
            Self::PerformanceAnalystConfigured(e) => e,
            Self::SchedulerConfigured(e) => e,
            Self::RunStarted(e) => e,
            Self::ActorFailed(e) => e,
            Self::ActorQuarantined(e) => e,
            Self::ActorRecovered(e) => e,
            Self::SnapshotDiffered(e) => e,
            Self::HaltMissed(e) => e,
            Self::PublishAdvanced(e) => e,
            Self::PublishIdentityRenewed(e) => e,
            Self::PublishTopicMade(e) => e,
            Self::DeadLetterLeftOut(e) => e,
            Self::OtherPublisherSeen(e) => e,
            Self::OtherPublisherGone(e) => e,
        }
    }

    /// The stable name, never a path of the code.
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        self.about().event_type()
    }

    /// The family.
    #[must_use]
    pub fn family(&self) -> Family {
        self.about().family()
    }

    /// The version of the shape that is written now.
    #[must_use]
    pub fn schema_version(&self) -> u16 {
        self.about().version()
    }

    /// Whether this is one of the decisions that are published (interfaces: "Decisions are the events of these types").
    #[must_use]
    pub fn is_decision(&self) -> bool {
        self.about().is_decision()
    }

    /// The strategy that the event is about.
    #[must_use]
    pub fn strategy(&self) -> Option<&str> {
        self.about().strategy()
    }

    /// The names of all types, and whether they are decisions.
    pub fn types() -> impl Iterator<Item = (&'static str, bool)> {
        TYPES.iter().map(|one| (one.name, one.is_decision))
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

    /// The fields as they are stored: compact where the type has such a form and the values fit it, else as JSON.
    ///
    /// # Errors
    /// When a value has no JSON form (a time beyond the year 9999).
    pub fn to_stored(&self) -> Result<(Codec, Vec<u8>), serde_json::Error> {
        match self.about().to_compact() {
            Some(fields) => Ok((Codec::Compact, fields)),
            None => Ok((Codec::Json, self.to_json()?)),
        }
    }

    /// Reads stored fields of any version that was ever written.
    ///
    /// # Errors
    /// When the type or version is not known, or the fields do not fit it.
    pub fn from_stored(
        event_type: &str,
        version: u16,
        codec: Codec,
        fields: &[u8],
    ) -> Result<Self, DecodeError> {
        match codec {
            Codec::Json => Self::from_json(event_type, version, fields),
            Codec::Compact => Self::from_compact(event_type, version, fields),
        }
    }

    /// A type with a compact form has had one version so far. The form of an older one becomes JSON again and takes the
    /// steps of `upcast`: the sample of each version in `schemas/compact/` holds us to it.
    fn from_compact(event_type: &str, version: u16, fields: &[u8]) -> Result<Self, DecodeError> {
        let known = Type::named(event_type).filter(|known| known.version == version);
        let known =
            known.ok_or_else(|| DecodeError::Unknown { event_type: event_type.to_owned(), version })?;
        (known.decode_compact)(fields).map_err(|Misfit { field, what }| DecodeError::Fields {
            event_type: event_type.to_owned(),
            version,
            field: field.to_owned(),
            source: serde::de::Error::custom(what),
        })
    }

    /// Reads stored fields of any version that was ever written.
    ///
    /// # Errors
    /// When the type or version is not known, or the fields do not fit it.
    pub fn from_json(event_type: &str, version: u16, fields: &[u8]) -> Result<Self, DecodeError> {
        let unknown = || DecodeError::Unknown { event_type: event_type.to_owned(), version };
        let misfit = |fields: &[u8], source| {
            let field = path_of(fields, &source);
            DecodeError::Fields { event_type: event_type.to_owned(), version, field, source }
        };
        let known = Type::named(event_type).ok_or_else(unknown)?;
        let newest = known.version;
        if version > newest {
            return Err(unknown());
        }
        if version == newest {
            return (known.decode)(fields).map_err(|source| misfit(fields, source));
        }
        let old = serde_json::from_slice(fields).map_err(|source| misfit(fields, source))?;
        let new = upcast(event_type, version, newest, old).ok_or_else(unknown)?;
        let new = serde_json::to_vec(&new).map_err(|source| misfit(fields, source))?;
        (known.decode)(&new).map_err(|source| misfit(&new, source))
    }
}

impl Type {
    /// The type of a stored name.
    pub(crate) fn named(event_type: &str) -> Option<&'static Self> {
        TYPES.iter().find(|one| one.name == event_type)
    }
}
